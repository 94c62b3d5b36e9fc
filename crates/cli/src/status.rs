//! What a running job says of itself: a live line on a terminal, a log line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use sloth_types::Clock;
use sloth_types::clock::Mono;
use sloth_types::metrics::JobFigures;

const LINE_INTERVAL: Duration = Duration::from_millis(500);
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The thread that reports.
pub(crate) struct Status {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Sums over sources and sinks.
#[derive(Clone, Copy, Default)]
struct Totals {
    rows_in: u64,
    rows_out: u64,
    epochs: u64,
}

/// Starts to report.
pub(crate) fn start(figures: Arc<JobFigures>) -> Status {
    let over = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&over);
    let thread = std::thread::Builder::new().name("status".to_owned()).spawn(move || report(&figures, &flag)).ok();
    Status { over, thread }
}

impl Status {
    /// Says the last word.
    pub(crate) fn finish(self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn report(figures: &JobFigures, over: &AtomicBool) {
    let live = std::io::stderr().is_terminal();
    let interval = if live { LINE_INTERVAL } else { LOG_INTERVAL };
    let begun = Mono::now();
    let mut last = (begun, Totals::default());
    while !over.load(Ordering::SeqCst) {
        std::thread::park_timeout(interval);
        if over.load(Ordering::SeqCst) {
            break;
        }
        if last.0.elapsed() < interval / 2 {
            continue;
        }
        let totals = totals(figures);
        let line = line(figures, last.1, totals, last.0.elapsed());
        last = (Mono::now(), totals);
        if live {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\x1b[2K{line}");
            let _ = out.flush();
        } else {
            tracing::info!("{line}");
        }
    }
    let line = line(figures, Totals::default(), totals(figures), begun.elapsed());
    if live {
        eprintln!("\r\x1b[2K{line}");
    } else {
        tracing::info!("ended after {:.1} s: {line}", begun.elapsed().as_secs_f64());
    }
}

fn totals(figures: &JobFigures) -> Totals {
    Totals {
        rows_in: figures.sources.iter().map(|s| s.rows.get()).sum(),
        rows_out: figures.sinks.iter().map(|s| s.rows.get()).sum(),
        epochs: figures.epochs.get(),
    }
}

fn line(figures: &JobFigures, before: Totals, now: Totals, time: Duration) -> String {
    let seconds = time.as_secs_f64().max(0.001);
    let rate = |now: u64, before: u64| short((now.saturating_sub(before)) as f64 / seconds);
    let bad: u64 = figures.sources.iter().map(|s| s.bad_rows.get()).sum();
    let standing_by = if figures.standing_by.get() > 0 { "standing by · " } else { "" };
    format!(
        "{standing_by}in {}/s · out {}/s · {} · {} epochs/s · late {} · bad {bad} · state {} rows, {}B",
        rate(now.rows_in, before.rows_in),
        rate(now.rows_out, before.rows_out),
        watermark(figures),
        rate(now.epochs, before.epochs),
        figures.late_rows.get(),
        short(figures.state_rows.get() as f64),
        short(figures.state_bytes.get() as f64),
    )
}

fn watermark(figures: &JobFigures) -> String {
    let lowest = figures.sources.iter().map(|s| s.watermark_ms.load(Ordering::Relaxed)).min();
    match lowest {
        None | Some(i64::MIN) => "watermark none".to_owned(),
        Some(i64::MAX) => "watermark at the end".to_owned(),
        Some(ms) => {
            let time = chrono::DateTime::from_timestamp_millis(ms).map(|t| t.format("%F %T%.3f").to_string());
            let lag = Clock::System.now_ms().saturating_sub(ms) as f64 / 1000.0;
            format!("watermark {} (lag {lag:.1} s)", time.unwrap_or_default())
        }
    }
}

/// 1234567 as 1.23 M.
fn short(value: f64) -> String {
    let (unit, name) =
        [(1e9, " G"), (1e6, " M"), (1e3, " k")].into_iter().find(|(unit, _)| value >= *unit).unwrap_or((1.0, " "));
    if unit > 1.0 { format!("{:.2}{name}", value / unit) } else { format!("{value:.0}{name}") }.trim_end().to_owned()
}
