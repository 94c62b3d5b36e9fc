//! JSON lines, decoded twice: by Sloth's decoder and by a bare `arrow-json` reader. Same bytes, same columns, one thread.

use std::fs;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use serde_json::json;
use sloth_connectors::format::decoder;
use sloth_types::{Options, TableSpec};

use crate::meter::Meter;
use crate::{Outcome, orders};

const ROUNDS: usize = 7;
/// Bytes handed over at a time: what the file reader takes, too.
const BLOCK_BYTES: usize = 512 << 10;
/// Bytes decoded in a round.
const TEXT_BYTES: usize = 128 << 20;

/// Prints the median seconds of both, for all columns and for the two of the mission's query.
pub(crate) fn compare(path: &str) -> Outcome<()> {
    let bytes = fs::read(path)?;
    let whole = bytes.get(..TEXT_BYTES.min(bytes.len())).unwrap_or_default();
    let end = whole.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let text = whole.get(..end).unwrap_or_default();
    let all = orders::schema();
    let two = Arc::new(all.project(&[3, 4])?);
    for (what, asked) in [("5 of 5 columns", Arc::clone(&all)), ("2 of 5 columns", two)] {
        let (mut ours, mut bare) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            ours.push(timed(|| by_sloth(text, &all, &asked))?);
            bare.push(timed(|| by_arrow(text, &asked))?);
        }
        let rows = ours.first().map_or(0, |r| r.0);
        if bare.iter().chain(&ours).any(|r| r.0 != rows) {
            return Err("the decoders have found different numbers of rows".into());
        }
        println!("{}", json!({ "what": what, "rows": rows, "sloth": median(&ours), "arrow": median(&bare) }));
    }
    Ok(())
}

fn timed(work: impl FnOnce() -> Outcome<usize>) -> Outcome<(usize, f64)> {
    let meter = Meter::start();
    let rows = work()?;
    Ok((rows, meter.stop().wall))
}

fn median(rounds: &[(usize, f64)]) -> f64 {
    let mut seconds: Vec<f64> = rounds.iter().map(|r| r.1).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(0.0)
}

fn by_sloth(text: &[u8], all: &SchemaRef, asked: &SchemaRef) -> Outcome<usize> {
    let table = TableSpec {
        name: "orders".to_owned(),
        schema: Arc::clone(all),
        metadata: vec![],
        primary_key: vec![],
        options: Options::default(),
        time_zone: "UTC".to_owned(),
        partition_by: vec![],
    };
    let mut decoder = decoder("json", &table.options, &table, Arc::clone(asked))?;
    let (mut rest, mut rows) = (text, 0);
    while !rest.is_empty() {
        let near = rest.get(..BLOCK_BYTES).and_then(|b| b.iter().rposition(|b| *b == b'\n'));
        let (block, more) = rest.split_at(near.map_or(rest.len(), |end| end + 1));
        let decoded = decoder.decode_block(block)?;
        if let Some(bad) = decoded.bad.first() {
            return Err(format!("a bad record: {bad:?}").into());
        }
        rows += decoded.batch.num_rows();
        rest = more;
    }
    Ok(rows)
}

fn by_arrow(text: &[u8], asked: &Arc<Schema>) -> Outcome<usize> {
    let mut decoder = ReaderBuilder::new(Arc::clone(asked)).with_batch_size(8192).build_decoder()?;
    let (mut rest, mut rows) = (text, 0);
    while !rest.is_empty() {
        let read = decoder.decode(rest)?;
        rest = rest.get(read..).unwrap_or_default();
        rows += decoder.flush()?.map_or(0, |batch| batch.num_rows());
    }
    Ok(rows)
}
