//! Opening tables: making them, growing them, refusing what cannot be theirs.

use crate::action::{CommitInfo, Entry, TableMetadata};
use crate::commit::{Put, wall_clock_ms};
use crate::durable;
use crate::location::{Location, TableLocation};
use crate::log::{self, CommitLog, PutFailure};
use crate::maintain::Maintenance;
use crate::partition::PartitionColumn;
use crate::schema::{self, SchemaError};
use crate::settings::Settings;
use crate::state;
use crate::table::{EpochCheck, OpenTable, has_epoch};
use crate::writer::FileWriter;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use panorama_api::{Result, Table, TableDefinition, TableSink};
use panorama_model::Timestamp;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The highest protocol whose promises this writer keeps (reader, writer).
const PROTOCOL_MAX: (i32, i32) = (1, 2);

/// Wraps the log of a table, for tests that make it fail.
pub(crate) type LogWrapper = Arc<dyn Fn(Arc<dyn CommitLog>) -> Arc<dyn CommitLog> + Send + Sync>;

/// Delta tables under one place, one directory each.
pub struct DeltaTables {
    location: Location,
    settings: Settings,
    pub(crate) has_epoch: EpochCheck,
    pub(crate) wrap_log: Option<LogWrapper>,
}

impl DeltaTables {
    /// Tables under a local path or a URL (`s3://`, `az://`, `gs://` where built in); `options` are the object store's.
    ///
    /// # Errors
    /// Fatal where the path is none.
    pub fn new(location: &str, options: HashMap<String, String>) -> Result<Self> {
        Ok(Self {
            location: Location::new(location, options)?,
            settings: Settings::default(),
            has_epoch,
            wrap_log: None,
        })
    }

    /// The same tables under other limits.
    #[must_use]
    pub const fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    pub(crate) async fn open_table(&self, definition: TableDefinition) -> Result<OpenTable> {
        let location = self.location.table(&definition.name);
        if let Some(path) = &location.local {
            let made = durable::create_directory(&path.join("_delta_log"));
            made.map_err(|cause| location.retry("make", cause))?;
            crate::maintain::drop_torn_checkpoint(path).map_err(|cause| location.retry("open", cause))?;
        }
        let store = location.handle()?.object_store();
        let log = log::open(&location, Arc::clone(&store));
        let log = self
            .wrap_log
            .as_ref()
            .map_or(Arc::clone(&log), |wrap| wrap(Arc::clone(&log)));
        let wanted = wanted_metadata(&location, &definition, &self.settings)?;
        let state = match state::load(&location).await? {
            Some(state) => state,
            None => {
                make(&location, log.as_ref(), &wanted).await?;
                let made = state::load(&location).await?;
                made.ok_or_else(|| location.retry("make", "the table is not there after it was made"))?
            }
        };
        if state.protocol.0 > PROTOCOL_MAX.0 || state.protocol.1 > PROTOCOL_MAX.1 {
            return Err(location.fatal(
                "open",
                "the table was upgraded to a protocol this writer does not know",
            ));
        }
        let partition = definition.partition_column.as_deref();
        let writer = FileWriter::new(&location, &store, &definition.schema, partition, self.settings);
        let committed_at = last_commit(log.as_ref(), state.version).await;
        let mut table = OpenTable {
            maintenance: Maintenance::of(store.as_ref()).await,
            settings: self.settings,
            has_epoch: self.has_epoch,
            state: Some(state),
            in_doubt: Vec::new(),
            definition,
            location,
            store,
            log,
            writer,
            committed_at,
            owner: None,
        };
        table.evolve(&wanted).await?;
        Ok(table)
    }
}

#[async_trait]
impl TableSink for DeltaTables {
    async fn open(&self, definition: TableDefinition) -> Result<Box<dyn Table>> {
        Ok(Box::new(self.open_table(definition).await?))
    }
}

