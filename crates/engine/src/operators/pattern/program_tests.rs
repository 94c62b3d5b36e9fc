//! Random patterns against a matcher that tries everything.

use std::convert::Infallible;

use sloth_types::rng::Rng;

use super::*;

/// The naive twin: tries everything in the order of preference, depth first, with the rows at hand.
fn naive(
    pattern: &[&Pattern],
    rows: &[Vec<bool>],
    at: usize,
    then: &mut dyn FnMut(usize, &[usize]) -> bool,
    taken: &mut Vec<usize>,
) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return then(at, taken) };
    match first {
        Pattern::Variable { variable, .. } => {
            if at < rows.len() && rows[at][*variable] {
                taken.push(*variable);
                let found = naive(rest, rows, at + 1, then, taken);
                taken.pop();
                return found;
            }
            false
        }
        Pattern::Sequence(parts) => {
            let all: Vec<&Pattern> = parts.iter().chain(rest.iter().copied()).collect();
            naive(&all, rows, at, then, taken)
        }
        Pattern::Alternation(parts) => parts.iter().any(|part| {
            let all: Vec<&Pattern> = std::iter::once(part).chain(rest.iter().copied()).collect();
            naive(&all, rows, at, then, taken)
        }),
        Pattern::Repetition { of, min, max, greedy } => {
            let again = Pattern::Repetition {
                of: of.clone(),
                min: min.saturating_sub(1),
                max: max.map(|m| m - u32::from(m > 0)),
                greedy: *greedy,
            };
            let inside = |taken: &mut Vec<usize>, then: &mut dyn FnMut(usize, &[usize]) -> bool| {
                if *max == Some(0) {
                    return false;
                }
                let all: Vec<&Pattern> =
                    std::iter::once(of.as_ref()).chain(std::iter::once(&again)).chain(rest.iter().copied()).collect();
                naive(&all, rows, at, then, taken)
            };
            if *min > 0 {
                return inside(taken, then);
            }
            // What is tried first differs.
            if *greedy && inside(taken, then) {
                return true;
            }
            naive(rest, rows, at, then, taken) || (!*greedy && inside(taken, then))
        }
    }
}

fn random(rng: &mut Rng, depth: u32) -> Pattern {
    let variable = |rng: &mut Rng| Pattern::Variable { variable: rng.below(3) as usize, excluded: false };
    if depth == 0 {
        return variable(rng);
    }
    match rng.below(4) {
        0 => variable(rng),
        1 => Pattern::Sequence((0..=rng.below(2)).map(|_| random(rng, depth - 1)).collect()),
        2 => Pattern::Alternation((0..=rng.below(2)).map(|_| random(rng, depth - 1)).collect()),
        _ => {
            let min = rng.below(3) as u32;
            let max = rng.chance(0.5).then(|| min + rng.below(3) as u32).filter(|m| *m > 0);
            // The twin would run for ever on a body that takes no row.
            let of = Box::new(variable(rng));
            Pattern::Repetition { of, min, max, greedy: rng.chance(0.5) }
        }
    }
}

#[test]
fn random_patterns_match_what_trying_everything_matches() {
    let mut matches = 0;
    for seed in 0..3000 {
        let mut rng = Rng::new(seed);
        let pattern = random(&mut rng, 3);
        if pattern.matches_nothing() {
            continue;
        }
        let rows: Vec<Vec<bool>> = (0..rng.below(8)).map(|_| (0..3).map(|_| rng.chance(0.6)).collect()).collect();
        let mut expected = vec![];
        naive(
            &[&pattern],
            &rows,
            0,
            &mut |_, taken| {
                expected = taken.to_vec();
                true
            },
            &mut vec![],
        );
        for memoryless in [true, false] {
            let program = Program::new(&pattern, memoryless);
            let mut attempt = program.start();
            for (at, row) in rows.iter().enumerate() {
                attempt.step(&program, at as u64, |variable, _, _| Ok::<_, Infallible>(row[variable])).unwrap();
            }
            let found: Vec<usize> = attempt.outcome().iter().map(|m| m.variable).collect();
            assert_eq!(found, expected, "seed {seed}: {pattern:?} over {rows:?}");
        }
        matches += usize::from(!expected.is_empty());
    }
    assert!(matches > 500, "the test must find something: {matches}");
}
