//! The blocks of a store in memory: most hold one record, and every record asks for a dozen at random, so what counts is
//! how few cache lines one answer takes.

use crate::blocking::BlockKey;
use crate::chunked::Chunked;
use crate::newcomers::{NEWCOMER_PARTS, Newcomers, newcomer_part};
use crate::parallel::each_in_parallel;
use crate::store::RecordNumber;
use smallvec::SmallVec;
use std::num::NonZeroUsize;

/// Shards that grow by themselves, in each part of the keys that newcomers are kept in. Fewer make a growing one stop its record
/// for longer, more cost space while small.
const SHARDS_IN_PART: usize = 16;
/// Lists of records in one piece of memory.
const LISTS_AT_ONCE: usize = 256;
/// Blocks whose memory is fetched together.
const TOUCHED_AT_ONCE: usize = 32;
/// Blocks with newcomers that are worth another thread.
const BLOCKS_PER_THREAD: usize = 1024;
/// Slots of a shard at first.
const SLOTS_MIN: usize = 16;

/// No block here.
const EMPTY: u32 = u32::MAX;
/// The block has more than one record: the other bits say where they are.
const MANY: u32 = 1 << 31;

/// A block's key in two halves, and its only record or where its records are. Records and lists are numbered in 31 bits,
/// more than memory has room for: a slot is a quarter smaller so, and nearly all of a table is slots.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key: [u32; 2],
    value: u32,
}

/// Records of a block, ascending.
type Members = SmallVec<[u32; 4]>;

/// The blocks of some keys, with lists of its own: a thread needs nothing but its shards.
#[derive(Clone, Debug)]
struct Shard {
    slots: Slots,
    many: Chunked<Members, LISTS_AT_ONCE>,
    /// Places of `many` that blocks left when they shrank.
    free: Vec<u32>,
}

/// Open addressing with linear probing. Keys are hashes already.
#[derive(Clone, Debug)]
struct Slots {
    slots: Vec<Slot>,
    used: usize,
}

/// Records by block, in parts as newcomers have.
#[derive(Clone, Debug)]
pub(crate) struct BlockTable {
    parts: [Vec<Shard>; NEWCOMER_PARTS],
}

impl Default for BlockTable {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| vec![Shard::default(); SHARDS_IN_PART]),
        }
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            slots: Slots::new(SLOTS_MIN),
            many: Chunked::default(),
            free: Vec::new(),
        }
    }
}

/// A key as its slot has it.
#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
const fn halves(key: BlockKey) -> [u32; 2] {
    [key.0 as u32, (key.0 >> 32) as u32]
}

const NOTHING: Slot = Slot {
    key: [0; 2],
    value: EMPTY,
};

impl Slots {
    fn new(slots: usize) -> Self {
        Self {
            slots: vec![NOTHING; slots],
            used: 0,
        }
    }

    /// Where a key would lie were there no others.
    const fn home(&self, [low, _]: [u32; 2]) -> usize {
        ((low as u64 * self.slots.len() as u64) >> 32) as usize
    }

    const fn next(&self, at: usize) -> usize {
        if at + 1 < self.slots.len() { at + 1 } else { 0 }
    }

    fn slot(&self, at: usize) -> Slot {
        self.slots.get(at).copied().unwrap_or(NOTHING)
    }

    /// Where the key lies, or the empty slot where it would. There always is one.
    fn place(&self, key: [u32; 2]) -> usize {
        let mut at = self.home(key);
        loop {
            let slot = self.slot(at);
            if slot.value == EMPTY || slot.key == key {
                return at;
            }
            at = self.next(at);
        }
    }

    fn set(&mut self, at: usize, key: [u32; 2], value: u32) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot { key, value };
        }
    }

    fn add(&mut self, at: usize, key: [u32; 2], value: u32) {
        self.set(at, key, value);
        self.used += 1;
        if self.used * 4 > self.slots.len() * 3 {
            // By half: twice the slots would mostly be empty ones.
            let mut larger = Self::new(self.slots.len() * 3 / 2);
            for slot in self.slots.iter().filter(|slot| slot.value != EMPTY) {
                larger.set(larger.place(slot.key), slot.key, slot.value);
            }
            larger.used = self.used;
            *self = larger;
        }
    }

    /// Empties a slot and moves those after it up, so that each is still found from its home.
    fn remove(&mut self, at: usize) {
        let (mut hole, mut at) = (at, self.next(at));
        loop {
            let slot = self.slot(at);
            if slot.value == EMPTY {
                break;
            }
            let after = |from: usize| {
                if at >= from {
                    at - from
                } else {
                    at + self.slots.len() - from
                }
            };
            if after(self.home(slot.key)) >= after(hole) {
                self.set(hole, slot.key, slot.value);
                hole = at;
            }
            at = self.next(at);
        }
        self.set(hole, [0; 2], EMPTY);
        self.used -= 1;
    }
}