impl OpenTable {
    /// Brings the table's metadata to what the definition wants: new columns, new comments, new properties.
    async fn evolve(&mut self, wanted: &TableMetadata) -> Result<()> {
        let location = self.location.clone();
        let state = self.state().await?;
        let found = &state.metadata;
        if found.partition_column != wanted.partition_column {
            return Err(location.fatal("open", SchemaError::PartitionChanged));
        }
        let schema =
            schema::merge(&found.schema, &wanted.schema).map_err(|cause| location.fatal("open", cause))?;
        let mut configuration = found.configuration.clone();
        configuration.extend(wanted.configuration.clone());
        let metadata = TableMetadata {
            schema,
            configuration,
            description: wanted.description.clone(),
            ..found.clone()
        };
        if metadata == *found {
            return Ok(());
        }
        let version = state.version + 1;
        let mut entry = Entry::default();
        entry.commit_info(info("CHANGE TABLE"));
        entry.metadata(&metadata);
        match self.put(version, entry.into_bytes()).await? {
            Put::Landed => {
                self.state = None;
                self.state().await.map(drop)
            }
            Put::Taken { .. } => Err(location.retry("open", "another writer changed the table meanwhile")),
        }
    }
}

fn info(operation: &str) -> CommitInfo<'_> {
    CommitInfo {
        operation,
        mode: "ErrorIfExists",
        at_ms: wall_clock_ms(),
        application: None,
        rows: 0,
        files_added: 0,
        files_removed: 0,
    }
}

async fn make(location: &TableLocation, log: &dyn CommitLog, metadata: &TableMetadata) -> Result<()> {
    let mut entry = Entry::default();
    entry.commit_info(info("CREATE TABLE"));
    entry.protocol();
    entry.metadata(metadata);
    match log.put(0, entry.into_bytes()).await {
        // Whoever made it, it is looked at next.
        Ok(()) | Err(PutFailure::Exists) => Ok(()),
        Err(failure) => Err(location.retry("make", failure)),
    }
}

fn wanted_metadata(
    location: &TableLocation,
    definition: &TableDefinition,
    settings: &Settings,
) -> Result<TableMetadata> {
    let fatal = |cause: SchemaError| location.fatal("open", cause);
    let schema = schema::to_delta(&definition.schema).map_err(fatal)?;
    let mut retention_s = settings.retention_s;
    if let Some(name) = &definition.partition_column {
        let field = definition.schema.field_with_name(name);
        let field = field.map_err(|_| fatal(SchemaError::PartitionChanged))?;
        if !PartitionColumn::supports(field.data_type()) {
            return Err(fatal(SchemaError::Unsupported(name.clone())));
        }
        if *field.data_type() == DataType::Int32 {
            retention_s = settings.bucket_retention_s;
        }
    }
    Ok(TableMetadata {
        id: random_uuid(),
        name: definition.name.clone(),
        description: definition.comment.clone(),
        schema,
        partition_column: definition.partition_column.clone(),
        configuration: configuration(settings, retention_s, definition),
        created_ms: Some(wall_clock_ms()),
    })
}

/// Table properties other writers and readers go by.
///
/// - `delta.dataSkippingStatsColumns` keeps other writers from making statistics of identifying columns (INV-8).
/// - `delta.logRetentionDuration` bounds the log: a commit every ten seconds makes 8,640 entries a day, and whoever opens
///   the table lists them all.
/// - `delta.setTransactionRetentionDuration` stays unset: an epoch that expired would be committed a second time.
fn configuration(settings: &Settings, retention_s: i64, definition: &TableDefinition) -> Map<String, Value> {
    let partition = definition
        .partition_column
        .as_deref()
        .and_then(|name| definition.schema.index_of(name).ok());
    let files = crate::data_file::without(&definition.schema, partition);
    let columns: Vec<&str> = crate::statistics::columns(&files)
        .map(|field| field.name().as_str())
        .collect();
    let pairs = [
        (
            "delta.checkpointInterval",
            settings.checkpoint_commits.to_string(),
        ),
        ("delta.dataSkippingStatsColumns", columns.join(",")),
        (
            "delta.deletedFileRetentionDuration",
            format!("interval {retention_s} seconds"),
        ),
        ("delta.logRetentionDuration", "interval 2 days".to_owned()),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect()
}

/// When the newest commit was made, by its own word.
async fn last_commit(log: &dyn CommitLog, version: u64) -> Option<Timestamp> {
    let entry = log.get(version).await.ok()??;
    let line = entry.split(|byte| *byte == b'\n').next()?;
    let action: Value = serde_json::from_slice(line).ok()?;
    let at = action.get("commitInfo")?.get("timestamp")?.as_i64()?;
    Some(Timestamp::from_milliseconds(at))
}

/// A version 4 UUID of the standard library's random hash keys.
fn random_uuid() -> String {
    let half = || u128::from(RandomState::new().hash_one(0u8));
    let bits = (half() << 64 | half()) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let text = format!("{bits:032x}");
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
