//! Files: a path pattern's files, cut into messages, each byte of them accounted for (INV-2).
//!
//! A file's bytes are cut by its format's [`Framing`](panorama_model::Framing) - never parsed - and appended to the
//! source's raw topic in batches, each together with the reading position it stands for, in one durable append. So a
//! restart goes on exactly where the log ends: no gap, no repeat. Compressed files are read as they are. Memory is
//! bounded by the largest record ([`FileParams`], INV-9).
//!
//! [`split`] cuts bytes in memory in the same way.

mod cut;
mod open;
mod params;
mod paths;
mod position;
mod reader;
mod source;

pub use cut::split;
pub use params::{FileParams, Order, Patterns};
pub use source::FileSource;

#[cfg(test)]
mod tests;
