//! Jobs that run and have nothing to do.

use std::path::{Path, PathBuf};
use std::process::Child;

use crate::{Place, fails, pause, says, start};

/// A directory that is watched for new files, and tables of it.
pub(crate) const TABLES: &str = "
SET 'execution.checkpointing.interval' = '300 ms';
CREATE TABLE words (word STRING) WITH (
  'connector' = 'filesystem', 'path' = '${DIR}/words', 'format' = 'csv', 'source.monitor-interval' = '20 ms'
);
CREATE TABLE copies (word STRING) WITH ('connector' = 'filesystem', 'path' = '${DIR}/copies', 'format' = 'csv');
CREATE TABLE counts (word STRING, n BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${DIR}/counts', 'format' = 'debezium-json');
";
pub(crate) const COPIES: &str = "INSERT INTO copies SELECT word FROM words;\n";
pub(crate) const COUNTS: &str = "INSERT INTO counts SELECT word, COUNT(*) FROM words GROUP BY word;\n";

pub(crate) struct Quiet {
    pub(crate) place: Place,
    pub(crate) state: String,
}

impl Quiet {
    pub(crate) fn new(name: &str) -> Quiet {
        let place = Place::new(name);
        std::fs::create_dir_all(place.0.join("job/words")).unwrap();
        let state = place.state();
        Quiet { place, state }
    }

    pub(crate) fn script(&self, name: &str, statements: &[&str]) -> PathBuf {
        let sql = format!("{TABLES}EXECUTE STATEMENT SET BEGIN\n{}END;\n", statements.concat());
        self.place.script(name, "job", &sql)
    }

    pub(crate) fn start(&self, script: &Path, more: &[&str]) -> Child {
        start(script, &[&["--state", &self.state, "-p", "2"], more].concat())
    }

    /// A new file with a word, which appears whole.
    pub(crate) fn say(&self, word: &str) {
        let (hidden, file) = (self.place.0.join("job/.word"), self.place.0.join(format!("job/words/{word}.csv")));
        std::fs::write(&hidden, format!("{word}\n")).unwrap();
        std::fs::rename(hidden, file).unwrap();
    }

    /// Waits until a row is there for everybody to read.
    pub(crate) fn await_row(&self, table: &str, row: &str, script: &Path) {
        for _ in 0..2000 {
            if self.place.rows("job", table).get(row) == Some(&1) {
                return;
            }
            pause(5);
        }
        panic!("{row} has not come: {:?} {}", self.place.rows("job", table), self.place.log(script));
    }
}

#[test]
fn the_last_rows_before_a_silence_become_visible_with_the_next_checkpoint() {
    let job = Quiet::new("silence");
    let script = job.script("one", &[COPIES]);
    let mut running = job.start(&script, &[]);
    // Each word comes shortly after the checkpoint that the one before has waited for.
    for word in ["one", "two", "three", "four"] {
        job.say(word);
        job.await_row("copies", word, &script);
    }
    running.kill().unwrap();
    running.wait().unwrap();
    // After a crash, too.
    job.say("five");
    let mut running = job.start(&script, &[]);
    job.await_row("copies", "five", &script);
    says(&["stop", &job.state]);
    assert!(running.wait().unwrap().success());
}

#[test]
fn a_job_that_runs_and_has_nothing_to_do_is_not_changed() {
    let job = Quiet::new("nothing");
    let one = job.script("one", &[COPIES]);
    let mut running = job.start(&one, &[]);
    job.say("one");
    job.await_row("copies", "one", &one);
    // All that is in the log is in the checkpoint.
    pause(600);
    let two = job.script("two", &[COPIES, COUNTS]);
    fails(&["run", two.to_str().unwrap(), "--state", &job.state, "--upgrade"], "sloth stop");
    job.say("two");
    job.await_row("copies", "two", &one);
    says(&["stop", &job.state]);
    assert!(running.wait().unwrap().success());
    let mut running = job.start(&two, &["--upgrade"]);
    // The statement that is new reads what is there, and nothing comes any more.
    job.await_row("counts", r#"{"word":"two","n":1}"#, &two);
    says(&["stop", &job.state]);
    assert!(running.wait().unwrap().success());
}
