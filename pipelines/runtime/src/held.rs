//! What is held in memory of a space: of keys at random in two generations, of numbers that lie side by side in stretches.
//!
//! Most of what a stream asks for is of the newest numbers, which come one after another: in a stretch a value is found without
//! hashing, and written next to those before it.

use crate::cache::StateKey;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry as MapEntry;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Numbers in a stretch.
const STRETCH: u64 = 1024;

/// What is held of one key.
pub(crate) struct Entry<V> {
    pub(crate) value: Option<V>,
    pub(crate) changed: bool,
    /// Many threads looked at it while it was old: it stays.
    used: AtomicBool,
}

impl<V> Entry<V> {
    pub(crate) const fn new(value: Option<V>, changed: bool) -> Self {
        Self {
            value,
            changed,
            used: AtomicBool::new(false),
        }
    }
}

/// Where what is held of a key was found.
#[derive(Clone, Copy)]
pub(crate) enum Found {
    /// There, or the key has no value.
    Stretch(Slot),
    /// In the younger generation.
    Young,
    /// Nothing is held of it.
    Nothing,
}

/// A place in a stretch.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    stretch: usize,
    at: usize,
}

/// At most twice so many values as are asked for that are as they are in state, and those changed in two epochs (INV-9).
pub(crate) struct Held<K, V> {
    young: HashMap<K, Entry<V>>,
    old: HashMap<K, Entry<V>>,
    stretches: Stretches<V>,
    /// In each generation.
    generation_max: usize,
    aged_before: bool,
    /// Keys that were changed in the epoch before, ascending.
    changed_before: Vec<K>,
}

/// Numbers side by side, by the place of their stretch among all.
struct Stretches<V> {
    all: Vec<Stretch<V>>,
    /// Those that hold something, as they came.
    order: VecDeque<usize>,
    numbers_max: usize,
}

/// What is held of numbers from one on: all that have a value.
struct Stretch<V> {
    /// Of the first number, in the stretch.
    from: usize,
    /// Empty where it holds nothing, not even that there is nothing.
    slots: Vec<Option<Entry<V>>>,
}

impl<V> Stretch<V> {
    const fn empty() -> Self {
        Self {
            from: 0,
            slots: Vec::new(),
        }
    }

    fn holds(&self, at: usize) -> bool {
        at >= self.from && at < self.slots.len()
    }
}

/// The stretch a number is in, and where in it.
fn slot_of(number: u64) -> Option<Slot> {
    Some(Slot {
        stretch: usize::try_from(number / STRETCH).ok()?,
        at: usize::try_from(number % STRETCH).ok()?,
    })
}

impl<V> Stretches<V> {
    fn slot(&self, number: u64) -> Option<Slot> {
        let slot = slot_of(number)?;
        let stretch = self.all.get(slot.stretch)?;
        stretch.holds(slot.at).then_some(slot)
    }

    fn get(&self, slot: Slot) -> Option<&Entry<V>> {
        self.all.get(slot.stretch)?.slots.get(slot.at)?.as_ref()
    }

    fn place(&mut self, slot: Slot) -> Option<&mut Option<Entry<V>>> {
        self.all.get_mut(slot.stretch)?.slots.get_mut(slot.at)
    }

    /// Whether nothing at all is held of a stretch.
    fn lacks(&self, stretch: usize) -> bool {
        self.all
            .get(stretch)
            .is_none_or(|stretch| stretch.slots.is_empty())
    }

    /// Begins a stretch that holds nothing, with those from a number on.
    fn begin(&mut self, stretch: usize, from: usize) {
        if self.all.len() <= stretch {
            self.all.resize_with(stretch + 1, Stretch::empty);
        }
        if let Some(begun) = self.all.get_mut(stretch).filter(|begun| begun.slots.is_empty()) {
            begun.from = from;
            begun
                .slots
                .resize_with(usize::try_from(STRETCH).unwrap_or(0), || None);
            self.order.push_back(stretch);
        }
    }

    /// Lets go of the oldest stretch where there are too many; tells whose it was.
    fn end_oldest(&mut self) -> Option<(Range<u64>, Stretch<V>)> {
        let numbers = self.order.len() as u64 * STRETCH;
        if self.order.len() < 2 || numbers <= self.numbers_max as u64 {
            return None;
        }
        let oldest = self.order.pop_front()?;
        let ended = std::mem::replace(self.all.get_mut(oldest)?, Stretch::empty());
        let first = oldest as u64 * STRETCH;
        Some((first..first + STRETCH, ended))
    }
}

