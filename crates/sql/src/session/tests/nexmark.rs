//! The Nexmark queries of this stage, in our own words.

use crate::Session;
use crate::testing::plan;

const SCHEMA: &str = "
CREATE TABLE events (
  event_type INT,
  person ROW<id BIGINT, name STRING, city STRING, `dateTime` TIMESTAMP(3), extra STRING>,
  auction ROW<id BIGINT, seller BIGINT, category BIGINT, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), extra STRING>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING>,
  `dateTime` AS CASE WHEN event_type = 0 THEN person.`dateTime` WHEN event_type = 1 THEN auction.`dateTime` ELSE bid.`dateTime` END,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH ('connector' = 'nexmark', 'events.num' = '1000');
CREATE VIEW bid AS SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url, `dateTime`, bid.extra FROM events WHERE event_type = 2;
CREATE FUNCTION count_char AS 'com.github.nexmark.flink.udf.CountChar';
";

/// Plans an INSERT into a sink of these columns and returns the plan's text.
fn insert(columns: &str, query: &str) -> String {
    let script =
        format!("{SCHEMA} CREATE TABLE out ({columns}) WITH ('connector' = 'blackhole'); INSERT INTO out {query}");
    plan(&mut Session::new(), &script).plan.display_indent().to_string()
}

#[test]
fn projections_read_only_what_they_need() {
    let q0 = insert(
        "a BIGINT, b BIGINT, p BIGINT, t TIMESTAMP(3), x STRING",
        "SELECT auction, bidder, price, `dateTime`, extra FROM bid",
    );
    assert!(q0.ends_with("TableScan: events projection=[event_type, bid, dateTime]"), "{q0}");
    let q1 = insert("a BIGINT, p DECIMAL(23, 3)", "SELECT auction, 0.908 * price FROM bid");
    assert!(q1.contains("Decimal128(0.908,3,3) * CAST(bid.price AS Decimal128(20, 0)) AS Decimal128(23, 3)"), "{q1}");
    let q2 = insert("a BIGINT, p BIGINT", "SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0");
    assert!(
        q2.contains(
            "events.event_type = Int32(2) AND get_field(events.bid, Utf8(\"auction\")) % Int64(123) = Int64(0)"
        ),
        "{q2}"
    );
    let q10 = insert(
        "a BIGINT, d STRING, h STRING",
        "SELECT auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd'), DATE_FORMAT(`dateTime`, 'HH:mm') FROM bid",
    );
    assert!(q10.contains("date_format(bid.dateTime, Utf8(\"HH:mm\"))"), "{q10}");
    let q22 = insert("a BIGINT, d STRING", "SELECT auction, SPLIT_INDEX(url, '/', 3) FROM bid");
    assert!(q22.contains("split_index("), "{q22}");
}

#[test]
fn conditions_and_functions_plan() {
    let q14 = insert(
        "a BIGINT, p DECIMAL(23, 3), k STRING, c BIGINT",
        "SELECT auction, 0.908 * price, CASE WHEN HOUR(`dateTime`) BETWEEN 8 AND 18 THEN 'day' WHEN HOUR(`dateTime`) <= 6 OR HOUR(`dateTime`) >= 20 THEN 'night' ELSE 'other' END, count_char(extra, 'c')
         FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000",
    );
    assert!(q14.contains("count_char(bid.extra, Utf8(\"c\"))"), "{q14}");
    let q21 = insert(
        "a BIGINT, c STRING",
        "SELECT auction, CASE WHEN LOWER(channel) = 'apple' THEN '0' ELSE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END FROM bid
         WHERE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) IS NOT NULL OR LOWER(channel) IN ('apple')",
    );
    assert!(q21.contains("regexp_extract("), "{q21}");
}

#[test]
fn windows_plan() {
    let q11 = insert(
        "b BIGINT, n BIGINT, s TIMESTAMP(3), e TIMESTAMP(3)",
        "SELECT B.bidder, COUNT(*), SESSION_START(B.`dateTime`, INTERVAL '10' SECOND), SESSION_END(B.`dateTime`, INTERVAL '10' SECOND)
         FROM bid B GROUP BY B.bidder, SESSION(B.`dateTime`, INTERVAL '10' SECOND)",
    );
    assert!(q11.contains("$window_start(Utf8(\"SESSION\"), B.dateTime, Int64(10000))"), "{q11}");
    let q12 = insert(
        "b BIGINT, n BIGINT, s TIMESTAMP(3), e TIMESTAMP(3)",
        "SELECT bidder, COUNT(*), window_start, window_end FROM TABLE(TUMBLE((SELECT *, PROCTIME() AS p FROM bid), DESCRIPTOR(p), INTERVAL '10' SECOND))
         GROUP BY bidder, window_start, window_end",
    );
    assert!(q12.contains("proctime() AS p") && q12.contains("TUMBLE(size=10 s)"), "{q12}");
}
