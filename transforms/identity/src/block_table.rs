//! The blocks of a store in memory: most hold one record, and every record asks for a dozen at random, so what counts is
//! how few cache lines one answer takes.

use crate::blocking::BlockKey;
use crate::chunked::Chunked;
use crate::store::RecordNumber;
use smallvec::SmallVec;

/// Parts that grow by themselves. Fewer make a growing part stop its record for longer, more cost space while small.
const SHARDS: usize = 256;
/// Slots of a part at first; a power of two.
const SLOTS_MIN: usize = 16;

/// No block here.
const EMPTY: u64 = u64::MAX;
/// The block has more than one record: the other bits say where they are.
const MANY: u64 = 1 << 63;

/// A block's key, and its only record or where its records are.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    value: u64,
}

/// One part: open addressing with linear probing. Keys are hashes already.
#[derive(Clone, Debug)]
struct Shard {
    slots: Vec<Slot>,
    used: usize,
}

/// Records by block.
#[derive(Clone, Debug)]
pub(crate) struct BlockTable {
    shards: Vec<Shard>,
    many: Chunked<SmallVec<[RecordNumber; 4]>>,
    /// Places of `many` that blocks left when they shrank.
    free: Vec<usize>,
}

impl Default for BlockTable {
    fn default() -> Self {
        Self {
            shards: vec![Shard::new(SLOTS_MIN); SHARDS],
            many: Chunked::default(),
            free: Vec::new(),
        }
    }
}

impl Shard {
    fn new(slots: usize) -> Self {
        let empty = Slot { key: 0, value: EMPTY };
        Self {
            slots: vec![empty; slots],
            used: 0,
        }
    }

    /// Where a key would lie were there no others.
    #[expect(clippy::cast_possible_truncation, reason = "masked")]
    const fn home(&self, key: u64) -> usize {
        key as usize & (self.slots.len() - 1)
    }

    const fn next(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    fn slot(&self, at: usize) -> Slot {
        self.slots
            .get(at)
            .copied()
            .unwrap_or(Slot { key: 0, value: EMPTY })
    }

    /// Where the key lies, or the empty slot where it would. There always is one.
    fn place(&self, key: u64) -> usize {
        let mut at = self.home(key);
        loop {
            let slot = self.slot(at);
            if slot.value == EMPTY || slot.key == key {
                return at;
            }
            at = self.next(at);
        }
    }

    fn set(&mut self, at: usize, key: u64, value: u64) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot { key, value };
        }
    }

    fn add(&mut self, at: usize, key: u64, value: u64) {
        self.set(at, key, value);
        self.used += 1;
        if self.used * 4 > self.slots.len() * 3 {
            let mut larger = Self::new(self.slots.len() * 2);
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
            let mask = self.slots.len() - 1;
            let (from_home, from_hole) = (
                at.wrapping_sub(self.home(slot.key)) & mask,
                at.wrapping_sub(hole) & mask,
            );
            if from_home >= from_hole {
                self.set(hole, slot.key, slot.value);
                hole = at;
            }
            at = self.next(at);
        }
        self.set(hole, 0, EMPTY);
        self.used -= 1;
    }
}

impl BlockTable {
    const fn shard_of(key: BlockKey) -> usize {
        (key.0 >> 56) as usize
    }

    /// Reads where blocks lie, all at once: the memory answers many questions at a time if none waits for another.
    pub(crate) fn touch(&self, blocks: &[BlockKey]) {
        let at_home = |block: &BlockKey| {
            let shard = self.shards.get(Self::shard_of(*block))?;
            shard.slots.get(shard.home(block.0)).map(|slot| slot.value)
        };
        let read = blocks.iter().filter_map(at_home).fold(0, u64::wrapping_add);
        std::hint::black_box(read);
    }

    /// The records of a block, ascending.
    #[cfg(test)]
    pub(crate) fn members(&self, block: BlockKey) -> SmallVec<[RecordNumber; 4]> {
        let mut out = SmallVec::new();
        self.with(block, |members| out.extend_from_slice(members));
        out
    }

    /// How many records lie in a block.
    pub(crate) fn len(&self, block: BlockKey) -> usize {
        self.with(block, <[RecordNumber]>::len)
    }

    /// Answers a question about the records of a block, ascending.
    pub(crate) fn with<T>(&self, block: BlockKey, ask: impl FnOnce(&[RecordNumber]) -> T) -> T {
        let value = self
            .shards
            .get(Self::shard_of(block))
            .map_or(EMPTY, |shard| shard.slot(shard.place(block.0)).value);
        match value {
            EMPTY => ask(&[]),
            value if value & MANY == 0 => ask(&[RecordNumber(value)]),
            value => ask(self.many.get(index(value)).map_or(&[], SmallVec::as_slice)),
        }
    }

    /// Puts a record into a block; returns the new size.
    pub(crate) fn insert(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let Some(shard) = self.shards.get_mut(Self::shard_of(block)) else {
            return 0;
        };
        let at = shard.place(block.0);
        match shard.slot(at).value {
            EMPTY => {
                shard.add(at, block.0, record.0);
                1
            }
            value if value & MANY == 0 => {
                if value == record.0 {
                    return 1;
                }
                let both = [
                    RecordNumber(value.min(record.0)),
                    RecordNumber(value.max(record.0)),
                ];
                let free = self.free.pop().unwrap_or(self.many.len());
                match self.many.get_mut(free) {
                    Some(members) => *members = SmallVec::from_slice(&both),
                    None => self.many.push(SmallVec::from_slice(&both)),
                }
                shard.set(at, block.0, MANY | free as u64);
                2
            }
            value => self.many.get_mut(index(value)).map_or(0, |members| {
                if let Err(at) = members.binary_search(&record) {
                    members.insert(at, record);
                }
                members.len()
            }),
        }
    }

    /// Takes a record out of a block; returns the new size.
    pub(crate) fn remove(&mut self, block: BlockKey, record: RecordNumber) -> usize {
        let Some(shard) = self.shards.get_mut(Self::shard_of(block)) else {
            return 0;
        };
        let at = shard.place(block.0);
        match shard.slot(at).value {
            EMPTY => 0,
            value if value & MANY == 0 => {
                if value != record.0 {
                    return 1;
                }
                shard.remove(at);
                0
            }
            value => {
                let Some(members) = self.many.get_mut(index(value)) else {
                    return 0;
                };
                if let Ok(at) = members.binary_search(&record) {
                    members.remove(at);
                }
                if let [only] = members.as_slice() {
                    shard.set(at, block.0, only.0);
                    *members = SmallVec::new();
                    self.free.push(index(value));
                    return 1;
                }
                members.len()
            }
        }
    }
}

const fn index(value: u64) -> usize {
    (value & !MANY) as usize
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
            spread in prop::sample::select(vec![1u64, 16, 1 << 56]),
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
}