impl<K: StateKey, V> Held<K, V> {
    /// What is as it is in state takes the room of twice `values_max` at most, three quarters of it by number where keys are such.
    pub(crate) fn new(values_max: usize, by_number: bool) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            stretches: Stretches {
                all: Vec::new(),
                order: VecDeque::new(),
                numbers_max: values_max.saturating_mul(3) / 2,
            },
            generation_max: if by_number {
                values_max.div_ceil(4)
            } else {
                values_max
            },
            aged_before: false,
            changed_before: Vec::new(),
        }
    }

    /// Finds what is held of a key; it is young from now on.
    pub(crate) fn find(&mut self, key: K) -> Found {
        if let Some(slot) = key.number().and_then(|number| self.stretches.slot(number)) {
            return Found::Stretch(slot);
        }
        if self.young.contains_key(&key) {
            return Found::Young;
        }
        match self.old.remove(&key) {
            Some(entry) => {
                self.young.insert(key, entry);
                Found::Young
            }
            None => Found::Nothing,
        }
    }

    /// The same of a key that is about to be changed: numbers from `new` on, which state never knew, are held by stretches.
    pub(crate) fn find_to_change(&mut self, key: K, new: Option<u64>) -> Found {
        if let (Some(number), Some(new)) = (key.number(), new)
            && number >= new
            && let Some(slot) = slot_of(number)
            && self.stretches.lacks(slot.stretch)
        {
            let known = slot_of(new).filter(|known| known.stretch == slot.stretch);
            self.stretches
                .begin(slot.stretch, known.map_or(0, |known| known.at));
        }
        self.find(key)
    }

    /// What was found.
    pub(crate) fn get(&self, found: Found, key: K) -> Option<&Entry<V>> {
        match found {
            Found::Stretch(slot) => self.stretches.get(slot),
            Found::Young => self.young.get(&key),
            Found::Nothing => None,
        }
    }

    /// What was found of a key, or what it is made to be.
    pub(crate) fn get_or_insert(&mut self, found: Found, key: K, entry: Entry<V>) -> &mut Entry<V> {
        if let Found::Stretch(slot) = found
            && let Some(stretch) = self.stretches.place(slot)
        {
            return stretch.get_or_insert(entry);
        }
        match self.young.entry(key) {
            MapEntry::Occupied(known) => known.into_mut(),
            MapEntry::Vacant(vacant) => vacant.insert(entry),
        }
    }

    /// What is held of a key, for many threads; `Some(None)` where it is known to have no value.
    pub(crate) fn peek(&self, key: K) -> Option<Option<&V>> {
        if let Some(slot) = key.number().and_then(|number| self.stretches.slot(number)) {
            return Some(self.stretches.get(slot).and_then(|entry| entry.value.as_ref()));
        }
        if let Some(entry) = self.young.get(&key) {
            return Some(entry.value.as_ref());
        }
        let entry = self.old.get(&key)?;
        entry.used.store(true, Ordering::Relaxed);
        Some(entry.value.as_ref())
    }

    /// What is held of a key, where it lies.
    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut Entry<V>> {
        let slot = key.number().and_then(|number| self.stretches.slot(number));
        if let Some(slot) = slot {
            return self.stretches.place(slot)?.as_mut();
        }
        self.young.get_mut(&key).or_else(|| self.old.get_mut(&key))
    }

    /// Whether something is held of a key.
    pub(crate) fn holds(&self, key: K) -> bool {
        let slot = key.number().and_then(|number| self.stretches.slot(number));
        slot.is_some() || self.young.contains_key(&key) || self.old.contains_key(&key)
    }

    /// Keeps a value that was read, where nothing is held of its key.
    pub(crate) fn offer(&mut self, key: K, value: V) {
        if !self.holds(key) {
            self.young.insert(key, Entry::new(Some(value), false));
        }
    }

    /// Lets go of what was not used lately, and not changed in this epoch, that of `changed`, or in the one before.
    pub(crate) fn age(&mut self, changed: Vec<K>) -> Vec<K> {
        // Twice in a row, and what the last epoch changed would be let go of.
        self.aged_before = !self.aged_before && self.young.len() >= self.generation_max;
        if self.aged_before {
            // The room of those that go is for those that come.
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.retain(|_, entry| std::mem::take(entry.used.get_mut()));
        }
        while let Some((numbers, mut ended)) = self.stretches.end_oldest() {
            for key in within(&changed, &numbers)
                .iter()
                .chain(within(&self.changed_before, &numbers))
            {
                let slot = key.number().and_then(slot_of);
                let place = slot.and_then(|slot| ended.slots.get_mut(slot.at));
                if let Some(entry) = place.and_then(Option::take) {
                    self.young.insert(*key, entry);
                }
            }
        }
        let mut before = std::mem::replace(&mut self.changed_before, changed);
        before.clear();
        before
    }
}

impl<V> Held<u64, V> {
    /// The stretches of some numbers of which nothing is held.
    pub(crate) fn lacking(&self, numbers: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'_, V> {
        let all = numbers.start / STRETCH..numbers.end.div_ceil(STRETCH);
        let lacking =
            all.filter(|stretch| usize::try_from(*stretch).is_ok_and(|at| self.stretches.lacks(at)));
        lacking.map(|stretch| stretch * STRETCH..(stretch + 1) * STRETCH)
    }

    /// Holds a stretch of which nothing was held, with all values of it that have to be read.
    pub(crate) fn begin(&mut self, numbers: Range<u64>, read: Vec<(u64, V)>) {
        let Some(first) = slot_of(numbers.start) else {
            return;
        };
        let (young, old) = (&mut self.young, &mut self.old);
        let known: Vec<_> = numbers
            .filter_map(|number| Some((number, young.remove(&number).or_else(|| old.remove(&number))?)))
            .collect();
        self.stretches.begin(first.stretch, first.at);
        let read = read
            .into_iter()
            .map(|(number, value)| (number, Entry::new(Some(value), false)));
        for (number, entry) in read.chain(known) {
            if let Some(place) = slot_of(number).and_then(|slot| self.stretches.place(slot)) {
                *place = Some(entry);
            }
        }
    }
}

/// Of keys that ascend, those of some numbers.
fn within<'k, K: StateKey>(keys: &'k [K], numbers: &Range<u64>) -> &'k [K] {
    let below = |end: u64| keys.partition_point(|key| key.number().is_some_and(|number| number < end));
    keys.get(below(numbers.start)..below(numbers.end))
        .unwrap_or_default()
}
