//! Reading while things happen: order, several partitions, new partitions, waking, back-pressure, transactions.

use std::time::Duration;

use arrow::datatypes::{DataType, Field};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use sloth_types::clock::Mono;
use sloth_types::{ReadLimit, ReadOutcome, Readiness};

use crate::broker::{PATIENCE, Topic, broker, config_of, unique};
use crate::table::{LIMIT, Tap, numbers, read_all, source, table};

const EARLIEST: (&str, &str) = ("scan.startup.mode", "earliest-offset");
const TO_LATEST: (&str, &str) = ("scan.bounded.mode", "latest-offset");

#[test]
fn every_partition_is_read_in_its_order() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "order", 3);
    for partition in 0..3 {
        topic.put_numbers(partition, i64::from(partition) * 100_000..i64::from(partition) * 100_000 + 5_000);
    }
    let table = numbers(&topic, &[EARLIEST]);
    let source = source(&table).unwrap();
    let splits = source.splits().unwrap();
    let names: Vec<String> = splits.iter().map(ToString::to_string).collect();
    assert_eq!(names, [0, 1, 2].map(|n| format!("{}-{n}", topic.name)));
    let mut taps: Vec<Tap> = splits.iter().map(|s| Tap::open(&*source, &table, s, None).unwrap()).collect();
    // Read in turns, a little at a time, so that the partitions mix.
    let mut seen = vec![Vec::new(); 3];
    while seen.iter().map(Vec::len).sum::<usize>() < 15_000 {
        for (tap, seen) in taps.iter_mut().zip(&mut seen) {
            if seen.len() < 5_000 {
                let (read, _) = tap.read_until(ReadLimit { rows: 700, ..LIMIT }, |read| read.rows() > 0);
                seen.extend(read.numbers());
            }
        }
    }
    for (partition, seen) in (0..).zip(seen) {
        assert_eq!(seen, (partition * 100_000..partition * 100_000 + 5_000).collect::<Vec<i64>>());
    }
}

#[test]
fn several_topics_and_patterns_are_one_table() {
    let Some(servers) = broker() else { return };
    let family = unique("family");
    let a = Topic::named(&servers, &format!("{family}.a"), 1, &[]);
    let b = Topic::named(&servers, &format!("{family}.b"), 2, &[]);
    let mut table = numbers(&a, &[EARLIEST]);
    table.options.set("topic", format!("{};{}", b.name, a.name));
    let names = |table: &sloth_types::TableSpec| {
        let splits = source(table).unwrap().splits().unwrap();
        splits.iter().map(|s| s.to_string().replace(&family, "")).collect::<Vec<_>>()
    };
    assert_eq!(names(&table), [".b-0", ".b-1", ".a-0"]);
    let others = table.options.iter().filter(|(k, _)| *k != "topic");
    let mut options = sloth_types::Options::new(others.map(|(k, v)| (k.to_owned(), v.to_owned())));
    options.set("topic-pattern", format!("{}\\..", family.replace('.', "\\.")));
    table.options = options;
    assert_eq!(names(&table), [".a-0", ".b-0", ".b-1"]);
}

#[test]
fn a_partition_added_while_running_is_found_and_read_from_its_first_record() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "grows", 1);
    let interval = ("scan.topic-partition-discovery.interval", "200 ms");
    let table = numbers(&topic, &[("scan.startup.mode", "latest-offset"), interval]);
    let source = source(&table).unwrap();
    assert!(source.discovers());
    let mut first = Tap::only(&*source, &table);
    topic.widen(2);
    topic.put_numbers(1, 7..9);
    let started = Mono::now();
    let splits = loop {
        let splits = source.splits().unwrap();
        if splits.len() == 2 {
            break splits;
        }
        assert!(started.elapsed() < PATIENCE, "the partition was not found");
        std::thread::sleep(Duration::from_millis(20));
    };
    // Its records are older than its opening, and still are not lost to 'latest-offset'.
    let mut second = Tap::open_appeared(&*source, &table, &splits[1]).unwrap();
    assert_eq!(second.rows(2).numbers(), [7, 8]);
    topic.put_numbers(0, 1..3);
    assert_eq!(first.rows(2).numbers(), [1, 2]);
    let fixed = [EARLIEST, ("scan.topic-partition-discovery.interval", "0")];
    assert!(!crate::table::source(&numbers(&topic, &fixed)).unwrap().discovers());
}

