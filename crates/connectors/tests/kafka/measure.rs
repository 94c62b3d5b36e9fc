//! Measurements, not tests of the suite:
//! `cargo test --release -p sloth-connectors --test kafka -- --ignored --nocapture --test-threads 1`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arrow::datatypes::{DataType, Field};
use sloth_types::ReadOutcome;
use sloth_types::clock::Mono;

use crate::broker::{PATIENCE, Topic, broker};
use crate::table::{LIMIT, Tap, numbers, source, table};

const EARLIEST: (&str, &str) = ("scan.startup.mode", "earliest-offset");

/// CPU seconds of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

#[test]
#[ignore = "a measurement"]
fn how_fast_one_worker_reads() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "fast", 1);
    let count = 2_000_000;
    topic.put_values(0, (0..count).map(|n| format!("{{\"n\":{n},\"user\":\"user-{}\",\"amount\":12.5}}", n % 1000)));
    let fields = vec![
        Field::new("n", DataType::Int64, true),
        Field::new("user", DataType::Utf8, true),
        Field::new("amount", DataType::Float64, true),
    ];
    let table = table(&topic, fields, &[EARLIEST, ("scan.bounded.mode", "latest-offset")]);
    let source = source(&table).unwrap();
    let (started, before) = (Mono::now(), cpu_seconds());
    let mut tap = Tap::only(&*source, &table);
    let (mut rows, mut reads) = (0, 0);
    loop {
        match tap.reader.read(LIMIT).unwrap() {
            ReadOutcome::Rows(read) => {
                rows += read.batch.num_rows();
                reads += 1;
            }
            ReadOutcome::Pending(_) => tap.bell.recv_timeout(PATIENCE).unwrap(),
            ReadOutcome::End => break,
        }
    }
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - before);
    assert_eq!(rows, count as usize);
    println!(
        "{rows} records in {seconds:.2} s ({:.0}/s) and {cpu:.2} CPU seconds ({:.0}/s), {reads} reads",
        rows as f64 / seconds,
        rows as f64 / cpu
    );
}

#[test]
#[ignore = "a measurement"]
fn how_late_a_record_is() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "late", 1);
    let table = numbers(&topic, &[EARLIEST]);
    let source = source(&table).unwrap();
    let mut tap = Tap::only(&*source, &table);
    let seen = Arc::new(AtomicI64::new(-1));
    let reader = std::thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            while seen.load(Ordering::Relaxed) < 299 {
                if !matches!(tap.reader.read(LIMIT).unwrap(), ReadOutcome::Rows(_)) {
                    let _ = tap.bell.recv_timeout(PATIENCE);
                }
                seen.store(tap.reader.offset().0 as i64 - 1, Ordering::Relaxed);
            }
        }
    });
    let mut delays: Vec<Duration> = (0..300)
        .map(|n| {
            std::thread::sleep(Duration::from_millis(7));
            let sent = Mono::now();
            // Returns when the broker has acknowledged it, a millisecond of lingering included.
            topic.put_numbers(0, n..n + 1);
            while seen.load(Ordering::Relaxed) < n {
                std::thread::sleep(Duration::from_micros(50));
            }
            sent.elapsed()
        })
        .collect();
    reader.join().unwrap();
    delays.sort();
    println!("sent to read: median {:?}, p99 {:?}, most {:?}", delays[150], delays[297], delays[299]);
}
