//! The words of Sloth: ids, epochs, offsets, changes, errors, the clock, threads, and the traits that connectors implement.
//!
//! Nothing here does I/O and nothing here knows SQL, timely or tokio. Every other crate may use this one.

pub mod change;
pub mod clock;
pub mod connector;
pub mod epoch;
pub mod error;
pub mod journal;
pub mod lookup;
pub mod metrics;
pub mod options;
pub mod rng;
pub mod sink;
pub mod source;
pub mod table;
pub mod threads;

pub use change::{ChangeBatch, ChangelogMode};
pub use clock::Clock;
pub use connector::{Connector, ConnectorRegistry};
pub use epoch::{Epoch, EpochListener, Watermark};
pub use error::{Error, ErrorKind, Result};
pub use journal::{EpochEntry, JobStore};
pub use lookup::{Found, Lookup, LookupCache, LookupReader};
pub use options::{Options, parse_duration};
pub use sink::{Guarantee, OpenSink, Sink, SinkWriter};
pub use source::{BadRecord, Offset, ReadLimit, ReadOutcome, Readiness, Rows, Source, SplitId, SplitReader, Waker};
pub use table::TableSpec;
