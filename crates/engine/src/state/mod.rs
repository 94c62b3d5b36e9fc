//! The one home of keyed state. Everything here is columnar, addressed by dense slots, and can list what it holds.

pub(crate) mod ages;
pub(crate) mod arena;
pub(crate) mod arrangement;
pub(crate) mod bags;
pub(crate) mod bits;
pub(crate) mod cache;
pub(crate) mod changed;
pub(crate) mod derived;
pub(crate) mod groups;
pub(crate) mod index;
pub(crate) mod keys;
pub(crate) mod latest;
pub(crate) mod marks;
pub(crate) mod ordered;
pub(crate) mod paged;
pub(crate) mod pane_changes;
pub(crate) mod records;
pub(crate) mod rows;
pub(crate) mod shared;
pub(crate) mod sliding;
pub(crate) mod snapshot;
pub(crate) mod sorted;
pub(crate) mod tally;
pub(crate) mod timed;
pub(crate) mod values;
pub(crate) mod versions;
