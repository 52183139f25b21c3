//! SQL over tables, whoever keeps them: names and streams of batches in, batches out.
//!
//! The engine is DataFusion, behind the feature `engine`. It reads through the caller's own table reader, so what SQL sees
//! is what `tables show` sees.

#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod provider;

#[cfg(feature = "engine")]
pub use engine::{QueryError, query};
#[cfg(feature = "engine")]
pub use provider::{BatchStream, QueryTable, Scan};
