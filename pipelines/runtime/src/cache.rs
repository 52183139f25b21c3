//! Typed, write-back access to a space of state: changes gather in memory and leave as part of the epoch's one batch (INV-4).

use crate::filter::KeyFilter;
use crate::held::{Entry, Found, Held};
use crate::numbered::{self, CHUNK, ChunkReader, Place, Places, numbered_at};
use hashbrown::DefaultHashBuilder;
use panorama_api::{ConnectorError, Result, Space, StateBatch, StateRead};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::{BuildHasher, Hash};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// A key of state: hashable in memory, sorted bytes on disk.
pub trait StateKey: Copy + Ord + Hash {
    /// Its bytes; big-endian, so that their order is the key's order.
    fn bytes(&self, out: &mut Vec<u8>);

    /// What it is where it is but a number.
    fn number(&self) -> Option<u64> {
        None
    }
}

impl StateKey for u64 {
    fn bytes(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn number(&self) -> Option<u64> {
        Some(*self)
    }
}

impl StateKey for u128 {
    fn bytes(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl<A: StateKey, B: StateKey> StateKey for (A, B) {
    fn bytes(&self, out: &mut Vec<u8>) {
        self.0.bytes(out);
        self.1.bytes(out);
    }
}

impl StateKey for u8 {
    fn bytes(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
}

impl StateKey for i32 {
    /// Negative before positive.
    fn bytes(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.cast_unsigned() ^ 0x8000_0000).to_be_bytes());
    }
}

/// One space, read through what is held of it in memory (INV-9: unchanged values take the room of `2 x entries_max` at most,
/// and those changed in two epochs are held; the filter of a space that was empty when it was opened takes 36 MiB at most, or
/// where numbered values lie 32 MiB).
pub struct TypedSpace<K, V> {
    space: Space,
    state: Arc<dyn StateRead>,
    held: Held<K, V>,
    /// Keys changed since the last flush, each once.
    changed: Vec<K>,
    key: Vec<u8>,
    hasher: DefaultHashBuilder,
    written: Written,
}

/// Which keys were never written.
enum Written {
    /// All but those of the filter, in a space that was opened empty; in another, none is known.
    Keys(Option<KeyFilter>),
    /// Numbers from `next` on, and some of those before it. Those below `soon` come with the next flush, or never.
    Below { next: u64, soon: u64, places: Places },
}

impl<K: StateKey, V: Serialize + DeserializeOwned> TypedSpace<K, V> {
    /// A view of `space` that keeps about `entries_max` recently used values in memory.
    pub fn new(space: Space, state: Arc<dyn StateRead>, entries_max: usize) -> Self {
        let mut empty = true;
        let looked = state.scan(space, &[], None, &mut |_, _| {
            empty = false;
            ControlFlow::Break(())
        });
        let written = (empty && looked.is_ok()).then(KeyFilter::new);
        Self::with(space, state, entries_max, Written::Keys(written))
    }

    fn with(space: Space, state: Arc<dyn StateRead>, entries_max: usize, written: Written) -> Self {
        Self {
            held: Held::new(entries_max, matches!(written, Written::Below { .. })),
            written,
            hasher: DefaultHashBuilder::default(),
            space,
            state,
            changed: Vec::new(),
            key: Vec::new(),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// Where the state cannot be read, or holds bytes of another form.
    pub fn get(&mut self, key: K) -> Result<Option<&V>> {
        let found = self.held.find(key);
        if matches!(found, Found::Nothing) {
            // What never was takes no room.
            if self.written.lacks(&self.hasher, key) {
                return Ok(None);
            }
            let value = self.written.read(&*self.state, self.space, key, &mut self.key)?;
            let entry = self.held.get_or_insert(found, key, Entry::new(value, false));
            return Ok(entry.value.as_ref());
        }
        Ok(self.held.get(found, key).and_then(|entry| entry.value.as_ref()))
    }

    /// A copy of the value of a key; nothing is kept of it.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn peek(&self, key: K) -> Result<Option<V>>
    where
        V: Clone,
    {
        if let Some(held) = self.held.peek(key) {
            return Ok(held.cloned());
        }
        if self.written.lacks(&self.hasher, key) {
            return Ok(None);
        }
        self.written.read(&*self.state, self.space, key, &mut Vec::new())
    }

    /// Keeps a value that was read of state since the last change of its key.
    pub fn offer(&mut self, key: K, value: V) {
        self.held.offer(key, value);
    }

    /// The value of a key, to be changed in place; it counts as changed.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn get_mut(&mut self, key: K) -> Result<Option<&mut V>> {
        let (entry, changed) = self.load(key)?;
        if entry.value.is_some() {
            mark(entry, key, changed);
        }
        Ok(entry.value.as_mut())
    }

    /// The value of a key, made where there is none, to be changed in place.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> Result<&mut V> {
        let (entry, changed) = self.load(key)?;
        mark(entry, key, changed);
        Ok(entry.value.get_or_insert_with(make))
    }

