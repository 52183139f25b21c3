//! Deleting files nobody can need any more.
//!
//! Only what is provably out of the table: files the log removed longer ago than the retention, and old files no entry ever
//! spoke of. With a commit in doubt nothing is deleted at all.

use crate::commit::wall_clock_ms;
use crate::durable;
use crate::table::OpenTable;
use arrow::datatypes::DataType;
use futures_util::StreamExt;
use object_store::{ObjectStoreExt, path::Path};
use panorama_api::Result;
use panorama_model::Timestamp;
use std::collections::HashSet;

impl OpenTable {
    fn retention_ms(&self) -> i64 {
        let partition = self.definition.partition_column.as_deref();
        let field = partition.and_then(|name| self.definition.schema.field_with_name(name).ok());
        let bucketed = field.is_some_and(|field| *field.data_type() == DataType::Int32);
        let seconds = if bucketed {
            self.settings.bucket_retention_s
        } else {
            self.settings.retention_s
        };
        seconds.saturating_mul(1_000)
    }

    /// Deletes removed files whose retention is over; returns how many.
    pub(crate) async fn delete_removed(&mut self, now: Timestamp) -> Result<usize> {
        if !self.in_doubt.is_empty() {
            return Ok(0);
        }
        let before = now
            .0
            .div_euclid(1_000)
            .min(wall_clock_ms())
            .saturating_sub(self.retention_ms());
        let (files_max, store) = (self.settings.vacuum_files_max, self.store.clone());
        let location = self.location.clone();
        let state = self.state().await?;
        let mut deleted = 0;
        while deleted < files_max {
            let Some(file) = state.removed.pop_front_if(|file| file.removed_ms < before) else {
                break;
            };
            if state.is_live(&file.path) {
                continue;
            }
            match store.delete(&Path::from(file.path.as_str())).await {
                Ok(()) => deleted += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(cause) => {
                    state.removed.push_front(file);
                    return Err(location.retry("clean", cause));
                }
            }
        }
        Ok(deleted)
    }

    /// Deletes old data files the log does not know and log entries that were never finished; returns how many.
    pub(crate) async fn sweep_orphans(&mut self, now: Timestamp) -> Result<usize> {
        if !self.in_doubt.is_empty() {
            return Ok(0);
        }
        let age_ms = self.settings.orphan_age_s.saturating_mul(1_000);
        let before = now
            .0
            .div_euclid(1_000)
            .min(wall_clock_ms())
            .saturating_sub(age_ms);
        let (store, location) = (self.store.clone(), self.location.clone());
        let state = self.state().await?;
        let live = state.files.values().flatten().map(|file| file.path.as_str());
        let removed = state.removed.iter().map(|file| file.path.as_str());
        let known: HashSet<&str> = live.chain(removed).collect();
        let mut found = store.list(None);
        let mut deleted = 0;
        while let Some(object) = found.next().await {
            let object = object.map_err(|cause| location.retry("clean", cause))?;
            let path = object.location.as_ref();
            let name = object.location.filename().unwrap_or_default();
            let is_data = !path.starts_with('_') && name.starts_with("part-") && name.ends_with(".parquet");
            let (begin, end) = durable::TEMPORARY;
            let is_temporary =
                path.starts_with("_delta_log/") && name.starts_with(begin) && name.ends_with(end);
            let old = object.last_modified.timestamp_millis() < before;
            if old && (is_temporary || is_data && !known.contains(path)) {
                store
                    .delete(&object.location)
                    .await
                    .map_err(|cause| location.retry("clean", cause))?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}
