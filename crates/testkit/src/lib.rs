//! What the tests of the whole system are made of: scripts run in process, captured results, the epoch log replayed.
//!
//! `tests/` beside the crates holds the data; the test binaries of this crate run it:
//!
//! | test | proves |
//! |---|---|
//! | `sql` | every script of `tests/sql` gives the rows written in it, however the input is cut and spread |
//! | `nexmark` | the Nexmark queries give Flink's answers |
//! | `oracle` | random window queries over random data equal batch answers and naive models |
//! | `differential` | random queries of all shapes over changing tables equal batch answers after every epoch |
//! | `simulation` | jobs in a world in which everything fails write what an undisturbed run writes |
//! | `tpch` | the TPC-H queries over changing tables equal batch answers |
//! | `tidy` | the rules of the house hold |

pub mod capture;
pub mod case;
pub mod changes;
pub mod differential;
pub mod document;
pub mod inline;
pub mod paths;
pub mod queries;
pub mod random;
pub mod run;
pub mod shrink;
pub mod sim;
pub mod store;
pub mod tpch;
pub mod twin;
