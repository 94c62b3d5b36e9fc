//! Inner joins whose rows are forgotten after a time, against a naive model: what an epoch gives is the change of the
//! naive join over the rows that are remembered.

use super::*;

/// A remembered row with the time of its last change. Where rows are taken back, equal ones are one.
struct Kept(Row, i64, i64);

/// The rows that a side remembers.
struct Memory {
    rows: Vec<Kept>,
    ttl_ms: Option<i64>,
    retracts: bool,
}

impl Memory {
    fn bag(&self) -> Bag {
        let mut bag = Bag::new();
        for Kept(row, weight, _) in &self.rows {
            *bag.entry(*row).or_default() += weight;
        }
        bag
    }

    fn forget(&mut self, now: i64) {
        if let Some(ttl) = self.ttl_ms {
            self.rows.retain(|kept| kept.2 + ttl > now);
        }
    }

    /// Applies net changes; what takes back a forgotten row is ignored.
    fn apply(&mut self, net: &Bag, now: i64) {
        for (row, weight) in net {
            match self.rows.iter_mut().find(|kept| self.retracts && kept.0 == *row) {
                Some(kept) => {
                    kept.1 += weight;
                    kept.2 = now;
                }
                None if *weight > 0 => (0..*weight).for_each(|_| self.rows.push(Kept(*row, 1, now))),
                None => {}
            }
        }
        if self.retracts {
            let mut bag: BTreeMap<Row, (i64, i64)> = BTreeMap::new();
            for Kept(row, weight, at) in self.rows.drain(..) {
                let entry = bag.entry(row).or_insert((0, at));
                *entry = (entry.0 + weight, entry.1.max(at));
            }
            let kept = bag.into_iter().filter(|(_, (weight, _))| *weight != 0);
            self.rows.extend(kept.map(|(row, (weight, at))| Kept(row, weight, at)));
        }
    }
}

#[test]
fn forgotten_rows_find_no_partners_and_what_they_gave_stays() {
    for seed in 0..120 {
        let mut rng = Rng::new(seed);
        let ttl = |rng: &mut Rng| rng.chance(0.8).then(|| rng.between(1, 20));
        let ttl_ms = [ttl(&mut rng), ttl(&mut rng)];
        let retracts = [rng.chance(0.5), rng.chance(0.5)];
        let join = Join { ttl_ms, ..join_of(JoinKind::Inner, &[0], rng.chance(0.3), false) };
        let of_operator = join.clone();
        let make = move |_| {
            let schemas = [input_schema(), input_schema()];
            JoinOperator::new(&of_operator, schemas, retracts, output_schema(JoinKind::Inner), JobContext::alone())
                .unwrap()
        };
        let mut operator = Restarting::new(seed, vec![Route::Key(vec![0]), Route::Key(vec![0])], make);
        let mut memories = [0, 1].map(|side| Memory { rows: vec![], ttl_ms: ttl_ms[side], retracts: retracts[side] });
        let (mut now, mut answer, mut expected) = (100, Answer::new(), Answer::new());
        // What has come and not been taken back, forgotten or not.
        let mut bags = [Bag::new(), Bag::new()];
        for number in 0..25 {
            now += rng.between(0, 6);
            let info = EpochInfo { now_ms: now, ..epoch(number, 0, 0) };
            let mut out = vec![];
            memories.iter_mut().for_each(|memory| memory.forget(now));
            let before = naive(&join, &memories[0].bag(), &memories[1].bag());
            for side in 0..2 {
                let old = bags[side].clone();
                for batch in changes(&mut rng, &mut bags[side], retracts[side], side as u8) {
                    operator.on_batch(&info, batch, &mut out).unwrap();
                }
                let mut net = bags[side].clone();
                old.iter().for_each(|(row, weight)| *net.entry(*row).or_default() -= weight);
                net.retain(|_, weight| *weight != 0);
                memories[side].apply(&net, now);
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            absorb(&mut answer, &out, &format!("seed {seed} epoch {number}"));
            for (row, weight) in naive(&join, &memories[0].bag(), &memories[1].bag()) {
                *expected.entry(row).or_default() += weight;
            }
            for (row, weight) in before {
                *expected.entry(row).or_default() -= weight;
            }
            expected.retain(|_, weight| *weight != 0);
            assert_eq!(answer, expected, "seed {seed} epoch {number} {join:?} {retracts:?}");
        }
    }
}
