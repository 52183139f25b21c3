//! The embedded durable log and state: topics, copies, source positions and state spaces in one fjall database.
//!
//! It is the first stop of the data path: a message is acknowledged once [`LocalLog`] has it on disk (INV-3), and state
//! changes are one atomic durable commit (INV-4). One writer thread gathers what many tasks append, writes one batch and
//! one `fdatasync`, then answers them all.

mod catalog;
mod dedupe;
mod disk;
mod error;
mod group;
mod headers;
mod keys;
mod log;
mod options;
mod queue;
mod state;
mod tuning;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

pub use error::LogError;
pub use log::LocalLog;
pub use options::LocalLogOptions;
