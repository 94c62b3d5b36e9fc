//! Errors: DataFusion's made readable and given a place, and all of them drawn with a caret under the word.

mod datafusion;
mod render;
#[cfg(test)]
mod tests;

pub(crate) use datafusion::explain;
pub use render::render_error;
