//! What the committer knows of its table: the version, the live files by partition, the removed ones, the epochs.
//!
//! Read from the log once, then carried forward by each own commit, so that a commit lists nothing. Whatever happens that
//! is not an own commit known to have landed, the state is read again.

use crate::action::TableMetadata;
use crate::location::TableLocation;
use crate::partition::PartitionColumn;
use deltalake::DeltaTable;
use futures_util::StreamExt;
use panorama_api::Result;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// A live data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataFile {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// A file that was removed from the table and is still on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemovedFile {
    pub(crate) path: String,
    pub(crate) removed_ms: i64,
}

/// A table as its log tells it.
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) files: BTreeMap<Option<i32>, Vec<DataFile>>,
    pub(crate) removed: VecDeque<RemovedFile>,
    pub(crate) epochs: HashMap<String, Option<u64>>,
    pub(crate) metadata: TableMetadata,
    pub(crate) protocol: (i32, i32),
    /// The snapshot it was read from: asked for the epochs of applications not met since.
    pub(crate) snapshot: DeltaTable,
}

/// Reads the state of a table; `None` where there is no table.
pub(crate) async fn load(location: &TableLocation) -> Result<Option<State>> {
    let mut table = location.handle()?;
    let exists = table.verify_deltatable_existence().await;
    if !exists.map_err(|cause| location.retry("open", cause))? {
        return Ok(None);
    }
    table
        .load()
        .await
        .map_err(|cause| location.retry("read the log of", cause))?;
    let snapshot = table.snapshot().map_err(|cause| location.fatal("open", cause))?;
    let metadata = metadata(location, &table)?;
    let partition = partition_column(&metadata);
    let mut files: BTreeMap<_, Vec<DataFile>> = BTreeMap::new();
    for view in snapshot.log_data().iter() {
        let values = view.partition_values_map();
        let value = partition.as_ref().and_then(|column| {
            let text = values.get(&column.name)?.as_deref()?;
            column.value(text)
        });
        files.entry(value).or_default().push(DataFile {
            path: view.path().into_owned(),
            bytes: u64::try_from(view.size()).unwrap_or_default(),
            rows: view.num_records().unwrap_or_default() as u64,
        });
    }
    let removed = removed_files(location, &table).await?;
    let protocol = protocol(&table);
    let version = snapshot.version();
    Ok(Some(State {
        version,
        files,
        removed,
        epochs: HashMap::new(),
        metadata,
        protocol,
        snapshot: table,
    }))
}

fn protocol(table: &DeltaTable) -> (i32, i32) {
    table.snapshot().map_or((i32::MAX, i32::MAX), |snapshot| {
        let protocol = snapshot.protocol();
        (protocol.min_reader_version(), protocol.min_writer_version())
    })
}

fn metadata(location: &TableLocation, table: &DeltaTable) -> Result<TableMetadata> {
    let snapshot = table.snapshot().map_err(|cause| location.fatal("open", cause))?;
    let metadata =
        serde_json::to_value(snapshot.metadata()).map_err(|cause| location.fatal("open", cause))?;
    let text = |key| {
        metadata
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let schema =
        serde_json::from_str(&text("schemaString")).map_err(|cause| location.fatal("open", cause))?;
    let partition = metadata.get("partitionColumns").and_then(Value::as_array);
    Ok(TableMetadata {
        id: text("id"),
        name: text("name"),
        description: text("description"),
        schema,
        partition_column: partition
            .and_then(|columns| columns.first())
            .and_then(Value::as_str)
            .map(str::to_owned),
        configuration: metadata
            .get("configuration")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        created_ms: metadata.get("createdTime").and_then(Value::as_i64),
    })
}

/// The partition column as the table's own schema has it.
pub(crate) fn partition_column(metadata: &TableMetadata) -> Option<PartitionColumn> {
    let name = metadata.partition_column.clone()?;
    let fields = metadata.schema.get("fields").and_then(Value::as_array)?;
    let named = |field: &Value| field.get("name").and_then(Value::as_str) == Some(name.as_str());
    let index = fields.iter().position(named)?;
    let is_date = fields.get(index)?.get("type").and_then(Value::as_str) == Some("date");
    Some(PartitionColumn { name, index, is_date })
}

async fn removed_files(location: &TableLocation, table: &DeltaTable) -> Result<VecDeque<RemovedFile>> {
    let snapshot = table.snapshot().map_err(|cause| location.fatal("open", cause))?;
    let log_store = table.log_store();
    let mut stream = snapshot.all_tombstones(&log_store);
    let mut removed = Vec::new();
    while let Some(view) = stream.next().await {
        let view = view.map_err(|cause| location.retry("read the log of", cause))?;
        removed.push(RemovedFile {
            path: view.path().into_owned(),
            removed_ms: view.deletion_timestamp().unwrap_or_default(),
        });
    }
    removed.sort_by_key(|file| file.removed_ms);
    Ok(removed.into())
}

impl State {
    /// The last epoch of an application, as this state has it.
    pub(crate) async fn epoch(&mut self, location: &TableLocation, application: &str) -> Result<Option<u64>> {
        if let Some(known) = self.epochs.get(application) {
            return Ok(*known);
        }
        let snapshot = self
            .snapshot
            .snapshot()
            .map_err(|cause| location.fatal("read", cause))?;
        let log_store = self.snapshot.log_store();
        let found = snapshot.transaction_version(&log_store, application).await;
        let found = found.map_err(|cause| location.retry("read the log of", cause))?;
        let epoch = found.and_then(|version| u64::try_from(version).ok());
        self.epochs.insert(application.to_owned(), epoch);
        Ok(epoch)
    }

    /// Whether a file is live.
    pub(crate) fn is_live(&self, path: &str) -> bool {
        self.files.values().flatten().any(|file| file.path == path)
    }
}