    /// The value of a key, set where there is none; a value that was there does not count as changed.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn get_or_put_with(&mut self, key: K, make: impl FnOnce() -> V) -> Result<&V> {
        let (entry, changed) = self.load(key)?;
        if entry.value.is_none() {
            mark(entry, key, changed);
        }
        Ok(entry.value.get_or_insert_with(make))
    }

    /// Sets a key.
    pub fn put(&mut self, key: K, value: V) {
        self.set(key, Some(value));
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: K) {
        self.set(key, None);
    }

    fn set(&mut self, key: K, value: Option<V>) {
        let found = self.held.find_to_change(key, self.written.next());
        let entry = self.held.get_or_insert(found, key, Entry::new(None, false));
        entry.value = value;
        mark(entry, key, &mut self.changed);
    }

    /// Moves the changes into the epoch's batch, in the order of keys, and lets go of what has not been used lately.
    ///
    /// What was changed in the last epoch is held on to, so that an epoch need not be committed before the next one is
    /// flushed; the one before the last has to be.
    ///
    /// # Errors
    /// Where a value cannot be encoded.
    pub fn flush(&mut self, batch: &mut StateBatch) -> Result<()> {
        self.changed.sort_unstable();
        let changed = std::mem::take(&mut self.changed);
        let chunk = |key: &K| key.number().map(|number| number / CHUNK);
        for some in changed.chunk_by(|a, b| chunk(a).is_some() && chunk(a) == chunk(b)) {
            let written = match some.first().and_then(chunk) {
                Some(chunk) if self.written.lacks_all_of(chunk) => {
                    self.write_chunk(chunk * CHUNK, some, batch)
                }
                _ => some.iter().try_for_each(|key| self.write_one(*key, batch)),
            };
            written.map_err(|e| ConnectorError::fatal("encode", self.space.0, e))?;
        }
        self.written.note_all(changed.last().and_then(StateKey::number));
        self.changed = self.held.age(changed);
        Ok(())
    }

    /// Writes a change under its own key.
    fn write_one(&mut self, key: K, batch: &mut StateBatch) -> postcard::Result<()> {
        let Some(entry) = self.held.get_mut(key) else {
            return Ok(());
        };
        entry.changed = false;
        let absent = self.written.absent();
        batch.write(
            self.space,
            |out| key.bytes(out),
            |out| match &entry.value {
                Some(value) => postcard::serialize_with_flavor(value, Appending(out)).map(|()| true),
                None => Ok(absent),
            },
        )?;
        let place = if entry.value.is_some() {
            Place::Own
        } else {
            Place::Nowhere
        };
        self.written.note(key, &self.hasher, place);
        Ok(())
    }

    /// Writes all values that there are of numbers that are new, those of `changed`, as one chunk.
    fn write_chunk(&mut self, first: u64, changed: &[K], batch: &mut StateBatch) -> postcard::Result<()> {
        let all = &mut self.held;
        let (written, hasher) = (&mut self.written, &self.hasher);
        let mut changed = changed.iter().peekable();
        batch.write(
            self.space,
            |out| numbered::chunk_key(first, out),
            |out| {
                (first..first + CHUNK).try_for_each(|number| {
                    let key = changed.next_if(|key| key.number() == Some(number)).copied();
                    let held = key.and_then(|key| Some((key, all.get_mut(key)?)));
                    numbered::push(out, |out| match held {
                        None => Ok(()),
                        Some((key, entry)) => {
                            entry.changed = false;
                            let place = entry.value.as_ref().map_or(Place::Nowhere, |_| Place::Chunk);
                            written.note(key, hasher, place);
                            let value = entry.value.as_ref();
                            value.map_or(Ok(()), |value| {
                                postcard::serialize_with_flavor(value, Appending(out))
                            })
                        }
                    })
                })?;
                Ok(true)
            },
        )
    }

