//! The operator with a table in memory: what it asks, when, and what it gives.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use sloth_plan::{BadRecordPolicy, Join, JoinExchange, JoinKind, SourceNode, SourceOrigin};
use sloth_types::rng::Rng;

use super::*;

/// The values of key `k` are `10 k`, `10 k + 1`, … : as many as `k % 3`.
struct Table {
    /// What was asked for, request by request.
    asked: Arc<Mutex<Vec<Vec<i64>>>>,
    /// An answer is given for each message.
    go: Receiver<()>,
}

fn schema(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|n| Field::new(*n, DataType::Int64, true)).collect::<Vec<_>>()))
}

fn rows(schema: &SchemaRef, columns: Vec<Vec<Option<i64>>>) -> RecordBatch {
    let columns = columns.into_iter().map(|c| Arc::new(Int64Array::from(c)) as ArrayRef).collect();
    RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
}

impl LookupReader for Table {
    fn look_up(&mut self, keys: &[ArrayRef]) -> Result<Found> {
        let keys = keys[0].as_primitive::<Int64Type>().values().to_vec();
        self.asked.lock().unwrap().push(keys.clone());
        self.go.recv().unwrap();
        let (mut values, mut of) = (vec![], vec![]);
        for (index, key) in (0..).zip(keys) {
            for n in 0..key % 3 {
                values.push(Some(10 * key + n));
                of.push(index);
            }
        }
        Ok(Found { rows: rows(&schema(&["v"]), vec![values]), of })
    }
}

struct Bench {
    operator: LiveLookup,
    asked: Arc<Mutex<Vec<Vec<i64>>>>,
    go: Sender<()>,
    given: BTreeMap<u64, Vec<String>>,
}

impl Bench {
    fn new(kind: JoinKind, cache: Option<LookupCache>) -> Bench {
        let (go, told) = channel();
        let asked = Arc::new(Mutex::new(vec![]));
        let table = Table { asked: Arc::clone(&asked), go: told };
        let join = Join {
            kind,
            left_keys: vec![1],
            right_keys: vec![0],
            null_equal: false,
            residual: None,
            exchange: JoinExchange::ByKey,
            ttl_ms: [None; 2],
        };
        let source = SourceNode {
            origin: SourceOrigin::Rows(RecordBatch::new_empty(schema(&["v"]))),
            read_schema: schema(&["v"]),
            compute: vec![],
            stages: vec![],
            watermark: None,
            bad_records: BadRecordPolicy::Fail,
            idle_timeout: None,
            instance: 0,
        };
        let lookup = LookupJoin { join, table: source, stages: vec![], keys: vec!["k".to_owned()] };
        let inputs = [schema(&["id", "k"]), schema(&["v"])];
        let output = schema(&["id", "k", "v"]);
        let connection: (Box<dyn LookupReader>, _) = (Box::new(table), cache);
        let operator =
            LiveLookup::new(&lookup, inputs, output, connection, Arc::default(), JobContext::alone()).unwrap();
        Bench { operator, asked, go, given: BTreeMap::new() }
    }

    fn take(&mut self, given: Vec<(u64, Batch)>) {
        for (epoch, batch) in given {
            let column = |c: usize| batch.rows.column(c).as_primitive::<Int64Type>().clone();
            let (ids, values) = (column(0), column(2));
            let lines = ids.iter().zip(&values).map(|(id, v)| format!("{}:{v:?}", id.unwrap()));
            self.given.entry(epoch).or_default().extend(lines.map(|l| l.replace("Some(", "").replace(')', "")));
        }
    }

    fn batch(&mut self, epoch: u64, input: &[(i64, Option<i64>)]) {
        let (ids, keys) = input.iter().map(|(id, key)| (Some(*id), *key)).unzip();
        let batch = Batch::changes(rows(&schema(&["id", "k"]), vec![ids, keys]), None);
        let mut out = vec![];
        let info = EpochInfo { now_ms: epoch as i64, ..EpochInfo::alone(epoch) };
        self.operator.on_batch(&info, batch, &mut out).unwrap();
        self.take(out.into_iter().map(|b| (epoch, b)).collect());
    }

