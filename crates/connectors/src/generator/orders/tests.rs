//! What makes the order stream believable.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int32Type};

use super::super::tests::{NOW_MS, all, longs, millis, orders_schema};

const CALM: &[(&str, &str)] = &[("surge", "1"), ("disorder", "0"), ("late-ratio", "0")];

fn events(options: &[(&str, &str)]) -> RecordBatch {
    let more = [("rows-per-second", "1000")];
    let options: Vec<_> = more.iter().chain(options).copied().collect::<BTreeMap<_, _>>().into_iter().collect();
    all("orders", &orders_schema(), &options)
}

fn texts<'a>(rows: &'a RecordBatch, column: &str) -> Vec<Option<&'a str>> {
    rows.column_by_name(column).unwrap().as_string::<i32>().iter().collect()
}

/// Row numbers of a kind by order id.
fn by_order(rows: &RecordBatch, kind: &str) -> HashMap<i64, usize> {
    let kinds = texts(rows, "event_type");
    let ids = longs(rows.column_by_name("order_id").unwrap());
    (0..rows.num_rows()).filter(|i| kinds[*i] == Some(kind)).map(|i| (ids[i], i)).collect()
}

#[test]
fn every_order_is_paid_once_within_a_minute() {
    for (speed, count) in [("1", "70000"), ("20", "10000")] {
        let options: Vec<_> = CALM.iter().copied().chain([("number-of-rows", count), ("speed", speed)]).collect();
        let rows = events(&options);
        let (orders, payments) = (by_order(&rows, "order"), by_order(&rows, "payment"));
        let paid = texts(&rows, "event_type").iter().filter(|kind| **kind == Some("payment")).count();
        assert_eq!(paid, payments.len(), "no order is paid twice");
        let times = millis(rows.column_by_name("event_time").unwrap());
        let last = *times.last().unwrap();
        for (order, i) in &orders {
            match payments.get(order) {
                Some(p) => {
                    let delay = times[*p] - times[*i];
                    assert!((1000..=60_000).contains(&delay), "order {order} is paid after {delay} ms");
                    for column in ["buyer_id", "merchant", "product", "province", "amount", "quantity"] {
                        let column = rows.column_by_name(column).unwrap();
                        assert_eq!(column.slice(*p, 1).as_ref(), column.slice(*i, 1).as_ref());
                    }
                }
                None => assert!(last - times[*i] < 61_000, "order {order} is not paid"),
            }
        }
        assert!(payments.keys().all(|order| orders.contains_key(order)));
    }
}

#[test]
fn payments_mostly_succeed_and_refunds_follow_success() {
    let options: Vec<_> = CALM.iter().copied().chain([("number-of-rows", "100000")]).collect();
    let rows = events(&options);
    let status = texts(&rows, "status");
    let payments = by_order(&rows, "payment");
    let failed = payments.values().filter(|i| status[**i] == Some("failed")).count();
    let share = failed as f64 / payments.len() as f64;
    assert!((0.02..0.04).contains(&share), "{share}");
    let refunds = by_order(&rows, "refund");
    assert!(refunds.len() > 50);
    let times = millis(rows.column_by_name("event_time").unwrap());
    for (order, i) in refunds {
        let payment = payments[&order];
        assert!(status[payment] == Some("success") && times[payment] < times[i]);
    }
}

#[test]
fn columns_are_null_where_they_mean_nothing() {
    let rows = events(&[("number-of-rows", "20000")]);
    let kinds = texts(&rows, "event_type");
    let null = |column: &str, i: usize| rows.column_by_name(column).unwrap().is_null(i);
    for (i, kind) in kinds.iter().enumerate() {
        let (visit, paid) = (*kind == Some("visit"), matches!(kind, Some("payment" | "refund")));
        assert!(["order_id", "amount", "quantity"].iter().all(|c| null(c, i) == visit));
        assert!(["pay_method", "status"].iter().all(|c| null(c, i) != paid));
        assert!(!null("buyer_id", i) && !null("merchant", i) && !null("event_time", i));
    }
}

