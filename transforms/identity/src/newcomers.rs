//! Records that came into blocks since a store was last viewed: what was seen of a block then, and these, is all of it.

use crate::blocking::BlockKey;
use crate::hashed::Hashed;
use crate::store::RecordNumber;
use smallvec::SmallVec;

/// Records that came into a block.
type Records = SmallVec<[RecordNumber; 2]>;

/// What became of a block since the view.
#[derive(Clone, Debug, Default)]
struct Since {
    /// Those that came, and are not yet where the store keeps blocks.
    records: Records,
    /// It changed in another way, too: what was seen of it no longer holds.
    is_other: bool,
}

impl Since {
    fn is_nothing(&self) -> bool {
        self.records.is_empty() && !self.is_other
    }
}

/// Blocks of which it is known what became of them. More than a view is good for: nobody joins any more then (INV-9).
const BLOCKS_MAX: usize = 1 << 18;

/// Parts of the keys that several threads may take in side by side.
pub(crate) const NEWCOMER_PARTS: usize = 16;

/// The part of a key: by bits that neither the tables of parts nor those of blocks go by.
pub(crate) const fn newcomer_part(block: BlockKey) -> usize {
    (block.0 >> 40) as usize % NEWCOMER_PARTS
}

/// Records that joined blocks since the last view, for a store that puts them all where it keeps blocks at once: while they
/// come one by one, no block has to be looked for.
#[derive(Clone, Debug, Default)]
pub struct Newcomers {
    parts: [Hashed<BlockKey, Since>; NEWCOMER_PARTS],
    /// Blocks in all parts.
    blocks: usize,
    /// What was seen of blocks is known to hold, but for what `parts` tell.
    is_open: bool,
}

impl Newcomers {
    /// A view begins: from now on all changes are told here.
    pub fn open(&mut self) {
        self.is_open = true;
    }

    /// Lets a record, which lies in no block, join blocks in each of which the view saw so many records. Appends to `others` who
    /// joined before it those that have no more than `max`. Where one changed in another way or would pass `max`, or there is
    /// no view, it does nothing, and returns false.
    pub fn join(
        &mut self,
        record: RecordNumber,
        blocks: &[(BlockKey, usize)],
        max: usize,
        others: &mut Vec<RecordNumber>,
    ) -> bool {
        if !self.is_open {
            return false;
        }
        let had = others.len();
        for (at, (block, seen)) in blocks.iter().enumerate() {
            let counts = *seen <= max;
            let joined = self.note(*block, |since| {
                if since.is_other || counts && seen + since.records.len() >= max {
                    return false;
                }
                if counts {
                    others.extend_from_slice(&since.records);
                }
                since.records.push(record);
                true
            });
            if !joined {
                for (block, _) in blocks.iter().take(at) {
                    self.note(*block, |since| since.records.pop());
                }
                others.truncate(had);
                return false;
            }
        }
        self.is_open = self.blocks <= BLOCKS_MAX;
        true
    }

    /// True where a block is known to be as the view saw it.
    pub(crate) fn is_as_seen(&self, block: BlockKey) -> bool {
        self.is_open && self.since(block).is_none_or(Since::is_nothing)
    }

    /// What became of a block since the view, if anything did.
    fn since(&self, block: BlockKey) -> Option<&Since> {
        self.parts.get(newcomer_part(block))?.get(&block)
    }

    /// Keeps what becomes of a block.
    fn note<T: Default>(&mut self, block: BlockKey, change: impl FnOnce(&mut Since) -> T) -> T {
        let Some(part) = self.parts.get_mut(newcomer_part(block)) else {
            return T::default();
        };
        let since = part.entry(block).or_insert_with(|| {
            self.blocks += 1;
            Since::default()
        });
        change(since)
    }

    /// Those who joined a block that is to be read: they belong where the store keeps blocks, now.
    pub fn of(&mut self, block: BlockKey) -> impl Iterator<Item = RecordNumber> + use<> {
        let part = self
            .parts
            .get_mut(newcomer_part(block))
            .filter(|_| self.blocks > 0);
        let joined = part.and_then(|part| part.get_mut(&block)).map(|since| {
            since.is_other |= !since.records.is_empty();
            std::mem::take(&mut since.records)
        });
        joined.into_iter().flatten()
    }

    /// The same of one that is to be changed in another way: nobody joins it before the next view.
    pub fn before_change(&mut self, block: BlockKey) -> impl Iterator<Item = RecordNumber> + use<> {
        let joined = self.of(block);
        if self.is_open {
            self.note(block, |since| since.is_other = true);
            self.is_open = self.blocks <= BLOCKS_MAX;
        }
        joined
    }

