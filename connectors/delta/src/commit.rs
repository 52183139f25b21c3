//! Commits: the branchy part of INV-5.
//!
//! An entry is put at the version after the state's, where no entry may be. Whatever else happens than a clear yes, the log
//! is asked: our very bytes stand there (it landed), other bytes stand there (it did not, and never will), or nothing does
//! (in doubt: the state is forgotten and read again before the next decision). No file is deleted on any of these ways.

use crate::action::{CommitInfo, Entry};
use crate::log::PutFailure;
use crate::partition::PartitionColumn;
use crate::state::{DataFile, RemovedFile, State};
use crate::table::OpenTable;
use crate::writer::NewFile;
use bytes::Bytes;
use panorama_api::{Committed, PartitionMode, PartitionWrite, Result, Table};
use panorama_model::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

/// Versions tried while others (an optimize by hand) take them. More than this is a second committer, and no accident.
const ATTEMPTS_MAX: usize = 8;

/// What became of an entry.
pub(crate) enum Put {
    /// It is in the log.
    Landed,
    /// Another entry has its version; `ours` where it is an earlier one of this handle.
    Taken { ours: bool },
}

/// What a commit changes, beside the epoch.
pub(crate) struct Change {
    pub(crate) added: Vec<NewFile>,
    pub(crate) removed: Vec<(Option<i32>, DataFile)>,
    pub(crate) data_change: bool,
}