/// Where a key's shard is in its part.
const fn shard_in_part(key: BlockKey) -> usize {
    (key.0 >> 44) as usize % SHARDS_IN_PART
}

/// Reads where blocks lie, all at once: the memory answers many questions at a time if none waits for another.
fn touch<'s>(
    blocks: impl Iterator<Item = BlockKey> + Clone,
    shard_of: impl Fn(BlockKey) -> Option<&'s Shard>,
) {
    let at_home = |block: BlockKey| {
        let slots = &shard_of(block)?.slots;
        Some(slots.slot(slots.home(halves(block))).value)
    };
    let read = blocks.clone().filter_map(at_home).fold(0, u32::wrapping_add);
    std::hint::black_box(read);
    let members = |block: BlockKey| {
        let shard = shard_of(block)?;
        let value = shard.slots.slot(shard.slots.place(halves(block))).value;
        let many = shard.many.get(list(value)?)?;
        Some(many.len())
    };
    std::hint::black_box(blocks.filter_map(members).fold(0, usize::wrapping_add));
}

impl BlockTable {
    fn shard(&self, key: BlockKey) -> Option<&Shard> {
        self.parts.get(newcomer_part(key))?.get(shard_in_part(key))
    }

    fn shard_mut(&mut self, key: BlockKey) -> Option<&mut Shard> {
        self.parts
            .get_mut(newcomer_part(key))?
            .get_mut(shard_in_part(key))
    }

    /// Reads where blocks lie, all at once.
    pub(crate) fn touch(&self, blocks: impl Iterator<Item = BlockKey> + Clone) {
        touch(blocks, |block| self.shard(block));
    }

    /// Puts all newcomers into their blocks, on so many threads at most.
    pub(crate) fn settle(&mut self, newcomers: &mut Newcomers, workers: NonZeroUsize) {
        let threads = NonZeroUsize::new(newcomers.blocks() / BLOCKS_PER_THREAD).unwrap_or(NonZeroUsize::MIN);
        let parts = self.parts.iter_mut().zip(newcomers.take_parts());
        each_in_parallel(parts.collect(), workers.min(threads), |(shards, joined)| {
            let joined: Vec<_> = joined.collect();
            for some in joined.chunks(TOUCHED_AT_ONCE) {
                let blocks = some.iter().map(|(block, _)| *block);
                touch(blocks, |block| shards.get(shard_in_part(block)));
                for (block, record) in some {
                    if let Some(shard) = shards.get_mut(shard_in_part(*block)) {
                        shard.insert(*block, *record);
                    }
                }
            }
        });
    }

    /// The records of a block, ascending.
    #[cfg(test)]
    pub(crate) fn members(&self, block: BlockKey) -> SmallVec<[RecordNumber; 4]> {
        self.with(block, |members| members.iter().copied().map(number).collect())
    }

    /// How many records lie in a block.
    pub(crate) fn len(&self, block: BlockKey) -> usize {
        self.with(block, <[u32]>::len)
    }

    /// Appends the first records of a block.
    pub(crate) fn extend(&self, block: BlockKey, max: usize, out: &mut Vec<RecordNumber>) {
        self.with(block, |members| {
            out.extend(members.iter().take(max).copied().map(number))
        });
    }

    /// Appends the records of a block, where there are at most `max`; returns how many there are.
    pub(crate) fn extend_within(&self, block: BlockKey, max: usize, out: &mut Vec<RecordNumber>) -> usize {
        self.with(block, |members| {
            if members.len() <= max {
                out.extend(members.iter().copied().map(number));
            }
            members.len()
        })
    }

    /// Answers a question about the records of a block, ascending.
    fn with<T>(&self, block: BlockKey, ask: impl FnOnce(&[u32]) -> T) -> T {
        match self.shard(block) {
            Some(shard) => shard.with(block, ask),
            None => ask(&[]),
        }
    }

    /// Puts a record into a block; returns the new size.
    pub(crate) fn insert(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        self.shard_mut(block)
            .map_or(0, |shard| shard.insert(block, record))
    }

