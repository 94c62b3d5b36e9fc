//! What holds for all generators: determinism, seeking, splits, projection, pace. And the tools to test one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{concat_batches, interleave_record_batch};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMillisecondType};
use sloth_types::source::OpenSplit;
use sloth_types::{
    Clock, ConnectorRegistry, Offset, Options, ReadLimit, ReadOutcome, Result, Source, SplitId, SplitReader, TableSpec,
    Waker,
};

pub(super) const NOW_MS: i64 = 1_794_326_400_000;

pub(super) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

pub(super) fn row(fields: &[(&str, DataType)]) -> DataType {
    DataType::Struct(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect())
}

pub(super) fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    match row(fields) {
        DataType::Struct(fields) => Arc::new(Schema::new(fields)),
        _ => unreachable!(),
    }
}

pub(super) fn table(connector: &str, schema: &SchemaRef, options: &[(&str, &str)]) -> TableSpec {
    let mut all = Options::new(options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    all.set("connector", connector);
    TableSpec {
        name: "t".to_owned(),
        schema: Arc::clone(schema),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        options: all,
        time_zone: "UTC".to_owned(),
        partition_by: vec![],
    }
}

pub(super) fn source(connector: &str, schema: &SchemaRef, options: &[(&str, &str)]) -> Result<Arc<dyn Source>> {
    let mut registry = ConnectorRegistry::default();
    super::register(&mut registry);
    let table = table(connector, schema, options);
    registry.of(&table)?.source(&table)
}

pub(super) fn error(connector: &str, schema: &SchemaRef, options: &[(&str, &str)]) -> String {
    source(connector, schema, options).err().expect("an error").to_string()
}

pub(super) fn open(
    source: &dyn Source,
    split: usize,
    from: Option<u64>,
    schema: &SchemaRef,
    clock: &Clock,
) -> Box<dyn SplitReader> {
    let split = source.splits().unwrap()[split].clone();
    let (from, schema, clock) = (from.map(Offset), Arc::clone(schema), clock.clone());
    source.open(OpenSplit { split, from, appeared: false, schema, waker: Waker::noop(), clock }).unwrap()
}

/// Reads until `rows` rows have come or the split ends, in batches of at most `step`.
pub(super) fn read(reader: &mut dyn SplitReader, schema: &SchemaRef, rows: usize, step: usize) -> RecordBatch {
    let mut batches = Vec::new();
    let mut left = rows;
    while left > 0 {
        match reader.read(ReadLimit { rows: step.min(left), until: None }).unwrap() {
            ReadOutcome::Rows(rows) => {
                assert!(rows.batch.num_rows() <= step.min(left) && rows.bad.is_empty());
                left -= rows.batch.num_rows();
                batches.push(rows.batch);
            }
            ReadOutcome::End => break,
            ReadOutcome::Pending(_) => panic!("an unpaced reader waits"),
        }
    }
    concat_batches(schema, &batches).unwrap()
}

/// All rows of an unpaced bounded table with one split.
pub(super) fn all(connector: &str, schema: &SchemaRef, options: &[(&str, &str)]) -> RecordBatch {
    let options: Vec<_> = options.iter().copied().chain([("scan.parallelism", "1"), UNPACED]).collect();
    let source = source(connector, schema, &options).unwrap();
    read(open(&*source, 0, None, schema, &Clock::manual(NOW_MS)).as_mut(), schema, usize::MAX, 8192)
}

pub(super) const UNPACED: (&str, &str) = ("rate.limited", "false");

pub(super) fn longs(array: &ArrayRef) -> &[i64] {
    array.as_primitive::<Int64Type>().values()
}

pub(super) fn millis(array: &ArrayRef) -> &[i64] {
    array.as_primitive::<TimestampMillisecondType>().values()
}

pub(super) fn bid_type() -> DataType {
    let (long, text) = (DataType::Int64, DataType::Utf8);
    row(&[
        ("auction", long.clone()),
        ("bidder", long.clone()),
        ("price", long),
        ("channel", text.clone()),
        ("url", text.clone()),
        ("dateTime", timestamp()),
        ("extra", text),
    ])
}

pub(super) fn nexmark_schema() -> SchemaRef {
    let (long, text) = (DataType::Int64, DataType::Utf8);
    let person = row(&[
        ("id", long.clone()),
        ("name", text.clone()),
        ("emailAddress", text.clone()),
        ("creditCard", text.clone()),
        ("city", text.clone()),
        ("state", text.clone()),
        ("dateTime", timestamp()),
        ("extra", text.clone()),
    ]);
    let auction = row(&[
        ("id", long.clone()),
        ("itemName", text.clone()),
        ("description", text.clone()),
        ("initialBid", long.clone()),
        ("reserve", long.clone()),
        ("dateTime", timestamp()),
        ("expires", timestamp()),
        ("seller", long.clone()),
        ("category", long),
        ("extra", text),
    ]);
    schema(&[("event_type", DataType::Int32), ("person", person), ("auction", auction), ("bid", bid_type())])
}

pub(super) fn orders_schema() -> SchemaRef {
    let (long, text) = (DataType::Int64, DataType::Utf8);
    schema(&[
        ("event_type", text.clone()),
        ("order_id", long.clone()),
        ("buyer_id", long),
        ("merchant", text.clone()),
        ("product", text.clone()),
        ("category", text.clone()),
        ("province", text.clone()),
        ("city", text.clone()),
        ("amount", DataType::Decimal128(12, 2)),
        ("quantity", DataType::Int32),
        ("pay_method", text.clone()),
        ("status", text),
        ("event_time", timestamp()),
        ("created_at", timestamp()),
    ])
}

fn datagen_schema() -> SchemaRef {
    let entries = Field::new("entries", row(&[("key", DataType::Utf8), ("value", DataType::Int32)]), false);
    let entries = match entries.data_type() {
        DataType::Struct(pair) => {
            let key = pair[0].as_ref().clone().with_nullable(false);
            entries.clone().with_data_type(DataType::Struct(Fields::from(vec![key, pair[1].as_ref().clone()])))
        }
        _ => unreachable!(),
    };
    schema(&[
        ("id", DataType::Int64),
        ("price", DataType::Decimal128(20, 2)),
        ("buyer", row(&[("name", DataType::Utf8), ("age", DataType::Int8), ("seen", timestamp())])),
        ("tags", DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)))),
        ("counts", DataType::Map(Arc::new(entries), false)),
        ("at", timestamp()),
    ])
}

