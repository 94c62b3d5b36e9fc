//! Random queries over random data against second opinions: DataFusion's batch engine and naive models in plain Rust.
//!
//! `CASES=n` runs more than the default number, `SEED=n` repeats a run. A failure names the seed of its case.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod emission;
mod seeds;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;
use sloth_connectors::memory;
use sloth_engine::EpochEntry;
use sloth_plan::JobPlan;
use sloth_sql::{Effect, Session, lower, render_error};
use sloth_testkit::capture::Captured;
use sloth_testkit::random::{COLUMNS, Call, Row, Shape, Window, batch, condition, keys, rows};
use sloth_testkit::run::{Outcome, Setup, run};
use sloth_types::rng::Rng;

use seeds::for_seeds;

/// Key columns to the rest of a row.
type Answer = BTreeMap<Vec<String>, Vec<String>>;

/// A table in memory for as long as it lives.
struct Table {
    name: String,
    splits: Vec<Vec<Row>>,
}

impl Table {
    fn publish(test: &str, seed: u64, splits: Vec<Vec<Row>>) -> Table {
        let name = format!("{test}-{seed}");
        let batches = splits.iter().map(|rows| vec![batch(rows).unwrap()]).collect();
        memory::publish(&name, batches);
        Table { name, splits }
    }

    fn ddl(&self, delay_ms: i64) -> String {
        let delay = format!("INTERVAL '{}.{:03}' SECOND", delay_ms / 1000, delay_ms % 1000);
        format!(
            "CREATE TABLE raw ({COLUMNS}, WATERMARK FOR ts AS ts - {delay}) \
             WITH ('connector' = 'memory', 'name' = '{}');\n",
            self.name
        )
    }

    /// All rows that have a time, which stands in milliseconds in column `tm`.
    fn batch(&self) -> RecordBatch {
        let parts: Vec<RecordBatch> = self.splits.iter().map(|rows| batch(rows).unwrap()).collect();
        let all = concat_batches(&parts[0].schema(), &parts).unwrap();
        let time = cast(all.column_by_name("ts").unwrap(), &DataType::Int64).unwrap();
        let mut fields: Vec<Field> = all.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.push(Field::new("tm", DataType::Int64, true));
        let mut columns = all.columns().to_vec();
        columns.push(time);
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        memory::forget(&self.name);
    }
}

fn plan(script: &str) -> JobPlan {
    let show = |e: sloth_types::Error| -> ! { panic!("{}\n{script}", render_error(script, "case", &e)) };
    let mut session = Session::new();
    let mut queries = vec![];
    for statement in session.parse(script).unwrap_or_else(|e| show(e)) {
        if let Effect::Run(more) = session.execute(&statement).unwrap_or_else(|e| show(e)) {
            queries.extend(more);
        }
    }
    lower(&session, &queries).unwrap_or_else(|e| show(e))
}

/// The columns of a batch as texts; times as milliseconds.
fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let plain = |column: &ArrayRef| match column.data_type() {
        DataType::Timestamp(..) => cast(column, &DataType::Int64).unwrap(),
        _ => column.clone(),
    };
    let columns: Vec<ArrayRef> = batch.columns().iter().map(plain).collect();
    let options = FormatOptions::default().with_null("NULL");
    let format: Vec<_> = columns.iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
    (0..batch.num_rows()).map(|row| format.iter().map(|f| f.value(row).to_string()).collect()).collect()
}

fn answer_of(sink: &Captured, key_columns: usize) -> Answer {
    let mut left: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    for (_, changes) in &sink.changes {
        for (row, texts) in texts(&changes.rows).into_iter().enumerate() {
            *left.entry(texts).or_default() += changes.diff(row);
        }
    }
    left.retain(|_, weight| *weight != 0);
    let mut answer = Answer::new();
    for (mut key, weight) in left {
        assert_eq!(weight, 1, "{key:?} comes so often");
        let rest = key.split_off(key_columns);
        let before = answer.insert(key.clone(), rest);
        assert!(before.is_none(), "two results for {key:?}");
    }
    answer
}