    /// Takes a record out of a block; returns the new size.
    pub(crate) fn remove(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        self.shard_mut(block)
            .map_or(0, |shard| shard.remove(block, record))
    }
}

impl Shard {
    fn with<T>(&self, block: BlockKey, ask: impl FnOnce(&[u32]) -> T) -> T {
        let value = self.slots.slot(self.slots.place(halves(block))).value;
        match list(value) {
            _ if value == EMPTY => ask(&[]),
            None => ask(&[value]),
            Some(at) => ask(self.many.get(at).map_or(&[], SmallVec::as_slice)),
        }
    }

    fn insert(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let Ok(record) = u32::try_from(record.0) else {
            return 0;
        };
        let key = halves(block);
        let at = self.slots.place(key);
        let value = self.slots.slot(at).value;
        match list(value) {
            _ if value == EMPTY => {
                self.slots.add(at, key, record);
                1
            }
            None if value == record => 1,
            None => {
                let both = SmallVec::from_slice(&[value.min(record), value.max(record)]);
                let free = self.free.pop().or_else(|| u32::try_from(self.many.len()).ok());
                let free = free.unwrap_or(0);
                match self.many.get_mut(free as usize) {
                    Some(members) => *members = both,
                    None => self.many.push(both),
                }
                self.slots.set(at, key, MANY | free);
                2
            }
            Some(at) => self.many.get_mut(at).map_or(0, |members| {
                if let Err(at) = members.binary_search(&record) {
                    members.insert(at, record);
                }
                members.len()
            }),
        }
    }

    fn remove(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let Ok(record) = u32::try_from(record.0) else {
            return 0;
        };
        let key = halves(block);
        let place = self.slots.place(key);
        let value = self.slots.slot(place).value;
        match list(value) {
            _ if value == EMPTY => 0,
            None if value != record => 1,
            None => {
                self.slots.remove(place);
                0
            }
            Some(at) => {
                let Some(members) = self.many.get_mut(at) else {
                    return 0;
                };
                if let Ok(at) = members.binary_search(&record) {
                    members.remove(at);
                }
                if let [only] = *members.as_slice() {
                    self.slots.set(place, key, only);
                    *members = SmallVec::new();
                    self.free.push(value & !MANY);
                    return 1;
                }
                members.len()
            }
        }
    }
}

/// Where the records of a block are, if it has more than one.
const fn list(value: u32) -> Option<usize> {
    if value != EMPTY && value & MANY != 0 {
        Some((value & !MANY) as usize)
    } else {
        None
    }
}

fn number(record: u32) -> RecordNumber {
    RecordNumber(u64::from(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn blocks_hold_what_was_put_into_them(
            steps in prop::collection::vec((any::<bool>(), 0u64..24, 0u64..6), 0..400),
            spread in prop::sample::select(vec![1u64, 16, 1 << 40, 1 << 44]),
        ) {
            let (mut table, mut expected) = (BlockTable::default(), BTreeMap::<u64, BTreeSet<RecordNumber>>::new());
            for (insert, key, record) in steps {
                let (key, record) = (key.wrapping_mul(spread), RecordNumber(record));
                let held = expected.entry(key).or_default();
                let len = if insert {
                    held.insert(record);
                    table.insert(BlockKey(key), record)
                } else {
                    held.remove(&record);
                    table.remove(BlockKey(key), record)
                };
                prop_assert_eq!(len, held.len());
            }
            for (key, held) in expected {
                prop_assert_eq!(table.len(BlockKey(key)), held.len());
                prop_assert!(table.members(BlockKey(key)).iter().eq(&held));
            }
        }
    }

    #[test]
    fn newcomers_settle_the_same_on_any_number_of_threads() {
        let blocks: Vec<_> = (0..5_000u64)
            .map(|at| BlockKey(at.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        for workers in [1, 2, 4] {
            let (mut table, mut newcomers) = (BlockTable::default(), Newcomers::default());
            newcomers.open();
            for record in 0..3 {
                for some in blocks.chunks(10) {
                    let seen: Vec<_> = some.iter().map(|block| (*block, 0)).collect();
                    assert!(newcomers.join(RecordNumber(record), &seen, 9, &mut Vec::new()));
                }
            }
            table.settle(&mut newcomers, NonZeroUsize::new(workers).unwrap());
            assert_eq!(newcomers.take().count(), 0);
            let all = [0, 1, 2].map(RecordNumber);
            assert!(blocks.iter().all(|block| table.members(*block).as_slice() == all));
        }
    }
}
