//! Where reading starts and ends, and going on from an offset.

use sloth_types::{Offset, ReadLimit, ReadOutcome};

use crate::broker::{Put, Topic, broker, unique};
use crate::table::{LIMIT, Tap, numbers, read_all, source};

const EARLIEST: (&str, &str) = ("scan.startup.mode", "earliest-offset");
const TO_LATEST: (&str, &str) = ("scan.bounded.mode", "latest-offset");

/// A topic of one partition with the numbers 0 to 9, number `n` at second `n + 1`.
fn ten(servers: &str, name: &str) -> Topic {
    let topic = Topic::new(servers, name, 1);
    for n in 0..10 {
        let value = format!("{{\"n\":{n}}}");
        topic.put(&Put { value: Some(&value), timestamp: Some(1_000 * (n + 1)), ..Put::default() });
    }
    topic
}

#[test]
fn earliest_to_latest_reads_all_and_ends() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "all");
    assert_eq!(read_all(&numbers(&topic, &[EARLIEST, TO_LATEST])).numbers(), (0..10).collect::<Vec<_>>());
}

#[test]
fn latest_reads_only_what_comes_later() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "latest");
    let table = numbers(&topic, &[("scan.startup.mode", "latest-offset")]);
    let source = source(&table).unwrap();
    assert!(!source.bounded());
    let mut tap = Tap::only(&*source, &table);
    assert_eq!(tap.reader.offset(), Offset(10));
    topic.put_numbers(0, 10..13);
    assert_eq!(tap.rows(3).numbers(), [10, 11, 12]);
    assert_eq!(tap.reader.offset(), Offset(13));
}

#[test]
fn a_timestamp_starts_and_ends() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "timestamp");
    let from = [("scan.startup.mode", "timestamp"), ("scan.startup.timestamp-millis", "3500")];
    let to = [("scan.bounded.mode", "timestamp"), ("scan.bounded.timestamp-millis", "7000")];
    assert_eq!(read_all(&numbers(&topic, &[from[0], from[1], to[0], to[1]])).numbers(), [3, 4, 5]);
    // A time after the newest record: nothing to start with, and an end where the topic ends now.
    let late = [("scan.startup.mode", "timestamp"), ("scan.startup.timestamp-millis", "99000")];
    assert_eq!(read_all(&numbers(&topic, &[late[0], late[1], TO_LATEST])).rows(), 0);
    let late = [("scan.bounded.mode", "timestamp"), ("scan.bounded.timestamp-millis", "99000")];
    assert_eq!(read_all(&numbers(&topic, &[EARLIEST, late[0], late[1]])).rows(), 10);
}

#[test]
fn specific_offsets_start_and_end() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "specific");
    topic.widen(2);
    topic.put_numbers(1, 100..103);
    let table = numbers(
        &topic,
        &[
            ("scan.startup.mode", "specific-offsets"),
            ("scan.startup.specific-offsets", "partition:0,offset:4"),
            ("scan.bounded.mode", "specific-offsets"),
            ("scan.bounded.specific-offsets", "partition:0,offset:7;partition:1,offset:2"),
        ],
    );
    let source = source(&table).unwrap();
    let splits = source.splits().unwrap();
    assert_eq!(splits.len(), 2);
    let read = |index: usize| Tap::open(&*source, &table, &splits[index], None).unwrap().read_to_end().numbers();
    assert_eq!(read(0), [4, 5, 6]);
    assert_eq!(read(1), [100, 101], "a partition without a start is read from its first record");
    // A partition without an end is not read.
    let mut table = table;
    table.options.set("scan.bounded.specific-offsets", "partition:0,offset:5");
    let source = crate::table::source(&table).unwrap();
    let read = |index: usize| Tap::open(&*source, &table, &splits[index], None).unwrap().read_to_end().numbers();
    assert_eq!((read(0), read(1)), (vec![4], vec![]));
}

