//! A store in memory: for tests, evaluation and batch linking.

use crate::block_table::BlockTable;
use crate::blocking::BlockKey;
use crate::chunked::Chunked;
use crate::decision::PairStatements;
use crate::hashed::Hashed;
use crate::newcomers::Newcomers;
use crate::outline::Outline;
use crate::outlines::Outlines;
use crate::score::MatchWeight;
use crate::store::{Edge, IdentityStore, IdentityView, Membership, RecordEntry, RecordNumber};
use hashbrown::HashSet;
use panorama_model::SourceRecordKey;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

/// Numbers by key in parts that grow by themselves: one alone would stop its record for longer.
const NUMBER_PARTS: usize = 64;

/// Records in one piece of memory.
const SLOTS_AT_ONCE: usize = 4096;

/// What is kept of every record.
#[derive(Clone, Debug, Default)]
struct Slot {
    entry: Option<Arc<RecordEntry>>,
    membership: Option<Membership>,
    edges: Vec<SmallEdge>,
}

/// An edge to a record of a number as small as memory holds.
#[derive(Clone, Copy, Debug)]
struct SmallEdge {
    other: u32,
    weight: MatchWeight,
}

/// Puts those who joined a block into it.
fn settle(blocks: &mut BlockTable, block: BlockKey, joined: impl Iterator<Item = RecordNumber>) {
    for record in joined {
        blocks.insert(block, record);
    }
}

/// Reads a field of each cache line that a comparison starts with.
fn touch(entry: &RecordEntry) -> usize {
    let person = entry.matched();
    person.given.len()
        + person.family.len()
        + person.phones.len()
        + person.addresses.len()
        + person.identifiers.len()
}

/// All state of an engine, in memory.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    numbers: Vec<Hashed<u128, RecordNumber>>,
    slots: Chunked<Slot, SLOTS_AT_ONCE>,
    outlines: Outlines,
    /// Few records are spoken of.
    statements: HashMap<u64, Vec<PairStatements>>,
    blocks: BlockTable,
    newcomers: Newcomers,
    sequence: u64,
    /// Records put since the last view was begun, if one was.
    put: Option<HashSet<RecordNumber>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            numbers: vec![Hashed::default(); NUMBER_PARTS],
            slots: Chunked::default(),
            // Of all: no number is larger (see `SmallEdge`).
            outlines: Outlines::new(u32::MAX as usize),
            statements: HashMap::default(),
            blocks: BlockTable::default(),
            newcomers: Newcomers::default(),
            sequence: 0,
            put: None,
        }
    }
}

