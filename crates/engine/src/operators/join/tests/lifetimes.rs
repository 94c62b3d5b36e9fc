//! Joins whose rows are forgotten after a time, against a naive model that goes row by row: what was told of forgotten rows
//! stays, and nothing is taken back that was not told.

use super::*;

/// A remembered row with the time of its last change, and how many partners it has been told with. Where rows are taken
/// back, equal ones are one.
struct Kept {
    row: Row,
    weight: i64,
    at: i64,
    partners: i64,
}

/// Both sides, and what has been told of them.
struct Memory {
    join: Join,
    retracts: [bool; 2],
    sides: [Vec<Kept>; 2],
    told: Answer,
}

impl Memory {
    fn forget(&mut self, now: i64) {
        for (side, ttl) in self.sides.iter_mut().zip(self.join.ttl_ms) {
            side.retain(|kept| ttl.is_none_or(|ttl| kept.at + ttl > now));
        }
    }

    fn tell(&mut self, row: Vec<String>, weight: i64) {
        *self.told.entry(row).or_default() += weight;
    }

    /// A row by itself, as its number of partners wants it.
    fn alone(&mut self, side: usize, row: &Row, partners: i64, weight: i64) {
        let nulls = || vec!["null".to_owned(); 3];
        match Alone::of(self.join.kind)[side] {
            Alone::Unmatched if partners <= 0 && self.join.kind.pairs() => match side {
                0 => self.tell([texts(row), nulls()].concat(), weight),
                _ => self.tell([nulls(), texts(row)].concat(), weight),
            },
            Alone::Unmatched if partners <= 0 => self.tell(texts(row), weight),
            Alone::Matched if partners > 0 => self.tell(texts(row), weight),
            Alone::Marked => self.tell([texts(row), vec![(partners > 0).to_string()]].concat(), weight),
            _ => {}
        }
    }

    fn change(&mut self, side: usize, row: Row, diff: i64, now: i64) {
        let at = self.sides[side].iter().position(|kept| self.retracts[side] && kept.row == row);
        let weight = at.map_or(0, |at| self.sides[side][at].weight);
        let null_key = !self.join.null_equal && self.join.left_keys.iter().any(|key| row[*key].is_none());
        if null_key {
            return self.alone(side, &row, 0, diff);
        }
        let diff = if self.join.ttl_ms[side].is_some() { diff.max(-weight) } else { diff };
        if diff == 0 {
            return;
        }
        let pair = |a: &Row, b: &Row| if side == 0 { (*a, *b) } else { (*b, *a) };
        let mut others = std::mem::take(&mut self.sides[1 - side]);
        let mut found = 0;
        for other in &mut others {
            let (left, right) = pair(&row, &other.row);
            if !matches(&self.join, &left, &right) {
                continue;
            }
            found += other.weight;
            if self.join.kind.pairs() {
                self.tell([texts(&left), texts(&right)].concat(), diff * other.weight);
            }
            self.alone(1 - side, &other.row, other.partners, -other.weight);
            other.partners += diff;
            self.alone(1 - side, &other.row, other.partners, other.weight);
        }
        self.sides[1 - side] = others;
        let partners = at.map_or(found, |at| self.sides[side][at].partners);
        self.alone(side, &row, partners, diff);
        match at {
            Some(at) if weight + diff == 0 => drop(self.sides[side].remove(at)),
            Some(at) => self.sides[side][at] = Kept { row, weight: weight + diff, at: now, partners },
            None => self.sides[side].push(Kept { row, weight: diff, at: now, partners }),
        }
    }
}

#[test]
fn forgotten_rows_find_no_partners_and_what_they_gave_stays() {
    for seed in 0..540 {
        let mut rng = Rng::new(seed);
        let kind = KINDS[(seed % 9) as usize];
        let ttl = |rng: &mut Rng| rng.chance(0.8).then(|| rng.between(1, 20));
        let ttl_ms = [ttl(&mut rng), ttl(&mut rng)];
        let retracts = [rng.chance(0.6), rng.chance(0.6)];
        let join = Join { ttl_ms, ..join_of(kind, &[0], rng.chance(0.3), rng.chance(0.2)) };
        let of_operator = join.clone();
        let make = move |_| {
            let schemas = [input_schema(), input_schema()];
            JoinOperator::new(&of_operator, schemas, retracts, output_schema(kind), JobContext::alone()).unwrap()
        };
        let mut operator = Restarting::new(seed, vec![Route::Key(vec![0]), Route::Key(vec![0])], make);
        let mut memory = Memory { join: join.clone(), retracts, sides: [vec![], vec![]], told: Answer::new() };
        let (mut now, mut answer) = (100, Answer::new());
        // What has come and not been taken back, forgotten or not.
        let mut bags = [Bag::new(), Bag::new()];
        for number in 0..25 {
            now += rng.between(0, 6);
            let info = EpochInfo { now_ms: now, ..epoch(number, 0, 0) };
            let mut out = vec![];
            memory.forget(now);
            for side in 0..2 {
                let old = bags[side].clone();
                for batch in changes(&mut rng, &mut bags[side], retracts[side], side as u8) {
                    operator.on_batch(&info, batch, &mut out).unwrap();
                }
                let mut net = bags[side].clone();
                old.iter().for_each(|(row, weight)| *net.entry(*row).or_default() -= weight);
                for (row, diff) in net.into_iter().filter(|(_, diff)| *diff != 0) {
                    // Rows that only come are remembered one by one.
                    let (times, diff) = if retracts[side] { (1, diff) } else { (diff, 1) };
                    (0..times).for_each(|_| memory.change(side, row, diff, now));
                }
            }
            operator.on_epoch_end(&info, &mut out).unwrap();
            let what = format!("seed {seed} epoch {number} {join:?} {retracts:?}");
            absorb(&mut answer, &out, &what);
            memory.told.retain(|_, weight| *weight != 0);
            assert_eq!(answer, memory.told, "{what}");
            assert!(answer.values().all(|weight| *weight > 0), "{what}: taken back what was not told");
        }
    }
    assert!(crate::operators::restart::resumed() > 0, "some restarts are gone on from");
}
