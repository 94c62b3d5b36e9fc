//! Jobs with a real Postgres: scans, lookups, sinks. `SLOTH_POSTGRES` is its address; without it the tests say that they
//! are skipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod durable;
mod lookups;
mod scans;
mod server;
mod sinks;