type Pairs = Vec<(&'static str, &'static str)>;

/// Each generator with a schema and options that use all of it.
fn generators() -> Vec<(&'static str, SchemaRef, Pairs)> {
    vec![
        (
            "datagen",
            datagen_schema(),
            vec![
                ("fields.price.null-rate", "0.2"),
                ("fields.buyer.null-rate", "0.1"),
                ("fields.buyer.seen.max-past", "1 h"),
                ("fields.tags.element.length", "5"),
                ("fields.counts.key.length", "1"),
                ("start-time", "2026-11-11 00:00:00"),
            ],
        ),
        ("nexmark", nexmark_schema(), vec![("out-of-order.group-size", "20")]),
        ("orders", orders_schema(), vec![("start-time", "2026-11-11 00:00:00"), ("rows-per-second", "100")]),
    ]
}

fn with<'a>(options: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    options.iter().chain(more).copied().collect()
}

#[test]
fn same_seed_same_rows_whatever_the_batches() {
    for (connector, schema, options) in generators() {
        let clock = Clock::manual(NOW_MS);
        let rows = |seed: &str, step| {
            let options = with(&options, &[UNPACED, ("seed", seed)]);
            let source = source(connector, &schema, &options).unwrap();
            read(open(&*source, 1, None, &schema, &clock).as_mut(), &schema, 3000, step)
        };
        assert_eq!(rows("1", 3000), rows("1", 7), "{connector}");
        assert_ne!(rows("1", 3000), rows("2", 3000), "{connector}");
    }
}