/// The rows that the batch engine gives.
fn batch_rows(table: RecordBatch, sql: &str) -> Vec<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let context = SessionContext::new();
    context.register_batch("r0", table).unwrap();
    let batches = runtime.block_on(async {
        let frame = context.sql(sql).await.unwrap_or_else(|e| panic!("{e}\n{sql}"));
        frame.collect().await.unwrap_or_else(|e| panic!("{e}\n{sql}"))
    });
    batches.iter().flat_map(texts).collect()
}

fn batch_answer(table: RecordBatch, sql: &str, key_columns: usize) -> Answer {
    let split = |mut key: Vec<String>| {
        let rest = key.split_off(key_columns);
        (key, rest)
    };
    batch_rows(table, sql).into_iter().map(split).collect()
}

fn close(expected: &str, actual: &str, inexact: bool) -> bool {
    if expected == actual {
        return true;
    }
    let (Ok(e), Ok(a)) = (expected.parse::<f64>(), actual.parse::<f64>()) else { return false };
    let tolerance = if inexact { 1e-9 } else { 1e-13 };
    (e - a).abs() <= tolerance * e.abs().max(1e-3)
}

fn same_answer(expected: &Answer, actual: &Answer, inexact: &[bool], what: &str) {
    for (key, values) in expected {
        let Some(found) = actual.get(key) else { panic!("{key:?} {values:?} is missing\n{what}") };
        let equal = values.len() == found.len()
            && (0..values.len()).all(|i| close(&values[i], &found[i], inexact.get(i).copied().unwrap_or(false)));
        assert!(equal, "at {key:?}\n  expected {values:?}\n  found    {found:?}\n{what}");
    }
    let extra = actual.iter().find(|(key, _)| !expected.contains_key(*key));
    assert!(extra.is_none(), "{extra:?} should not be there\n{what}");
}

fn ok(outcome: Outcome, what: &str) -> Outcome {
    assert!(outcome.error.is_none(), "{:?}\n{what}", outcome.error);
    outcome
}

/// A random query as two texts.
struct Question {
    engine: String,
    batch: String,
    key_columns: usize,
    inexact: Vec<bool>,
}

impl Question {
    fn random(rng: &mut Rng) -> Question {
        let window = Window::random(rng);
        let keys = keys(rng);
        let calls: Vec<Call> = (0..1 + rng.below(4)).map(|_| Call::random(rng)).collect();
        let condition = condition(rng).map_or(String::new(), |c| format!(" WHERE {c}"));
        // Which rows make a session is settled before it is made; elsewhere a condition may stand on either side.
        let below = matches!(window, Window::Session(_)) || rng.chance(0.5);
        let having = if rng.chance(0.2) { " HAVING COUNT(*) > 1" } else { "" };
        let (inner_condition, outer_condition) =
            if below { (condition, String::new()) } else { (String::new(), condition) };
        let named = |calls: &[Call], text: fn(&Call) -> &str| {
            calls.iter().enumerate().map(|(i, c)| format!(", {} AS a{i}", text(c))).collect::<String>()
        };
        let key_list: String = keys.iter().map(|k| format!(", {k}")).collect();
        let engine = format!(
            "SELECT window_start, window_end{key_list}{} FROM TABLE({}){outer_condition} \
             GROUP BY window_start, window_end{key_list}{having}",
            named(&calls, |c| &c.engine),
            window.function(&keys),
        );
        let source = format!(
            "(SELECT * FROM r0 WHERE tm IS NOT NULL{})",
            inner_condition.replace(" WHERE ", " AND (") + if inner_condition.is_empty() { "" } else { ")" }
        );
        let batch = format!(
            "SELECT ws, we{key_list}{} FROM ({}){outer_condition} GROUP BY ws, we{key_list}{having}",
            named(&calls, |c| &c.batch),
            window.expansion(&source, &keys),
        );
        let view = format!("CREATE VIEW t AS SELECT * FROM raw{inner_condition};\n");
        let simple = Question {
            engine: format!("{view}{engine};"),
            batch,
            key_columns: 2 + keys.len(),
            inexact: calls.iter().map(|c| c.inexact).collect(),
        };
        match rng.below(8) {
            0 => simple.grouped_again(&view, &engine),
            1 => simple.in_longer_windows(rng, &view, &engine, &key_list),
            2 => Question::without_window(rng, &view, &source, &keys, &calls),
            _ => simple,
        }
    }

