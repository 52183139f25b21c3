//! Compaction: many small files of a partition become one, rows and order of files unchanged.
//!
//! Files are taken by size class, so that a row is rewritten about once per class it grows through, not once per commit.

use crate::commit::{Change, Put};
use crate::read::{self, Input};
use crate::schema;
use crate::settings::Settings;
use crate::state::{DataFile, State};
use crate::table::OpenTable;
use crate::writer::{Batches, FileWriter};
use panorama_api::Result;
use panorama_model::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files below this are of one class: their number is what hurts, not their bytes.
const SMALL_BYTES: u64 = 1 << 20;
/// Each class is so many times larger than the one before, as a power of two.
const CLASS_BITS: u32 = 3;

/// Files one commit compacts at most: all are open while they are read.
const FILES_MAX: usize = 256;

/// Files of one partition that are to become one.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) partition: Option<i32>,
    pub(crate) files: Vec<DataFile>,
}

impl OpenTable {
    /// Compacts what is due, up to the bytes one call may move; returns how many files are gone.
    pub(crate) async fn compact_due(&mut self, now: Timestamp) -> Result<usize> {
        let mut budget = self.settings.compaction_bytes_max;
        let mut gone = 0;
        loop {
            let settings = self.settings;
            let plans = plans(self.state().await?, &settings, budget);
            let files = || plans.iter().flat_map(|plan| &plan.files);
            let (count, bytes) = (files().count(), files().map(|file| file.bytes).sum::<u64>());
            if count == 0 || !self.compact(plans, now).await? {
                return Ok(gone);
            }
            gone += count;
            budget = budget.saturating_sub(bytes.max(1));
        }
    }

    /// Carries plans out in one commit; false where another writer came between, and the plans are void.
    pub(crate) async fn compact(&mut self, plans: Vec<Plan>, now: Timestamp) -> Result<bool> {
        let (location, store) = (self.location.clone(), Arc::clone(&self.store));
        let metadata = self.state().await?.metadata.clone();
        let fatal = |cause| location.fatal("compact", cause);
        // The table's own schema, not the definition's: a column the definition no longer has keeps its values.
        let table = Arc::new(schema::from_delta(&metadata.schema).map_err(fatal)?);
        let partition = metadata.partition_column.as_deref();
        let writer = FileWriter::new(&location, &store, &table, partition, self.settings);
        let mut writes = Vec::with_capacity(plans.len());
        for plan in &plans {
            let mut inputs = Vec::with_capacity(plan.files.len());
            for file in &plan.files {
                inputs.push(Input::open(&location, &store, &file.path).await?);
            }
            let shape = read::Shape {
                table: Arc::clone(&table),
                partition: writer.partition.clone(),
                value: plan.partition,
            };
            let rows = inputs.into_iter().flat_map({
                let location = location.clone();
                move |input| read::batches(&location, input, &shape, None)
            });
            let batches: Batches = Box::new(rows);
            writes.push((plan.partition, batches));
        }
        let version = self.state().await?.version;
        let added = writer.write("compact", version, writes).await?;
        let removed = plans.into_iter().flat_map(|plan| {
            let partition = plan.partition;
            plan.files.into_iter().map(move |file| (partition, file))
        });
        let removed: Vec<_> = removed.collect();
        let rows = |files: &mut dyn Iterator<Item = u64>| files.sum::<u64>();
        let before = rows(&mut removed.iter().map(|(_, file)| file.rows));
        let after = rows(&mut added.iter().map(|new| new.file.rows));
        if before != after {
            return Err(location.fatal("compact", "the compacted files hold another number of rows"));
        }
        let change = Change {
            added,
            removed,
            data_change: false,
        };
        let (version, entry) = self.entry(&change, "OPTIMIZE", "Compact", now, None).await?;
        match self.put(version, entry).await? {
            Put::Landed => {
                let committed_at = self.committed_at;
                self.landed(version, &change, now, None)?;
                self.committed_at = committed_at;
                Ok(true)
            }
            Put::Taken { .. } => Ok(false),
        }
    }
}

/// What one commit compacts: a class of files of each partition that has enough of them, the fullest partitions first.
fn plans(state: &State, settings: &Settings, budget: u64) -> Vec<Plan> {
    let enough = |(_, files): &(&Option<i32>, &Vec<DataFile>)| files.len() >= settings.compaction_files_min;
    let mut partitions: Vec<_> = state.files.iter().filter(enough).collect();
    partitions.sort_by_key(|(_, files)| Reverse(files.len()));
    let (mut bytes_left, mut files_left) = (budget, FILES_MAX);
    let mut plans = Vec::new();
    for (partition, files) in partitions {
        let files = due(files, settings, bytes_left, files_left);
        if files.len() < 2 {
            continue;
        }
        bytes_left = bytes_left.saturating_sub(files.iter().map(|file| file.bytes).sum());
        files_left = files_left.saturating_sub(files.len());
        plans.push(Plan {
            partition: *partition,
            files,
        });
    }
    plans
}

/// The smallest class of a partition's files that has enough of them, as much of it as fits one file and what is left.
fn due(files: &[DataFile], settings: &Settings, bytes_left: u64, files_left: usize) -> Vec<DataFile> {
    let limit = settings.file_bytes_max as u64;
    let small = |file: &&DataFile| file.bytes < limit / 2;
    let mut classes: BTreeMap<u32, Vec<&DataFile>> = BTreeMap::new();
    for file in files.iter().filter(small) {
        classes.entry(class(file.bytes)).or_default().push(file);
    }
    let full = |class: &Vec<&DataFile>| class.len() >= settings.compaction_files_min;
    let class = classes.into_values().find(full).unwrap_or_default();
    let mut room = limit.min(bytes_left);
    let fits = |file: &&DataFile| {
        let fits = file.bytes <= room;
        room = room.saturating_sub(file.bytes);
        fits
    };
    class
        .into_iter()
        .take_while(fits)
        .take(files_left)
        .cloned()
        .collect()
}

fn class(bytes: u64) -> u32 {
    let over = bytes / SMALL_BYTES;
    if over == 0 {
        0
    } else {
        1 + over.ilog2() / CLASS_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_grow_eightfold() {
        for (bytes, expected) in [
            (0, 0),
            (SMALL_BYTES - 1, 0),
            (SMALL_BYTES, 1),
            (8 * SMALL_BYTES, 2),
            (64 * SMALL_BYTES, 3),
        ] {
            assert_eq!(class(bytes), expected, "{bytes}");
        }
    }
}