#[test]
fn seeking_is_skipping() {
    for (connector, schema, options) in generators() {
        let clock = Clock::manual(NOW_MS);
        let source = source(connector, &schema, &with(&options, &[UNPACED])).unwrap();
        let whole = read(open(&*source, 3, None, &schema, &clock).as_mut(), &schema, 3000, 1000);
        let mut reader = open(&*source, 3, Some(1234), &schema, &clock);
        assert_eq!(reader.offset(), Offset(1234));
        assert_eq!(read(reader.as_mut(), &schema, 500, 100), whole.slice(1234, 500), "{connector}");
        assert_eq!(reader.offset(), Offset(1734));
    }
}

#[test]
fn splits_together_are_the_whole() {
    for (connector, schema, options) in generators() {
        let clock = Clock::manual(NOW_MS);
        let events = if connector == "nexmark" { "events.num" } else { "number-of-rows" };
        let batches = |splits| {
            let options = with(&options, &[UNPACED, (events, "1001"), ("scan.parallelism", splits)]);
            let source = source(connector, &schema, &options).unwrap();
            assert!(source.bounded());
            (0..source.splits().unwrap().len())
                .map(|i| read(open(&*source, i, None, &schema, &clock).as_mut(), &schema, usize::MAX, 100))
                .collect::<Vec<_>>()
        };
        let parts = batches("3");
        let order: Vec<_> = (0..1001).map(|n| (n % 3, n / 3)).collect();
        let merged = interleave_record_batch(&parts.iter().collect::<Vec<_>>(), &order).unwrap();
        assert_eq!(parts.iter().map(RecordBatch::num_rows).sum::<usize>(), 1001);
        assert_eq!(vec![merged], batches("1"), "{connector}");
    }
}

/// Every column alone, every field of a row alone, and no column at all.
#[test]
fn a_projection_equals_the_whole() {
    for (connector, schema, options) in generators() {
        let clock = Clock::manual(NOW_MS);
        let source = source(connector, &schema, &with(&options, &[UNPACED])).unwrap();
        let rows = |schema: &SchemaRef| read(open(&*source, 2, None, schema, &clock).as_mut(), schema, 2000, 512);
        let whole = rows(&schema);
        let alone = |field: Field| rows(&Arc::new(Schema::new(vec![field]))).column(0).clone();
        for (field, column) in schema.fields().iter().zip(whole.columns()) {
            assert_eq!(&alone(field.as_ref().clone()), column, "{connector} {}", field.name());
            let DataType::Struct(children) = field.data_type() else { continue };
            for (i, child) in children.iter().enumerate() {
                let pruned = DataType::Struct(Fields::from(vec![child.as_ref().clone()]));
                let pruned = alone(field.as_ref().clone().with_data_type(pruned));
                let (pruned, column) = (pruned.as_struct(), column.as_struct());
                assert_eq!(pruned.column(0), column.column(i), "{connector} {}.{}", field.name(), child.name());
                assert_eq!(pruned.nulls(), column.nulls());
            }
        }
        assert_eq!(rows(&Arc::new(Schema::empty())).num_rows(), 2000);
    }
}

fn due(reader: &mut dyn SplitReader) -> usize {
    let mut rows = 0;
    while let ReadOutcome::Rows(read) = reader.read(ReadLimit { rows: 1000, until: None }).unwrap() {
        rows += read.batch.num_rows();
    }
    rows
}