/// A job that starts again connects anew: then nothing but the engine knows that the partition is new.
#[test]
fn a_partition_added_while_the_job_was_down_is_read_from_its_first_record() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "grown", 1);
    topic.put_numbers(0, 0..3);
    let group = unique("readers");
    topic.commit(&group, 0, 2);
    topic.widen(2);
    topic.put_numbers(1, 7..9);
    for mode in ["latest-offset", "group-offsets", "timestamp"] {
        let more = [
            ("scan.startup.mode", mode),
            ("properties.group.id", group.as_str()),
            ("scan.startup.timestamp-millis", "99000000000000"),
        ];
        let table = numbers(&topic, &more);
        let source = source(&table).unwrap();
        let splits = source.splits().unwrap();
        let mut tap = Tap::open_appeared(&*source, &table, &splits[1]).unwrap();
        assert_eq!(tap.rows(2).numbers(), [7, 8], "{mode}");
    }
}

#[test]
fn an_idle_reader_says_so_and_is_woken() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "wakes", 1);
    topic.put_numbers(0, 0..5);
    let table = numbers(&topic, &[EARLIEST]);
    let source = source(&table).unwrap();
    let mut tap = Tap::only(&*source, &table);
    assert_eq!(tap.read_to_idle().rows(), 5);
    for round in 5..8 {
        while tap.bell.try_recv().is_ok() {}
        let sent = Mono::now();
        topic.put_numbers(0, round..round + 1);
        tap.bell.recv_timeout(PATIENCE).expect("new records ring the bell");
        assert_eq!(tap.rows(1).numbers(), [round]);
        assert!(sent.elapsed() < Duration::from_secs(2), "{:?}", sent.elapsed());
        // Having read the newest record is not enough: the end must have been seen again.
        assert_eq!(tap.read_to_idle().rows(), 0);
        assert!(matches!(tap.reader.read(LIMIT).unwrap(), ReadOutcome::Pending(Readiness::OnWake { caught_up: true })));
    }
}

#[test]
fn memory_stays_bounded_when_nobody_reads() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "slow", 1);
    let value = format!("{{\"n\":1,\"pad\":\"{}\"}}", "x".repeat(4_000));
    let count = 50_000;
    topic.put_values(0, std::iter::repeat_n(&value, count));
    let table = table(&topic, vec![Field::new("n", DataType::Int64, true)], &[EARLIEST, TO_LATEST]);
    let source = source(&table).unwrap();
    let before = resident_mib();
    let mut tap = Tap::only(&*source, &table);
    // 200 MB wait at the broker; a reader that does not read must not take them all in.
    std::thread::sleep(Duration::from_secs(2));
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 60, "grew by {grown} MiB");
    // And nothing is lost by the pause.
    let (mut rows, mut largest) = (0, 0);
    let (_, ended) = tap.read_until(LIMIT, |read| {
        rows = read.rows();
        largest = read.batches.last().map_or(largest, |b| largest.max(b.num_rows()));
        false
    });
    assert!(ended);
    assert_eq!(rows, count);
    assert!(largest < 4_000, "a batch of {largest} records of 4 kB is too large");
}

fn resident_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[test]
fn only_committed_transactions_are_read_and_their_marks_do_not_stop_a_bounded_read() {
    let Some(servers) = broker() else { return };
    let topic = Topic::new(&servers, "transactions", 1);
    let producer: BaseProducer = config_of(&servers).set("transactional.id", unique("writer")).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    let send = |n: i64, commit: bool| {
        producer.begin_transaction().unwrap();
        let value = format!("{{\"n\":{n}}}");
        producer.send(BaseRecord::<(), str>::to(&topic.name).partition(0).payload(&value)).unwrap();
        producer.flush(PATIENCE).unwrap();
        if commit {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.abort_transaction(PATIENCE).unwrap();
        }
    };
    send(1, true);
    send(2, false);
    send(3, true);
    // Offsets: 0 the 1, 1 its mark, 2 the 2, 3 its mark, 4 the 3, 5 its mark.
    let table = numbers(&topic, &[EARLIEST, TO_LATEST]);
    assert_eq!(read_all(&table).numbers(), [1, 3]);
    let dirty = ("properties.isolation.level", "read_uncommitted");
    assert_eq!(read_all(&numbers(&topic, &[EARLIEST, TO_LATEST, dirty])).numbers(), [1, 2, 3]);
    // A bound in the middle of a gap is reached, and the offset says so.
    let open = numbers(&topic, &[EARLIEST]);
    let source = source(&open).unwrap();
    let mut tap = Tap::only(&*source, &open);
    let limit = ReadLimit { rows: 100, until: Some(sloth_types::Offset(4)) };
    let started = Mono::now();
    let mut read = 0;
    while tap.reader.offset().0 < 4 {
        assert!(started.elapsed() < PATIENCE);
        match tap.reader.read(limit).unwrap() {
            ReadOutcome::Rows(rows) => read += rows.batch.num_rows(),
            _ => drop(tap.bell.recv_timeout(Duration::from_secs(1))),
        }
    }
    assert_eq!(read, 1);
    assert_eq!(tap.rows(1).numbers(), [3]);
}
