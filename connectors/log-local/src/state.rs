//! The state spaces: read from many threads, changed by the log's writer in the batch it writes anyway (INV-4).

use crate::log::{Core, LocalLog};
use crate::queue::{Commit, Request};
use crate::{LogError, keys};
use fjall::{Iter, Keyspace, Readable, Snapshot};
use panorama_api::{Fill, Result, Space, StateBatch, StateRead, StateStore, Visit};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, PoisonError};

impl Core {
    fn space(&self, space: Space) -> Result<&Keyspace> {
        self.spaces
            .get(&space)
            .ok_or_else(|| LogError::SpaceUnknown.at("find", space.0))
    }
}

impl StateRead for LocalLog {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if key.is_empty() {
            return Ok(None);
        }
        let value = self.core().space(space)?.get(key);
        let value = value.map_err(|error| LogError::from(error).at("read", space.0))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<()> {
        self.view().scan(space, from, to, visit)
    }
}

impl StateStore for LocalLog {
    fn snapshot(&self) -> Result<Box<dyn StateRead>> {
        Ok(Box::new(self.view()))
    }

    fn commit(&self, mut batch: StateBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let at = |error: LogError| error.at("commit", "state");
        batch.keep_last_words();
        let mut known = None;
        for (space, key, _) in batch.iter() {
            keys::check_key(key).map_err(at)?;
            if known != Some(space) {
                self.core().space(space)?;
                known = Some(space);
            }
        }
        let (reply, answer) = sync_channel(1);
        let request = Request::Commit(Commit { batch, reply });
        self.core().queue.push(request).map_err(at)?;
        answer.recv().map_err(|_| at(LogError::Closed))?
    }

    fn bytes(&self) -> u64 {
        self.core().database.disk_space().unwrap_or(0)
    }

    fn load(&self, space: Space, fill: Fill<'_>) -> Result<()> {
        let at = |error: fjall::Error| LogError::from(error).at("load", space.0);
        let mut ingestion = self.core().space(space)?.start_ingestion().map_err(at)?;
        fill(&mut |key, value| ingestion.write(key, value).map_err(at))?;
        ingestion.finish().map_err(at)
    }
}

impl LocalLog {
    /// All spaces as of now. No batch is being applied while the view is opened, so it sees each batch whole or not at all.
    fn view(&self) -> View {
        let core = Arc::clone(self.core());
        let applying = core.applying.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = core.database.snapshot();
        drop(applying);
        View { core, snapshot }
    }
}

/// A view of the spaces at one instant.
struct View {
    core: Arc<Core>,
    snapshot: Snapshot,
}

impl StateRead for View {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if key.is_empty() {
            return Ok(None);
        }
        let value = self.snapshot.get(self.core.space(space)?, key);
        let value = value.map_err(|error| LogError::from(error).at("read", space.0))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<()> {
        let keyspace = self.core.space(space)?;
        let entries = match to {
            Some(to) if from >= to => return Ok(()),
            Some(to) => self.snapshot.range(keyspace, from..to),
            None => self.snapshot.range(keyspace, from..),
        };
        visit_all(entries, visit).map_err(|error| error.at("scan", space.0))
    }
}

fn visit_all(entries: Iter, visit: Visit<'_>) -> std::result::Result<(), LogError> {
    for entry in entries {
        let (key, value) = entry.into_inner()?;
        if visit(&key, &value).is_break() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalLogOptions;

    #[test]
    fn a_key_has_at_least_one_byte() {
        let dir = tempfile::tempdir().unwrap();
        let log = LocalLog::open(dir.path(), LocalLogOptions::default(), &[Space("a")]).unwrap();
        let mut batch = StateBatch::default();
        batch.put(Space("a"), "", "1");
        assert!(log.commit(batch).is_err());
    }
}