/// Milliseconds since 1970-01-01 by the wall clock: what removed files are dated with, so that they stay readable long
/// enough whatever time the epoch has.
pub(crate) fn wall_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl OpenTable {
    pub(crate) async fn commit_epoch(
        &mut self,
        application: &str,
        epoch: u64,
        committed_at: Timestamp,
        writes: Vec<PartitionWrite>,
    ) -> Result<Committed> {
        let last = self.epoch(application).await?;
        if (self.has_epoch)(last, epoch) {
            return self.already().await;
        }
        let replaced = |write: &&PartitionWrite| write.mode == PartitionMode::Replace;
        let replaced: BTreeSet<Option<i32>> = writes
            .iter()
            .filter(replaced)
            .map(|write| write.partition)
            .collect();
        let batches = writes
            .into_iter()
            .map(|write| (write.partition, write.batches))
            .collect();
        let mut added = self.writer.write(application, epoch, batches).await?;
        for _ in 0..ATTEMPTS_MAX {
            let change = Change {
                removed: live_files(self.state().await?, &replaced),
                added,
                data_change: true,
            };
            let mode = if replaced.is_empty() {
                "Append"
            } else {
                "Overwrite"
            };
            let (version, entry) = self
                .entry(&change, "WRITE", mode, committed_at, Some((application, epoch)))
                .await?;
            match self.put(version, entry).await? {
                Put::Landed => {
                    return self.landed(version, &change, committed_at, Some((application, epoch)));
                }
                Put::Taken { ours } => {
                    let found = self.epoch(application).await?;
                    if ours && (self.has_epoch)(found, epoch) {
                        return self.already().await;
                    }
                    if found != last {
                        return Err(self
                            .location
                            .fatal("commit to", "another instance commits to this table"));
                    }
                    added = change.added;
                }
            }
        }
        Err(self
            .location
            .retry("commit to", "others commit to this table all the time"))
    }

    async fn already(&mut self) -> Result<Committed> {
        Ok(Committed {
            version: self.state().await?.version,
            already: true,
            ..Committed::default()
        })
    }

    /// The log entry of a change, and the version it is for.
    pub(crate) async fn entry(
        &mut self,
        change: &Change,
        operation: &str,
        mode: &str,
        at: Timestamp,
        application: Option<(&str, u64)>,
    ) -> Result<(u64, Bytes)> {
        self.check_owner().await?;
        let partition = self.writer.partition.clone();
        let version = self.state().await?.version + 1;
        let now = wall_clock_ms();
        let mut entry = Entry::default();
        entry.commit_info(CommitInfo {
            operation,
            mode,
            at_ms: at.0.div_euclid(1_000),
            application,
            rows: change.added.iter().map(|new| new.file.rows).sum(),
            files_added: change.added.len(),
            files_removed: change.removed.len(),
        });
        if let Some((application, epoch)) = application {
            entry.transaction(application, epoch, at.0.div_euclid(1_000));
        }
        for (value, file) in &change.removed {
            entry.remove(file, &values(partition.as_ref(), *value), now, change.data_change);
        }
        for new in &change.added {
            let values = values(partition.as_ref(), new.partition);
            entry.add(&new.file, &values, &new.stats, now, change.data_change);
        }
        Ok((version, entry.into_bytes()))
    }

    /// Puts an entry and finds out what became of it.
    ///
    /// # Errors
    /// Retry where nobody can say: the state is forgotten, and a later call reads the log first. Fatal where the disk
    /// would not keep what it took.
    pub(crate) async fn put(&mut self, version: u64, entry: Bytes) -> Result<Put> {
        let cause = match self.log.put(version, entry.clone()).await {
            Ok(()) => return Ok(Put::Landed),
            Err(PutFailure::NotDurable(cause)) => {
                self.state = None;
                return Err(self.location.fatal("commit to", cause));
            }
            Err(PutFailure::Exists) => None,
            Err(PutFailure::Unknown(cause)) => Some(cause),
        };
        let found = self.log.get(version).await;
        if matches!(&found, Ok(Some(found)) if *found == entry) {
            return Ok(Put::Landed);
        }
        self.state = None;
        match (found, cause) {
            (Ok(Some(found)), _) => Ok(Put::Taken {
                ours: self.in_doubt.contains(&found),
            }),
            (Ok(None), None) => Err(self.location.retry("commit to", "the log contradicts itself")),
            (Ok(None), Some(cause)) | (Err(cause), _) => {
                self.in_doubt.push(entry);
                Err(self.location.retry("commit to", cause))
            }
        }
    }

    /// Carries the state over a change that landed.
    pub(crate) fn landed(
        &mut self,
        version: u64,
        change: &Change,
        committed_at: Timestamp,
        application: Option<(&str, u64)>,
    ) -> Result<Committed> {
        self.in_doubt.clear();
        self.committed_at = Some(committed_at);
        let Some(state) = &mut self.state else {
            return Err(self.location.fatal("commit to", "a change without a state"));
        };
        state.apply(version, change);
        if let Some((application, epoch)) = application {
            state.epochs.insert(application.to_owned(), Some(epoch));
        }
        Ok(Committed {
            version,
            already: false,
            rows: change.added.iter().map(|new| new.file.rows).sum(),
            files_added: change.added.len() as u64,
            files_removed: change.removed.len() as u64,
            bytes: change.added.iter().map(|new| new.file.bytes).sum(),
        })
    }
}

impl State {
    fn apply(&mut self, version: u64, change: &Change) {
        self.version = version;
        let removed_ms = wall_clock_ms();
        for (partition, file) in &change.removed {
            if let Some(files) = self.files.get_mut(partition) {
                files.retain(|live| live.path != file.path);
            }
            let path = file.path.clone();
            self.removed.push_back(RemovedFile { path, removed_ms });
        }
        for new in &change.added {
            self.files
                .entry(new.partition)
                .or_default()
                .push(new.file.clone());
        }
        self.files.retain(|_, files| !files.is_empty());
    }
}

fn live_files(state: &State, partitions: &BTreeSet<Option<i32>>) -> Vec<(Option<i32>, DataFile)> {
    let live = |partition: &Option<i32>| {
        let files = state.files.get(partition).into_iter().flatten();
        let partition = *partition;
        files
            .map(move |file| (partition, file.clone()))
            .collect::<Vec<_>>()
    };
    partitions.iter().flat_map(live).collect()
}

fn values(partition: Option<&PartitionColumn>, value: Option<i32>) -> Map<String, Value> {
    let pair = |column: &PartitionColumn| {
        (
            column.name.clone(),
            column.text(value).map_or(Value::Null, Value::String),
        )
    };
    partition.map(pair).into_iter().collect()
}
