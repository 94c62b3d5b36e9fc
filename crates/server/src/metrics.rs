//! `GET /metrics`: the live figures of the job and of the screen as Prometheus text.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use sloth_types::metrics::{JobFigures, SourceFigures};
use sloth_types::{Clock, Watermark};

use crate::hub::ScreenHub;

/// Reads figures when asked; holds no values of its own.
#[derive(Clone)]
pub(crate) struct Metrics {
    figures: Arc<JobFigures>,
    hub: ScreenHub,
    clock: Clock,
}

/// Name, help and value of a figure of a source table.
type SourceFigure = (&'static str, &'static str, fn(&SourceFigures) -> u64);

const SOURCE_COUNTERS: [SourceFigure; 3] = [
    ("sloth_source_rows", "Rows decoded from a source table", |s| s.rows.get()),
    ("sloth_source_bytes", "Bytes read from outside for a source table", |s| s.bytes.get()),
    ("sloth_source_bad_rows", "Records of a source table that could not be decoded", |s| s.bad_rows.get()),
];

const SOURCE_GAUGES: [SourceFigure; 2] = [
    ("sloth_source_splits", "Splits of a source table being read", |s| s.splits.get()),
    ("sloth_source_idle_splits", "Splits left out of the watermark because they are idle", |s| s.idle_splits.get()),
];

impl Metrics {
    pub(crate) fn new(figures: Arc<JobFigures>, hub: ScreenHub, clock: Clock) -> Self {
        Metrics { figures, hub, clock }
    }

    /// All figures as OpenMetrics text.
    ///
    /// # Errors
    /// When the encoder fails, which it does not for a String.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }

    fn encode_sources(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let sources = &self.figures.sources;
        for (name, help, read) in SOURCE_COUNTERS {
            by_table(out, name, help, MetricType::Counter, sources.iter().map(|s| (&s.table, read(s) as f64)))?;
        }
        for (name, help, read) in SOURCE_GAUGES {
            by_table(out, name, help, MetricType::Gauge, sources.iter().map(|s| (&s.table, read(s) as f64)))?;
        }
        let now_ms = self.clock.now_ms();
        let marks = || {
            sources.iter().filter_map(|s| Some((&s.table, Watermark(s.watermark_ms.load(Ordering::Relaxed)).millis()?)))
        };
        by_table(
            out,
            "sloth_source_watermark_seconds",
            "Watermark of a source table, in seconds since 1970; absent before the first and after the last",
            MetricType::Gauge,
            marks().map(|(table, ms)| (table, ms as f64 / 1000.0)),
        )?;
        by_table(
            out,
            "sloth_source_watermark_lag_seconds",
            "How far the watermark of a source table is behind the wall clock",
            MetricType::Gauge,
            marks().map(|(table, ms)| (table, (now_ms - ms) as f64 / 1000.0)),
        )
    }

    fn encode_job(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let figures = &self.figures;
        counter(out, "sloth_late_rows", "Rows that came behind the watermark", figures.late_rows.get())?;
        counter(out, "sloth_epochs", "Epochs completed", figures.epochs.get())?;
        let standing_by = figures.standing_by.get() as f64;
        gauge(out, "sloth_standing_by", "1 while another process runs the job and this one follows", standing_by)?;
        gauge(out, "sloth_state_rows", "Groups and windows held in state", figures.state_rows.get() as f64)?;
        gauge(out, "sloth_state_bytes", "Estimated bytes of state", figures.state_bytes.get() as f64)?;
        let epoch_s = figures.epoch_now_ms.load(Ordering::Relaxed) as f64 / 1000.0;
        gauge(out, "sloth_epoch_seconds", "Wall clock of the last completed epoch, in seconds since 1970", epoch_s)
    }

    fn encode_screen(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.hub.counts();
        gauge(out, "sloth_screen_clients", "Event streams open now", counts.clients.load(Ordering::Relaxed) as f64)?;
        counter(out, "sloth_screen_frames", "Frames published", counts.frames.load(Ordering::Relaxed))?;
        let lagged = counts.lagged.load(Ordering::Relaxed);
        counter(out, "sloth_screen_slow_clients", "Times a slow client got a fresh snapshot", lagged)?;
        gauge(out, "sloth_screen_epoch", "Epoch shown on the screen", self.hub.status().0.0 as f64)
    }
}

impl Collector for Metrics {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_sources(&mut out)?;
        let sinks = self.figures.sinks.iter().map(|s| (&s.table, s.rows.get() as f64));
        by_table(&mut out, "sloth_sink_rows", "Changes written to a sink table", MetricType::Counter, sinks)?;
        self.encode_job(&mut out)?;
        self.encode_screen(&mut out)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("figures", &self.figures).finish_non_exhaustive()
    }
}

fn by_table<'a>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    values: impl Iterator<Item = (&'a String, f64)>,
) -> fmt::Result {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    let mut family = out.encode_descriptor(name, help, None, kind)?;
    for (table, value) in values {
        let labels = [("table", table.as_str())];
        let member = family.encode_family(&labels)?;
        match kind {
            // Counts stay whole numbers in the text.
            MetricType::Counter => ConstCounter::new(value as u64).encode(member)?,
            _ => ConstGauge::new(value).encode(member)?,
        }
    }
    Ok(())
}

fn counter(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(out.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn gauge(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let metric = ConstGauge::new(value);
    metric.encode(out.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
