//! Actions of the Delta log, as its JSON lines.
//!
//! - Spec: Delta protocol, "Actions"; reader version 1, writer version 2.

use crate::state::DataFile;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Gathers the lines of one log entry.
#[derive(Default)]
pub(crate) struct Entry(Vec<u8>);

/// Who a commit is for.
#[derive(Clone, Copy)]
pub(crate) struct CommitInfo<'a> {
    pub(crate) operation: &'a str,
    pub(crate) mode: &'a str,
    /// Milliseconds since 1970-01-01.
    pub(crate) at_ms: i64,
    pub(crate) application: Option<(&'a str, u64)>,
    pub(crate) rows: u64,
    pub(crate) files_added: usize,
    pub(crate) files_removed: usize,
}

impl Entry {
    fn line(&mut self, action: &Value) {
        self.0.extend_from_slice(action.to_string().as_bytes());
        self.0.push(b'\n');
    }

    pub(crate) fn commit_info(&mut self, info: CommitInfo<'_>) {
        let mut body = json!({
            "timestamp": info.at_ms,
            "operation": info.operation,
            "operationParameters": {"mode": info.mode},
            "operationMetrics": {
                "numOutputRows": info.rows.to_string(),
                "numFiles": info.files_added.to_string(),
                "numRemovedFiles": info.files_removed.to_string(),
            },
            "isBlindAppend": info.files_removed == 0,
            "engineInfo": concat!("panorama-delta/", env!("CARGO_PKG_VERSION")),
        });
        if let (Some((application, epoch)), Some(body)) = (info.application, body.as_object_mut()) {
            body.insert("application".to_owned(), application.into());
            body.insert("epoch".to_owned(), epoch.into());
        }
        self.line(&json!({"commitInfo": body}));
    }

    pub(crate) fn protocol(&mut self) {
        self.line(&json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}));
    }

    pub(crate) fn metadata(&mut self, metadata: &TableMetadata) {
        let partition: Vec<&str> = metadata.partition_column.as_deref().into_iter().collect();
        self.line(&json!({"metaData": {
            "id": metadata.id,
            "name": metadata.name,
            "description": metadata.description,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": metadata.schema.to_string(),
            "partitionColumns": partition,
            "configuration": metadata.configuration,
            "createdTime": metadata.created_ms,
        }}));
    }

    pub(crate) fn transaction(&mut self, application: &str, epoch: u64, at_ms: i64) {
        self.line(&json!({"txn": {"appId": application, "version": epoch, "lastUpdated": at_ms}}));
    }

    pub(crate) fn add(
        &mut self,
        file: &DataFile,
        partition: &Map<String, Value>,
        stats: &str,
        at_ms: i64,
        change: bool,
    ) {
        self.line(&json!({"add": {
            "path": file.path,
            "partitionValues": partition,
            "size": file.bytes,
            "modificationTime": at_ms,
            "dataChange": change,
            "stats": stats,
        }}));
    }

    pub(crate) fn remove(
        &mut self,
        file: &DataFile,
        partition: &Map<String, Value>,
        at_ms: i64,
        change: bool,
    ) {
        self.line(&json!({"remove": {
            "path": file.path,
            "deletionTimestamp": at_ms,
            "dataChange": change,
            "extendedFileMetadata": true,
            "partitionValues": partition,
            "size": file.bytes,
        }}));
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.0.into()
    }
}

/// What the log says of a table itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableMetadata {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) schema: Value,
    pub(crate) partition_column: Option<String>,
    pub(crate) configuration: Map<String, Value>,
    pub(crate) created_ms: Option<i64>,
}
