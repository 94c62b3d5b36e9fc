//! Wall time, processor time and peak memory of a piece of work in this process (Linux).

use std::fs;
use std::sync::OnceLock;

use sloth_types::clock::Mono;

/// Clock ticks per second in `/proc/…/stat`; fixed on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident before the first measurement: tables held in memory.
static LOADED_MB: OnceLock<f64> = OnceLock::new();

/// Data has been loaded into memory that no measurement shall count.
pub(crate) fn loaded() {
    LOADED_MB.get_or_init(|| status("VmRSS:"));
}

/// A measurement that has begun.
pub(crate) struct Meter {
    begun: Mono,
    cpu: f64,
}

/// What a piece of work cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Seconds on processors, all threads.
    pub(crate) cpu: f64,
    /// Peak resident memory without what was [`loaded`], in MB.
    pub(crate) memory: f64,
}

impl Meter {
    /// Starts measuring.
    pub(crate) fn start() -> Meter {
        // Writing 5 resets the peak; where that is refused the peak since the start of the process counts.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Meter { cpu: cpu_seconds(), begun: Mono::now() }
    }

    /// Seconds on the clock so far.
    pub(crate) fn elapsed(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Ends measuring.
    pub(crate) fn stop(self) -> Cost {
        let wall = self.begun.elapsed().as_secs_f64();
        let loaded = LOADED_MB.get().copied().unwrap_or(0.0);
        Cost { wall, cpu: cpu_seconds() - self.cpu, memory: (status("VmHWM:") - loaded).max(0.0) }
    }
}

/// Processor seconds of this process so far.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields are counted behind the program's name, which may hold blanks.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = rest.split_ascii_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

/// A size of `/proc/self/status` in MB.
fn status(key: &str) -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_ascii_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
