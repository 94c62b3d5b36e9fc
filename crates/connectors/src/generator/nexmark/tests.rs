//! The statistics that make a stream Nexmark's.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{Int32Type, Int64Type};

use super::super::tests::{NOW_MS, all, error, longs, millis, nexmark_schema, open, read, schema, source};
use sloth_types::{Clock, ReadLimit, ReadOutcome, Readiness};

fn events(options: &[(&str, &str)]) -> RecordBatch {
    all("nexmark", &nexmark_schema(), options)
}

fn of(rows: &RecordBatch, column: &str) -> StructArray {
    let column = rows.column_by_name(column).unwrap();
    let keep = arrow::compute::is_not_null(column).unwrap();
    arrow::compute::filter(column, &keep).unwrap().as_struct().clone()
}

fn ints(of: &StructArray, column: &str) -> Vec<i64> {
    longs(of.column_by_name(column).unwrap()).to_vec()
}

#[test]
fn kinds_come_in_their_proportions() {
    let rows = events(&[("events.num", "20000")]);
    let count = |column| rows.num_rows() - rows.column_by_name(column).unwrap().null_count();
    assert_eq!((count("person"), count("auction"), count("bid")), (400, 1200, 18_400));
    let kinds = rows.column(0).as_primitive::<Int32Type>().values();
    assert!(kinds.iter().enumerate().all(|(i, kind)| rows.column(1 + *kind as usize).is_valid(i)));
    let rows = events(&[("events.num", "1000"), ("person.proportion", "2"), ("bid.proportion", "5")]);
    assert_eq!(rows.num_rows() - rows.column(1).null_count(), 200);
}

#[test]
fn ids_count_up_and_references_meet_them() {
    let rows = events(&[("events.num", "50000")]);
    let (person, auction, bid) = (of(&rows, "person"), of(&rows, "auction"), of(&rows, "bid"));
    assert_eq!(ints(&person, "id"), (1000..2000).collect::<Vec<_>>());
    assert_eq!(ints(&auction, "id"), (1000..4000).collect::<Vec<_>>());
    // A few references run ahead of what exists.
    assert!(ints(&bid, "auction").iter().all(|id| (1000..4010).contains(id)));
    assert!(ints(&bid, "bidder").iter().all(|id| (1000..2010).contains(id)));
    assert!(ints(&auction, "seller").iter().all(|id| (1000..2010).contains(id)));
    let categories: BTreeSet<i64> = ints(&auction, "category").into_iter().collect();
    assert_eq!(categories, (10..15).collect());
}

fn share(of: &[i64], hot: impl Fn(i64) -> bool) -> f64 {
    of.iter().filter(|id| hot(**id)).count() as f64 / of.len() as f64
}

#[test]
fn some_are_hot() {
    let rows = events(&[("events.num", "60000")]);
    let (auction, bid) = (of(&rows, "auction"), of(&rows, "bid"));
    let near = |value: f64, wanted: f64| assert!((value - wanted).abs() < 0.02, "{value}, not {wanted}");
    // 1 - 1/ratio, and the few that hit a hot one by chance.
    near(share(&ints(&bid, "auction"), |id| id % 100 == 0), 0.50);
    near(share(&ints(&bid, "bidder"), |id| id % 100 == 1), 0.75);
    near(share(&ints(&auction, "seller"), |id| id % 100 == 0), 0.75);
    let rows = events(&[("events.num", "20000"), ("bid.hot-ratio.auctions", "1")]);
    near(share(&ints(&of(&rows, "bid"), "auction"), |id| id % 100 == 0), 0.01);
}

#[test]
fn channels_are_hot_every_second_time_and_have_their_url() {
    let bid = of(&events(&[("events.num", "20000")]), "bid");
    let channels = bid.column_by_name("channel").unwrap().as_string::<i32>();
    let urls = bid.column_by_name("url").unwrap().as_string::<i32>();
    let hot = ["Apple", "Baidu", "Facebook", "Google"];
    let mut url_of = BTreeMap::new();
    let mut counts = [0; 3];
    for (channel, url) in channels.iter().flatten().zip(urls.iter().flatten()) {
        assert_eq!(*url_of.entry(channel).or_insert(url), url);
        assert!(url.starts_with("https://www.nexmark.com/") && url.contains("/item.htm?query=1"));
        let has_id = url.contains("&channel_id=");
        assert!(!(hot.contains(&channel) && has_id));
        counts[if hot.contains(&channel) { 0 } else { 1 + usize::from(has_id) }] += 1;
    }
    assert!((9_000..9_400).contains(&counts[0]), "{counts:?}");
    assert!((8_000..8_600).contains(&counts[2]) && counts[1] > 700, "{counts:?}");
    assert_eq!(url_of["channel-1"].split("channel_id=").nth(1).unwrap_or("2147483648"), "2147483648");
}