#[test]
fn merchants_are_skewed_prices_believable_and_all_regions_buy() {
    let rows = events(&[("number-of-rows", "60000")]);
    let mut shops = BTreeMap::new();
    texts(&rows, "merchant").into_iter().flatten().for_each(|shop| *shops.entry(shop).or_insert(0) += 1);
    let mut counts: Vec<i32> = shops.values().copied().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(counts.len(), 144);
    assert!(counts[0] > 10 * counts[72] && counts[..14].iter().sum::<i32>() > 18_000, "{counts:?}");
    let categories: BTreeSet<_> = texts(&rows, "category").into_iter().flatten().collect();
    assert_eq!(categories.len(), 9);
    let provinces: BTreeSet<_> = texts(&rows, "province").into_iter().flatten().collect();
    assert_eq!(provinces.len(), 34);
    let cents = rows.column_by_name("amount").unwrap().as_primitive::<Decimal128Type>();
    let pieces = rows.column_by_name("quantity").unwrap().as_primitive::<Int32Type>();
    let prices: Vec<i128> =
        cents.iter().flatten().zip(pieces.iter().flatten()).map(|(c, n)| c / i128::from(n)).collect();
    assert!(prices.iter().all(|cents| (1_500..=1_600_000).contains(cents)));
    let average = prices.iter().sum::<i128>() / prices.len() as i128 / 100;
    assert!((150..1500).contains(&average), "average price {average} yuan");
}

#[test]
fn a_surge_decays() {
    let rows = events(&[("number-of-rows", "300000"), ("surge", "4"), ("disorder", "0"), ("late-ratio", "0")]);
    let times = millis(rows.column_by_name("event_time").unwrap());
    let within = |from: i64, to: i64| times.iter().filter(|t| (from..to).contains(&((*t - NOW_MS) / 1000))).count();
    assert!((3_900..=4_000).contains(&within(0, 1)), "{}", within(0, 1));
    assert!((2_050..2_200).contains(&within(60, 61)), "{}", within(60, 61));
    assert!(within(150, 151) < 1_300);
}

#[test]
fn disorder_is_bounded_and_few_rows_are_late() {
    let slow = [("number-of-rows", "100000"), ("rows-per-second", "100"), ("surge", "1"), ("late-ratio", "0.01")];
    let rows = events(&slow);
    let times = millis(rows.column_by_name("event_time").unwrap());
    let mut latest = i64::MIN;
    let (mut early, mut late) = (0, 0);
    for time in times {
        assert!(*time >= NOW_MS - 2_000, "{} ms before the stream", NOW_MS - time);
        latest = latest.max(*time);
        match latest - time {
            0 => {}
            ..2_000 => early += 1,
            behind => {
                assert!((58_000..=302_000).contains(&behind), "{behind}");
                late += 1;
            }
        }
    }
    assert!(early > 50_000 && (700..950).contains(&late), "{early} early, {late} late");
}

#[test]
fn event_time_runs_at_its_speed_and_created_at_is_the_wall_clock() {
    let rows = events(&[("number-of-rows", "10000"), ("surge", "1"), ("disorder", "0"), ("speed", "60")]);
    let times = millis(rows.column_by_name("event_time").unwrap());
    assert_eq!(times[9_999], NOW_MS + 9_999 * 60);
    assert!(millis(rows.column_by_name("created_at").unwrap()).iter().all(|at| *at == NOW_MS));
}

#[test]
fn buyers_come_and_go_and_live_in_one_place() {
    let rows = events(&[("number-of-rows", "30000"), ("buyers", "10000")]);
    let buyers = longs(rows.column_by_name("buyer_id").unwrap());
    let mut homes = HashMap::new();
    for (buyer, city) in buyers.iter().zip(texts(&rows, "city")) {
        assert_eq!(*homes.entry(buyer).or_insert(city), city);
    }
    assert!((800..2_000).contains(&homes.len()), "{}", homes.len());
}
