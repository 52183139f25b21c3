//! Failover: one process owns a pipeline, others stand by with its state, and any of them goes on where it was lost.
//!
//! - Each commit of state is first a *frame* in a local file (`segment`), then in the state itself; the file becomes an
//!   *entry* of the *journal* (`entry`), beside the tables, before anything that rests on it is published.
//! - An entry is put where none is, so there is one next entry, and whoever puts it is the owner. Who stands by applies
//!   entries as they come (`standby`); when the owner is silent for too long it puts a claim for the next entry. A former
//!   owner that wakes up finds its place taken, and stops; the tables refuse it too, by the generation in them.
//! - A *base* (`base`) is all of state as of some entry: where a process without state begins.
//!
//! State is moved, never recomputed, so persons keep their ids whoever goes on.

mod base;
mod entry;
mod error;
mod frame;
mod owner;
mod position;
mod segment;
mod standby;

pub use error::FailoverError;
pub(crate) use error::Result;
pub use owner::Owned;
pub use position::JOURNAL;
pub use standby::{FailoverOptions, Stores, stand_by};

#[cfg(test)]
mod tests;
