//! Upkeep between commits, by the committer itself and never beside it.

use crate::durable;
use crate::table::OpenTable;
use deltalake::{ObjectStore, checkpoints};
use object_store::{ObjectStoreExt, path::Path as ObjectPath};
use panorama_api::Result;
use panorama_model::Timestamp;
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What upkeep was done when.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Maintenance {
    checkpoint_version: u64,
    swept_at: Option<Timestamp>,
}

const DAY_S: i64 = 86_400;

impl Maintenance {
    /// Upkeep of a table that was just opened, as its log says. Runs may be short and many, so nothing is counted from a run's
    /// beginning.
    pub(crate) async fn of(store: &dyn ObjectStore) -> Self {
        Self {
            checkpoint_version: last_checkpoint(store).await.unwrap_or(0),
            swept_at: None,
        }
    }
}

/// The version of the newest checkpoint. None where there is none, or it cannot be told: then a new one does no harm.
async fn last_checkpoint(store: &dyn ObjectStore) -> Option<u64> {
    let found = store
        .get(&ObjectPath::from("_delta_log/_last_checkpoint"))
        .await
        .ok()?;
    let checkpoint: Value = serde_json::from_slice(&found.bytes().await.ok()?).ok()?;
    checkpoint.get("version")?.as_u64()
}

impl OpenTable {
    pub(crate) async fn maintain_all(&mut self, now: Timestamp) -> Result<()> {
        self.compact_due(now).await?;
        let version = self.state().await?.version;
        let checkpointed = self.maintenance.checkpoint_version;
        if version.saturating_sub(checkpointed) >= self.settings.checkpoint_commits {
            // Each so many versions: the checkpoint that passes one cleans up.
            let cleanups = |version: u64| version / self.settings.cleanup_commits.max(1);
            self.checkpoint(cleanups(version) > cleanups(checkpointed))
                .await?;
            self.maintenance.checkpoint_version = version;
        }
        self.delete_removed(now).await?;
        let due = self
            .maintenance
            .swept_at
            .is_none_or(|swept| now > swept.plus_seconds(DAY_S));
        if due {
            self.sweep_orphans(now).await?;
            self.maintenance.swept_at = Some(now);
        }
        Ok(())
    }

    /// Writes a checkpoint of the current version, and removes expired log entries where asked.
    pub(crate) async fn checkpoint(&mut self, cleanup: bool) -> Result<()> {
        let location = self.location.clone();
        let retry = |cause| location.retry("checkpoint", cause);
        let state = self.state().await?;
        state
            .snapshot
            .update_incremental(Some(state.version))
            .await
            .map_err(retry)?;
        checkpoints::create_checkpoint(&state.snapshot, None)
            .await
            .map_err(retry)?;
        let version = state.version;
        if let Some(path) = &location.local {
            sync_checkpoint(path, version).map_err(|cause| location.retry("checkpoint", cause))?;
        }
        if cleanup {
            let state = self.state().await?;
            checkpoints::cleanup_metadata(&state.snapshot, None)
                .await
                .map_err(retry)?;
        }
        Ok(())
    }
}

fn sync_checkpoint(table: &Path, version: u64) -> io::Result<()> {
    let log = table.join("_delta_log");
    File::open(log.join(format!("{version:020}.checkpoint.parquet")))?.sync_all()?;
    File::open(log.join("_last_checkpoint"))?.sync_all()?;
    durable::sync_directory(&log)
}

/// Deletes the newest checkpoint where the power was cut before it was whole. Nothing is lost: the entries it was made of
/// are kept for days.
pub(crate) fn drop_torn_checkpoint(table: &Path) -> io::Result<()> {
    let log = table.join("_delta_log");
    let mut newest = None;
    for entry in std::fs::read_dir(&log)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".checkpoint.parquet") && newest.as_ref().is_none_or(|best| name > *best) {
            newest = Some(name);
        }
    }
    let Some(path) = newest.map(|name| log.join(name)) else {
        return Ok(());
    };
    if is_whole(&path)? {
        return Ok(());
    }
    std::fs::remove_file(&path)?;
    match std::fs::remove_file(log.join("_last_checkpoint")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => durable::sync_directory(&log),
    }
}

/// Whether a Parquet file begins and ends as one.
fn is_whole(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if length < 12 {
        return Ok(false);
    }
    let (mut head, mut tail) = ([0u8; 4], [0u8; 4]);
    file.read_exact(&mut head)?;
    file.seek(SeekFrom::End(-4))?;
    file.read_exact(&mut tail)?;
    Ok(&head == b"PAR1" && &tail == b"PAR1")
}
