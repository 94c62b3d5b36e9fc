//! Dates, times, time zones and the clock.

use super::{check, over};
use crate::Session;
use crate::testing::{plan_text, rows};

#[test]
fn patterns_format_times() {
    check(&[
        ("DATE_FORMAT(TIMESTAMP '2020-02-01 09:05:07.123', 'yyyy-MM-dd HH:mm:ss.SSS')", "2020-02-01 09:05:07.123"),
        ("DATE_FORMAT('2020-02-01 09:05:07', 'yy/M/d H:m:s')", "20/2/1 9:5:7"),
        ("DATE_FORMAT(TIMESTAMP '2020-02-01 15:05:07', 'hh:mm a')", "03:05 PM"),
        ("DATE_FORMAT(TIMESTAMP '2020-02-01 15:05:07', 'EEE MMM dd ''at'' HH''h''')", "Sat Feb 01 at 15h"),
        ("DATE_FORMAT(TIMESTAMP '1969-12-31 23:59:59', 'yyyyMMddHHmmss')", "19691231235959"),
        ("DATE_FORMAT(DATE '2020-12-31', 'D')", "366"),
    ]);
    over(
        "(TIMESTAMP '2020-01-01 10:00:59'), (TIMESTAMP '2020-01-01 10:01:00'), (CAST(NULL AS TIMESTAMP(3)))",
        "DATE_FORMAT(x, 'HH:mm')",
        &["10:00", "10:01", "NULL"],
    );
}

#[test]
fn texts_are_read_as_times() {
    check(&[
        ("TO_TIMESTAMP('2020-01-31 10:20:30')", "2020-01-31T10:20:30"),
        ("TO_TIMESTAMP('2020-01-31 10:20:30.5')", "2020-01-31T10:20:30.500"),
        ("TO_TIMESTAMP('2020-01-31')", "2020-01-31T00:00:00"),
        ("TO_TIMESTAMP('31.01.2020 5', 'dd.MM.yyyy H')", "2020-01-31T05:00:00"),
        ("TO_TIMESTAMP('20200131102030', 'yyyyMMddHHmmss')", "2020-01-31T10:20:30"),
        ("TO_TIMESTAMP('nonsense')", "NULL"),
        ("TO_TIMESTAMP('2020-02-30 00:00:00')", "NULL"),
        ("TO_DATE('2020-01-31')", "2020-01-31"),
        ("TO_DATE('2020/31/01', 'yyyy/dd/MM')", "2020-01-31"),
        ("TO_TIMESTAMP_LTZ(1000, 3)", "1970-01-01T00:00:01Z"),
        ("TO_TIMESTAMP_LTZ(100, 0)", "1970-01-01T00:01:40Z"),
        ("TO_TIMESTAMP_LTZ('1970-01-01 08:00:00', 'yyyy-MM-dd HH:mm:ss', 'Asia/Shanghai')", "1970-01-01T00:00:00Z"),
        ("FROM_UNIXTIME(44)", "1970-01-01 00:00:44"),
        ("FROM_UNIXTIME(44, 'yyyy:MM')", "1970:01"),
        ("UNIX_TIMESTAMP('1970-01-01 00:01:00')", "60"),
        ("CONVERT_TZ('1970-01-01 00:00:00', 'UTC', 'America/Los_Angeles')", "1969-12-31 16:00:00"),
    ]);
}

