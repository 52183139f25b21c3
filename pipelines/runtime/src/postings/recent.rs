//! Changes of a shard that are in none of its runs. Most terms have one, and every record asks for a dozen at random, so what
//! counts is how few lines of memory an answer takes, and how small a term is: the more are held, the fewer runs there are.

use super::pages::{Change, Pair};
use super::{SHARD_BITS, prefix_of};
use smallvec::SmallVec;

/// Changes of a term with several, ascending by number.
type Changes = SmallVec<[Change; 3]>;

/// Slots at first.
const SLOTS_MIN: usize = 16;
/// Bits of a term that the shard does not say.
const TERM_BITS: u32 = u64::BITS - SHARD_BITS;
/// Bits of them that are in the second word.
const HIGH_BITS: u32 = TERM_BITS - u32::BITS;

/// A table with open addressing and linear probing; its terms are hashes already.
#[derive(Default)]
pub(super) struct Recent {
    slots: Vec<Slot>,
    used: usize,
    many: Vec<Changes>,
}

/// A term's bits, and its only change or where its changes are: in three words, as nearly all memory is slots. The second
/// one holds the term's high bits, what the slot is, and the high bits of the change.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot([u32; 3]);

/// What a slot is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Empty,
    One,
    Many,
}

const EMPTY: Slot = Slot([0; 3]);
const CHANGE_SHIFT: u32 = 24;

impl Slot {
    #[expect(clippy::cast_possible_truncation, reason = "words are cut out")]
    const fn new(term: u64, kind: Kind, value: u64) -> Self {
        let high = (term >> u32::BITS) as u32 & ((1 << HIGH_BITS) - 1);
        let kind = (kind as u32) << HIGH_BITS;
        let value_high = ((value >> u32::BITS) as u32) << CHANGE_SHIFT;
        Self([term as u32, high | kind | value_high, value as u32])
    }

    const fn kind(self) -> Kind {
        match self.0[1] >> HIGH_BITS & 3 {
            0 => Kind::Empty,
            1 => Kind::One,
            _ => Kind::Many,
        }
    }

    /// The term but for the bits that the shard says.
    const fn term(self) -> u64 {
        let high = self.0[1] & ((1 << HIGH_BITS) - 1);
        (high as u64) << u32::BITS | self.0[0] as u64
    }

    const fn value(self) -> u64 {
        ((self.0[1] >> CHANGE_SHIFT) as u64) << u32::BITS | self.0[2] as u64
    }
}

const fn within_shard(term: u64) -> u64 {
    term & ((1 << TERM_BITS) - 1)
}

impl Recent {
    /// How many terms there are.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.used
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Reads where a term lies.
    pub(super) fn touch(&self, term: u64) -> u32 {
        self.slot(self.home(term)).0[0]
    }

    /// The changes of a term, ascending by number.
    pub(super) fn of(&self, term: u64) -> impl Iterator<Item = Change> + '_ {
        let (one, many) = self.changes(self.slot(self.place(term)));
        one.into_iter().chain(many.iter().copied())
    }

    /// What is said of one number of a term.
    pub(super) fn find(&self, term: u64, number: u64) -> Option<Change> {
        let (one, many) = self.changes(self.slot(self.place(term)));
        let at = many.binary_search_by_key(&number, |change| change.number());
        let of_many = at.ok().and_then(|at| many.get(at).copied());
        of_many.or(one).filter(|change| change.number() == number)
    }

    /// Notes a change; the last one of a number holds. False where one of the same number was noted before.
    pub(super) fn note(&mut self, pair: Pair) -> bool {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let (term, change) = (pair.term, pair.change);
        let at = self.place(term);
        let held = self.slot(at);
        match held.kind() {
            Kind::Empty => {
                self.used += 1;
                self.set(at, Slot::new(term, Kind::One, change.bits()));
            }
            Kind::One => {
                let one = Change::of_bits(held.value());
                if one.number() == change.number() {
                    self.set(at, Slot::new(term, Kind::One, change.bits()));
                    return false;
                }
                let mut both: Changes = SmallVec::from_slice(&[one, change]);
                both.sort_unstable_by_key(|change| change.number());
                self.set(at, Slot::new(term, Kind::Many, self.many.len() as u64));
                self.many.push(both);
            }
            Kind::Many => {
                let many = usize::try_from(held.value()).ok();
                let Some(changes) = many.and_then(|at| self.many.get_mut(at)) else {
                    return false;
                };
                match changes.binary_search_by_key(&change.number(), |change| change.number()) {
                    Ok(at) => {
                        if let Some(held) = changes.get_mut(at) {
                            *held = change;
                        }
                        return false;
                    }
                    Err(at) => changes.insert(at, change),
                }
            }
        }
        true
    }

    /// All that is noted, ascending; `shard` is the one whose they are.
    pub(super) fn pairs(&self, shard: usize) -> Vec<Pair> {
        let mut all = Vec::with_capacity(self.used);
        for slot in &self.slots {
            let term = prefix_of(shard) | slot.term();
            let (one, many) = self.changes(*slot);
            let changes = one.into_iter().chain(many.iter().copied());
            all.extend(changes.map(|change| Pair { term, change }));
        }
        all.sort_unstable_by_key(Pair::key);
        all
    }

    /// Forgets all, and keeps the room.
    pub(super) fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.used = 0;
        self.many.clear();
    }

    fn changes(&self, slot: Slot) -> (Option<Change>, &[Change]) {
        match slot.kind() {
            Kind::Empty => (None, &[]),
            Kind::One => (Some(Change::of_bits(slot.value())), &[]),
            Kind::Many => {
                let many = usize::try_from(slot.value()).ok();
                (
                    None,
                    many.and_then(|at| self.many.get(at))
                        .map_or(&[], SmallVec::as_slice),
                )
            }
        }
    }

    fn slot(&self, at: usize) -> Slot {
        self.slots.get(at).copied().unwrap_or(EMPTY)
    }

    fn set(&mut self, at: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    /// Where a term would lie were there no others.
    const fn home(&self, term: u64) -> usize {
        (((term & u32::MAX as u64) * self.slots.len() as u64) >> u32::BITS) as usize
    }

    /// Where the term lies, or the empty slot where it would. There always is one.
    fn place(&self, term: u64) -> usize {
        let mut at = self.home(term);
        loop {
            let slot = self.slot(at);
            if slot.kind() == Kind::Empty || slot.term() == within_shard(term) {
                return at;
            }
            at = if at + 1 < self.slots.len() { at + 1 } else { 0 };
        }
    }

    /// By half: twice the slots would mostly be empty ones.
    fn grow(&mut self) {
        let slots = (self.slots.len() * 3 / 2).max(SLOTS_MIN);
        let before = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        for slot in before.into_iter().filter(|slot| *slot != EMPTY) {
            self.set(self.place(slot.term()), slot);
        }
    }
}
