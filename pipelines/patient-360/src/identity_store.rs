//! What identity keeps, in the pipeline's state: changed in memory, committed with the epoch (INV-4).

use crate::meta::Meta;
use crate::oversize::OversizeBlocks;
use crate::spaces;
use panorama_api::{ConnectorError, Result, StateBatch, StateRead};
use panorama_identity::{
    BlockKey, Edge, IdentityStore, Membership, Outline, Outlines, PairStatements, RecordEntry, RecordNumber,
};
use panorama_model::SourceRecordKey;
use panorama_runtime::TypedSpace;
use smallvec::SmallVec;
use std::sync::Arc;

/// So many values of a few words take the memory of one record.
pub(crate) const SMALL: usize = 8;

/// Outlines for each value held in memory: of 128 bytes each, an eighth of what is reckoned for a value.
const OUTLINES: usize = 64;

/// The records in a block. Most blocks hold one or two: those take no memory of their own.
type Members = SmallVec<[u64; 2]>;

/// Identity's state. The trait has no errors: the first failure is kept and ends the epoch at its commit.
pub(crate) struct PipelineIdentityStore {
    numbers: TypedSpace<u128, u64>,
    records: TypedSpace<u64, Arc<RecordEntry>>,
    /// Of the newest records, and of older ones that were looked at: made again, not stored.
    outlines: Outlines,
    memberships: TypedSpace<u64, Membership>,
    blocks: TypedSpace<u64, Members>,
    edges: TypedSpace<u64, Vec<Edge>>,
    statements: TypedSpace<u64, Vec<PairStatements>>,
    oversize: OversizeBlocks,
    next_record: u64,
    next_sequence: u64,
    failure: Option<ConnectorError>,
}

impl PipelineIdentityStore {
    /// The store over `state`, which has given out numbers and sequence as `meta` says. Blocks of more than
    /// `block_records_max` records are counted.
    pub(crate) fn open(
        state: &Arc<dyn StateRead>,
        meta: &Meta,
        entries_max: usize,
        block_records_max: usize,
    ) -> Result<Self> {
        Ok(Self {
            numbers: TypedSpace::new(spaces::RECORD_NUMBERS, Arc::clone(state), entries_max * SMALL),
            records: TypedSpace::new(spaces::IDENTITY_RECORDS, Arc::clone(state), entries_max * 2),
            outlines: Outlines::new(entries_max * OUTLINES),
            memberships: TypedSpace::new(
                spaces::IDENTITY_MEMBERSHIPS,
                Arc::clone(state),
                entries_max * SMALL,
            ),
            blocks: TypedSpace::new(
                spaces::IDENTITY_BLOCKS,
                Arc::clone(state),
                entries_max * SMALL * 2,
            ),
            edges: TypedSpace::new(spaces::IDENTITY_EDGES, Arc::clone(state), entries_max * 4),
            statements: TypedSpace::new(spaces::IDENTITY_DECISIONS, Arc::clone(state), entries_max * 4),
            oversize: OversizeBlocks::open(&**state, block_records_max)?,
            next_record: meta.next_record,
            next_sequence: meta.identity_sequence,
            failure: None,
        })
    }

    /// The number the next record gets.
    pub(crate) const fn next_record(&self) -> u64 {
        self.next_record
    }

    /// The next of the rising sequence.
    pub(crate) const fn sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Moves the changes into the epoch's batch, or says what failed since the last time.
    pub(crate) fn flush(&mut self, batch: &mut StateBatch) -> Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.numbers.flush(batch)?;
        self.records.flush(batch)?;
        self.memberships.flush(batch)?;
        self.blocks.flush(batch)?;
        self.edges.flush(batch)?;
        self.statements.flush(batch)?;
        self.oversize.flush(batch)
    }

    fn keep<T: Default>(failure: &mut Option<ConnectorError>, result: Result<T>) -> T {
        result.unwrap_or_else(|error| {
            failure.get_or_insert(error);
            T::default()
        })
    }
}

impl IdentityStore for PipelineIdentityStore {
    fn find(&mut self, key: &SourceRecordKey) -> Option<RecordNumber> {
        let found = self.numbers.get(key.hash128()).map(|n| n.copied());
        Self::keep(&mut self.failure, found).map(RecordNumber)
    }