    /// The same windows again, over the window's result.
    fn grouped_again(self, view: &str, engine: &str) -> Question {
        let list = "COUNT(*) AS n, COUNT(a0) AS c, MIN(a0) AS low, MAX(a0) AS high";
        Question {
            engine: format!(
                "{view}SELECT window_start, window_end, {list} FROM ({engine}) GROUP BY window_start, window_end;"
            ),
            batch: format!("SELECT ws, we, {list} FROM ({}) GROUP BY ws, we", self.batch),
            key_columns: 2,
            inexact: vec![true; 4],
        }
    }

    /// Longer windows over the window's result, by its time attribute.
    fn in_longer_windows(self, rng: &mut Rng, view: &str, engine: &str, key_list: &str) -> Question {
        let outer = Window::Tumble(rng.between(5, 60), 0);
        let head = format!("SELECT window_start, window_end{key_list}");
        let body = engine.strip_prefix(&head).unwrap();
        let body = body.replace("GROUP BY window_start, window_end", "GROUP BY window_start, window_end, window_time");
        let function = outer.function(&[]).replace("TABLE t", "TABLE v").replace("(ts)", "(rt)");
        let list = "COUNT(*) AS n, COUNT(a0) AS c, MAX(a0) AS high";
        let from = format!("(SELECT *, we - 1 AS tm FROM (SELECT ws AS inner_ws, we, a0 FROM ({})))", self.batch);
        let from = format!("(SELECT inner_ws, a0, tm FROM {from})");
        Question {
            engine: format!(
                "{view}CREATE VIEW v AS SELECT window_time AS rt{key_list}{body};\n\
                 SELECT window_start, window_end, {list} FROM TABLE({function}) GROUP BY window_start, window_end;"
            ),
            batch: format!("SELECT ws, we, {list} FROM ({}) GROUP BY ws, we", outer.expansion(&from, &[])),
            key_columns: 2,
            inexact: vec![true; 3],
        }
    }

    /// By key alone: the last row of each key counts.
    fn without_window(rng: &mut Rng, view: &str, source: &str, keys: &[&str], calls: &[Call]) -> Question {
        let keys = if keys.is_empty() { "k1".to_owned() } else { keys.join(", ") };
        // Rows without a time count too.
        let source = source.replace("tm IS NOT NULL", "TRUE");
        if rng.chance(0.3) {
            return Question {
                engine: format!("{view}SELECT DISTINCT {keys} FROM t;"),
                batch: format!("SELECT DISTINCT {keys} FROM {source}"),
                key_columns: keys.split(", ").count(),
                inexact: vec![],
            };
        }
        let named = |text: fn(&Call) -> &str| {
            calls.iter().enumerate().map(|(i, c)| format!(", {} AS a{i}", text(c))).collect::<String>()
        };
        Question {
            engine: format!("{view}SELECT {keys}{} FROM t GROUP BY {keys};", named(|c| &c.engine)),
            batch: format!("SELECT {keys}{} FROM {source} GROUP BY {keys}", named(|c| &c.batch)),
            key_columns: keys.split(", ").count(),
            inexact: calls.iter().map(|c| c.inexact).collect(),
        }
    }
}

