//! A store in memory: for tests, evaluation and batch linking.

use crate::blocking::BlockKey;
use crate::decision::PairStatements;
use crate::store::{Edge, IdentityStore, Membership, RecordEntry, RecordNumber};
use panorama_model::SourceRecordKey;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Keys that are hashes already need no second one.
#[derive(Clone, Copy, Debug, Default)]
struct HashedAlready(u64);

impl Hasher for HashedAlready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write_u128(&mut self, value: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "either half of a hash is a hash")]
        let low = value as u64;
        self.0 = low;
    }
}

type Hashed<K, V> = HashMap<K, V, BuildHasherDefault<HashedAlready>>;

/// What is kept of one record.
#[derive(Clone, Debug, Default)]
struct Slot {
    entry: Option<Arc<RecordEntry>>,
    membership: Option<Membership>,
    edges: Vec<Edge>,
    statements: Vec<PairStatements>,
}

/// All state of an engine, in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    numbers: Hashed<u128, RecordNumber>,
    slots: Vec<Slot>,
    blocks: Hashed<u64, SmallVec<[RecordNumber; 2]>>,
    sequence: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All records that take part, with where they belong, by number.
    pub fn memberships(&self) -> impl Iterator<Item = (RecordNumber, &SourceRecordKey, Membership)> {
        (0..).zip(&self.slots).filter_map(|(number, slot)| {
            let entry = slot.entry.as_ref().filter(|entry| entry.is_active())?;
            Some((RecordNumber(number), &entry.key, slot.membership?))
        })
    }

    fn slot(&self, record: RecordNumber) -> Option<&Slot> {
        self.slots.get(usize::try_from(record.0).ok()?)
    }

    fn slot_mut(&mut self, record: RecordNumber) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(record.0).ok()?)
    }
}

impl IdentityStore for MemoryStore {
    fn find(&mut self, key: &SourceRecordKey) -> Option<RecordNumber> {
        self.numbers.get(&key.hash128()).copied()
    }

    fn number_of(&mut self, key: &SourceRecordKey) -> RecordNumber {
        let slots = &mut self.slots;
        *self.numbers.entry(key.hash128()).or_insert_with(|| {
            slots.push(Slot::default());
            RecordNumber(slots.len() as u64 - 1)
        })
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn record(&mut self, record: RecordNumber) -> Option<Arc<RecordEntry>> {
        self.slot(record)?.entry.clone()
    }

    fn put_record(&mut self, record: RecordNumber, entry: Arc<RecordEntry>) {
        if let Some(slot) = self.slot_mut(record) {
            slot.entry = Some(entry);
        }
    }

    fn membership(&mut self, record: RecordNumber) -> Option<Membership> {
        self.slot(record)?.membership
    }

    fn put_membership(&mut self, record: RecordNumber, membership: Membership) {
        if let Some(slot) = self.slot_mut(record) {
            slot.membership = Some(membership);
        }
    }

    fn block_len(&mut self, block: BlockKey) -> usize {
        self.blocks.get(&block.0).map_or(0, SmallVec::len)
    }

    fn block_members(&mut self, block: BlockKey, max: usize, members: &mut Vec<RecordNumber>) {
        if let Some(block) = self.blocks.get(&block.0) {
            members.extend(block.iter().take(max));
        }
    }

    fn block_insert(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let members = self.blocks.entry(block.0).or_default();
        if let Err(at) = members.binary_search(&record) {
            members.insert(at, record);
        }
        members.len()
    }

    fn block_remove(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let Some(members) = self.blocks.get_mut(&block.0) else {
            return 0;
        };
        if let Ok(at) = members.binary_search(&record) {
            members.remove(at);
        }
        let left = members.len();
        if left == 0 {
            self.blocks.remove(&block.0);
        }
        left
    }

    fn edges(&mut self, record: RecordNumber, edges: &mut Vec<Edge>) {
        if let Some(slot) = self.slot(record) {
            edges.extend(&slot.edges);
        }
    }

    fn put_edges(&mut self, record: RecordNumber, edges: &[Edge]) {
        if let Some(slot) = self.slot_mut(record) {
            slot.edges.clear();
            slot.edges.extend_from_slice(edges);
        }
    }

    fn statements(&mut self, record: RecordNumber) -> Vec<PairStatements> {
        self.slot(record)
            .map(|slot| slot.statements.clone())
            .unwrap_or_default()
    }

    fn put_statements(&mut self, record: RecordNumber, statements: Vec<PairStatements>) {
        if let Some(slot) = self.slot_mut(record) {
            slot.statements = statements;
        }
    }
}
