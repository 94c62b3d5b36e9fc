//! Groups that are forgotten after a time, against a naive model: what an epoch gives are the changes of the groups that
//! are remembered; what was told of a forgotten one stays.

use super::*;
use crate::operators::group::{GroupAggregateOperator, GroupParts};
use crate::operators::restart::Restarting;
use arrow::datatypes::FieldRef;
use sloth_plan::Every;
use sloth_types::ChangelogMode;

/// Key; number of rows, sum and maximum of the values.
type Told = (i64, i64, i64, i64);

/// A group of the model: its values, when it was last changed, and what was told of it.
#[derive(Default)]
struct Group {
    values: Vec<i64>,
    changed: i64,
    told: Option<Told>,
    dirty: bool,
}

fn given(out: &[Batch], seed: u64) -> BTreeMap<Told, i64> {
    let mut net = BTreeMap::new();
    for batch in out {
        let ints = |c: usize| batch.rows.column(c).as_primitive::<Int64Type>().values();
        for row in 0..batch.rows.num_rows() {
            let told = (ints(0)[row], ints(1)[row], ints(2)[row], ints(3)[row]);
            let diff = batch.diffs.as_ref().map_or(1, |d| d.value(row));
            assert!(net.insert(told, diff).is_none(), "seed {seed}: two changes of a row in an epoch");
        }
    }
    net
}

#[test]
fn groups_are_forgotten_when_they_have_not_changed_for_the_time() {
    for seed in 0..120 {
        let mut rng = Rng::new(seed);
        let (ttl, retracts) = (rng.between(1, 25), rng.chance(0.5));
        let every = if rng.chance(0.3) { Every::Millis(rng.between(2, 12)) } else { Every::Epoch };
        let output = output_schema().fields().iter().skip(3).cloned().collect::<Vec<FieldRef>>();
        let schema: SchemaRef = Arc::new(Schema::new(output));
        let mut operator = Restarting::by_key(seed, &[0], move |worker| {
            let calls = spec().calls;
            let parts = GroupParts {
                spec: GroupsSpec::new(&input_schema(), &[0], &calls, retracts).unwrap(),
                schema: Arc::clone(&schema),
                mode: ChangelogMode::Retract,
                totals: None,
                worker,
                every,
                time: domain(),
                ttl_ms: Some(ttl),
            };
            GroupAggregateOperator::new(parts, context()).unwrap()
        });
        let mut groups: BTreeMap<i64, Group> = BTreeMap::new();
        let (mut now, mut before) = (1000, None);
        for number in 0..50 {
            now += rng.between(0, 6);
            let info = EpochInfo { now_ms: now, watermarks: vec![Watermark::NONE], ..EpochInfo::alone(number) };
            for group in groups.values_mut().filter(|g| g.dirty && g.changed + ttl <= now) {
                // Not before it was told.
                group.changed = now;
            }
            groups.retain(|_, group| group.changed + ttl > now);
            let mut changes = vec![];
            for _ in 0..rng.below(6) {
                let key = rng.below(8) as i64;
                let group = groups.entry(key).or_default();
                let value = match group.values.len() {
                    0 => None,
                    n => Some(group.values[rng.below(n as u64) as usize]).filter(|_| retracts && rng.chance(0.5)),
                };
                match value {
                    Some(value) => {
                        let at = group.values.iter().position(|v| *v == value).unwrap();
                        group.values.swap_remove(at);
                        changes.push(((key, value, 0), -1));
                    }
                    None => {
                        let value = rng.between(-5, 5);
                        group.values.push(value);
                        changes.push(((key, value, 0), 1));
                    }
                }
                (group.changed, group.dirty) = (now, true);
            }
            let mut out = vec![];
            let batch = batch(&changes);
            let batch = if retracts { batch } else { Batch { diffs: None, ..batch } };
            operator.on_batch(&info, batch, &mut out).unwrap();
            operator.on_epoch_end(&info, &mut out).unwrap();
            let mut expected: BTreeMap<Told, i64> = BTreeMap::new();
            if updates::is_due(every, before, now) {
                for (key, group) in groups.iter_mut().filter(|(_, g)| g.dirty) {
                    let most = group.values.iter().max();
                    let told = most.map(|m| (*key, group.values.len() as i64, group.values.iter().sum(), *m));
                    if told != group.told {
                        expected.extend(group.told.map(|row| (row, -1)));
                        expected.extend(told.map(|row| (row, 1)));
                    }
                    (group.told, group.dirty) = (told, false);
                }
                groups.retain(|_, group| !group.values.is_empty());
            }
            assert_eq!(given(&out, seed), expected, "seed {seed} epoch {number}");
            before = Some(now);
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}
