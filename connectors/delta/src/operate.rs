//! What an operator does with tables by hand: list, describe, history, optimize, vacuum.
//!
//! Optimize and vacuum commit like the pipeline does, at the next free version; a pipeline that runs at the same time
//! notices, reads the log again and goes on.

use crate::location::Location;
use crate::read;
use crate::schema;
use crate::settings::Settings;
use crate::sink::DeltaTables;
use crate::table::OpenTable;
use deltalake::ObjectStore;
use futures_util::StreamExt;
use panorama_api::{ConnectorError, Result, TableDefinition};
use panorama_model::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ColumnDescription {
    /// Name.
    pub name: String,
    /// Type, in Delta's words.
    #[serde(rename = "type")]
    pub ty: String,
    /// What it means.
    pub comment: String,
    /// Its values identify a person.
    pub identifying: bool,
    /// The table is partitioned by it.
    pub partition: bool,
}

/// What a table is and how it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Description {
    /// Name.
    pub name: String,
    /// What one row is.
    pub comment: String,
    /// Newest version.
    pub version: u64,
    /// Live data files.
    pub files: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of the live data files.
    pub bytes: u64,
    /// Protocol: reader version, writer version.
    pub protocol: (i32, i32),
    /// Columns.
    pub columns: Vec<ColumnDescription>,
}

/// One commit of a table.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct HistoryEntry {
    /// Version it made.
    pub version: u64,
    /// When, RFC 3339 UTC; none where the commit does not say.
    pub committed_at: Option<String>,
    /// What was done: WRITE, OPTIMIZE, CREATE TABLE ...
    pub operation: String,
    /// The application whose epoch it holds.
    pub application: Option<String>,
    /// That epoch.
    pub epoch: Option<u64>,
}

/// What optimize or vacuum did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Optimized {
    /// Files that were merged into larger ones.
    pub files_compacted: u64,
    /// Files that were deleted.
    pub files_deleted: u64,
    /// The table's version afterwards.
    pub version: u64,
}

