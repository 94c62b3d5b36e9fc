//! The streaming plan: what the SQL front end hands to the engine. Pure data; no I/O, no timely, no SQL text.

pub mod window;

pub use window::WindowSpec;
