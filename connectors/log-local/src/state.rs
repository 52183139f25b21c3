//! The state spaces: read from many threads, changed by the log's writer in the batch it writes anyway (INV-4).

use crate::log::{Core, LocalLog};
use crate::queue::{Change, Commit, Request};
use crate::{LogError, keys};
use fjall::{Iter, Keyspace, Readable, Snapshot};
use panorama_api::{Result, Space, StateBatch, StateRead, StateStore, Visit};
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

    fn commit(&self, batch: StateBatch) -> Result<()> {
        let changes = last_words(batch)?;
        if changes.is_empty() {
            return Ok(());
        }
        for (space, _, _) in &changes {
            self.core().space(*space)?;
        }
        let bytes = changes
            .iter()
            .map(|(_, key, value)| key.len() + value.as_ref().map_or(0, Vec::len))
            .sum();
        let (reply, answer) = sync_channel(1);
        let request = Request::Commit(Commit {
            changes,
            bytes,
            reply,
        });
        let at = |error: LogError| error.at("commit", "state");
        self.core().queue.push(request).map_err(at)?;
        answer.recv().map_err(|_| at(LogError::Closed))?
    }

    fn bytes(&self) -> u64 {
        self.core().database.disk_space().unwrap_or(0)
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

/// Each key once, with its last change, in order: what a batch may hold and a memtable takes best.
fn last_words(batch: StateBatch) -> Result<Vec<Change>> {
    let mut changes = batch.changes;
    for (_, key, _) in &changes {
        keys::check_key(key).map_err(|error| error.at("commit", "state"))?;
    }
    // The sort is stable, so of equal keys the last is the newest; `dedup_by` keeps the first, hence from behind.
    changes.sort_by(|(a_space, a, _), (b_space, b, _)| (a_space, a).cmp(&(b_space, b)));
    changes.reverse();
    changes.dedup_by(|(a_space, a, _), (b_space, b, _)| a_space == b_space && a == b);
    changes.reverse();
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_key_holds() {
        const A: Space = Space("a");
        const B: Space = Space("b");
        let mut batch = StateBatch::default();
        batch.put(B, "x", "1");
        batch.put(A, "x", "1");
        batch.delete(A, "x");
        batch.put(A, "w", "1");
        batch.put(A, "x", "3");
        batch.delete(B, "x");
        let words = last_words(batch).unwrap();
        let expected = [
            (A, b"w".to_vec(), Some(b"1".to_vec())),
            (A, b"x".to_vec(), Some(b"3".to_vec())),
            (B, b"x".to_vec(), None),
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_key_has_at_least_one_byte() {
        let mut batch = StateBatch::default();
        batch.put(Space("a"), "", "1");
        assert!(last_words(batch).is_err());
    }
}