    /// Lets one answer come.
    fn answer(&mut self) {
        let before = self.operator.sent.len();
        self.go.send(()).unwrap();
        for _ in 0..1000 {
            let mut out = vec![];
            let waiting = self.operator.building.len();
            self.operator.poll(&mut out).unwrap();
            let came = !out.is_empty() || self.operator.sent.len() + self.operator.building.len() < before + waiting;
            self.take(out);
            if came {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("no answer");
    }

    fn of(&self, epoch: u64) -> Vec<String> {
        let mut lines = self.given.get(&epoch).cloned().unwrap_or_default();
        lines.sort();
        lines
    }

    fn requests(&self) -> Vec<Vec<i64>> {
        self.asked.lock().unwrap().clone()
    }
}

fn cache() -> LookupCache {
    LookupCache { rows_max: Some(1000), after_write: None, after_access: None, missing: true }
}

#[test]
fn epochs_overlap_and_keys_gather_while_an_answer_is_awaited() {
    let mut bench = Bench::new(JoinKind::Left, None);
    bench.batch(0, &[(1, Some(4)), (2, None), (3, Some(4)), (4, Some(5))]);
    assert!(bench.operator.waits(0));
    // No answer is needed for NULL.
    assert_eq!(bench.of(0), ["2:None"]);
    bench.batch(1, &[(5, Some(5))]);
    bench.batch(2, &[(6, Some(6)), (7, Some(7))]);
    bench.batch(2, &[(8, Some(7)), (9, Some(8))]);
    bench.answer();
    assert_eq!(bench.of(0), ["1:40", "2:None", "3:40", "4:50", "4:51"]);
    assert!(!bench.operator.waits(0) && bench.operator.waits(1) && bench.operator.waits(2));
    bench.answer();
    assert_eq!(bench.of(1), ["5:50", "5:51"]);
    bench.answer();
    assert_eq!(bench.of(2), ["6:None", "7:70", "8:70", "9:80", "9:81"]);
    assert!(!bench.operator.waits(2));
    // Each key once a request; without a cache it is asked for again.
    assert_eq!(bench.requests(), [vec![4, 5], vec![5], vec![6, 7, 8]]);
}

#[test]
fn with_a_cache_a_key_is_asked_for_once_also_while_its_answer_is_awaited() {
    let mut bench = Bench::new(JoinKind::Inner, Some(cache()));
    bench.batch(0, &[(1, Some(4)), (2, Some(3))]);
    bench.batch(1, &[(3, Some(4)), (4, Some(5))]);
    bench.answer();
    assert_eq!((bench.of(0), bench.of(1)), (vec!["1:40".to_owned()], vec!["3:40".to_owned()]));
    assert!(bench.operator.waits(1));
    bench.answer();
    assert_eq!(bench.of(1), ["3:40", "4:50", "4:51"]);
    // Known by now: also that key 3 has no row.
    bench.batch(2, &[(5, Some(3)), (6, Some(4)), (7, Some(5))]);
    assert!(!bench.operator.waits(2));
    assert_eq!(bench.of(2), ["6:40", "7:50", "7:51"]);
    assert_eq!(bench.requests(), [vec![4, 3], vec![5]]);
}

#[test]
fn random_input_gives_the_join_whatever_the_answers_times() {
    for (seed, cache) in [(1, None), (2, Some(cache())), (3, Some(LookupCache { rows_max: Some(8), ..cache() }))] {
        let mut rng = Rng::new(seed);
        let mut bench = Bench::new(JoinKind::Left, cache);
        let mut expected: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for id in 0..400 {
            let epoch = id / 10;
            let key = (!rng.chance(0.1)).then(|| rng.between(0, 30));
            let values = key.map_or(vec![], |k| (0..k % 3).map(|n| format!("{id}:{}", 10 * k + n)).collect());
            let alone = vec![format!("{id}:None")];
            expected.entry(epoch as u64).or_default().extend(if values.is_empty() { alone } else { values });
            bench.batch(epoch as u64, &[(id, key)]);
            while !bench.operator.sent.is_empty() && rng.chance(0.5) {
                bench.answer();
            }
        }
        while !bench.operator.sent.is_empty() {
            bench.answer();
        }
        for (epoch, mut lines) in expected {
            lines.sort();
            assert_eq!(bench.of(epoch), lines, "epoch {epoch}");
        }
    }
}