/// The part of a key's hash: by bits that its table does not go by.
const fn part_of(hash: u128) -> usize {
    (hash >> 64) as usize % NUMBER_PARTS
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All records that take part, with where they belong, by number.
    pub fn memberships(&self) -> impl Iterator<Item = (RecordNumber, &SourceRecordKey, Membership)> {
        (0..).zip(self.slots.iter()).filter_map(|(number, slot)| {
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

impl IdentityView for MemoryStore {
    fn outline(&self, record: RecordNumber) -> Option<&Outline> {
        self.outlines.get(record)
    }

    fn record(&self, record: RecordNumber) -> Option<Arc<RecordEntry>> {
        self.slot(record)?.entry.clone()
    }

    fn block_members(&self, block: BlockKey, max: usize, members: &mut Vec<RecordNumber>) -> usize {
        self.blocks.extend_within(block, max, members)
    }

    fn touch_blocks(&self, blocks: &[BlockKey]) {
        self.blocks.touch(blocks.iter().copied());
    }

    fn touch_outlines(&self, records: &[RecordNumber]) {
        self.outlines.touch(records);
    }
}

impl IdentityStore for MemoryStore {
    fn find(&mut self, key: &SourceRecordKey) -> Option<RecordNumber> {
        let hash = key.hash128();
        self.numbers.get(part_of(hash))?.get(&hash).copied()
    }

    fn number_of(&mut self, key: &SourceRecordKey) -> RecordNumber {
        let hash = key.hash128();
        let slots = &mut self.slots;
        let mut new = || {
            slots.push(Slot::default());
            RecordNumber(slots.len() as u64 - 1)
        };
        match self.numbers.get_mut(part_of(hash)) {
            Some(part) => *part.entry(hash).or_insert_with(new),
            None => new(),
        }
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn record(&mut self, record: RecordNumber) -> Option<Arc<RecordEntry>> {
        self.slot(record)?.entry.clone()
    }

    fn outline(&mut self, record: RecordNumber) -> Option<&Outline> {
        self.outlines.get(record)
    }

    fn begin_view(&mut self, workers: NonZeroUsize) -> &dyn IdentityView {
        self.put.get_or_insert_default().clear();
        self.blocks.settle(&mut self.newcomers, workers);
        self.newcomers.open();
        self
    }

    fn is_as_viewed(&self, record: RecordNumber) -> bool {
        self.put.as_ref().is_some_and(|put| !put.contains(&record))
    }

    fn put_record(&mut self, record: RecordNumber, entry: Arc<RecordEntry>, outline: Outline) {
        if let Some(put) = &mut self.put {
            put.insert(record);
        }
        self.outlines.put(record, || outline);
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

    fn expect_blocks(&mut self, blocks: &[BlockKey]) {
        self.blocks.touch(blocks.iter().copied());
    }

    fn expect_outlines(&mut self, records: &[RecordNumber]) {
        self.outlines.touch(records);
    }

    fn expect_range(&mut self, records: Range<RecordNumber>, _workers: NonZeroUsize) {
        let all: Vec<_> = (records.start.0..records.end.0).map(RecordNumber).collect();
        self.expect_records(&all);
    }

    fn expect_records(&mut self, records: &[RecordNumber]) {
        let entries = records
            .iter()
            .filter_map(|record| self.slot(*record)?.entry.as_deref());
        std::hint::black_box(entries.map(touch).fold(0, usize::wrapping_add));
    }

    fn block_len(&mut self, block: BlockKey) -> usize {
        settle(&mut self.blocks, block, self.newcomers.of(block));
        self.blocks.len(block)
    }

    fn block_members(&mut self, block: BlockKey, max: usize, members: &mut Vec<RecordNumber>) {
        settle(&mut self.blocks, block, self.newcomers.of(block));
        self.blocks.extend(block, max, members);
    }

    fn block_insert(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        settle(&mut self.blocks, block, self.newcomers.before_change(block));
        self.blocks.insert(block, record)
    }

    fn block_remove(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        settle(&mut self.blocks, block, self.newcomers.before_change(block));
        self.blocks.remove(block, record)
    }

    fn newcomers(&mut self) -> Option<&mut Newcomers> {
        Some(&mut self.newcomers)
    }

    fn edges(&mut self, record: RecordNumber, edges: &mut Vec<Edge>) {
        if let Some(slot) = self.slot(record) {
            edges.extend(slot.edges.iter().map(|edge| Edge {
                other: RecordNumber(u64::from(edge.other)),
                weight: edge.weight,
            }));
        }
    }

    fn put_edges(&mut self, record: RecordNumber, edges: &[Edge]) {
        if let Some(slot) = self.slot_mut(record) {
            let small = edges.iter().filter_map(|edge| {
                Some(SmallEdge {
                    other: u32::try_from(edge.other.0).ok()?,
                    weight: edge.weight,
                })
            });
            slot.edges.clear();
            slot.edges.reserve_exact(edges.len());
            slot.edges.extend(small);
        }
    }

    fn statements(&mut self, record: RecordNumber) -> Vec<PairStatements> {
        if self.statements.is_empty() {
            return Vec::new();
        }
        self.statements.get(&record.0).cloned().unwrap_or_default()
    }

    fn put_statements(&mut self, record: RecordNumber, statements: Vec<PairStatements>) {
        if statements.is_empty() {
            self.statements.remove(&record.0);
        } else {
            self.statements.insert(record.0, statements);
        }
    }
}
