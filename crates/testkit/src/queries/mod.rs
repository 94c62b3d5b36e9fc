//! A generator of random tables with random changes, and of random queries over them.

mod call;
mod expr;
mod random;
mod rel;
mod simpler;

pub use call::Call;
pub use expr::{Expr, alike};
pub use random::{query, tables};
pub use rel::{Asks, Dialect, Order, Rel};
