//! What the committer promises, each promise once; then what happens when the log fails.

mod contend;
mod faults;
mod object_store;
#[path = "../../../../tests/port.rs"]
mod port;
mod promises;
#[path = "../../../../tests/s3/server.rs"]
mod server;

use crate::{DeltaTables, ReadRequest, read_table};
use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use panorama_api::{PartitionMode, PartitionWrite, TableDefinition};
use panorama_model::Timestamp;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn schema() -> SchemaRef {
    let commented = |field: Field, comment: &str, identifying: bool| {
        let mut metadata = HashMap::from([("comment".to_owned(), comment.to_owned())]);
        if identifying {
            metadata.insert("identifying".to_owned(), "true".to_owned());
        }
        field.with_metadata(metadata)
    };
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        commented(
            Field::new("id", DataType::Int64, false),
            "Number of the row",
            false,
        ),
        commented(
            Field::new("family_name", DataType::Utf8, true),
            "Family name",
            true,
        ),
        commented(Field::new("at", utc, true), "When, UTC", false),
        commented(Field::new("person_id", DataType::Utf8, true), "The person", false),
        commented(Field::new("bucket", DataType::Int32, true), "Hash bucket", false),
    ]))
}

pub(crate) fn definition() -> TableDefinition {
    TableDefinition {
        name: "people".to_owned(),
        comment: "One row per test".to_owned(),
        schema: schema(),
        partition_column: Some("bucket".to_owned()),
    }
}

pub(crate) fn batch(ids: &[i64], bucket: Option<i32>) -> RecordBatch {
    let names: StringArray = ids.iter().map(|id| Some(format!("Zebrafish{id}"))).collect();
    let at: TimestampMicrosecondArray = ids.iter().map(|id| Some(1_700_000_000_000_001 + id)).collect();
    let persons: StringArray = ids.iter().map(|id| Some(format!("p{id}"))).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(names),
        Arc::new(at.with_timezone("UTC")),
        Arc::new(persons),
        Arc::new(Int32Array::from(vec![bucket; ids.len()])),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

pub(crate) fn write(mode: PartitionMode, bucket: Option<i32>, ids: &[i64]) -> PartitionWrite {
    let batches: Vec<_> = ids.chunks(3).map(|ids| Ok(batch(ids, bucket))).collect();
    PartitionWrite {
        partition: bucket,
        mode,
        batches: Box::new(batches.into_iter()),
    }
}

pub(crate) fn append(bucket: i32, ids: &[i64]) -> Vec<PartitionWrite> {
    vec![write(PartitionMode::Append, Some(bucket), ids)]
}

pub(crate) fn tables(root: &Path) -> DeltaTables {
    DeltaTables::new(root.to_str().unwrap(), HashMap::new()).unwrap()
}

pub(crate) const AT: Timestamp = Timestamp(1_790_000_000_000_000);

pub(crate) async fn rows(root: &Path, request: ReadRequest) -> Vec<RecordBatch> {
    rows_at(root.to_str().unwrap(), HashMap::new(), request).await
}

async fn rows_at(location: &str, options: HashMap<String, String>, request: ReadRequest) -> Vec<RecordBatch> {
    let mut rows = read_table(location, "people", options, request).await.unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await.unwrap() {
        batches.push(batch);
    }
    batches
}

/// The ids in the table, sorted, each as often as it is there.
pub(crate) async fn ids(root: &Path) -> Vec<i64> {
    ids_at(root.to_str().unwrap(), HashMap::new()).await
}

pub(crate) async fn ids_at(location: &str, options: HashMap<String, String>) -> Vec<i64> {
    let request = ReadRequest {
        columns: Some(vec!["id".to_owned()]),
        ..ReadRequest::default()
    };
    let mut ids = Vec::new();
    for batch in rows_at(location, options, request).await {
        let column = batch
            .column(0)
            .as_any()
            .downcast_ref::<Int64Array>()
            .unwrap()
            .clone();
        ids.extend(column.values().iter().copied());
    }
    ids.sort_unstable();
    ids
}

/// A directory of its own, gone at the end.
pub(crate) struct Scratch(std::path::PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        let name = format!("panorama-delta-{:016x}", RandomState::new().hash_one(0u8));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
