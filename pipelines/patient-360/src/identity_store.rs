//! What identity keeps, in the pipeline's state: changed in memory, committed with the epoch (INV-4).

use crate::flushing::{Flush, flush_all};
use crate::meta::Meta;
use crate::oversize::OversizeBlocks;
use crate::spaces;
use hashbrown::HashSet;
use panorama_api::{ConnectorError, Result, StateBatch, StateRead};
use panorama_identity::{
    BlockKey, Edge, IdentityStore, IdentityView, Membership, Newcomers, Outline, Outlines, PairStatements,
    RecordEntry, RecordNumber,
};
use panorama_model::SourceRecordKey;
use panorama_runtime::{PostingIndex, PostingLimits, TypedSpace};
use smallvec::SmallVec;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// So many values of a few words take the memory of one record.
pub(crate) const SMALL: usize = 8;

/// Memberships and edges for each value held in memory: of 64 bytes or less, and asked for one by one.
const OF_RECORDS: usize = 20;

/// Outlines for each value held in memory: of 128 bytes each, an eighth of what is reckoned for a value.
const OUTLINES: usize = 64;

/// Changes of blocks in memory, for each value held there: of some 25 bytes each.
const BLOCK_CHANGES: usize = 384;
/// Bytes of pages of blocks in memory, in each of two generations, for each value held there.
const BLOCK_BYTES: usize = 2048;

/// The edges of a record: few have more than two.
type Edges = SmallVec<[Edge; 2]>;

/// Identity's state. The trait has no errors: the first failure is kept and ends the epoch at its commit.
pub struct PipelineIdentityStore {
    numbers: TypedSpace<u128, u64>,
    records: TypedSpace<u64, Arc<RecordEntry>>,
    /// Of the newest records, and of older ones that were looked at: made again, not stored.
    outlines: Outlines,
    memberships: TypedSpace<u64, Membership>,
    blocks: PostingIndex,
    newcomers: Newcomers,
    edges: TypedSpace<u64, Edges>,
    statements: TypedSpace<u64, Vec<PairStatements>>,
    oversize: OversizeBlocks,
    next_record: u64,
    next_sequence: u64,
    /// Records put since the last view was begun: each epoch begins some.
    put: HashSet<u64>,
    failure: Option<ConnectorError>,
    /// What failed while several threads read.
    seen_failure: Mutex<Option<ConnectorError>>,
}

