//! How many blocks hold too many records to find candidates by: counted as they grow and shrink, because looking at all
//! blocks for it takes as long as looking at all that identity keeps.

use crate::spaces;
use panorama_api::{ConnectorError, Result, StateBatch, StateRead};
use panorama_runtime::PostingIndex;
use serde::{Deserialize, Serialize};

/// Another name than when each block had a key of its own: state of that time has none of this.
const KEY: &[u8] = b"blocks";

const EARLIER: &str = "it was written by an earlier build, which kept blocks in another form: records would not find each other. \
    Go on with that build, or start with an empty data_dir and an empty tables.location and let the sources be read again";

/// The count, and the limit it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OversizeBlocks {
    records_max: u64,
    count: u64,
}

impl OversizeBlocks {
    /// As state has it; counted anew where that was of another limit. State with records that has none is of an earlier build.
    pub(crate) fn open(
        state: &dyn StateRead,
        blocks: &mut PostingIndex,
        records_max: usize,
        has_records: bool,
    ) -> Result<Self> {
        match Self::stored(state)? {
            None if has_records => Err(ConnectorError::fatal("open", "state", EARLIER)),
            Some(stored) if stored.records_max == records_max as u64 => Ok(stored),
            _ => Self::counted(blocks, records_max),
        }
    }

    /// How many there were when state was written.
    pub(crate) fn of(state: &dyn StateRead) -> Result<u64> {
        Ok(Self::stored(state)?.map_or(0, |stored| stored.count))
    }

    fn stored(state: &dyn StateRead) -> Result<Option<Self>> {
        let bytes = state.get(spaces::META, KEY)?;
        let stored = bytes.map(|bytes| postcard::from_bytes(&bytes)).transpose();
        stored.map_err(|e| ConnectorError::fatal("read", spaces::META.0, e))
    }

    fn counted(blocks: &mut PostingIndex, records_max: usize) -> Result<Self> {
        Ok(Self {
            records_max: records_max as u64,
            count: blocks.count_over(records_max)?,
        })
    }

    /// A block got one more record, and holds so many now.
    pub(crate) const fn grew(&mut self, len: usize) {
        if len as u64 == self.records_max + 1 {
            self.count += 1;
        }
    }

    /// A block lost one record, and holds so many now.
    pub(crate) const fn shrank(&mut self, len: usize) {
        if len as u64 == self.records_max {
            self.count = self.count.saturating_sub(1);
        }
    }

    pub(crate) fn flush(&self, batch: &mut StateBatch) -> Result<()> {
        let bytes =
            postcard::to_allocvec(self).map_err(|e| ConnectorError::fatal("encode", spaces::META.0, e))?;
        batch.put(spaces::META, KEY, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity_store::PipelineIdentityStore;
    use crate::meta::Meta;
    use panorama_api::StateStore;
    use panorama_identity::{BlockKey, IdentityStore, RecordNumber};
    use panorama_log_local::{LocalLog, LocalLogOptions};
    use std::sync::Arc;

    #[test]
    fn the_count_is_that_of_all_blocks_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let log = LocalLog::open(dir.path(), LocalLogOptions::default(), spaces::ALL).unwrap();
        let state: Arc<dyn StateRead> = Arc::new(log.clone());
        let open = |max| PipelineIdentityStore::open(&state, &Meta::default(), 64, max).unwrap();
        let mut store = open(3);
        let check = |store: &mut PipelineIdentityStore, expected| {
            let mut batch = StateBatch::default();
            store.flush(1, &mut batch).unwrap();
            log.commit(batch).unwrap();
            assert_eq!(OversizeBlocks::of(&*state).unwrap(), expected);
            let counted = OversizeBlocks::counted(store.blocks(), 3).unwrap();
            assert_eq!(counted.count, expected);
        };
        check(&mut store, 0);
        for block in 0..7 {
            for record in 0..=block {
                store.block_insert(BlockKey(block), RecordNumber(record));
            }
            // Twice is once.
            store.block_insert(BlockKey(block), RecordNumber(block));
        }
        check(&mut store, 4);
        for record in [0, 1, 2, 99] {
            store.block_remove(BlockKey(4), RecordNumber(record));
            store.block_remove(BlockKey(6), RecordNumber(record));
        }
        check(&mut store, 3);
        drop(store);
        check(&mut open(3), 3);
        // Of another limit it is counted anew.
        let mut batch = StateBatch::default();
        open(5).flush(1, &mut batch).unwrap();
        log.commit(batch).unwrap();
        assert_eq!(OversizeBlocks::of(&*state).unwrap(), 1);
    }

    #[test]
    fn state_of_an_earlier_build_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let log = LocalLog::open(dir.path(), LocalLogOptions::default(), spaces::ALL).unwrap();
        let state: Arc<dyn StateRead> = Arc::new(log.clone());
        let meta = Meta {
            next_record: 1,
            ..Meta::default()
        };
        let open = || PipelineIdentityStore::open(&state, &meta, 64, 3);
        let error = open().err().unwrap();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("earlier build"), "{cause}");
        let mut store = PipelineIdentityStore::open(&state, &Meta::default(), 64, 3).unwrap();
        let mut batch = StateBatch::default();
        store.flush(1, &mut batch).unwrap();
        log.commit(batch).unwrap();
        assert!(open().is_ok());
    }
}
