//! Tables: where rows go. Each commit carries its epoch and is done once (INV-5).

use crate::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use panorama_model::Timestamp;

/// What a table is.
#[derive(Clone, Debug)]
pub struct TableDefinition {
    /// Its name, also its directory.
    pub name: String,
    /// What one row is.
    pub comment: String,
    /// Its columns. Field metadata: `comment` says what it means, `identifying` = `true` keeps its values out of column
    /// statistics (INV-8).
    pub schema: SchemaRef,
    /// The column it is partitioned by, if any: a `Date32` or `Int32` column of the schema.
    pub partition_column: Option<String>,
}

/// Whether rows join a partition or take its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionMode {
    /// The rows join those that are there.
    Append,
    /// The rows take the place of all that are there. No rows empty the partition.
    Replace,
}

/// Rows for one partition.
pub struct PartitionWrite {
    /// The partition column's value: days since 1970-01-01 for a date, the bucket for an integer; `None` is the null
    /// partition, or the whole table where it has no partition column.
    pub partition: Option<i32>,
    /// Whether rows join or replace.
    pub mode: PartitionMode,
    /// The rows, in batches made as they are asked for, so that memory stays bounded. Whole schema, partition column included.
    pub batches: Box<dyn Iterator<Item = Result<RecordBatch>> + Send>,
}

/// What a commit did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The table's version afterwards.
    pub version: u64,
    /// True where the table already had this epoch, and nothing was written.
    pub already: bool,
    /// Rows written.
    pub rows: u64,
    /// Data files added.
    pub files_added: u64,
    /// Data files removed.
    pub files_removed: u64,
    /// Bytes of the files added.
    pub bytes: u64,
}

/// How a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStatus {
    /// Its version.
    pub version: u64,
    /// Live data files.
    pub files: u64,
    /// Rows, by the files' own counts.
    pub rows: u64,
    /// Bytes of the live data files.
    pub bytes: u64,
    /// When it was last committed to, if it was.
    pub committed_at: Option<Timestamp>,
}

/// One open table. There is one committer per table; it alone holds this.
#[async_trait]
pub trait Table: Send {
    /// What the table is.
    fn definition(&self) -> &TableDefinition;

    /// The last epoch `application` committed, as the table itself says.
    async fn epoch(&mut self, application: &str) -> Result<Option<u64>>;

    /// Writes the rows and commits them with (`application`, `epoch`), all or nothing, durably.
    ///
    /// The epoch is checked in the very snapshot the commit is made from: an epoch the table has is not written again. After
    /// an error whose outcome is unknown the table is read again before anything is decided.
    async fn commit(
        &mut self,
        application: &str,
        epoch: u64,
        committed_at: Timestamp,
        writes: Vec<PartitionWrite>,
    ) -> Result<Committed>;

    /// Keeps everyone out who opened the table before: from now on it changes only while `owner` has this generation in it.
    ///
    /// # Errors
    /// Fatal where the owner has a higher one: another process took over.
    async fn fence(&mut self, owner: &str, generation: u64) -> Result<()>;

    /// Compacts small files, writes checkpoints, cleans up, where due. Called between commits by the same committer.
    async fn maintain(&mut self, now: Timestamp) -> Result<()>;

    /// How it is.
    async fn status(&mut self) -> Result<TableStatus>;
}

/// Somewhere tables live.
#[async_trait]
pub trait TableSink: Send + Sync {
    /// Opens a table, making it if it is missing. New columns are added; a changed type is an error.
    async fn open(&self, definition: TableDefinition) -> Result<Box<dyn Table>>;
}
