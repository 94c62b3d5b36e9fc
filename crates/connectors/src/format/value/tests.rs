//! Parsers and writers against each other and against chrono.

use arrow::datatypes::TimeUnit;
use chrono::{Datelike, NaiveDate};
use sloth_types::rng::Rng;

use super::number::*;
use super::time::*;

#[test]
fn whole_numbers() {
    for (text, value) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("+7", Some(7)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("18446744073709551615", None),
        ("00000000000000000000000012", Some(12)),
        ("99999999999999999999", None),
        ("", None),
        ("-", None),
        ("1a", None),
        (" 1", None),
        ("1.0", None),
    ] {
        assert_eq!(parse_i64(text.as_bytes()), value, "{text}");
    }
    assert_eq!(parse_i64_from_number(b"12.9"), Some(12));
    assert_eq!(parse_i64_from_number(b"-1.2e1"), Some(-12));
    assert_eq!(parse_i64_from_number(b"1e19"), None);
}

#[test]
fn digits_are_read_eight_at_a_time_as_one_by_one() {
    let mut rng = Rng::new(11);
    for _ in 0..20_000 {
        let length = 1 + rng.below(21) as usize;
        let mut text: Vec<u8> = (0..length).map(|_| b'0' + rng.below(10) as u8).collect();
        let wrong = rng.below(4) == 0;
        if wrong {
            text[rng.below(length as u64) as usize] = *b"/:a.\xb5 \xff\0".get(rng.below(8) as usize).unwrap();
        }
        let expected = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<i64>().ok());
        assert_eq!(parse_i64(&text), expected, "{}", text.escape_ascii());
        if let Some(eight) = text.first_chunk::<8>() {
            for length in 0..10 {
                let digits = eight.get(8usize.saturating_sub(length)..).filter(|_| (1..=8).contains(&length));
                let number = digits.and_then(|d| std::str::from_utf8(d).ok()?.parse::<u64>().ok());
                assert_eq!(last_digits(*eight, length), number, "{} {length}", text.escape_ascii());
            }
            assert_eq!(leading_digits(*eight), eight.iter().take_while(|b| b.is_ascii_digit()).count());
        }
    }
}

#[test]
fn decimals_round_half_up_and_refuse_what_does_not_fit() {
    for (text, value) in [
        ("12.34", Some(1234)),
        ("12.3", Some(1230)),
        ("12", Some(1200)),
        ("-.5", Some(-50)),
        ("5.", Some(500)),
        (".", None),
        ("", None),
        ("-", None),
        ("1.2.3", None),
        ("1.005", Some(101)),
        ("-1.005", Some(-101)),
        ("1.004999", Some(100)),
        ("0.001e1", Some(1)),
        ("1e3", Some(100_000)),
        ("1E-2", Some(1)),
        ("1e-3", Some(0)),
        ("5e-3", Some(1)),
        ("4e-99", Some(0)),
        ("0e99", Some(0)),
        ("1e99", None),
        ("99999999.99", Some(9_999_999_999)),
        ("99999999.995", None),
        ("100000000", None),
        ("0000000000000000000000000001.5", Some(150)),
        ("1e", None),
        ("e1", None),
        ("x", None),
    ] {
        assert_eq!(parse_decimal(text.as_bytes(), 10, 2), value, "{text}");
    }
    let nines = "9".repeat(38);
    assert_eq!(parse_decimal(nines.as_bytes(), 38, 0), Some(10i128.pow(38) - 1));
}

