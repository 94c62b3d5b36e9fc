//! The one home of keyed state: key tables and the groups of accumulators behind them.

pub(crate) mod groups;
pub(crate) mod keys;
