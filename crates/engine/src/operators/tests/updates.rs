//! Windows that are told early and corrected late, against a naive model: what has been told and not taken back is at
//! every epoch's end what the policy says.

use super::*;
use crate::operators::restart::Restarting;
use crate::operators::session_updates::SessionUpdatesOperator;
use crate::operators::window_updates::WindowUpdatesOperator;
use sloth_plan::{Emission, Every};

/// What has been told: each row once, taken back only when it was there.
#[derive(Default)]
struct Told(BTreeMap<Answer, i64>);

impl Told {
    /// Takes in what an operator gave in one epoch: exact changes, one a row at most.
    fn take(&mut self, out: Vec<Batch>, seed: u64) {
        let mut net: BTreeMap<Answer, i64> = BTreeMap::new();
        for batch in out {
            let diffs = batch.diffs.clone();
            let rows = answers_in_order(&batch);
            for (row, answer) in rows.into_iter().enumerate() {
                let diff = diffs.as_ref().map_or(1, |d| d.value(row));
                assert!(net.insert(answer, diff).is_none(), "seed {seed}: two changes of a row in an epoch");
            }
        }
        for (answer, diff) in net {
            *self.0.entry(answer).or_default() += diff;
        }
        assert!(self.0.values().all(|n| (0..=1).contains(n)), "seed {seed}: {:?}", self.0);
        self.0.retain(|_, n| *n != 0);
    }

    fn rows(&self) -> Vec<Answer> {
        self.0.keys().copied().collect()
    }
}

fn answers_in_order(batch: &Batch) -> Vec<Answer> {
    let times = |c: usize| batch.rows.column(c).as_primitive::<TimestampMillisecondType>().values();
    let ints = |c: usize| batch.rows.column(c).as_primitive::<Int64Type>().values();
    (0..batch.rows.num_rows())
        .map(|row| (times(0)[row], times(1)[row], ints(3)[row], ints(4)[row], ints(5)[row], ints(6)[row]))
        .collect()
}

/// A policy by the seed.
pub(super) fn emission(rng: &mut Rng) -> Emission {
    let every = |rng: &mut Rng| if rng.chance(0.5) { Every::Epoch } else { Every::Millis(rng.between(1, 40)) };
    let early = rng.chance(0.7).then(|| every(rng));
    let lateness_ms = if early.is_none() || rng.chance(0.6) { rng.between(1, 30) } else { 0 };
    Emission { early, late: every(rng), lateness_ms, updates: Every::Epoch, waits_for_none: false }
}

/// Whether an epoch is the first behind a multiple.
pub(super) fn is_due(every: Every, before: Option<i64>, now: i64) -> bool {
    match every {
        Every::Epoch => true,
        Every::Millis(ms) => before.is_some_and(|before| now.div_euclid(ms) > before.div_euclid(ms)),
    }
}

/// Runs an operator and a model over the same epochs. The model is given the net changes, the epoch and the clock of the
/// one before, and says what is told then.
pub(super) fn run(
    seed: u64,
    rng: &mut Rng,
    operator: &mut dyn Operator,
    mut model: impl FnMut(&BTreeMap<Row, i64>, &EpochInfo, Option<i64>) -> Vec<Answer>,
) {
    let mut world = World::default();
    let mut told = Told::default();
    let (mut now, mut watermark, mut before) = (0, Watermark::NONE, None);
    for number in 0..40 {
        let last = number == 39;
        now += rng.between(0, 8);
        watermark = if last { Watermark::END } else { watermark.max(Watermark(now - rng.between(0, 15))) };
        let clock = 1_000 + now * 2;
        let info = EpochInfo { now_ms: clock, watermarks: vec![watermark], ..EpochInfo::alone(number) };
        let changes = if last { vec![] } else { world.changes(rng, now) };
        let mut out = vec![];
        let middle = rng.below(changes.len() as u64 + 1) as usize;
        for part in [&changes[..middle], &changes[middle..]] {
            operator.on_batch(&info, batch(part), &mut out).unwrap();
        }
        operator.on_epoch_end(&info, &mut out).unwrap();
        told.take(out, seed);
        let mut net: BTreeMap<Row, i64> = BTreeMap::new();
        for (row, weight) in &changes {
            *net.entry(*row).or_default() += weight;
        }
        net.retain(|_, weight| *weight != 0);
        let mut expected = model(&net, &info, before);
        expected.sort_unstable();
        assert_eq!(told.rows(), expected, "seed {seed} epoch {number}");
        before = Some(clock);
    }
}

/// A window of the model.
#[derive(Default)]
struct Window {
    rows: Vec<Row>,
    told: Vec<Answer>,
    gone: bool,
}

