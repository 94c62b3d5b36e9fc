//! The Kafka connector against a real broker. Runs when `SLOTH_KAFKA` holds its address (`scripts/kafka start` prints
//! one); without it each test says that it was skipped.

#![allow(clippy::unwrap_used, reason = "tests")]

mod broker;
mod changes;
mod columns;
mod failures;
mod measure;
mod positions;
mod reading;
mod sink;
mod table;
