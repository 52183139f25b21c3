//! Copies: which sender's ids are stored already, at which offset, and for how long that is remembered.
//!
//! Kept in two keyspaces of the same database, so an id and its message are durable together or not at all.

use crate::keys::{self, CopyKey};
use crate::{LocalLogOptions, LogError, tuning};
use fjall::{Database, Keyspace, OwnedWriteBatch};
use panorama_api::Offset;
use std::collections::HashMap;

/// The ids known, and those of the group that is being made.
pub(crate) struct Copies {
    offsets: Keyspace,
    ages: Keyspace,
    fresh: HashMap<CopyKey, Offset>,
    retention_microseconds: i64,
    prune_max: usize,
    newest: i64,
    /// Ages below this are pruned already: the scan for more need not pass their tombstones again.
    pruned_to: Vec<u8>,
}

impl Copies {
    pub(crate) fn open(database: &Database, options: &LocalLogOptions) -> Result<Self, LogError> {
        let ages = database.keyspace("copies.by-age", || tuning::by_key(options))?;
        let newest = match ages.last_key_value() {
            Some(entry) => keys::read_age(&entry.key()?)?.0,
            None => i64::MIN,
        };
        Ok(Self {
            offsets: database.keyspace("copies", || tuning::by_key(options))?,
            ages,
            fresh: HashMap::new(),
            retention_microseconds: i64::try_from(options.dedupe_retention.as_micros()).unwrap_or(i64::MAX),
            prune_max: options.dedupe_prune_max,
            newest,
            pruned_to: Vec::new(),
        })
    }

    pub(crate) fn keyspaces(&self) -> [&Keyspace; 2] {
        [&self.offsets, &self.ages]
    }

    /// Where a message with this id and content is stored.
    pub(crate) fn find(&self, key: &CopyKey) -> Result<Option<Offset>, LogError> {
        #[cfg(feature = "planted-bugs")]
        if panorama_api::is_planted("forget-copies") {
            return Ok(None);
        }
        if let Some(offset) = self.fresh.get(key) {
            return Ok(Some(*offset));
        }
        let Some(value) = self.offsets.get(key)? else {
            return Ok(None);
        };
        let offset = <[u8; 8]>::try_from(&*value).map_err(|_| LogError::Damaged {
            what: "offset of a copy",
        })?;
        Ok(Some(u64::from_be_bytes(offset)))
    }

    /// Remembers a message that is being stored.
    pub(crate) fn remember(
        &mut self,
        batch: &mut OwnedWriteBatch,
        key: CopyKey,
        offset: Offset,
        received_at: i64,
    ) {
        batch.insert(&self.offsets, key, offset.to_be_bytes());
        batch.insert(&self.ages, keys::age_key(received_at, &key), []);
        self.fresh.insert(key, offset);
        self.newest = self.newest.max(received_at);
    }

    /// Ends the group: forgets some of what is too old, if ids were added at all.
    pub(crate) fn finish(&mut self, batch: &mut OwnedWriteBatch) -> Result<(), LogError> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        self.fresh.clear();
        let expired = keys::age_bound(self.newest.saturating_sub(self.retention_microseconds)).to_vec();
        if self.pruned_to >= expired {
            return Ok(());
        }
        let mut pruned_to = expired.clone();
        for (count, entry) in self.ages.range(self.pruned_to.clone()..expired).enumerate() {
            let age = entry.key()?;
            if count >= self.prune_max {
                pruned_to = age.to_vec();
                break;
            }
            let (_, copy) = keys::read_age(&age)?;
            batch.remove(&self.offsets, copy);
            batch.remove(&self.ages, age.clone());
        }
        self.pruned_to = pruned_to;
        Ok(())
    }
}