#[test]
fn units_are_added_taken_apart_and_rounded() {
    check(&[
        ("TIMESTAMPDIFF(DAY, TIMESTAMP '2003-01-02 10:00:00', TIMESTAMP '2003-01-03 10:00:00')", "1"),
        ("TIMESTAMPDIFF(MONTH, TIMESTAMP '2020-01-31 00:00:00', TIMESTAMP '2020-02-29 00:00:00')", "1"),
        ("TIMESTAMPDIFF(SECOND, TIMESTAMP '2020-01-01 00:00:01', TIMESTAMP '2020-01-01 00:00:00')", "-1"),
        ("TIMESTAMPADD(MONTH, 1, TIMESTAMP '2020-01-31 10:00:00')", "2020-02-29T10:00:00"),
        ("TIMESTAMPADD(WEEK, 1, DATE '2003-01-02')", "2003-01-09"),
        ("TIMESTAMPADD(HOUR, 1, DATE '2003-01-02')", "2003-01-02T01:00:00"),
        ("EXTRACT(DAY FROM DATE '2006-06-05')", "5"),
        ("EXTRACT(DOW FROM DATE '1994-09-27')", "3"),
        ("YEAR(DATE '1994-09-27')", "1994"),
        ("QUARTER(DATE '1994-09-27')", "3"),
        ("WEEK(DATE '1994-09-27')", "39"),
        ("DAYOFYEAR(DATE '1994-09-27')", "270"),
        ("DAYOFWEEK(DATE '1994-09-27')", "3"),
        ("HOUR(TIMESTAMP '1994-09-27 13:14:15')", "13"),
        ("MINUTE(TIMESTAMP '1994-09-27 13:14:15')", "14"),
        ("SECOND(TIMESTAMP '1994-09-27 13:14:15')", "15"),
        ("FLOOR(TIMESTAMP '1994-09-27 13:44:15' TO HOUR)", "1994-09-27T13:00:00"),
        ("CEIL(TIMESTAMP '1994-09-27 13:44:15' TO HOUR)", "1994-09-27T14:00:00"),
        ("CEIL(TIMESTAMP '1994-09-27 13:00:00' TO HOUR)", "1994-09-27T13:00:00"),
        ("FLOOR(DATE '1994-09-27' TO MONTH)", "1994-09-01"),
        ("CEIL(DATE '1994-09-27' TO YEAR)", "1995-01-01"),
        ("FLOOR(DATE '1994-09-27' TO WEEK)", "1994-09-25"),
        ("TIMESTAMP '2020-01-01 00:00:00' + INTERVAL '1:30' MINUTE TO SECOND", "2020-01-01T00:01:30"),
        ("TIMESTAMP '2020-01-01 00:00:00' - INTERVAL '1' MONTH", "2019-12-01T00:00:00"),
    ]);
}

#[test]
fn times_cast_to_text_as_in_flink() {
    check(&[
        ("CAST(TIMESTAMP '2020-01-01 10:20:30' AS STRING)", "2020-01-01 10:20:30.000"),
        ("CAST(CAST('2020-01-01 10:20:30.123456' AS TIMESTAMP(6)) AS STRING)", "2020-01-01 10:20:30.123456"),
        ("CAST(DATE '2020-01-01' AS STRING)", "2020-01-01"),
        ("CAST(TIME '10:20:30' AS STRING)", "10:20:30"),
        ("CAST(TRUE AS STRING)", "TRUE"),
        ("CAST(1.50 AS STRING)", "1.50"),
        ("CAST('2020-01-01 10:20:30' AS TIMESTAMP(3))", "2020-01-01T10:20:30"),
        ("TRY_CAST('x' AS INT)", "NULL"),
    ]);
}

#[test]
fn instants_are_shown_in_the_sessions_zone() {
    let mut session = Session::new();
    let zone = "SET 'table.local-time-zone' = 'Asia/Shanghai';";
    for (expr, expected) in [
        ("DATE_FORMAT(TO_TIMESTAMP_LTZ(0, 3), 'HH:mm')", "08:00"),
        ("CAST(TO_TIMESTAMP_LTZ(0, 3) AS STRING)", "1970-01-01 08:00:00.000"),
        ("CAST(TO_TIMESTAMP_LTZ(0, 3) AS TIMESTAMP(3))", "1970-01-01T08:00:00"),
        ("CAST(TIMESTAMP '1970-01-01 08:00:00' AS TIMESTAMP_LTZ(3))", "1970-01-01T00:00:00Z"),
        ("FLOOR(TO_TIMESTAMP_LTZ(0, 3) TO DAY)", "1969-12-31T16:00:00Z"),
        ("HOUR(TO_TIMESTAMP_LTZ(0, 3))", "8"),
        ("FROM_UNIXTIME(0)", "1970-01-01 08:00:00"),
        ("UNIX_TIMESTAMP('1970-01-01 08:00:01')", "1"),
    ] {
        assert_eq!(rows(&mut session, &format!("{zone} SELECT {expr}")), [expected], "{expr}");
    }
}

#[test]
fn the_clock_is_the_epochs_and_is_never_frozen() {
    let mut session = Session::new();
    let text = plan_text(
        &mut session,
        "SELECT NOW(), CURRENT_TIMESTAMP, PROCTIME(), LOCALTIMESTAMP, CURRENT_DATE, UNIX_TIMESTAMP()",
    );
    assert!(text.contains("now()") && text.contains("current_date()") && text.contains("$now_seconds()"), "{text}");
    sloth_types::clock::set_epoch_now_ms(86_400_000 + 3_661_000);
    assert_eq!(
        rows(&mut session, "SELECT NOW(), LOCALTIMESTAMP, CURRENT_DATE, CURRENT_TIME, LOCALTIME, UNIX_TIMESTAMP()"),
        ["1970-01-02T01:01:01Z|1970-01-02T01:01:01|1970-01-02|01:01:01|01:01:01|90061"]
    );
}
