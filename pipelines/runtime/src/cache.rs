//! Typed, write-back access to a space of state: changes gather in memory and leave as part of the epoch's one batch (INV-4).

use crate::filter::KeyFilter;
use hashbrown::{DefaultHashBuilder, HashMap};
use panorama_api::{ConnectorError, Result, Space, StateBatch, StateRead};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::{BuildHasher, Hash};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A key of state: hashable in memory, sorted bytes on disk.
pub trait StateKey: Copy + Eq + Hash {
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
}

/// One space, read through two generations of cache (INV-9: at most `2 x entries_max` unchanged entries are held).
pub struct TypedSpace<K, V> {
    space: Space,
    state: Arc<dyn StateRead>,
    young: HashMap<K, Entry<V>>,
    old: HashMap<K, Entry<V>>,
    entries_max: usize,
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
            key: Vec::new(),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// Where the state cannot be read, or holds bytes of another form.
    pub fn get(&mut self, key: K) -> Result<Option<&V>> {
        self.load(key)?;
        Ok(self.young.get(&key).and_then(|entry| entry.value.as_ref()))
    }

    /// The value of a key, to be changed in place; it counts as changed.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn get_mut(&mut self, key: K) -> Result<Option<&mut V>> {
        self.load(key)?;
        Ok(self.young.get_mut(&key).and_then(|entry| {
            entry.changed |= entry.value.is_some();
            entry.value.as_mut()
        }))
    }

    /// The value of a key, made where there is none, to be changed in place.
    ///
    /// # Errors
    /// As [`TypedSpace::get`].
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> Result<&mut V> {
        self.load(key)?;
        let entry = self.young.entry(key).or_insert(Entry {
            value: None,
            changed: true,
        });
        entry.changed = true;
        Ok(entry.value.get_or_insert_with(make))
    }

    /// Sets a key.
    pub fn put(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.young.insert(
            key,
            Entry {
                value: Some(value),
                changed: true,
            },
        );
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: K) {
        self.old.remove(&key);
        self.young.insert(
            key,
            Entry {
                value: None,
                changed: true,
            },
        );
    }

    /// Moves the changes into the epoch's batch and lets go of what has not been used lately.
    ///
    /// # Errors
    /// Where a value cannot be encoded.
    pub fn flush(&mut self, batch: &mut StateBatch) -> Result<()> {
        for generation in [&mut self.old, &mut self.young] {
            for (key, entry) in generation.iter_mut().filter(|(_, entry)| entry.changed) {
                let mut bytes = Vec::with_capacity(32);
                key.bytes(&mut bytes);
                let value = entry.value.as_ref().map(postcard::to_allocvec).transpose();
                let value = value.map_err(|e| ConnectorError::fatal("encode", self.space.0, e))?;
                batch.changes.push((self.space, bytes, value));
                entry.changed = false;
                if let Some(written) = &mut self.written {
                    written.insert(self.hasher.hash_one(key));
                }
            }
        }
        if self.young.len() >= self.entries_max {
            self.old = std::mem::take(&mut self.young);
        }
        Ok(())
    }

    /// Entries held in memory.
    pub fn cached(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// True where the space was empty when it was opened and the key was not written since.
    fn is_new(&self, key: K) -> bool {
        let written = self.written.as_ref().filter(|written| written.is_useful());
        written.is_some_and(|written| !written.may_hold(self.hasher.hash_one(key)))
    }

    fn load(&mut self, key: K) -> Result<()> {
        if self.young.contains_key(&key) {
            return Ok(());
        }
        let entry = match self.old.remove(&key) {
            Some(entry) => entry,
            None => {
                if self.is_new(key) {
                    self.young.insert(
                        key,
                        Entry {
                            value: None,
                            changed: false,
                        },
                    );
                    return Ok(());
                }
                self.key.clear();
                key.bytes(&mut self.key);
                let bytes = self.state.get(self.space, &self.key)?;
                let value = bytes.map(|b| postcard::from_bytes(&b)).transpose();
                let value = value.map_err(|e| ConnectorError::fatal("read", self.space.0, e))?;
                Entry {
                    value,
                    changed: false,
                }
            }
        };
        self.young.insert(key, entry);
        Ok(())
    }
}