impl PipelineIdentityStore {
    /// The store of a state that knows nobody yet; otherwise as in the pipeline.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn new(state: &Arc<dyn StateRead>, entries_max: usize, block_records_max: usize) -> Result<Self> {
        Self::open(state, &Meta::default(), entries_max, block_records_max)
    }

    /// The store over `state`, which has given out numbers and sequence as `meta` says. Blocks of more than
    /// `block_records_max` records are counted.
    pub(crate) fn open(
        state: &Arc<dyn StateRead>,
        meta: &Meta,
        entries_max: usize,
        block_records_max: usize,
    ) -> Result<Self> {
        let limits = PostingLimits {
            changes_max: entries_max * BLOCK_CHANGES,
            page_bytes_max: entries_max * BLOCK_BYTES,
            frequent_min: block_records_max,
        };
        let (pages, changes) = (spaces::IDENTITY_BLOCKS, spaces::IDENTITY_BLOCK_CHANGES);
        let next = meta.next_record;
        let mut blocks = PostingIndex::open(pages, changes, Arc::clone(state), limits)?;
        Ok(Self {
            oversize: OversizeBlocks::open(&**state, &mut blocks, block_records_max, meta.next_record > 0)?,
            blocks,
            newcomers: Newcomers::default(),
            numbers: TypedSpace::new(spaces::RECORD_NUMBERS, Arc::clone(state), entries_max * SMALL),
            records: TypedSpace::numbered(spaces::IDENTITY_RECORDS, Arc::clone(state), entries_max * 4, next),
            outlines: Outlines::new(entries_max * OUTLINES),
            memberships: TypedSpace::numbered(
                spaces::IDENTITY_MEMBERSHIPS,
                Arc::clone(state),
                entries_max * OF_RECORDS,
                next,
            ),
            edges: TypedSpace::numbered(
                spaces::IDENTITY_EDGES,
                Arc::clone(state),
                entries_max * OF_RECORDS,
                next,
            ),
            statements: TypedSpace::new(spaces::IDENTITY_DECISIONS, Arc::clone(state), entries_max * 4),
            next_record: next,
            next_sequence: meta.identity_sequence,
            put: HashSet::new(),
            failure: None,
            seen_failure: Mutex::default(),
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

    #[cfg(test)]
    pub(crate) const fn blocks(&mut self) -> &mut PostingIndex {
        &mut self.blocks
    }

    /// What there is to be written into the epoch's batch.
    ///
    /// # Errors
    /// What failed since the last time.
    pub(crate) fn flushes(&mut self) -> Result<impl Iterator<Item = Flush<'_>>> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let joined = self.joined();
        let Self {
            numbers,
            records,
            memberships,
            blocks,
            edges,
            statements,
            oversize,
            next_record,
            ..
        } = self;
        records.expect_below(*next_record);
        memberships.expect_below(*next_record);
        edges.expect_below(*next_record);
        // What takes long comes first.
        let flushes: [Flush<'_>; 7] = [
            Box::new(move |batch| {
                blocks.insert_new(&joined)?;
                blocks.flush(batch)
            }),
            Box::new(|batch| records.flush(batch)),
            Box::new(|batch| memberships.flush(batch)),
            Box::new(|batch| numbers.flush(batch)),
            Box::new(|batch| edges.flush(batch)),
            Box::new(|batch| statements.flush(batch)),
            Box::new(|batch| oversize.flush(batch)),
        ];
        Ok(flushes.into_iter())
    }

    /// Writes what there is to be written into a batch on so many threads. The batch before the last has to be committed.
    ///
    /// # Errors
    /// What failed since the last time.
    pub fn flush(&mut self, threads: usize, batch: &mut StateBatch) -> Result<()> {
        flush_all(self.flushes()?.collect(), threads, batch)
    }

    /// Puts all who joined blocks into them.
    fn settle_newcomers(&mut self) {
        let joined = self.joined();
        let settled = self.blocks.insert_new(&joined);
        Self::keep(&mut self.failure, settled);
    }

    fn joined(&mut self) -> Vec<(u64, u64)> {
        let all = self.newcomers.take();
        all.map(|(block, record)| (block.0, record.0)).collect()
    }

    /// Puts those who joined a block into it.
    fn settle(&mut self, block: BlockKey, joined: impl Iterator<Item = RecordNumber>) {
        for record in joined {
            let settled = self.blocks.insert_new(&[(block.0, record.0)]);
            Self::keep(&mut self.failure, settled);
        }
    }

    /// As [`Self::keep`], of several threads.
    fn keep_seen<T: Default>(&self, result: Result<T>) -> T {
        let mut failure = self.seen_failure.lock().unwrap_or_else(PoisonError::into_inner);
        Self::keep(&mut failure, result)
    }

    fn keep<T: Default>(failure: &mut Option<ConnectorError>, result: Result<T>) -> T {
        result.unwrap_or_else(|error| {
            failure.get_or_insert(error);
            T::default()
        })
    }
}

/// What cannot be read is left out, and ends the epoch at its commit as every failure does.
impl IdentityView for PipelineIdentityStore {
    fn outline(&self, record: RecordNumber) -> Option<&Outline> {
        self.outlines.get(record)
    }

    fn record(&self, record: RecordNumber) -> Option<Arc<RecordEntry>> {
        self.keep_seen(self.records.peek(record.0))
    }

    fn block_members(&self, block: BlockKey, max: usize, members: &mut Vec<RecordNumber>) -> usize {
        self.keep_seen(self.blocks.look(block.0, max, members, RecordNumber))
    }

    fn touch_blocks(&self, blocks: &[BlockKey]) {
        self.blocks.touch(blocks.iter().map(|block| block.0));
    }

    fn touch_outlines(&self, records: &[RecordNumber]) {
        self.outlines.touch(records);
    }
}

impl IdentityStore for PipelineIdentityStore {
    fn find(&mut self, key: &SourceRecordKey) -> Option<RecordNumber> {
        let found = self.numbers.get(key.hash128()).map(|n| n.copied());
        Self::keep(&mut self.failure, found).map(RecordNumber)
    }

    fn number_of(&mut self, key: &SourceRecordKey) -> RecordNumber {
        let new = self.next_record;
        let found = self.numbers.get_or_put_with(key.hash128(), || new);
        let number = Self::keep(&mut self.failure, found.copied().map(Some)).unwrap_or(new);
        self.next_record += u64::from(number == new);
        RecordNumber(number)
    }

    fn next_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
    }

    fn record(&mut self, record: RecordNumber) -> Option<Arc<RecordEntry>> {
        let found = self.records.get(record.0).map(|r| r.cloned());
        let found = Self::keep(&mut self.failure, found)?;
        if self.outlines.get(record).is_none() {
            self.outlines.put(record, || Outline::of(found.matched()));
        }
        Some(found)
    }

    fn outline(&mut self, record: RecordNumber) -> Option<&Outline> {
        self.outlines.get(record)
    }

    fn expect_outlines(&mut self, records: &[RecordNumber]) {
        self.outlines.touch(records);
    }

    fn expect_range(&mut self, records: Range<RecordNumber>, workers: NonZeroUsize) {
        let numbers = records.start.0..records.end.0;
        let (entries, memberships, edges) = (&mut self.records, &mut self.memberships, &mut self.edges);
        let beside = numbers.clone();
        let mut places = || {
            memberships
                .expect(beside.clone())
                .and_then(|()| edges.expect(beside.clone()))
        };
        let read = if workers.get() == 1 {
            entries.expect(numbers).and_then(|()| places())
        } else {
            std::thread::scope(|scope| {
                let places = scope.spawn(places);
                let entries = entries.expect(numbers);
                match places.join() {
                    Ok(places) => entries.and(places),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            })
        };
        Self::keep(&mut self.failure, read);
    }

    fn begin_view(&mut self, _workers: NonZeroUsize) -> &dyn IdentityView {
        self.put.clear();
        self.settle_newcomers();
        self.newcomers.open();
        self
    }

    fn end_view(&mut self) {
        self.blocks.keep_read();
        let seen = self
            .seen_failure
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        self.failure = self.failure.take().or(seen.take());
    }

    fn offer_record(&mut self, record: RecordNumber, entry: Arc<RecordEntry>) {
        if self.outlines.get(record).is_none() {
            self.outlines.put(record, || Outline::of(entry.matched()));
        }
        self.records.offer(record.0, entry);
    }

    fn is_as_viewed(&self, record: RecordNumber) -> bool {
        !self.put.contains(&record.0)
    }

    fn put_record(&mut self, record: RecordNumber, entry: Arc<RecordEntry>, outline: Outline) {
        self.put.insert(record.0);
        self.outlines.put(record, || outline);
        self.records.put(record.0, entry);
    }

    fn membership(&mut self, record: RecordNumber) -> Option<Membership> {
        let found = self.memberships.get(record.0).map(|m| m.copied());
        Self::keep(&mut self.failure, found)
    }

    fn put_membership(&mut self, record: RecordNumber, membership: Membership) {
        self.memberships.put(record.0, membership);
    }

    fn expect_blocks(&mut self, blocks: &[BlockKey]) {
        self.blocks.touch(blocks.iter().map(|block| block.0));
    }

    fn block_len(&mut self, block: BlockKey) -> usize {
        let joined = self.newcomers.of(block);
        self.settle(block, joined);
        let found = self.blocks.len(block.0);
        Self::keep(&mut self.failure, found)
    }

    fn block_members(&mut self, block: BlockKey, max: usize, members: &mut Vec<RecordNumber>) {
        let joined = self.newcomers.of(block);
        self.settle(block, joined);
        let found = self.blocks.numbers(block.0).map(|numbers| {
            members.extend(numbers.iter().take(max).copied().map(RecordNumber));
        });
        Self::keep(&mut self.failure, found);
    }

    fn block_insert(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let joined = self.newcomers.before_change(block);
        self.settle(block, joined);
        let changed = self.blocks.insert(block.0, record.0);
        let changed = Self::keep(&mut self.failure, changed);
        if changed.is_other {
            self.oversize.grew(changed.len);
        }
        changed.len
    }

    fn block_remove(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let joined = self.newcomers.before_change(block);
        self.settle(block, joined);
        let changed = self.blocks.remove(block.0, record.0);
        let changed = Self::keep(&mut self.failure, changed);
        if changed.is_other {
            self.oversize.shrank(changed.len);
        }
        changed.len
    }

    fn newcomers(&mut self) -> Option<&mut Newcomers> {
        Some(&mut self.newcomers)
    }

    fn edges(&mut self, record: RecordNumber, edges: &mut Vec<Edge>) {
        let found = self.edges.get(record.0).map(|found| {
            edges.extend_from_slice(found.map_or(&[], Edges::as_slice));
        });
        Self::keep(&mut self.failure, found);
    }

    fn put_edges(&mut self, record: RecordNumber, edges: &[Edge]) {
        if edges.is_empty() {
            let known = self.edges.get(record.0).map(|known| known.is_some());
            if Self::keep(&mut self.failure, known) {
                self.edges.delete(record.0);
            }
        } else {
            self.edges.put(record.0, Edges::from_slice(edges));
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

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_api::{Space, StateStore, Visit};
    use panorama_identity::{IdentityEngine, PreparedPerson, Scorer};
    use panorama_log_local::{LocalLog, LocalLogOptions};
    use panorama_model::{HumanName, Person, Presence, RecordKind, Version};
    use std::num::NonZeroUsize;

    /// A disk that may give nothing of one space.
    struct Disk {
        log: LocalLog,
        broken: Mutex<Option<Space>>,
    }

    impl StateRead for Disk {
        fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
            if *self.broken.lock().unwrap() == Some(space) {
                return Err(ConnectorError::fatal("read", space.0, "the disk is broken"));
            }
            self.log.get(space, key)
        }

        fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<()> {
            self.log.scan(space, from, to, visit)
        }
    }

    fn key(id: &str) -> SourceRecordKey {
        SourceRecordKey::new("test", RecordKind::Patient, id)
    }

    fn prepared(engine: &IdentityEngine) -> PreparedPerson {
        let name = HumanName {
            family: "Keller".into(),
            given: "Rosalind".into(),
            ..HumanName::default()
        };
        let person = Person {
            names: Presence::Value(vec![name]),
            ssn: Presence::Value("536-22-8145".into()),
            ..Person::default()
        };
        engine.prepare("test", panorama_standardize::standardize(&person))
    }

    #[test]
    fn what_several_threads_could_not_read_ends_the_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let log = LocalLog::open(dir.path(), LocalLogOptions::default(), spaces::ALL).unwrap();
        let disk = Arc::new(Disk {
            log: log.clone(),
            broken: Mutex::default(),
        });
        let state: Arc<dyn StateRead> = Arc::<Disk>::clone(&disk);
        let open = |meta: &Meta| PipelineIdentityStore::open(&state, meta, 0, 50).unwrap();
        let engine = IdentityEngine::new(Arc::new(Scorer::shipped()));
        let mut store = open(&Meta::default());
        // There is no room for their blocks: they are in pages.
        for id in 0..40 {
            engine.upsert(
                &mut store,
                &key(&id.to_string()),
                prepared(&engine),
                Version::default(),
            );
            let mut batch = StateBatch::default();
            store.flush(1, &mut batch).unwrap();
            log.commit(batch).unwrap();
        }
        let meta = Meta {
            next_record: store.next_record(),
            identity_sequence: store.sequence(),
            ..Meta::default()
        };
        for (broken, fails) in [
            (None, false),
            (Some(spaces::IDENTITY_RECORDS), true),
            (Some(spaces::IDENTITY_BLOCKS), true),
            // Nobody asks for these ahead.
            (Some(spaces::IDENTITY_EDGES), false),
        ] {
            let mut store = open(&meta);
            *disk.broken.lock().unwrap() = broken;
            let more: Vec<_> = (0..200).map(|_| prepared(&engine)).collect();
            let said: Vec<_> = more.iter().map(|person| ("test", person)).collect();
            engine.look_ahead(&mut store, &said, NonZeroUsize::new(2).unwrap());
            assert_eq!(store.flushes().is_err(), fails, "{broken:?}");
            *disk.broken.lock().unwrap() = None;
        }
    }
}
