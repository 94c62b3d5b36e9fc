//! Epochs that are made again with the script that has made them, also when the job has got another one since.

use std::collections::BTreeMap;

use crate::changing::{Job, TOTALS};
use crate::{await_segments, fails, newest, pause, says, start};

const WINDOWS: &str = "INSERT INTO windows SELECT window_start, auction, COUNT(*), SUM(price)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(at), INTERVAL '1' SECOND)) GROUP BY window_start, window_end, auction;\n";
const COUNTS: &str = "INSERT INTO lows SELECT auction, COUNT(*), MIN(price) FROM bids GROUP BY auction;\n";

fn replay(job: &Job, script: &std::path::Path, workers: &str, more: &[&str]) -> String {
    let place = ["replay", &job.state, script.to_str().unwrap(), "--var", "rate=100000000", "-p", workers];
    says(&[&place[..], more].concat())
}

/// The error of a replay with a script.
fn refused(job: &Job, script: &std::path::Path, more: &[&str], with: &str) {
    let place = ["replay", &job.state, script.to_str().unwrap(), "--var", "rate=1"];
    fails(&[&place[..], more].concat(), with);
}

/// The epoch behind the last one in the log.
fn end_of_log(job: &Job) -> u64 {
    let list = says(&["checkpoint", "ls", &job.state]);
    let (_, rest) = list.split_once(" to ").unwrap();
    rest.split_once(' ').unwrap().0.parse::<u64>().unwrap() + 1
}

/// The oldest checkpoint. (Runs that have begun just now remove nothing of the log: there may be more of it, and less later.)
fn oldest(job: &Job) -> String {
    let names = std::fs::read_dir(job.place.0.join("state/checkpoints")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let epochs = names.filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok());
    epochs.min().unwrap().to_string()
}

fn count(text: &str, table: &str) -> i64 {
    text.lines().filter(|line| line.starts_with(&format!("{table}> "))).count() as i64
}

/// The files of `windows` have each row that was printed, as often.
fn assert_written(job: &Job, printed: &str) {
    let mut written: BTreeMap<String, i64> = BTreeMap::new();
    for (row, times) in job.place.rows("job", "windows") {
        *written.entry(row.split_once(',').unwrap().1.to_owned()).or_default() += times;
    }
    for line in printed.lines().filter_map(|line| line.strip_prefix("windows> +I[")) {
        let row = line.trim_end_matches(']').split_once(", ").unwrap().1.replace(", ", ",");
        let left = written.entry(row).or_default();
        *left -= 1;
        assert!(*left >= 0, "{line} was not written so often");
    }
}

/// All that has come is kept.
const KEEP: [&str; 2] = ["--set", "state.checkpoints.num-retained=1000"];

#[test]
fn what_a_script_has_made_is_made_again_after_it_has_changed_and_after_that_was_undone() {
    let job = Job::new("again");
    let (one, two) = (job.script("one", "job", &[WINDOWS, TOTALS]), job.script("two", "job", &[COUNTS, WINDOWS]));
    job.run_a_while(&one, "2", &KEEP);
    let oldest = oldest(&job);
    let whole = ["--from", &oldest];
    let (of_one, changed) = (replay(&job, &one, "2", &whole), end_of_log(&job));
    assert!(count(&of_one, "windows") > 0 && count(&of_one, "totals") > 0, "{of_one}");
    job.run_a_while(&two, "2", &[&["--upgrade"], &KEEP[..]].concat());
    // The same bytes, with any number of workers, whole and in parts.
    assert!(replay(&job, &one, "1", &whole) == of_one);
    assert!(replay(&job, &one, "3", &whole) == of_one);
    let middle = (changed / 2).to_string();
    let (next, last) = ((changed / 2 + 1).to_string(), (changed - 1).to_string());
    let parts =
        [replay(&job, &one, "2", &["--from", &oldest, "--to", &middle]), replay(&job, &one, "2", &["--from", &next])];
    assert!(parts.concat() == of_one);
    assert!(replay(&job, &one, "2", &["--from", &next, "--to", &last]) == parts[1]);
    let (of_two, undone) = (replay(&job, &two, "3", &[]), end_of_log(&job));
    assert!(count(&of_two, "lows") > 0 && count(&of_two, "totals") == 0, "{of_two}");
    assert_written(&job, &format!("{of_one}{of_two}"));

    let after = changed.to_string();
    refused(&job, &one, &["--from", &middle, "--to", &after], &format!("the script has changed at epoch {changed}"));
    refused(&job, &one, &["--from", &after], &format!("epoch {changed} is of script 2 ("));
    refused(&job, &two, &["--from", &middle], &format!("epochs {changed} to {} can be made again", undone - 1));
    let three = job.script("three", "job", &[TOTALS]);
    refused(&job, &three, &[], &format!("to {} are of script 1 (", changed - 1));

    job.run_a_while(&one, "1", &[&["--rollback"], &KEEP[..]].concat());
    let both = replay(&job, &one, "2", &[]);
    let then = replay(&job, &one, "2", &["--from", &undone.to_string()]);
    assert!(both.ends_with(&format!("{of_one}{then}")) && count(&then, "totals") > 0);
    assert!(replay(&job, &two, "1", &[]) == of_two);
}

#[test]
fn epochs_of_a_crashed_job_that_was_changed_are_made_again_with_both_scripts() {
    let job = Job::new("again-crashed");
    let (one, two) = (job.script("one", "job", &[WINDOWS, TOTALS]), job.script("two", "job", &[COUNTS, WINDOWS]));
    let mut running =
        start(&one, &job.options("2", "rate=6000", &["--set", "execution.checkpointing.interval=400 ms"]));
    await_segments(&job.state, "", 20);
    pause(700);
    running.kill().unwrap();
    running.wait().unwrap();
    let (logged, checkpoint) = (end_of_log(&job), newest(&job.state, "checkpoints"));
    let checkpoint: u64 = checkpoint.trim_end_matches(".json").parse().unwrap();
    let oldest = oldest(&job);
    let of_one = replay(&job, &one, "2", &["--from", &oldest]);
    job.run_a_while(&two, "3", &[&["--upgrade"], &KEEP[..]].concat());
    assert!(replay(&job, &one, "1", &["--from", &oldest]) == of_one);
    let of_two = replay(&job, &two, "2", &[]);
    if checkpoint < logged {
        // A statement that was kept is given the same by both; one that is new nothing in these epochs.
        let behind = ["--from", &checkpoint.to_string(), "--to", &(logged - 1).to_string()];
        let of = |script, table| {
            let text = replay(&job, script, "2", &behind);
            text.lines().filter(|line| line.starts_with(table)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of(&one, "windows> "), of(&two, "windows> "));
        assert_eq!(of(&two, "lows> "), Vec::<String>::new());
    }
    assert!(count(&of_two, "lows") > 0);
}
