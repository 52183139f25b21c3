//! Tables on Delta Lake: one committer per table, each epoch once, durably (INV-5).
//!
//! Files and log entries are written by this crate; `deltalake` reads logs, makes checkpoints and knows the object stores.
//! A commit is one log entry put where none may be yet, built from the very state its epoch was checked in, so nothing it
//! does grows with the number of commits. See the README for the decisions behind it.

mod action;
mod commit;
mod compaction;
mod data_file;
mod durable;
mod export;
mod fence;
mod location;
mod log;
mod maintain;
mod objects;
mod operate;
mod partition;
mod probe;
mod read;
mod schema;
mod settings;
mod sink;
mod state;
mod statistics;
mod stores;
mod table;
mod vacuum;
mod writer;

pub use export::{ExportFormat, export};
pub use objects::TableObjects;
pub use operate::{
    ColumnDescription, Description, HistoryEntry, Optimized, describe, history, list, optimize, vacuum,
};
pub use probe::probe;
pub use read::{ReadRequest, TableRows, read_table};
pub use settings::Settings;
pub use sink::DeltaTables;