#[test]
fn without_late_rows_a_stream_equals_the_batch_however_it_is_cut() {
    for_seeds(150, |seed| {
        let mut rng = Rng::new(seed);
        let disorder_ms = rng.between(0, 20_000);
        let shape =
            Shape { rows: 1 + rng.below(250), splits: 1 + rng.below(3), disorder_ms, step_ms: rng.between(10, 2_000) };
        let table = Table::publish("batch", seed, rows(&mut rng, &shape));
        let question = Question::random(&mut rng);
        let script = table.ddl(disorder_ms) + &question.engine;
        let plan = plan(&script);
        let expected = batch_answer(table.batch(), &question.batch, question.key_columns);
        let reference = ok(run(&plan, &Setup::workers(1)), &script);
        let check = |outcome: &Outcome, how: &str| {
            let answer = answer_of(&outcome.sinks[0], question.key_columns);
            let what = format!("{how}\n{script}\n{}", question.batch);
            same_answer(&expected, &answer, &question.inexact, &what);
        };
        check(&reference, "parallelism 1");
        for workers in 1..=3 {
            let setup = Setup::cut(workers, 1 + rng.below(60) as usize, rng.next_u64());
            let outcome = ok(run(&plan, &setup), &script);
            check(&outcome, &format!("cut at random, parallelism {workers}"));
            if workers == 1 {
                same_bytes(&plan, &outcome, &script);
            }
        }
    });
}

/// Along the log of `recorded`, two and three workers write the same rows in the same order.
fn same_bytes(plan: &JobPlan, recorded: &Outcome, script: &str) {
    let sequence = |outcome: &Outcome| outcome.sinks[0].sequence().unwrap();
    for workers in [2, 3] {
        let replayed = ok(run(plan, &Setup::replay(workers, &recorded.log)), script);
        assert_eq!(sequence(recorded), sequence(&replayed), "parallelism {workers}\n{script}");
        assert_eq!(recorded.late_rows, replayed.late_rows, "late rows at parallelism {workers}\n{script}");
    }
}

/// Start, end and key of a window.
type WindowKey = (i64, i64, Option<String>);
/// What is kept of it.
type CountSum = (i64, Option<i64>);
/// Key and start of a session.
type SessionKey = (Option<String>, i64);

/// Count and sum of `x` per window and `k1`, and what was late: the naive model of windows and watermarks.
#[derive(Default)]
struct Model {
    groups: BTreeMap<WindowKey, CountSum>,
    open: BTreeMap<SessionKey, (i64, i64, Option<i64>)>,
    late: u64,
}

impl Model {
    /// A row that comes while `watermark` is in effect.
    fn add(&mut self, window: Window, row: &Row, watermark: i64) {
        let Some(time) = row.ts else {
            self.late += 1;
            return;
        };
        let x = row.x.map(i64::from);
        let total = |a: Option<i64>, b: Option<i64>| match (a, b) {
            (None, None) => None,
            _ => Some(a.unwrap_or(0) + b.unwrap_or(0)),
        };
        if let Window::Session(gap) = window {
            let (mut start, mut end, mut count, mut sum) = (time, time + gap * 1000, 1, x);
            let touching: Vec<_> = self
                .open
                .iter()
                .filter(|((key, s), (e, ..))| *key == row.k1 && *s <= end && start <= *e)
                .map(|(key, session)| (key.clone(), *session))
                .collect();
            for ((_, s), (e, c, t)) in &touching {
                (start, end, count, sum) = (start.min(*s), end.max(*e), count + c, total(sum, *t));
            }
            if end - 1 <= watermark {
                self.late += 1;
                return;
            }
            for (key, _) in touching {
                self.open.remove(&key);
            }
            self.open.insert((row.k1.clone(), start), (end, count, sum));
            return;
        }
        let mut counted = false;
        for (start, end) in window.of(time) {
            if end - 1 > watermark {
                counted = true;
                let group = self.groups.entry((start, end, row.k1.clone())).or_default();
                *group = (group.0 + 1, total(group.1, x));
            }
        }
        self.late += u64::from(!counted);
    }

    /// Sessions that are complete at a watermark.
    fn close(&mut self, watermark: i64) {
        let complete: Vec<_> =
            self.open.iter().filter(|(_, (end, ..))| end - 1 <= watermark).map(|(k, v)| (k.clone(), *v)).collect();
        for (key, (end, count, sum)) in complete {
            self.open.remove(&key);
            self.groups.insert((key.1, end, key.0), (count, sum));
        }
    }

