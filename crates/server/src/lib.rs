//! What a person or a machine can look at while a job runs: the big screen, its event stream, metrics, health.
//!
//! [`ScreenHub`] is the `screen` connector: tables written to it are kept as far as a screen needs them, and become
//! visible epoch by epoch, all tables at once. [`ScreenSpec`] describes what the screen shows. [`Server`] serves both
//! over HTTP, on threads of its own.

mod http;
mod hub;
mod metrics;
mod screen;

pub use http::{Server, ServerConfig, ServerHandle};
pub use hub::{ScreenHub, ScreenTable, Subscription};
pub use screen::{ScreenSpec, Tile};