    /// The entry of a key, and where to note that it changed.
    fn load(&mut self, key: K) -> Result<(&mut Entry<V>, &mut Vec<K>)> {
        let found = self.held.find_to_change(key, self.written.next());
        let is_in_state = matches!(found, Found::Nothing) && !self.written.lacks(&self.hasher, key);
        let value = if is_in_state {
            self.written.read(&*self.state, self.space, key, &mut self.key)?
        } else {
            None
        };
        let entry = self.held.get_or_insert(found, key, Entry::new(value, false));
        Ok((entry, &mut self.changed))
    }
}

impl<V: Serialize + DeserializeOwned> TypedSpace<u64, V> {
    /// A view of `space`, whose keys are numbers that rise: none was written from `next` on. New values lie in state in chunks,
    /// to be read there by [`numbered()`](crate::numbered()).
    pub fn numbered(space: Space, state: Arc<dyn StateRead>, entries_max: usize, next: u64) -> Self {
        Self::with(
            space,
            state,
            entries_max,
            Written::Below {
                next,
                soon: next,
                places: Places::new(next),
            },
        )
    }

    /// Fetches the values of numbers that come next, and of those about them, one after another.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn expect(&mut self, numbers: Range<u64>) -> Result<()> {
        let Written::Below { places, .. } = &self.written else {
            return Ok(());
        };
        let lacking: Vec<_> = self.held.lacking(numbers).collect();
        for stretch in lacking {
            let mut found = Vec::new();
            for first in stretch.clone().step_by(usize::try_from(CHUNK).unwrap_or(1)) {
                let mut reader = ChunkReader::new(&*self.state, self.space, first);
                for number in first..first + CHUNK {
                    if self.written.lacks(&self.hasher, number) || self.held.holds(number) {
                        continue;
                    }
                    if let Some(value) = reader.value(number, places.of(number))? {
                        let value = postcard::from_bytes(value);
                        let value = value.map_err(|e| ConnectorError::fatal("read", self.space.0, e))?;
                        found.push((number, value));
                    }
                }
            }
            self.held.begin(stretch, found);
        }
        Ok(())
    }

    /// Says before a flush which number is the next that is not in use.
    pub const fn expect_below(&mut self, soon: u64) {
        if let Written::Below { soon: known, .. } = &mut self.written {
            *known = soon;
        }
    }
}

impl Written {
    /// True where a key was never written.
    fn lacks(&self, hasher: &DefaultHashBuilder, key: impl StateKey) -> bool {
        match self {
            Self::Keys(None) => false,
            Self::Keys(Some(written)) => !written.may_hold(hasher.hash_one(key)),
            Self::Below { next, places, .. } => key
                .number()
                .is_some_and(|number| number >= *next || places.of(number) == Place::Nowhere),
        }
    }

    /// The first of the numbers that were never written, where keys are such.
    const fn next(&self) -> Option<u64> {
        match self {
            Self::Keys(_) => None,
            Self::Below { next, .. } => Some(*next),
        }
    }

    /// True where none of a chunk was, and all that are in use are now.
    const fn lacks_all_of(&self, chunk: u64) -> bool {
        match self {
            Self::Keys(_) => false,
            Self::Below { next, soon, .. } => chunk * CHUNK >= *next && chunk * CHUNK + CHUNK <= *soon,
        }
    }

    /// What a change to nothing is written as: true for a value of no bytes, where a chunk may hold an older one.
    const fn absent(&self) -> bool {
        matches!(self, Self::Below { .. })
    }

    /// Notes that a key is written.
    fn note(&mut self, key: impl StateKey, hasher: &DefaultHashBuilder, place: Place) {
        match (self, key.number()) {
            (Self::Below { places, .. }, Some(number)) => places.note(number, place),
            (Self::Keys(Some(written)), _) => written.insert(hasher.hash_one(key)),
            _ => {}
        }
    }

    /// Notes that all changes are written, up to this number.
    fn note_all(&mut self, last: Option<u64>) {
        if let Self::Below { next, soon, .. } = self {
            *next = (*next).max(*soon).max(last.map_or(0, |last| last + 1));
        }
    }

    /// The value of a key in state.
    fn read<V: DeserializeOwned>(
        &self,
        state: &dyn StateRead,
        space: Space,
        key: impl StateKey,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<V>> {
        let value = match (self, key.number()) {
            (Self::Below { places, .. }, Some(number)) => {
                numbered_at(state, space, number, places.of(number))?
            }
            _ => {
                bytes.clear();
                key.bytes(bytes);
                state.get(space, bytes)?
            }
        };
        let value = value.map(|b| postcard::from_bytes(&b)).transpose();
        value.map_err(|e| ConnectorError::fatal("read", space.0, e))
    }
}

/// Notes that an entry is changed.
fn mark<K, V>(entry: &mut Entry<V>, key: K, changed: &mut Vec<K>) {
    if !entry.changed {
        entry.changed = true;
        changed.push(key);
    }
}

/// Writes a value behind what a buffer holds.
struct Appending<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Appending<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbered::each_numbered;
    use crate::stored::Stored;
    use std::collections::BTreeMap;

    const SPACE: Space = Space("test");