    fn number_of(&mut self, key: &SourceRecordKey) -> RecordNumber {
        let hash = key.hash128();
        let found = self.numbers.get(hash).map(|n| n.copied());
        RecordNumber(Self::keep(&mut self.failure, found).unwrap_or_else(|| {
            let number = self.next_record;
            self.next_record += 1;
            self.numbers.put(hash, number);
            number
        }))
    }

    fn next_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
    }

    fn record(&mut self, record: RecordNumber) -> Option<Arc<RecordEntry>> {
        let found = self.records.get(record.0).map(|r| r.cloned());
        let found = Self::keep(&mut self.failure, found)?;
        if self.outlines.get(record).is_none() {
            self.outlines.put(record, &found);
        }
        Some(found)
    }

    fn outline(&mut self, record: RecordNumber) -> Option<&Outline> {
        self.outlines.get(record)
    }

    fn expect_outlines(&mut self, records: &[RecordNumber]) {
        self.outlines.touch(records);
    }

    fn put_record(&mut self, record: RecordNumber, entry: Arc<RecordEntry>) {
        self.outlines.put(record, &entry);
        self.records.put(record.0, entry);
    }

    fn membership(&mut self, record: RecordNumber) -> Option<Membership> {
        let found = self.memberships.get(record.0).map(|m| m.copied());
        Self::keep(&mut self.failure, found)
    }

    fn put_membership(&mut self, record: RecordNumber, membership: Membership) {
        self.memberships.put(record.0, membership);
    }

    fn block_len(&mut self, block: BlockKey) -> usize {
        let found = self.blocks.get(block.0).map(|b| b.map_or(0, SmallVec::len));
        Self::keep(&mut self.failure, found)
    }

    fn block_members(&mut self, block: BlockKey, max: usize, members: &mut Vec<RecordNumber>) {
        let found = self.blocks.get(block.0).map(|block| {
            members.extend(block.into_iter().flatten().take(max).copied().map(RecordNumber));
        });
        Self::keep(&mut self.failure, found);
    }

    fn block_insert(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let oversize = &mut self.oversize;
        let inserted = self
            .blocks
            .get_or_insert_with(block.0, Members::new)
            .map(|members| {
                if let Err(at) = members.binary_search(&record.0) {
                    members.insert(at, record.0);
                    oversize.grew(members.len());
                }
                members.len()
            });
        Self::keep(&mut self.failure, inserted)
    }

    fn block_remove(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let oversize = &mut self.oversize;
        let removed = self.blocks.get_mut(block.0).map(|members| {
            members.map_or(0, |members| {
                if let Ok(at) = members.binary_search(&record.0) {
                    members.remove(at);
                    oversize.shrank(members.len());
                }
                members.len()
            })
        });
        let left = Self::keep(&mut self.failure, removed);
        if left == 0 {
            self.blocks.delete(block.0);
        }
        left
    }

    fn edges(&mut self, record: RecordNumber, edges: &mut Vec<Edge>) {
        let found = self
            .edges
            .get(record.0)
            .map(|found| edges.extend(found.into_iter().flatten()));
        Self::keep(&mut self.failure, found);
    }

    fn put_edges(&mut self, record: RecordNumber, edges: &[Edge]) {
        if edges.is_empty() {
            let known = self.edges.get(record.0).map(|known| known.is_some());
            if Self::keep(&mut self.failure, known) {
                self.edges.delete(record.0);
            }
        } else {
            self.edges.put(record.0, edges.to_vec());
        }
    }

    fn statements(&mut self, record: RecordNumber) -> Vec<PairStatements> {
        let found = self
            .statements
            .get(record.0)
            .map(|s| s.cloned().unwrap_or_default());
        Self::keep(&mut self.failure, found)
    }

    fn put_statements(&mut self, record: RecordNumber, statements: Vec<PairStatements>) {
        if statements.is_empty() {
            self.statements.delete(record.0);
        } else {
            self.statements.put(record.0, statements);
        }
    }
}