/// The names of the tables at a place, sorted.
///
/// # Errors
/// Retry where the place cannot be read; a local directory that is not there has no tables.
pub async fn list(location: &str, options: HashMap<String, String>) -> Result<Vec<String>> {
    let place = Location::new(location, options)?;
    let wrong =
        |cause: Box<dyn std::error::Error + Send + Sync>| ConnectorError::retry("list", location, cause);
    let mut names = Vec::new();
    if let Some(path) = place.local() {
        if !path.is_dir() {
            return Ok(names);
        }
        for entry in std::fs::read_dir(path).map_err(|cause| wrong(cause.into()))? {
            let entry = entry.map_err(|cause| wrong(cause.into()))?;
            if entry.path().join("_delta_log").is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    } else {
        let (root, name) = place.root().rsplit_once('/').unwrap_or((place.root(), ""));
        let handle = Location::new(root, place.options().clone())?
            .table(name)
            .handle()?;
        let found = handle.object_store().list_with_delimiter(None).await;
        let found = found.map_err(|cause| wrong(cause.into()))?;
        for prefix in found.common_prefixes {
            let name = prefix.filename().unwrap_or_default();
            let table = place.table(name).handle()?;
            if table
                .verify_deltatable_existence()
                .await
                .map_err(|cause| wrong(cause.into()))?
            {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

/// What a table is and how it is.
///
/// # Errors
/// Fatal where there is no such table.
pub async fn describe(location: &str, name: &str, options: HashMap<String, String>) -> Result<Description> {
    let location = Location::new(location, options)?.table(name);
    let state = read::load_existing(&location).await?;
    let table = schema::from_delta(&state.metadata.schema).map_err(|cause| location.fatal("read", cause))?;
    let types = schema::to_delta(&table).map_err(|cause| location.fatal("read", cause))?;
    let types = types
        .get("fields")
        .and_then(serde_json::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let columns = table
        .fields()
        .iter()
        .zip(types)
        .map(|(field, described)| ColumnDescription {
            name: field.name().clone(),
            ty: type_words(described.get("type")),
            comment: schema::comment(field).to_owned(),
            identifying: schema::is_identifying(field),
            partition: state.metadata.partition_column.as_ref() == Some(field.name()),
        });
    let files = || state.files.values().flatten();
    Ok(Description {
        name: name.to_owned(),
        comment: state.metadata.description.clone(),
        version: state.version,
        files: files().count() as u64,
        rows: files().map(|file| file.rows).sum(),
        bytes: files().map(|file| file.bytes).sum(),
        protocol: state.protocol,
        columns: columns.collect(),
    })
}

fn type_words(ty: Option<&serde_json::Value>) -> String {
    let inner = |ty: &serde_json::Value| {
        ty.get("type")
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned)
    };
    match ty {
        Some(serde_json::Value::String(word)) => word.clone(),
        Some(nested) if inner(nested).as_deref() == Some("array") => "array<string>".to_owned(),
        _ => "map<string,string>".to_owned(),
    }
}

/// The newest commits of a table, newest first.
///
/// # Errors
/// Fatal where there is no such table.
pub async fn history(
    location: &str,
    name: &str,
    options: HashMap<String, String>,
    limit: usize,
) -> Result<Vec<HistoryEntry>> {
    let location = Location::new(location, options)?.table(name);
    let state = read::load_existing(&location).await?;
    let mut stream = state.snapshot.history(Some(limit));
    let mut entries = Vec::new();
    while let Some(info) = stream.next().await {
        let info = info.map_err(|cause| location.retry("read the log of", cause))?;
        let at = info
            .timestamp
            .map(|at| Timestamp::from_milliseconds(at).to_string());
        entries.push(HistoryEntry {
            version: state.version.saturating_sub(entries.len() as u64),
            committed_at: at,
            operation: info.operation.unwrap_or_default(),
            application: info
                .info
                .get("application")
                .and_then(|value| value.as_str())
                .map(str::to_owned),
            epoch: info.info.get("epoch").and_then(serde_json::Value::as_u64),
        });
    }
    Ok(entries)
}

/// Merges small files of a table into larger ones and writes a checkpoint.
///
/// # Errors
/// Fatal where there is no such table; retry where the pipeline committed in between, again and again.
pub async fn optimize(
    location: &str,
    name: &str,
    options: HashMap<String, String>,
    now: Timestamp,
) -> Result<Optimized> {
    let settings = Settings {
        compaction_files_min: 2,
        compaction_bytes_max: u64::MAX,
        ..Settings::default()
    };
    let mut table = open_existing(location, name, options, settings).await?;
    let files_compacted = table.compact_due(now).await? as u64;
    table.checkpoint(true).await?;
    let version = table.state().await?.version;
    Ok(Optimized {
        files_compacted,
        files_deleted: 0,
        version,
    })
}

/// Deletes files that left the table longer ago than its retention, and old files its log never knew.
///
/// # Errors
/// Fatal where there is no such table.
pub async fn vacuum(
    location: &str,
    name: &str,
    options: HashMap<String, String>,
    now: Timestamp,
) -> Result<Optimized> {
    let settings = Settings {
        vacuum_files_max: usize::MAX,
        ..Settings::default()
    };
    let mut table = open_existing(location, name, options, settings).await?;
    let deleted = table.delete_removed(now).await? + table.sweep_orphans(now).await?;
    let version = table.state().await?.version;
    Ok(Optimized {
        files_compacted: 0,
        files_deleted: deleted as u64,
        version,
    })
}

/// Opens a table by what it says of itself.
async fn open_existing(
    location: &str,
    name: &str,
    options: HashMap<String, String>,
    settings: Settings,
) -> Result<OpenTable> {
    let place = Location::new(location, options.clone())?.table(name);
    let metadata = read::load_existing(&place).await?.metadata;
    let table = schema::from_delta(&metadata.schema).map_err(|cause| place.fatal("open", cause))?;
    let definition = TableDefinition {
        name: name.to_owned(),
        comment: metadata.description,
        schema: Arc::new(table),
        partition_column: metadata.partition_column,
    };
    DeltaTables::new(location, options)?
        .with_settings(settings)
        .open_table(definition)
        .await
}