#[test]
fn decimals_come_back_as_written() {
    let mut rng = Rng::new(3);
    for _ in 0..2000 {
        let scale = rng.below(19) as i8;
        let value = i128::from(rng.next_u64() as i64);
        let mut text = Vec::new();
        write_decimal(&mut text, value, scale);
        assert_eq!(parse_decimal(&text, 38, scale), Some(value), "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn dates_agree_with_chrono() {
    let start = NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
    let mut rng = Rng::new(1);
    for _ in 0..5000 {
        let date = start + chrono::Days::new(rng.below(3_652_424));
        let days = date.num_days_from_ce() - 719_163;
        let text = date.format("%Y-%m-%d").to_string();
        assert_eq!(parse_date(text.as_bytes().try_into().unwrap()), Some(days), "{text}");
        let mut out = Vec::new();
        write_date(&mut out, i64::from(days));
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
    for bad in ["2023-02-29", "2023-13-01", "2023-00-01", "2023-01-32", "2023/01/01", "20230101  ", "202a-01-01"] {
        assert_eq!(parse_date(bad.as_bytes().try_into().unwrap()), None, "{bad}");
    }
}

fn millis(text: &str) -> Option<(i64, Zone)> {
    let parts = TimestampParser::default().parse(text.as_bytes())?;
    Some((parts.to_unit(TimeUnit::Millisecond)?, parts.zone))
}

#[test]
fn timestamps() {
    let noon = 1_700_049_600_000; // 2023-11-15 12:00:00
    for (text, value) in [
        ("2023-11-15 12:00:00", Some((noon, Zone::Local))),
        ("2023-11-15T12:00:00", Some((noon, Zone::Local))),
        ("2023-11-15 12:00", Some((noon, Zone::Local))),
        ("2023-11-15T12:00Z", Some((noon, Zone::Utc))),
        ("2023-11-15", Some((noon - 43_200_000, Zone::Local))),
        ("2023-11-15 12:00:00.1", Some((noon + 100, Zone::Local))),
        ("2023-11-15 12:00:00.123456789", Some((noon + 123, Zone::Local))),
        ("2023-11-15 12:00:00.123Z", Some((noon + 123, Zone::Utc))),
        ("2023-11-15T12:00:00+08:00", Some((noon, Zone::Offset(28_800)))),
        ("2023-11-15T12:00:00-0330", Some((noon, Zone::Offset(-12_600)))),
        ("1969-12-31 23:59:59.999", Some((-1, Zone::Local))),
        ("2023-11-15 12:00:00.", None),
        ("2023-11-15 12:00:00.1234567890", None),
        ("2023-11-15 24:00:00", None),
        ("2023-11-15 12:60:00", None),
        ("2023-11-15 12:00:60", None),
        ("2023-11-15 12:0:00", None),
        ("2023-11-15 1:00:00", None),
        ("2023-11-15 12;00:00", None),
        ("2023-11-15 12:0::00", None),
        ("2023-11-15_12:00:00", None),
        ("2023-11-15 12:00:00 ", None),
        ("", None),
    ] {
        assert_eq!(millis(text), value, "{text}");
    }
}

#[test]
fn clocks_accept_digits_only() {
    let mut parser = TimestampParser::default();
    let good = *b"2023-11-15 12:34:56";
    for position in 0..good.len() {
        for byte in 0..=255u8 {
            let mut text = good;
            text[position] = byte;
            let expected = byte.is_ascii_digit() || byte == good[position] || (position == 10 && byte == b'T');
            if parser.parse(&text).is_some() {
                assert!(expected, "{position} {byte}");
            }
        }
    }
}

#[test]
fn what_a_parser_remembers_does_not_show() {
    let mut rng = Rng::new(11);
    let mut parser = TimestampParser::default();
    let dates = ["2023-11-15", "2023-11-16", "1970-01-01", "2023-02-30"];
    let clocks = [" 12:00:00", "T12:00:00", " 12:00:01", " 12:00", " 00:00:00", "", " 24:00:00"];
    let rests = ["", ".001", ".12", ".9999", "Z", "+08:00", ".00x", ".", "x"];
    for _ in 0..20_000 {
        let [date, clock, rest] =
            [&dates[..], &clocks[..], &rests[..]].map(|of| of[rng.below(of.len() as u64) as usize]);
        let text = format!("{date}{clock}{rest}");
        assert_eq!(parser.parse(text.as_bytes()), TimestampParser::default().parse(text.as_bytes()), "{text}");
    }
}

#[test]
fn timestamps_come_back_as_written() {
    let mut rng = Rng::new(9);
    for _ in 0..5000 {
        let unit = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond]
            [rng.below(4) as usize];
        let value = rng.between(-62_000_000_000, 250_000_000_000);
        let value = if unit == TimeUnit::Second { value } else { value * 31 };
        let mut text = Vec::new();
        write_timestamp(&mut text, value, unit, b' ');
        let parts = TimestampParser::default().parse(&text).unwrap();
        assert_eq!(parts.to_unit(unit), Some(value), "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn times() {
    assert_eq!(parse_time(b"01:02:03.5"), Some(3_723_500_000_000));
    assert_eq!(parse_time(b"01:02"), Some(3_720_000_000_000));
    assert_eq!(parse_time(b"01:02:03x"), None);
    assert_eq!(parse_time(b"25:00:00"), None);
    let mut out = Vec::new();
    write_time(&mut out, 3_723_050_000_000);
    assert_eq!(out, b"01:02:03.05");
}
