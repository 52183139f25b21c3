//! One open table: what the runtime's committer holds.

use crate::data_file;
use crate::fence::Owner;
use crate::location::TableLocation;
use crate::log::CommitLog;
use crate::maintain::Maintenance;
use crate::partition::PartitionColumn;
use crate::settings::Settings;
use crate::state::{self, State};
use crate::writer::FileWriter;
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use deltalake::ObjectStore;
use panorama_api::{Committed, PartitionWrite, Result, Table, TableDefinition, TableStatus};
use panorama_model::Timestamp;
use std::sync::Arc;

/// Whether the table has an epoch already, given the last one it has. Replaced only by tests that plant the bug of never
/// asking.
pub(crate) type EpochCheck = fn(Option<u64>, u64) -> bool;

pub(crate) fn has_epoch(last: Option<u64>, epoch: u64) -> bool {
    #[cfg(feature = "planted-bugs")]
    if panorama_api::is_planted("no-epoch-check") {
        return false;
    }
    last.is_some_and(|last| epoch <= last)
}

/// An open table.
pub(crate) struct OpenTable {
    pub(crate) definition: TableDefinition,
    pub(crate) location: TableLocation,
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) log: Arc<dyn CommitLog>,
    pub(crate) writer: FileWriter,
    pub(crate) has_epoch: EpochCheck,
    /// None where the log has to be read again before anything else is done.
    pub(crate) state: Option<State>,
    /// Entries that were put with an unknown outcome, until the log says more.
    pub(crate) in_doubt: Vec<Bytes>,
    pub(crate) committed_at: Option<Timestamp>,
    pub(crate) maintenance: Maintenance,
    /// Who may commit; none where there is only one who ever could.
    pub(crate) owner: Option<Owner>,
}

impl FileWriter {
    pub(crate) fn new(
        location: &TableLocation,
        store: &Arc<dyn ObjectStore>,
        table: &SchemaRef,
        partition_column: Option<&str>,
        settings: Settings,
    ) -> Self {
        let partition = partition_column.and_then(|name| {
            let index = table.index_of(name).ok()?;
            let is_date = *table.field(index).data_type() == DataType::Date32;
            let name = name.to_owned();
            Some(PartitionColumn { name, index, is_date })
        });
        let index = partition.as_ref().map(|column| column.index);
        Self {
            location: location.clone(),
            store: Arc::clone(store),
            file: data_file::schema(table, index),
            properties: Arc::new(data_file::properties(table, index, &settings)),
            table: Arc::clone(table),
            partition,
            settings,
        }
    }
}

impl OpenTable {
    /// The state, read from the log where it is not known.
    pub(crate) async fn state(&mut self) -> Result<&mut State> {
        let state = match self.state.take() {
            Some(state) => state,
            None => match state::load(&self.location).await? {
                Some(state) => state,
                None => return Err(self.location.fatal("open", "the table is gone")),
            },
        };
        Ok(self.state.insert(state))
    }
}

#[async_trait]
impl Table for OpenTable {
    fn definition(&self) -> &TableDefinition {
        &self.definition
    }

    async fn epoch(&mut self, application: &str) -> Result<Option<u64>> {
        let location = self.location.clone();
        self.state().await?.epoch(&location, application).await
    }

    async fn commit(
        &mut self,
        application: &str,
        epoch: u64,
        committed_at: Timestamp,
        writes: Vec<PartitionWrite>,
    ) -> Result<Committed> {
        self.commit_epoch(application, epoch, committed_at, writes).await
    }

    async fn fence(&mut self, owner: &str, generation: u64) -> Result<()> {
        self.fence_off(owner, generation).await
    }

    async fn maintain(&mut self, now: Timestamp) -> Result<()> {
        self.maintain_all(now).await
    }

    async fn status(&mut self) -> Result<TableStatus> {
        let committed_at = self.committed_at;
        let state = self.state().await?;
        let files = || state.files.values().flatten();
        Ok(TableStatus {
            version: state.version,
            files: files().count() as u64,
            rows: files().map(|file| file.rows).sum(),
            bytes: files().map(|file| file.bytes).sum(),
            committed_at,
        })
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
