//! The pipeline's own state, in named spaces of sorted keys, changed in atomic durable commits (INV-4).

use crate::Result;
use std::ops::ControlFlow;

/// A named space of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Space(pub &'static str);

/// The changes of one epoch. A later change of a key outranks an earlier one.
#[derive(Debug, Default)]
pub struct StateBatch {
    /// (space, key, new value or deletion), in order.
    pub changes: Vec<(Space, Vec<u8>, Option<Vec<u8>>)>,
}

impl StateBatch {
    /// Sets a key.
    pub fn put(&mut self, space: Space, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push((space, key.into(), Some(value.into())));
    }

    /// Deletes a key.
    pub fn delete(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.changes.push((space, key.into(), None));
    }
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

/// State that lasts.
pub trait StateStore: StateRead {
    /// A view of all spaces as of now, unmoved by later commits.
    fn snapshot(&self) -> Result<Box<dyn StateRead>>;

    /// Applies all changes or none; they are durable when this returns.
    fn commit(&self, batch: StateBatch) -> Result<()>;

    /// Bytes on disk, roughly.
    fn bytes(&self) -> u64;
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
