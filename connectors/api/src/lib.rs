//! The contracts between the pipeline and the outside: sources, the bus, state, tables.
//!
//! A connector moves bytes or batches and positions; it knows framing, never meaning. What the pipeline promises
//! (INV-3, INV-4, INV-5) rests on what these traits promise, so each implementation passes the one conformance suite.

mod bus;
mod changes;
mod client;
pub mod conformance;
mod error;
mod objects;
#[cfg(feature = "planted-bugs")]
mod planted;
mod sharing;
#[cfg(test)]
mod sharing_tests;
mod shutdown;
mod source;
mod state;
mod table;

pub use bus::{Appended, Bus, DedupeKey, LogRecord, NewMessage, Offset, ReadLimits, SourcePosition};
pub use changes::{Announcement, Announcer};
pub use client::{BrokerFigures, ClientFigures, Waiting};
pub use error::{ConnectorError, ErrorClass, Result};
pub use objects::{Created, Objects};
#[cfg(feature = "planted-bugs")]
pub use planted::is_planted;
pub use sharing::{Held, Partitions, Shares, Sharing};
pub use shutdown::Shutdown;
pub use source::{Observer, Problem, Source, SourceContext};
pub use state::{Fill, Space, StateBatch, StateRead, StateStore, Visit};
pub use table::{Committed, PartitionMode, PartitionWrite, Table, TableDefinition, TableSink, TableStatus};