    /// All who joined, block by block, in no order; to be taken to the last. Nobody joins before the next view.
    pub fn take(&mut self) -> impl Iterator<Item = (BlockKey, RecordNumber)> + '_ {
        self.take_parts().flatten()
    }

    /// As [`Newcomers::take`], by parts of the keys.
    pub(crate) fn take_parts(
        &mut self,
    ) -> impl Iterator<Item = impl Iterator<Item = (BlockKey, RecordNumber)> + '_> {
        self.is_open = false;
        self.blocks = 0;
        self.parts.iter_mut().map(|part| {
            let all = part.drain();
            all.flat_map(|(block, since)| since.records.into_iter().map(move |record| (block, record)))
        })
    }

    /// Of how many blocks it is known what became of them.
    pub(crate) const fn blocks(&self) -> usize {
        self.blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: BlockKey = BlockKey(1);
    const B: BlockKey = BlockKey(2);
    const MAX: usize = 3;

    fn viewed() -> Newcomers {
        let mut newcomers = Newcomers::default();
        newcomers.open();
        newcomers
    }

    fn join(newcomers: &mut Newcomers, record: u64, [a, b]: [usize; 2]) -> Option<Vec<u64>> {
        let mut others = Vec::new();
        newcomers
            .join(RecordNumber(record), &[(A, a), (B, b)], MAX, &mut others)
            .then(|| others.iter().map(|other| other.0).collect())
    }

    #[test]
    fn who_joins_meets_those_who_did_before() {
        let mut newcomers = viewed();
        assert_eq!(join(&mut newcomers, 7, [0, 1]), Some(vec![]));
        assert!(!newcomers.is_as_seen(A) && newcomers.is_as_seen(BlockKey(3)));
        assert_eq!(join(&mut newcomers, 8, [0, 1]), Some(vec![7, 7]));
        // With a fourth, B passes its limit: nobody joins anything.
        assert_eq!(join(&mut newcomers, 9, [0, 1]), None);
        let mut all: Vec<_> = newcomers.take().map(|(b, r)| (b.0, r.0)).collect();
        all.sort_unstable();
        assert_eq!(all, [(1, 7), (1, 8), (2, 7), (2, 8)]);
        assert_eq!(newcomers.take().count(), 0);
    }

    #[test]
    fn a_block_past_its_limit_takes_all_and_tells_nobody_of_them() {
        let mut newcomers = viewed();
        assert_eq!(join(&mut newcomers, 7, [0, 4]), Some(vec![]));
        assert_eq!(join(&mut newcomers, 8, [0, 4]), Some(vec![7]));
    }

    #[test]
    fn nobody_joins_a_block_that_changed_in_another_way() {
        let mut newcomers = viewed();
        assert_eq!(newcomers.before_change(B).count(), 0);
        assert!(newcomers.is_as_seen(A) && !newcomers.is_as_seen(B));
        assert_eq!(join(&mut newcomers, 7, [0, 0]), None);
        newcomers.take().for_each(drop);
        newcomers.open();
        assert_eq!(join(&mut newcomers, 7, [0, 0]), Some(vec![]));
        // One that was read is settled: who joined it is in it now.
        let read: Vec<_> = newcomers.of(A).map(|record| record.0).collect();
        assert_eq!(read, [7]);
        assert_eq!(newcomers.of(A).count(), 0);
        assert_eq!(join(&mut newcomers, 8, [0, 0]), None);
    }

    #[test]
    fn without_a_view_nobody_joins_and_nothing_is_kept() {
        let mut newcomers = Newcomers::default();
        assert!(!newcomers.is_as_seen(A));
        assert_eq!(join(&mut newcomers, 7, [0, 0]), None);
        (0..9).for_each(|block| drop(newcomers.before_change(BlockKey(block))));
        assert_eq!(newcomers.blocks(), 0);
        newcomers.open();
        assert_eq!(join(&mut newcomers, 7, [0, 0]), Some(vec![]));
        assert_eq!(newcomers.take().count(), 2);
        assert_eq!(
            join(&mut newcomers, 8, [1, 1]),
            None,
            "what was seen may be of before"
        );
    }

    #[test]
    fn there_is_an_end_to_the_blocks_that_are_kept_in_mind() {
        let mut newcomers = viewed();
        assert_eq!(join(&mut newcomers, 7, [0, 0]), Some(vec![]));
        (0..2 * BLOCKS_MAX as u64).for_each(|block| drop(newcomers.before_change(BlockKey(block + 3))));
        assert!(newcomers.blocks() <= BLOCKS_MAX + 1);
        assert_eq!(join(&mut newcomers, 8, [0, 0]), None);
        assert_eq!(
            newcomers.before_change(A).count(),
            1,
            "who joined is not forgotten"
        );
    }
}
