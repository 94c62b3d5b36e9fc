//! Cases by their seeds.

use std::sync::atomic::{AtomicU64, Ordering};

use sloth_types::Clock;

/// Runs `check` for many seeds on two threads and shows the first that fails.
pub(crate) fn for_seeds(default: u64, check: impl Fn(u64) + Sync) {
    let number = |name: &str| std::env::var(name).ok().map(|v| v.parse::<u64>().expect("a number"));
    let cases = number("CASES").unwrap_or(default);
    let first = number("SEED").unwrap_or_else(|| Clock::System.now_ms() as u64);
    println!("SEED={first} CASES={cases}");
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let case = next.fetch_add(1, Ordering::SeqCst);
                    if case >= cases {
                        break;
                    }
                    let seed = first.wrapping_add(case);
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(seed)));
                    if let Err(panic) = outcome {
                        eprintln!("repeat with SEED={seed} CASES=1");
                        next.store(cases, Ordering::SeqCst);
                        std::panic::resume_unwind(panic);
                    }
                }
            });
        }
    });
}