#[test]
fn a_rate_is_kept_by_the_clock() {
    let zoned = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let orders = schema(&[("order_id", DataType::Int64), ("event_time", timestamp()), ("created_at", zoned)]);
    // As the log says, when rows are made again.
    sloth_types::clock::set_epoch_now_ms(NOW_MS + 7);
    let options = [("rows-per-second", "8000"), ("surge", "1"), ("disorder", "0"), ("late-ratio", "0")];
    let source = source("orders", &orders, &options).unwrap();
    let clock = Clock::manual(NOW_MS);
    let mut readers: Vec<_> = (0..8).map(|i| open(&*source, i, None, &orders, &clock)).collect();
    let mut all_due = |at_ms| {
        clock.set(at_ms);
        readers.iter_mut().map(|r| due(r.as_mut())).sum::<usize>()
    };
    assert_eq!(all_due(NOW_MS), 1, "the first event is due at once");
    assert_eq!(all_due(NOW_MS + 500), 4000);
    assert_eq!(all_due(NOW_MS + 500), 0);
    assert_eq!(all_due(NOW_MS + 1000), 4000);
    // A stall of a minute is not made up for: five seconds are.
    assert!((40_000..=40_008).contains(&all_due(NOW_MS + 61_000)));
    // What is forgiven is the same for all, so a split that was an event ahead waits for the others.
    assert!((7_992..=8_000).contains(&all_due(NOW_MS + 62_000)));
    // Event times stay on the schedule.
    let mut reader = open(&*source, 0, Some(1000), &orders, &clock);
    let row = read(reader.as_mut(), &orders, 1, 1);
    assert_eq!(millis(row.column(1)), [NOW_MS + 1000]);
}

/// Splits that are behind are read in turns: none may run far ahead of the others.
#[test]
fn a_reader_that_is_behind_gives_a_slice_at_a_time() {
    let orders = schema(&[("event_time", timestamp())]);
    let options = [("rows-per-second", "8000"), ("surge", "1"), ("disorder", "0"), ("late-ratio", "0")];
    let source = source("orders", &orders, &options).unwrap();
    let clock = Clock::manual(NOW_MS);
    let mut reader = open(&*source, 0, None, &orders, &clock);
    clock.set(NOW_MS + 1000);
    for slice in 0..3 {
        let ReadOutcome::Rows(rows) = reader.read(ReadLimit { rows: 10_000, until: None }).unwrap() else {
            panic!("a thousand events are due");
        };
        let times = millis(rows.batch.column(0));
        assert_eq!((times.len(), times[0]), (51, NOW_MS + slice * 51));
    }
}

#[test]
fn a_waiting_reader_says_when_to_come_back() {
    let id = schema(&[("id", DataType::Int64)]);
    let source = source("datagen", &id, &[("rows-per-second", "8"), ("scan.parallelism", "8")]).unwrap();
    let clock = Clock::manual(NOW_MS);
    let mut reader = open(&*source, 3, None, &id, &clock);
    let ReadOutcome::Pending(sloth_types::Readiness::At(at)) =
        reader.read(ReadLimit { rows: 10, until: None }).unwrap()
    else {
        panic!("nothing is due yet");
    };
    let wait = at.until().as_millis();
    assert!((300..=380).contains(&wait), "event 3 is due after 375 ms, not {wait}");
}

/// In a replay the reader gives exactly what the log says, due or not, and then keeps the pace from there.
#[test]
fn a_replay_stops_at_its_offset() {
    let id = schema(&[("id", DataType::Int64)]);
    let source = source("datagen", &id, &[("rows-per-second", "8000")]).unwrap();
    let clock = Clock::manual(NOW_MS);
    let mut reader = open(&*source, 0, Some(100), &id, &clock);
    let mut replay = |rows, until| match reader.read(ReadLimit { rows, until: Some(Offset(until)) }).unwrap() {
        ReadOutcome::Rows(rows) => rows.batch.num_rows(),
        _ => 0,
    };
    assert_eq!(replay(1000, 1500), 1000);
    assert_eq!(replay(1000, 1500), 400);
    assert_eq!(replay(1000, 1500), 0);
    assert_eq!(reader.offset(), Offset(1500));
    assert!(due(reader.as_mut()) <= 1);
    clock.set(NOW_MS + 1000);
    assert_eq!(due(reader.as_mut()), 1000);
}