    fn answer(mut self) -> Answer {
        self.close(i64::MAX);
        let null = |v: Option<String>| v.unwrap_or_else(|| "NULL".to_owned());
        let entry = |((start, end, key), (count, sum)): (WindowKey, CountSum)| {
            let key = vec![start.to_string(), end.to_string(), null(key)];
            (key, vec![count.to_string(), null(sum.map(|s| s.to_string()))])
        };
        self.groups.into_iter().map(entry).collect()
    }
}

fn model_script(table: &Table, window: Window, delay_ms: i64) -> String {
    format!(
        "{}CREATE VIEW t AS SELECT * FROM raw;\n\
         SELECT window_start, window_end, k1, COUNT(*) AS n, SUM(x) AS total FROM TABLE({}) \
         GROUP BY window_start, window_end, k1;",
        table.ddl(delay_ms),
        window.function(&["k1"]),
    )
}

#[test]
fn late_rows_are_those_of_a_watermark_after_every_row() {
    for_seeds(60, |seed| {
        let mut rng = Rng::new(seed);
        let delay_ms = rng.between(0, 5_000);
        let shape = Shape { rows: 80, splits: 1, disorder_ms: rng.between(0, 40_000), step_ms: rng.between(10, 4_000) };
        let table = Table::publish("row-by-row", seed, rows(&mut rng, &shape));
        let window = Window::random(&mut rng);
        let script = model_script(&table, window, delay_ms);
        let (mut model, mut watermark) = (Model::default(), i64::MIN);
        for row in &table.splits[0] {
            model.add(window, row, watermark);
            watermark = watermark.max(row.ts.map_or(i64::MIN, |t| t - delay_ms));
            model.close(watermark);
        }
        let plan = plan(&script);
        let outcome = ok(run(&plan, &Setup::row_by_row()), &script);
        assert_eq!(outcome.late_rows, model.late, "late rows\n{script}");
        same_answer(&model.answer(), &answer_of(&outcome.sinks[0], 3), &[], &script);
        same_bytes(&plan, &outcome, &script);
    });
}

/// What the rows of a log give: an epoch's rows are judged by the watermark that the log has for it.
fn model_of_log(window: Window, splits: &[Vec<Row>], log: &[EpochEntry]) -> Model {
    let mut model = Model::default();
    let mut read = vec![0; splits.len()];
    for entry in log {
        let watermark = entry.watermarks[0].0;
        model.close(watermark);
        for (split, rows) in splits.iter().enumerate() {
            let end = entry.ends[0].get(split).map_or(read[split], |end| *end as usize);
            for row in &rows[read[split]..end] {
                model.add(window, row, watermark);
            }
            read[split] = end;
        }
    }
    model
}

#[test]
fn late_rows_are_those_that_the_epoch_log_makes_late() {
    for_seeds(80, |seed| {
        let mut rng = Rng::new(seed);
        let delay_ms = rng.between(0, 3_000);
        let shape = Shape {
            rows: 20 + rng.below(200),
            splits: 1 + rng.below(3),
            disorder_ms: rng.between(0, 40_000),
            step_ms: rng.between(10, 4_000),
        };
        let table = Table::publish("by-log", seed, rows(&mut rng, &shape));
        let window = Window::random(&mut rng);
        let script = model_script(&table, window, delay_ms);
        let plan = plan(&script);
        let setup = Setup { one_in_flight: true, ..Setup::cut(1, 1 + rng.below(20) as usize, rng.next_u64()) };
        let outcome = ok(run(&plan, &setup), &script);
        let model = model_of_log(window, &table.splits, &outcome.log);
        assert_eq!(outcome.late_rows, model.late, "late rows\n{script}");
        same_answer(&model.answer(), &answer_of(&outcome.sinks[0], 3), &[], &script);
        same_bytes(&plan, &outcome, &script);
    });
}

#[test]
fn numbers_as_texts_are_compared_by_value() {
    assert!(close("2", "2.0", false));
    assert!(!close("2", "2.000001", true));
    assert!(!close("NULL", "0", true));
    let column: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1)]));
    let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
    assert_eq!(texts(&batch), [["NULL"], ["1"]]);
}
