//! State files that were written wrong: bytes of their tables are others, and the checksums are right all the same. What is read
//! is as long as it says and can be looked at, or there is an error that names the file.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StringViewArray, StructArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use sloth_types::journal::{OperatorState, Owner, Section};
use sloth_types::rng::Rng;

use crate::frame::{self, Kind};
use crate::state;

fn rows(rng: &mut Rng, count: usize) -> RecordBatch {
    let text = |n: u64| {
        if n.is_multiple_of(5) { "a text that is longer than twelve bytes".to_owned() } else { format!("t{n}") }
    };
    let texts: Vec<Option<String>> = (0..count).map(|_| (!rng.chance(0.2)).then(|| text(rng.below(20)))).collect();
    let numbers: Vec<Option<i64>> = (0..count).map(|_| (!rng.chance(0.2)).then(|| rng.between(-9, 9))).collect();
    let lists = numbers.iter().map(|n| n.map(|n| (0..n.unsigned_abs()).map(|i| Some(i as i64))));
    let names: DictionaryArray<Int32Type> = texts.iter().map(|t| t.as_deref()).collect();
    let field = Arc::new(Field::new("n", DataType::Int64, true));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(numbers.clone())),
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(StringViewArray::from_iter(texts.iter().map(|t| t.as_deref()))),
        Arc::new(BooleanArray::from_iter(numbers.iter().map(|n| n.map(|n| n > 0)))),
        Arc::new(Float64Array::from_iter(numbers.iter().map(|n| n.map(|n| n as f64)))),
        Arc::new(TimestampMillisecondArray::from(numbers.clone()).with_timezone("UTC")),
        Arc::new(Decimal128Array::from_iter(numbers.iter().map(|n| n.map(i128::from)))),
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)),
        Arc::new(names),
        Arc::new(StructArray::from(vec![(field, Arc::new(Int64Array::from(numbers)) as ArrayRef)])),
    ];
    let field = |(at, column): (usize, &ArrayRef)| Field::new(format!("c{at}"), column.data_type().clone(), true);
    let schema = Schema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn whole(rng: &mut Rng) -> (OperatorState, Vec<u8>) {
    let first = rows(rng, 7);
    let second = RecordBatch::try_new(first.schema(), rows(rng, 4).columns().to_vec()).unwrap();
    let counts = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef)]).unwrap();
    let sections = vec![
        Section::new("rows", Owner::Key(vec![0, 8]), vec![first, second]),
        Section::new("counts", Owner::Everyone, vec![counts]),
    ];
    let state = OperatorState { operator: 7, name: "count".into(), worker: 0, continues: false, sections };
    let object: Vec<u8> = state::encode(&state).unwrap().concat();
    let payload = frame::unwrap(Kind::State, &Bytes::from(object), "f").unwrap();
    (state, payload.to_vec())
}

/// Every value of it, as text.
fn looked_at(state: &OperatorState) -> usize {
    let mut length = 0;
    let columns = state.sections.iter().flat_map(|s| &s.rows).flat_map(|rows| rows.columns());
    for column in columns {
        let options = FormatOptions::default().with_display_error(true);
        let Ok(shown) = ArrayFormatter::try_new(column, &options) else { continue };
        length += (0..column.len()).map(|row| shown.value(row).try_to_string().map_or(0, |t| t.len())).sum::<usize>();
    }
    length
}

/// Some bytes are others, within the tables or anywhere.
fn wrong(rng: &mut Rng, whole: &[u8]) -> Vec<u8> {
    let head = if rng.chance(0.9) { whole.iter().position(|b| *b == b'\n').unwrap() + 1 } else { 0 };
    let mut wrong = whole.to_vec();
    for _ in 0..1 + rng.below(3) {
        let at = head + rng.below((wrong.len() - head) as u64) as usize;
        match rng.below(6) {
            0 | 1 => wrong[at] ^= 1 << rng.below(8),
            2 => wrong[at] = rng.below(256) as u8,
            // A number that is far too large, or negative.
            3 | 4 => {
                let at = head + (at - head) / 4 * 4;
                let number = [i64::MAX, i64::MIN, -1, 1 << 40, 1 << 31, 0][rng.below(6) as usize].to_le_bytes();
                let end = wrong.len().min(at + if rng.chance(0.5) { 8 } else { 4 });
                wrong[at..end].copy_from_slice(&number[..end - at]);
            }
            // What stands elsewhere.
            _ => {
                let length = (1 + rng.below(64) as usize).min(wrong.len() - at);
                let from = rng.below((wrong.len() - length) as u64) as usize;
                wrong.copy_within(from..from + length, at);
            }
        }
    }
    wrong
}

#[test]
fn tables_that_were_written_wrong_are_read_or_refused() {
    let (mut same, mut other, mut refused) = (0, 0, 0);
    for case in 0..20_000 {
        let mut rng = Rng::at(0xb0d1e5, case);
        let (truth, payload) = whole(&mut rng);
        let object = frame::wrap(Kind::State, &wrong(&mut rng, &payload));
        match state::decode(&object, "state/1/2/3.state") {
            Ok(state) if state == truth => same += 1,
            Ok(state) => {
                assert!(looked_at(&state) < 1 << 20, "case {case}");
                for section in &state.sections {
                    let Owner::Key(key) = &section.owner else { continue };
                    let widths = section.rows.iter().map(|rows| rows.num_columns());
                    assert!(widths.clone().all(|width| key.iter().all(|column| *column < width)), "case {case}");
                }
                other += 1;
            }
            Err(error) => {
                refused += 1;
                assert!(error.message().contains("'state/1/2/3.state'"), "case {case} names no file: {error}");
            }
        }
    }
    println!("{same} the same, {other} others, {refused} refused");
    assert!(same > 0 && other > 0 && refused > 1000, "{same} {other} {refused}");
}