#[test]
fn windows_are_told_as_the_policy_says() {
    let specs = [
        WindowSpec::Tumble { size_ms: 10, offset_ms: 3 },
        WindowSpec::Hop { size_ms: 10, slide_ms: 4, offset_ms: 0 },
        WindowSpec::Cumulate { max_ms: 12, step_ms: 4, offset_ms: 0 },
    ];
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let emission = emission(&mut rng);
        let panes = Panes::new(specs[seed as usize % specs.len()]).unwrap();
        let rule = PaneRule::Time { panes, column: 2 };
        let make = move |_| {
            let parts = WindowParts { spec: spec(), rule, time: domain(), schema: output_schema() };
            WindowUpdatesOperator::new(parts, emission, context())
        };
        let mut operator = Restarting::by_key(seed, &[0], make);
        let mut windows: BTreeMap<(i64, i64), Window> = BTreeMap::new();
        let mut closed = Watermark::NONE;
        run(seed, &mut rng, &mut operator, |net, epoch, before| {
            let watermark = epoch.watermarks[0];
            let late = watermark.millis().map_or(watermark, |w| Watermark(w - emission.lateness_ms));
            for (row, weight) in net {
                for (start, end) in panes.windows_of(panes.pane_of(row.2), i64::MIN, i64::MAX) {
                    if late.completes(end) {
                        continue;
                    }
                    let rows = &mut windows.entry((end, start)).or_default().rows;
                    for _ in 0..weight.abs() {
                        match *weight > 0 {
                            true => rows.push(*row),
                            false => drop(rows.swap_remove(rows.iter().position(|r| r == row).unwrap())),
                        }
                    }
                }
            }
            for ((end, start), window) in windows.iter_mut().filter(|(_, w)| !w.gone) {
                let closing = watermark.completes(*end) && !closed.completes(*end);
                window.gone = late.completes(*end);
                let due = match (closed.completes(*end), emission.early) {
                    (true, _) => window.gone || is_due(emission.late, before, epoch.now_ms),
                    (false, early) => closing || early.is_some_and(|every| is_due(every, before, epoch.now_ms)),
                };
                if due {
                    let of_key = |key| window.rows.iter().filter(|r| r.0 == key).copied().collect::<Vec<Row>>();
                    window.told = (0..3).filter_map(|key| results(&of_key(key), *start, *end)).collect();
                }
            }
            closed = closed.max(watermark);
            windows.values().flat_map(|w| w.told.iter().copied()).collect()
        });
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

#[test]
fn sessions_are_told_as_the_policy_says() {
    const GAP: i64 = 6;
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let emission = emission(&mut rng);
        let make = move |_| {
            let parts = SessionParts { spec: spec(), time: 2, gap_ms: GAP, domain: domain(), schema: output_schema() };
            SessionUpdatesOperator::new(parts, spec(), &input_schema(), emission, context()).unwrap()
        };
        let mut operator = Restarting::by_key(seed, &[0], make);
        let mut stored: Vec<Row> = vec![];
        let (mut closed, mut gone) = (Watermark::NONE, vec![]);
        let (mut told, mut dirty): (BTreeMap<i64, Vec<Answer>>, [bool; 3]) = (BTreeMap::new(), [false; 3]);
        run(seed, &mut rng, &mut operator, |net, epoch, before| {
            let watermark = epoch.watermarks[0];
            let late = watermark.millis().map_or(watermark, |w| Watermark(w - emission.lateness_ms));
            let mut lost = split_off(&mut stored, GAP, late);
            let mut candidates = vec![];
            for (row, weight) in net {
                dirty[row.0 as usize] = true;
                for _ in 0..weight.abs() {
                    if *weight > 0 {
                        candidates.push(*row);
                    } else if let Some(at) = stored.iter().position(|r| r == row) {
                        stored.swap_remove(at);
                    }
                }
            }
            loop {
                let near = |row: &Row| {
                    let close = |s: &Row| s.0 == row.0 && (row.2..=row.2 + GAP).contains(&s.2);
                    !late.completes(row.2 + GAP) || stored.iter().any(close)
                };
                let Some(at) = candidates.iter().position(near) else { break };
                stored.push(candidates.swap_remove(at));
            }
            lost.extend(split_off(&mut stored, GAP, late));
            let due = is_due(emission.early.unwrap_or(emission.late), before, epoch.now_ms);
            for key in 0..3 {
                let kept: Vec<Answer> = answers_of(&stored, GAP, key);
                let closes = kept.iter().any(|s| watermark.completes(s.1) && !closed.completes(s.1));
                if closes || lost.iter().any(|s| s.2 == key) || (due && dirty[key as usize]) {
                    let shown = |s: &Answer| emission.early.is_some() || watermark.completes(s.1);
                    told.insert(key, kept.into_iter().filter(shown).collect());
                    dirty[key as usize] = false;
                }
            }
            gone.extend(lost);
            closed = closed.max(watermark);
            told.values().flatten().chain(&gone).copied().collect()
        });
    }

    fn sessions(stored: &[Row], gap: i64) -> Vec<Vec<Row>> {
        let mut rows = stored.to_vec();
        rows.sort_by_key(|r| (r.0, r.2));
        rows.chunk_by(|a, b| a.0 == b.0 && b.2 - a.2 <= gap).map(<[Row]>::to_vec).collect()
    }

    fn answer(session: &[Row], gap: i64) -> Answer {
        results(session, session[0].2, session.last().unwrap().2 + gap).unwrap()
    }

    fn answers_of(stored: &[Row], gap: i64, key: i64) -> Vec<Answer> {
        sessions(stored, gap).iter().filter(|s| s[0].0 == key).map(|s| answer(s, gap)).collect()
    }

    /// Takes out the sessions that are complete.
    fn split_off(stored: &mut Vec<Row>, gap: i64, watermark: Watermark) -> Vec<Answer> {
        let (gone, kept): (Vec<_>, Vec<_>) =
            sessions(stored, gap).into_iter().partition(|s| watermark.completes(answer(s, gap).1));
        *stored = kept.concat();
        gone.iter().map(|s| answer(s, gap)).collect()
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}

/// What a checkpoint writes: all of the state in the first epoch, then what has changed.
fn written(operator: &mut dyn Operator, number: u64, now_ms: i64, keys: &[i64]) -> BTreeMap<String, usize> {
    let (info, mut out) = (EpochInfo { now_ms, watermarks: vec![Watermark::NONE], ..EpochInfo::alone(number) }, vec![]);
    let changes: Vec<(Row, i64)> = keys.iter().map(|key| ((*key, number as i64, 5), 1)).collect();
    operator.on_batch(&info, batch(&changes), &mut out).unwrap();
    operator.on_epoch_end(&info, &mut out).unwrap();
    let sections = if number == 0 { operator.save().unwrap() } else { operator.save_changes().unwrap().unwrap() };
    let rows = |name: &str| name.contains("touched") || name.contains("dirty") || name.contains("groups");
    let counts = sections.into_iter().filter(|section| rows(&section.name));
    let counts = counts.map(|s| (s.name, s.rows.iter().map(|rows| rows.num_rows()).sum::<usize>()));
    counts.filter(|(_, rows)| *rows > 0).collect()
}

/// A minute's changes are held back: each is written once, and once that it has been told.
#[test]
fn what_is_held_back_is_written_once() {
    let emission = Emission { early: Some(Every::Millis(60_000)), late: Every::Epoch, ..Emission::default() };
    let counted = |counts: &[(&str, usize)]| -> BTreeMap<String, usize> {
        counts.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect()
    };
    let keys: Vec<i64> = (0..1000).collect();
    let rule =
        PaneRule::Time { panes: Panes::new(WindowSpec::Tumble { size_ms: 10, offset_ms: 0 }).unwrap(), column: 2 };
    let parts = WindowParts { spec: spec(), rule, time: domain(), schema: output_schema() };
    let mut windows = WindowUpdatesOperator::new(parts, emission, context());
    assert_eq!(written(&mut windows, 0, 0, &keys), counted(&[("groups", 1000), ("touched", 1000)]));
    let two = counted(&[("groups changed", 2), ("touched changed", 1)]);
    assert_eq!(written(&mut windows, 1, 1000, &[5, 1000]), two, "one was held back before");
    assert_eq!(written(&mut windows, 2, 60_000, &[]), counted(&[("touched gone", 1001)]));
    assert_eq!(written(&mut windows, 3, 61_000, &[7]), counted(&[("groups changed", 1), ("touched changed", 1)]));
    // Sessions write rows and results by their weights, and the keys that are held back.
    let parts = SessionParts { spec: spec(), time: 2, gap_ms: 6, domain: domain(), schema: output_schema() };
    let mut sessions = SessionUpdatesOperator::new(parts, spec(), &input_schema(), emission, context()).unwrap();
    assert_eq!(written(&mut sessions, 0, 0, &keys), counted(&[("dirty", 1000)]));
    assert_eq!(written(&mut sessions, 1, 1000, &[5, 1000]), counted(&[("dirty changed", 1)]));
    assert_eq!(written(&mut sessions, 2, 60_000, &[]), counted(&[("dirty gone", 1001)]));
    assert_eq!(written(&mut sessions, 3, 61_000, &[7]), counted(&[("dirty changed", 1)]));
}