#[test]
fn the_number_of_splits_follows_from_the_options() {
    let id = schema(&[("id", DataType::Int64)]);
    let splits = |options: &[(&str, &str)]| source("datagen", &id, options).unwrap().splits().unwrap().len();
    assert_eq!(splits(&[]), 8);
    assert_eq!(splits(&[("number-of-rows", "1000")]), 1);
    assert_eq!(splits(&[("rows-per-second", "5")]), 1);
    assert_eq!(splits(&[("rows-per-second", "5"), UNPACED]), 8);
    assert_eq!(splits(&[("rows-per-second", "5"), ("scan.parallelism", "3")]), 3);
}

#[test]
fn mistakes_are_told() {
    let id = schema(&[("id", DataType::Int64)]);
    let orders = schema(&[("amout", DataType::Int64)]);
    for (message, part) in [
        (error("datagen", &id, &[("row-per-second", "1")]), "Did you mean 'rows-per-second'?"),
        (error("datagen", &id, &[("fields.id.mim", "1")]), "Did you mean 'fields.id.min'?"),
        (error("datagen", &id, &[("fields.ix.min", "1")]), "Did you mean 'fields.id.min'?"),
        (error("datagen", &id, &[("fields.id.kind", "sequence")]), "'fields.id.start' is missing"),
        (error("datagen", &id, &[("fields.id.min", "5"), ("fields.id.max", "4")]), "must not be above"),
        (error("datagen", &id, &[("fields.id.null-rate", "2")]), "from 0 to 1"),
        (error("datagen", &id, &[("rows-per-second", "0")]), "at least 1"),
        (error("nexmark", &id, &[]), "It has these columns: event_type, person, auction, bid"),
        (error("nexmark", &schema(&[("bid", row(&[("prize", DataType::Int64)]))]), &[]), "'bid.prize' is not known"),
        (error("orders", &orders, &[]), "column 'amout'"),
        (error("orders", &schema(&[("amount", DataType::Int64)]), &[]), "DECIMAL(12, 2)"),
        (error("orders", &schema(&[("city", DataType::Utf8)]), &[("start-time", "tomorrow")]), "2026-11-11 00:00:00"),
    ] {
        assert!(message.contains(part), "{message}");
    }
    let source = source("datagen", &id, &[]).unwrap();
    let (split, schema, clock) = (SplitId::new("lane-8"), id, Clock::manual(0));
    let open = source.open(OpenSplit { split, from: None, appeared: false, schema, waker: Waker::noop(), clock });
    assert!(open.err().expect("no such split").to_string().contains("scan.parallelism"));
}

/// Nanoseconds that this thread has been running, on Linux: other load on the machine does not count.
fn cpu_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap()
}