#[test]
fn sizes_and_texts_are_as_the_original() {
    let bid = of(&events(&[("events.num", "20000")]), "bid");
    let extra = bid.column_by_name("extra").unwrap().as_string::<i32>();
    let bytes: usize = extra.iter().flatten().map(str::len).sum();
    let average = bytes as f64 / bid.len() as f64;
    assert!((67.0..69.0).contains(&average), "{average}");
    let text: String = extra.iter().flatten().collect();
    assert!(text.contains('\\') && text.contains('`') && text.contains('^'));
    let person = of(&events(&[("events.num", "20000"), ("person.avg-size", "400b")]), "person");
    let extra = person.column_by_name("extra").unwrap().as_string::<i32>();
    assert!(extra.iter().flatten().all(|e| (250..420).contains(&e.len())));
    let card = person.column_by_name("creditCard").unwrap().as_string::<i32>().value(3).to_owned();
    assert!(card.len() == 19 && card.split(' ').all(|group| group.len() == 4));
}

#[test]
fn event_times_follow_the_rate() {
    let options = [("events.num", "4000"), ("first-event.rate", "500"), ("next-event.rate", "500")];
    let bid = of(&events(&options), "bid");
    let times = millis(bid.column_by_name("dateTime").unwrap());
    assert!(times.is_sorted());
    // Unpaced, so it begins on the fixed day; event 4 is the first bid, event 3999 the last.
    assert_eq!((times[0], *times.last().unwrap()), (1_436_918_400_000 + 8, 1_436_918_400_000 + 7_998));
    let auction = of(&events(&options), "auction");
    let open = millis(auction.column_by_name("dateTime").unwrap());
    let closed = millis(auction.column_by_name("expires").unwrap());
    let average = open.iter().zip(closed).map(|(o, c)| c - o).sum::<i64>() / open.len() as i64;
    assert!(open.iter().zip(closed).all(|(o, c)| c > o) && (2_800..3_900).contains(&average), "{average}");
    let rows = events(&[("events.num", "300"), ("base-time", "2026-11-11 00:00:00")]);
    assert_eq!(millis(of(&rows, "person").column_by_name("dateTime").unwrap())[0], 1_794_355_200_000);
}

#[test]
fn disorder_shuffles_within_groups_and_loses_nothing() {
    let ordered = events(&[("events.num", "1005")]);
    let shuffled = events(&[("events.num", "1005"), ("out-of-order.group-size", "100")]);
    let ids = |rows: &RecordBatch| ints(&of(rows, "auction"), "id");
    assert_ne!(ids(&ordered), ids(&shuffled));
    let sorted = |rows: &RecordBatch| {
        let bid = of(rows, "bid");
        let time = millis(bid.column_by_name("dateTime").unwrap()).to_vec();
        let mut all: Vec<_> = time.into_iter().zip(ints(&bid, "auction")).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(&ordered), sorted(&shuffled));
    let bid = of(&shuffled, "bid");
    let times = millis(bid.column_by_name("dateTime").unwrap());
    let back = times.windows(2).map(|w| w[0] - w[1]).max().unwrap();
    assert!((1..10).contains(&back), "100 events are 10 ms: {back}");
}

#[test]
fn a_shape_changes_the_rate() {
    let rates = [("first-event.rate", "1000"), ("next-event.rate", "3000"), ("rate.period", "2 s")];
    let seconds = |shape| {
        let options: Vec<_> = rates.iter().copied().chain([("events.num", "40000"), ("rate.shape", shape)]).collect();
        let rows = events(&options);
        let bid = of(&rows, "bid");
        let mut counts = BTreeMap::new();
        for ms in millis(bid.column_by_name("dateTime").unwrap()) {
            *counts.entry((ms - 1_436_918_400_000) / 1000).or_insert(0) += 1;
        }
        counts
    };
    let square = seconds("SQUARE");
    assert_eq!((square[&0], square[&1], square[&4]), (920, 2760, 920));
    let sine = seconds("SINE");
    assert_eq!(sine[&0] + sine[&1], sine[&2] + sine[&3]);
    let table = nexmark_schema();
    assert!(error("nexmark", &table, &[("rate.shape", "SAW")]).contains("SQUARE"));
}

#[test]
fn keep_alive_does_not_end() {
    let table = schema(&[("event_type", arrow::datatypes::DataType::Int32)]);
    let source = source("nexmark", &table, &[("events.num", "10"), ("keep-alive", "true")]).unwrap();
    assert!(!source.bounded());
    let mut reader = open(&*source, 0, None, &table, &Clock::manual(NOW_MS));
    assert_eq!(read(reader.as_mut(), &table, 10, 100).num_rows(), 10);
    let end = reader.read(ReadLimit { rows: 1, until: None }).unwrap();
    assert!(matches!(end, ReadOutcome::Pending(Readiness::OnWake { caught_up: true })));
}

#[test]
fn prices_start_at_one_and_auctions_have_reserves_above() {
    let auction = of(&events(&[("events.num", "10000")]), "auction");
    let (first, reserve) = (ints(&auction, "initialBid"), ints(&auction, "reserve"));
    assert!(first.iter().zip(&reserve).all(|(a, b)| *a >= 100 && *b >= a + 100));
    let bid = of(&events(&[("events.num", "10000")]), "bid");
    assert!(bid.column_by_name("price").unwrap().as_primitive::<Int64Type>().values().iter().all(|p| *p >= 100));
}
