//! Typed, write-back access to a space of state: changes gather in memory and leave as part of the epoch's one batch (INV-4).

use crate::filter::KeyFilter;
use hashbrown::hash_map::Entry as MapEntry;
use hashbrown::{DefaultHashBuilder, HashMap};
use panorama_api::{ConnectorError, Result, Space, StateBatch, StateRead};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::{BuildHasher, Hash};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A key of state: hashable in memory, sorted bytes on disk.
pub trait StateKey: Copy + Ord + Hash {
    /// Its bytes; big-endian, so that their order is the key's order.
    fn bytes(&self, out: &mut Vec<u8>);
}

impl StateKey for u64 {
    fn bytes(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
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

struct Entry<V> {
    value: Option<V>,
    changed: bool,
    /// Many threads looked at it while it was old: it stays.
    used: AtomicBool,
}

impl<V> Entry<V> {
    const fn new(value: Option<V>, changed: bool) -> Self {
        Self {
            value,
            changed,
            used: AtomicBool::new(false),
        }
    }
}

impl<V> Entry<V> {
    fn mark<K>(&mut self, key: K, changed: &mut Vec<K>) {
        if !self.changed {
            self.changed = true;
            changed.push(key);
        }
    }
}

/// One space, read through two generations of cache (INV-9: at most `2 x entries_max` unchanged entries are held, and those
/// of two epochs; and the filter of a space that was empty when it was opened, of 36 MiB at most).
pub struct TypedSpace<K, V> {
    space: Space,
    state: Arc<dyn StateRead>,
    young: HashMap<K, Entry<V>>,
    old: HashMap<K, Entry<V>>,
    entries_max: usize,
    aged_before: bool,
    /// Keys changed since the last flush, each once.
    changed: Vec<K>,
    key: Vec<u8>,
    hasher: DefaultHashBuilder,
    /// The keys written since the space was opened empty; none where it was not.
    written: Option<KeyFilter>,
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
        Self {
            written,
            hasher: DefaultHashBuilder::default(),
            space,
            state,
            young: HashMap::new(),
            old: HashMap::new(),
            entries_max,
            aged_before: false,
            changed: Vec::new(),
            key: Vec::new(),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// Where the state cannot be read, or holds bytes of another form.
    pub fn get(&mut self, key: K) -> Result<Option<&V>> {
        // What never was takes no room.
        if self.written.is_some()
            && !self.young.contains_key(&key)
            && !self.old.contains_key(&key)
            && is_new(self.written.as_ref(), &self.hasher, key)
        {
            return Ok(None);
        }
        Ok(self.load(key)?.0.value.as_ref())
    }

    /// A copy of the value of a key; nothing is kept of it.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn peek(&self, key: K) -> Result<Option<V>>
    where
        V: Clone,
    {
        if let Some(entry) = self.young.get(&key) {
            return Ok(entry.value.clone());
        }
        if let Some(entry) = self.old.get(&key) {
            entry.used.store(true, Ordering::Relaxed);
            return Ok(entry.value.clone());
        }
        if is_new(self.written.as_ref(), &self.hasher, key) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        key.bytes(&mut bytes);
        read(&*self.state, self.space, &bytes)
    }

    /// Keeps a value that was read of state since the last change of its key.
    pub fn offer(&mut self, key: K, value: V) {
        if !self.old.contains_key(&key) {
            self.young
                .entry(key)
                .or_insert_with(|| Entry::new(Some(value), false));
        }
    }

    /// The value of a key, to be changed in place; it counts as changed.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn get_mut(&mut self, key: K) -> Result<Option<&mut V>> {
        let (entry, changed) = self.load(key)?;
        if entry.value.is_some() {
            entry.mark(key, changed);
        }
        Ok(entry.value.as_mut())
    }

    /// The value of a key, made where there is none, to be changed in place.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> Result<&mut V> {
        let (entry, changed) = self.load(key)?;
        entry.mark(key, changed);
        Ok(entry.value.get_or_insert_with(make))
    }

    /// The value of a key, set where there is none; a value that was there does not count as changed.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn get_or_put_with(&mut self, key: K, make: impl FnOnce() -> V) -> Result<&V> {
        let (entry, changed) = self.load(key)?;
        if entry.value.is_none() {
            entry.mark(key, changed);
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
        let entry = match self.young.entry(key) {
            MapEntry::Occupied(known) => known.into_mut(),
            MapEntry::Vacant(vacant) => {
                let was_changed = self.old.remove(&key).is_some_and(|entry| entry.changed);
                vacant.insert(Entry::new(None, was_changed))
            }
        };
        entry.value = value;
        entry.mark(key, &mut self.changed);
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
        for key in self.changed.drain(..) {
            let generation = if self.young.contains_key(&key) {
                &mut self.young
            } else {
                &mut self.old
            };
            let Some(entry) = generation.get_mut(&key) else {
                continue;
            };
            let encode = |out: &mut Vec<u8>| match &entry.value {
                Some(value) => postcard::serialize_with_flavor(value, Appending(out)).map(|()| true),
                None => Ok(false),
            };
            batch
                .write(self.space, |out| key.bytes(out), encode)
                .map_err(|e| ConnectorError::fatal("encode", self.space.0, e))?;
            entry.changed = false;
            if let Some(written) = &mut self.written {
                written.insert(self.hasher.hash_one(key));
            }
        }
        // Twice in a row, and what the last epoch changed would be let go of.
        self.aged_before = !self.aged_before && self.young.len() >= self.entries_max;
        if self.aged_before {
            let before = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            let used = |(key, entry): (K, Entry<V>)| {
                let used = entry.used.into_inner();
                used.then(|| (key, Entry::new(entry.value, entry.changed)))
            };
            self.young.extend(before.into_iter().filter_map(used));
        }
        Ok(())
    }

    /// Entries held in memory.
    pub fn cached(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// The entry of a key, and where to note that it changed.
    fn load(&mut self, key: K) -> Result<(&mut Entry<V>, &mut Vec<K>)> {
        let entry = match self.young.entry(key) {
            MapEntry::Occupied(known) => known.into_mut(),
            MapEntry::Vacant(vacant) => {
                let entry = match self.old.remove(&key) {
                    Some(entry) => entry,
                    None if is_new(self.written.as_ref(), &self.hasher, key) => Entry::new(None, false),
                    None => {
                        self.key.clear();
                        key.bytes(&mut self.key);
                        Entry::new(read(&*self.state, self.space, &self.key)?, false)
                    }
                };
                vacant.insert(entry)
            }
        };
        Ok((entry, &mut self.changed))
    }
}

fn read<V: DeserializeOwned>(state: &dyn StateRead, space: Space, key: &[u8]) -> Result<Option<V>> {
    let bytes = state.get(space, key)?;
    let value = bytes.map(|b| postcard::from_bytes(&b)).transpose();
    value.map_err(|e| ConnectorError::fatal("read", space.0, e))
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

/// True where the space was empty when it was opened and the key was not written since.
fn is_new(written: Option<&KeyFilter>, hasher: &DefaultHashBuilder, key: impl StateKey) -> bool {
    written.is_some_and(|written| !written.may_hold(hasher.hash_one(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::Stored;
    use std::collections::BTreeMap;

    const SPACE: Space = Space("test");

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
            let stored = Arc::new(Stored::default());
            let mut expected = BTreeMap::new();
            // What is there at first has no filter.
            for key in 0..found as u64 {
                let mut batch = StateBatch::default();
                batch.put(SPACE, key.to_be_bytes(), postcard::to_allocvec(&key).unwrap());
                stored.commit(&batch);
                expected.insert(key, key);
            }
            let mut space = TypedSpace::new(SPACE, Arc::<Stored>::clone(&stored), entries_max);
            let mut late = StateBatch::default();
            for value in 0..4000 {
                let key = draw(40);
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
                    5 if draw(4) > 0 => {
                        assert_eq!(space.peek(key).unwrap().as_ref(), expected.get(&key));
                        if let Some(value) = space.peek(key).unwrap() {
                            space.offer(key, value);
                        }
                    }
                    5 => {
                        stored.commit(&late);
                        late = StateBatch::default();
                        space.flush(&mut late).unwrap();
                    }
                    _ => assert_eq!(space.get(key).unwrap(), expected.get(&key)),
                }
            }
            for key in 0..40 {
                assert_eq!(space.get(key).unwrap(), expected.get(&key));
            }
        }
    }
}