#[test]
fn group_offsets_start_and_end() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "group");
    let group = unique("readers");
    let table = numbers(&topic, &[("properties.group.id", &group), TO_LATEST]);
    let split = sloth_types::SplitId::new(format!("{}-0", topic.name));
    let error = Tap::open(&*source(&table).unwrap(), &table, &split, None).err().unwrap().to_string();
    assert!(error.contains("has committed no offset") && error.contains("auto.offset.reset"), "{error}");
    let mut reset = table.clone();
    reset.options.set("properties.auto.offset.reset", "latest");
    reset.options.set("properties.enable.auto.commit", "false");
    assert_eq!(read_all(&reset).rows(), 0);
    topic.commit(&group, 0, 6);
    reset.options.set("properties.auto.offset.reset", "none");
    assert_eq!(read_all(&reset).numbers(), [6, 7, 8, 9]);
    let up_to = [("scan.bounded.mode", "group-offsets"), ("properties.enable.auto.commit", "false")];
    let up_to = numbers(&topic, &[EARLIEST, ("properties.group.id", &group), up_to[0], up_to[1]]);
    assert_eq!(read_all(&up_to).numbers(), (0..6).collect::<Vec<_>>());
}

#[test]
fn positions_are_committed_for_monitoring_only_when_asked() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "commits");
    let (named, silent) = (unique("named"), unique("silent"));
    // Makes the topic of offsets, if this is the first group of the broker.
    topic.commit(&unique("first"), 0, 1);
    read_all(&numbers(&topic, &[EARLIEST, TO_LATEST, ("properties.group.id", &named)]));
    let quiet = [("properties.group.id", silent.as_str()), ("properties.enable.auto.commit", "false")];
    read_all(&numbers(&topic, &[EARLIEST, TO_LATEST, quiet[0], quiet[1]]));
    let committed = (0..100).find_map(|_| {
        let found = topic.committed(&named, 0);
        if found.is_none() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        found
    });
    assert_eq!(committed, Some(10));
    assert_eq!(topic.committed(&silent, 0), None);
}

#[test]
fn a_reader_goes_on_from_an_offset_and_stops_before_another() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "seek");
    let table = numbers(&topic, &[EARLIEST]);
    let source = source(&table).unwrap();
    let split = source.splits().unwrap().remove(0);
    let mut tap = Tap::open(&*source, &table, &split, Some(3)).unwrap();
    assert_eq!(tap.reader.offset(), Offset(3));
    let until = |offset| ReadLimit { rows: 100, until: Some(Offset(offset)) };
    let (read, _) = tap.read_until(until(6), |read| read.rows() >= 3);
    assert_eq!(read.numbers(), [3, 4, 5]);
    assert_eq!(tap.reader.offset(), Offset(6));
    // At the bound there is nothing, however often it is asked; beyond it goes on without a gap.
    assert!(matches!(tap.reader.read(until(6)).unwrap(), ReadOutcome::Pending(_)));
    let (read, _) = tap.read_until(until(8), |read| read.rows() >= 2);
    assert_eq!(read.numbers(), [6, 7]);
    assert_eq!(tap.rows(2).numbers(), [8, 9]);
    // The same split again, from the same source: nothing of the earlier reading is left over.
    drop(tap);
    let mut again = Tap::open(&*source, &table, &split, Some(8)).unwrap();
    assert_eq!(again.rows(2).numbers(), [8, 9]);
}

#[test]
fn a_read_gives_at_most_the_rows_asked_for() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "limit");
    let table = numbers(&topic, &[EARLIEST, TO_LATEST]);
    let source = source(&table).unwrap();
    let mut tap = Tap::only(&*source, &table);
    let (read, _) = tap.read_until(ReadLimit { rows: 3, ..LIMIT }, |_| false);
    assert!(read.batches.iter().all(|b| b.num_rows() <= 3));
    assert_eq!(read.numbers(), (0..10).collect::<Vec<_>>());
}

#[test]
fn deleted_offsets_are_an_error_or_a_jump() {
    let Some(servers) = broker() else { return };
    let topic = ten(&servers, "deleted");
    topic.truncate(4);
    let table = numbers(&topic, &[EARLIEST, TO_LATEST]);
    assert_eq!(read_all(&table).numbers(), (4..10).collect::<Vec<_>>());
    let from_two = |table: &sloth_types::TableSpec| {
        let source = source(table).unwrap();
        let split = source.splits().unwrap().remove(0);
        Tap::open(&*source, table, &split, Some(2)).map(|mut tap| tap.read_to_end().numbers())
    };
    let error = from_two(&table).unwrap_err().to_string();
    assert!(error.contains("from offset 2") && error.contains("4 to 10") && error.contains("Retention"), "{error}");
    let table = numbers(&topic, &[EARLIEST, TO_LATEST, ("properties.auto.offset.reset", "earliest")]);
    assert_eq!(from_two(&table).unwrap(), (4..10).collect::<Vec<_>>());
}