/// How fast the generators are: `cargo test --release -p sloth-connectors speed -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures; only a release build says something"]
fn speed() {
    let long = DataType::Int64;
    let bid = |fields: &[(&str, DataType)]| schema(&[("event_type", DataType::Int32), ("bid", row(fields))]);
    let narrow = bid(&[("auction", long.clone()), ("price", long.clone()), ("dateTime", timestamp())]);
    let order = |names: &[&str]| {
        let all = orders_schema();
        Arc::new(all.project(&names.iter().map(|n| all.index_of(n).unwrap()).collect::<Vec<_>>()).unwrap())
    };
    let cases = [
        ("nexmark event_type, bid(auction, price, dateTime)", "nexmark", narrow),
        ("nexmark event_type, bid", "nexmark", schema(&[("event_type", DataType::Int32), ("bid", bid_type())])),
        ("nexmark, all columns", "nexmark", nexmark_schema()),
        ("orders event_type, amount, event_time", "orders", order(&["event_type", "amount", "event_time"])),
        ("orders, all columns", "orders", orders_schema()),
        ("datagen BIGINT, TIMESTAMP", "datagen", schema(&[("id", long), ("at", timestamp())])),
        ("datagen STRING of 100", "datagen", schema(&[("f", DataType::Utf8)])),
    ];
    for (name, connector, schema) in cases {
        let source = source(connector, &schema, &[UNPACED]).unwrap();
        let mut reader = open(&*source, 1, None, &schema, &Clock::manual(NOW_MS));
        let (mut rows, begin) = (0, cpu_ns());
        while cpu_ns() < begin + 0.5e9 {
            let ReadOutcome::Rows(read) = reader.read(ReadLimit { rows: 16_384, until: None }).unwrap() else {
                panic!("an unpaced reader waits");
            };
            rows += read.batch.num_rows();
        }
        println!("{:>8.2} M rows per CPU-second  {name}", rows as f64 / (cpu_ns() - begin) * 1e3);
    }
}

/// A job that goes on names the splits as it has found them, later.
#[test]
fn a_table_that_begins_now_begins_there_still_when_a_job_goes_on() {
    let datagen = schema(&[("n", DataType::Int64), ("at", timestamp())]);
    let nexmark = schema(&[("bid", row(&[("price", DataType::Int64), ("dateTime", timestamp())]))]);
    let orders = schema(&[("order_id", DataType::Int64), ("event_time", timestamp())]);
    for (connector, schema, options) in [
        ("datagen", &datagen, vec![]),
        ("nexmark", &nexmark, vec![("rate.limited", "true"), ("events.num", "100000")]),
        ("orders", &orders, vec![]),
    ] {
        let options = [&options[..], &[("scan.parallelism", "2")]].concat();
        let rows_from = |split: &SplitId, from: u64, source: &dyn Source, now: i64| {
            let (schema, clock) = (Arc::clone(schema), Clock::manual(now));
            let open = OpenSplit {
                split: split.clone(),
                from: Some(Offset(from)),
                appeared: false,
                schema,
                waker: Waker::noop(),
                clock,
            };
            let mut reader = source.open(open).unwrap();
            match reader.read(ReadLimit { rows: 50, until: Some(Offset(from + 50)) }).unwrap() {
                ReadOutcome::Rows(rows) => rows.batch,
                other => panic!("{connector}: {other:?}"),
            }
        };
        let first = source(connector, schema, &options).unwrap();
        let splits = first.splits_at(&Clock::manual(NOW_MS)).unwrap();
        assert_eq!(splits[1].0.as_ref(), format!("lane-1@{NOW_MS}"));
        let rows = rows_from(&splits[1], 100, &*first, NOW_MS);
        // The splits that the log names are opened before it is asked for all.
        let later = source(connector, schema, &options).unwrap();
        assert_eq!(rows_from(&splits[1], 100, &*later, NOW_MS + 60_000), rows, "{connector}");
        assert_eq!(later.splits_at(&Clock::manual(NOW_MS + 60_000)).unwrap(), splits);
        // Earlier releases have left names without a time.
        let old = source(connector, schema, &options).unwrap();
        rows_from(&SplitId::new("lane-1"), 100, &*old, NOW_MS);
        assert_eq!(old.splits_at(&Clock::manual(NOW_MS)).unwrap()[0].0.as_ref(), "lane-0");
    }
    // Where nothing depends on the beginning, nothing is said of it.
    for (fields, option) in
        [(&[("n", DataType::Int64)][..], ("seed", "1")), (&[("at", timestamp())], ("start-time", "2026-11-11"))]
    {
        let source = source("datagen", &schema(fields), &[option]).unwrap();
        assert_eq!(source.splits_at(&Clock::manual(NOW_MS)).unwrap()[0].0.as_ref(), "lane-0");
    }
}
