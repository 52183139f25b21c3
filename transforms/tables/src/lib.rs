//! The tables: what each is, what its columns mean, and how rows of the model become Arrow batches.
//!
//! Last pure step of the data path: everything behind it moves batches and knows no meaning. A table is one file in
//! `table/` and one line there; fact tables come from the schemas of the model. Column comments and `identifying` marks
//! travel as Arrow field metadata, so that the table format can write comments and leave identifying values out of
//! column statistics (INV-8).

mod arrow_schema;
mod batcher;
mod builder;
mod cell;
mod definition;
mod fact;
mod render;
pub mod table;

pub use arrow_schema::{COMMENT_KEY, IDENTIFYING_KEY};
pub use batcher::RowBatcher;
pub use cell::Cell;
pub use definition::{Definition, Partition, PartitionKind, TableColumn};
pub use fact::{FactRow, Origin};
pub use render::{CellJson, row_json, row_texts};
pub use table::{all, fact, find};
