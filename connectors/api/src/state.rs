//! The pipeline's own state, in named spaces of sorted keys, changed in atomic durable commits (INV-4).

use crate::Result;
use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};

/// A named space of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Space(pub &'static str);

impl Ord for Space {
    /// By name. Batches are sorted by it, mostly within one space, where a look at the address is enough.
    fn cmp(&self, other: &Self) -> Ordering {
        if std::ptr::eq(self.0, other.0) {
            Ordering::Equal
        } else {
            self.0.cmp(other.0)
        }
    }
}

impl PartialOrd for Space {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The changes of one epoch. A later change of a key outranks an earlier one.
///
/// All keys and values lie in a few buffers: an epoch has hundreds of thousands, made on some threads and written on another.
#[derive(Debug, Default)]
pub struct StateBatch {
    bytes: Vec<u8>,
    /// Those of batches that were added.
    others: Vec<Vec<u8>>,
    changes: Vec<Change>,
}

/// Where a change lies in its buffer: its key, and its value right behind.
#[derive(Clone, Copy, Debug)]
struct Change {
    space: Space,
    /// 0 is the batch's own buffer, then come those of others.
    buffer: usize,
    key: usize,
    value: usize,
    end: usize,
    is_put: bool,
}

impl StateBatch {
    /// A batch with room for so many changes, of so many bytes in all.
    pub fn with_capacity(changes: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            others: Vec::new(),
            changes: Vec::with_capacity(changes),
        }
    }

    /// Sets a key.
    pub fn put(&mut self, space: Space, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let key_at = self.bytes.len();
        self.bytes.extend_from_slice(key.as_ref());
        let value_at = self.bytes.len();
        self.bytes.extend_from_slice(value.as_ref());
        self.note(space, key_at, value_at, true);
    }

    /// Deletes a key.
    pub fn delete(&mut self, space: Space, key: impl AsRef<[u8]>) {
        let key_at = self.bytes.len();
        self.bytes.extend_from_slice(key.as_ref());
        self.note(space, key_at, self.bytes.len(), false);
    }

    /// Changes a key, both written in place: `key` appends its bytes, `value` those of its value, or says false to delete.
    ///
    /// # Errors
    /// What `value` says; the change is left out then.
    pub fn write<E>(
        &mut self,
        space: Space,
        key: impl FnOnce(&mut Vec<u8>),
        value: impl FnOnce(&mut Vec<u8>) -> std::result::Result<bool, E>,
    ) -> std::result::Result<(), E> {
        let key_at = self.bytes.len();
        key(&mut self.bytes);
        let value_at = self.bytes.len();
        match value(&mut self.bytes) {
            Ok(is_put) => {
                self.note(space, key_at, value_at, is_put);
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(key_at);
                Err(error)
            }
        }
    }

    /// Adds the changes of another batch, as made after these.
    pub fn append(&mut self, later: Self) {
        let shift = self.others.len() + 1;
        self.others.push(later.bytes);
        self.others.extend(later.others);
        self.changes
            .extend(later.changes.into_iter().map(|change| Change {
                buffer: change.buffer + shift,
                ..change
            }));
    }

    /// Sorts the changes by space and key and keeps, of those of one key, the last.
    pub fn keep_last_words(&mut self) {
        let (bytes, others) = (&self.bytes, &self.others);
        let key = |change: &Change| part(bytes, others, change.buffer, change.key..change.value);
        // Stable, so of equal keys the last is the newest. What was written in order is found to be so in one pass.
        self.changes
            .sort_by(|a, b| a.space.cmp(&b.space).then_with(|| key(a).cmp(key(b))));
        self.changes.dedup_by(|later, kept| {
            let same = later.space == kept.space && key(later) == key(kept);
            if same {
                *kept = *later;
            }
            same
        });
    }

    /// The changes: space, key, and the new value or none for a deletion.
    pub fn iter(&self) -> impl Iterator<Item = (Space, &[u8], Option<&[u8]>)> {
        self.changes.iter().map(|change| {
            let part = |range| part(&self.bytes, &self.others, change.buffer, range);
            let value = change.is_put.then(|| part(change.value..change.end));
            (change.space, part(change.key..change.value), value)
        })
    }

    /// How many changes there are.
    pub const fn len(&self) -> usize {
        self.changes.len()
    }

    /// True where nothing changes.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.others.iter().map(Vec::len).sum::<usize>()
    }

    /// One as large as this, to be filled beside it.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::with_capacity(self.changes.capacity(), self.bytes.capacity())
    }

    fn note(&mut self, space: Space, key: usize, value: usize, is_put: bool) {
        self.changes.push(Change {
            space,
            buffer: 0,
            key,
            value,
            end: self.bytes.len(),
            is_put,
        });
    }
}

/// Some bytes of one of the buffers.
fn part<'a>(bytes: &'a [u8], others: &'a [Vec<u8>], buffer: usize, range: Range<usize>) -> &'a [u8] {
    let other = buffer.checked_sub(1).and_then(|at| others.get(at));
    other.map_or(bytes, Vec::as_slice).get(range).unwrap_or_default()
}

/// A visit of one key and value while scanning.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Reading state. All calls block on the disk.
pub trait StateRead: Send + Sync {
    /// The value of a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits the keys from `from` (inclusive) to `to` (exclusive; `None` is the space's end), ascending.
    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<()>;

    /// Visits the keys that begin with `prefix`, ascending.
    fn scan_prefix(&self, space: Space, prefix: &[u8], visit: Visit<'_>) -> Result<()> {
        let end = prefix_end(prefix);
        self.scan(space, prefix, end.as_deref(), visit)
    }
}

/// Gives keys and values, ascending by key, to the one who takes them.
pub type Fill<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()>;

/// State that lasts.
pub trait StateStore: StateRead {
    /// A view of all spaces as of now, unmoved by later commits.
    fn snapshot(&self) -> Result<Box<dyn StateRead>>;

    /// Applies all changes or none; they are durable when this returns.
    fn commit(&self, batch: StateBatch) -> Result<()>;

    /// Bytes on disk, roughly.
    fn bytes(&self) -> u64;

    /// Fills a space that never held anything; durable when this returns. Much faster than commits, and not atomic.
    fn load(&self, space: Space, fill: Fill<'_>) -> Result<()>;

    /// Returns once all that was committed is where another process goes on from, should this one be lost. Nothing to do
    /// where no other process could.
    fn share(&self) -> Result<()> {
        Ok(())
    }
}

/// The first key after all that begin with `prefix`.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_key_holds_in_order_of_space_and_key() {
        const A: Space = Space("a");
        const B: Space = Space("b");
        let mut batch = StateBatch::default();
        batch.put(B, "x", "1");
        batch.put(A, "x", "1");
        batch.delete(A, "x");
        let mut later = StateBatch::default();
        later.put(A, "w", "1");
        later.put(A, "x", "3");
        later.delete(B, "x");
        let failed: std::result::Result<(), &str> = later.write(B, |key| key.push(b'y'), |_| Err("no"));
        assert_eq!(failed, Err("no"));
        // Its own, and what was added to it.
        let mut last = StateBatch::default();
        last.put(B, "z", "4");
        later.append(last);
        batch.append(later);
        batch.keep_last_words();
        let words: Vec<_> = batch.iter().collect();
        let (one, three) = (&b"1"[..], &b"3"[..]);
        assert_eq!(
            words,
            [
                (A, &b"w"[..], Some(one)),
                (A, b"x", Some(three)),
                (B, b"x", None),
                (B, b"z", Some(b"4"))
            ]
        );
    }
}