    /// A space, and what it has to say.
    struct Compared {
        stored: Arc<Stored>,
        rises: bool,
        entries_max: usize,
        space: TypedSpace<u64, u64>,
        expected: BTreeMap<u64, u64>,
        /// Flushed, not committed.
        late: StateBatch,
    }

    impl Compared {
        /// One whose state holds the first few numbers. Numbers rise in it, or keys are of any kind.
        fn new(rises: bool, entries_max: usize, found: u64) -> Self {
            let stored = Arc::new(Stored::default());
            for key in 0..found {
                let mut batch = StateBatch::default();
                batch.put(SPACE, key.to_be_bytes(), postcard::to_allocvec(&key).unwrap());
                stored.commit(&batch);
            }
            Self {
                space: open(&stored, rises, entries_max, found),
                stored,
                rises,
                entries_max,
                expected: (0..found).map(|key| (key, key)).collect(),
                late: StateBatch::default(),
            }
        }

        fn change(&mut self, key: u64, value: u64, draw: &mut impl FnMut(u64) -> u64) {
            let Self { space, expected, .. } = self;
            match draw(8) {
                0 | 1 => {
                    space.put(key, value);
                    expected.insert(key, value);
                }
                2 => {
                    space.delete(key);
                    expected.remove(&key);
                }
                3 => {
                    let made = *space.get_or_put_with(key, || value).unwrap();
                    assert_eq!(made, *expected.entry(key).or_insert(value));
                }
                4 => {
                    if let Some(held) = space.get_mut(key).unwrap() {
                        *held += 1;
                    }
                    expected.entry(key).and_modify(|held| *held += 1);
                }
                5 if self.rises && draw(8) == 0 => space.expect(key..key + draw(40)).unwrap(),
                5 if draw(4) > 0 => {
                    assert_eq!(space.peek(key).unwrap().as_ref(), expected.get(&key));
                    if let Some(value) = space.peek(key).unwrap() {
                        space.offer(key, value);
                    }
                }
                5 => self.end_epoch(value + 1, draw(4) == 0),
                _ => assert_eq!(space.get(key).unwrap(), expected.get(&key)),
            }
        }

        /// Commits the epoch before, and opens the space again after this one.
        fn end_epoch(&mut self, next: u64, opens_again: bool) {
            self.stored.commit(&std::mem::take(&mut self.late));
            self.space.expect_below(next);
            self.space.flush(&mut self.late).unwrap();
            if opens_again {
                self.stored.commit(&std::mem::take(&mut self.late));
                self.space = open(&self.stored, self.rises, self.entries_max, next);
            }
        }

        /// All is what it has to be, in memory and in state.
        fn end(mut self, next: u64) {
            for key in 0..next {
                assert_eq!(self.space.get(key).unwrap(), self.expected.get(&key));
            }
            self.end_epoch(next, true);
            let mut all = BTreeMap::new();
            each_numbered(&*self.stored, SPACE, &mut |key, value| {
                assert!(all.keys().next_back().is_none_or(|before| *before < key));
                all.insert(key, postcard::from_bytes(value).unwrap());
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(all, self.expected);
            let mut chunks = 0;
            let chunk = &mut |key: &[u8], _: &[u8]| {
                chunks += usize::from(key.len() > size_of::<u64>());
                ControlFlow::Continue(())
            };
            self.stored.scan(SPACE, &[], None, chunk).unwrap();
            assert_eq!(chunks > 0, self.rises);
        }
    }

    fn open(stored: &Arc<Stored>, rises: bool, entries_max: usize, next: u64) -> TypedSpace<u64, u64> {
        let state = Arc::<Stored>::clone(stored);
        if rises {
            TypedSpace::numbered(SPACE, state, entries_max, next)
        } else {
            TypedSpace::new(SPACE, state, entries_max)
        }
    }

    /// Puts, deletes and looks, while epochs end and are committed one epoch late: always what a plain map says.
    #[test]
    fn it_is_a_map_whatever_it_has_let_go_of() {
        for (seed, entries_max, found) in (0..24).map(|n| (n, 1 + n % 4, n % 3)) {
            let mut dice = seed as u64;
            let mut draw = |below: u64| {
                dice = dice
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) % below
            };
            // What is there at first has no filter.
            let rises = seed % 2 == 1;
            let mut compared = Compared::new(rises, entries_max, found as u64);
            for value in 0..4000_u64 {
                let key = if rises && draw(8) == 0 {
                    draw(value + 1)
                } else if rises {
                    value.saturating_sub(draw(50))
                } else {
                    draw(40)
                };
                compared.change(key, value, &mut draw);
            }
            compared.end(4000);
        }
    }
}
