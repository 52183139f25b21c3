//! Pages in memory: those used lately, and those that may not be durable yet.

use super::pages::PAIR_BYTES;
use hashbrown::HashMap;
use panorama_api::{ConnectorError, Result, Space, StateRead};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Names a page: its shard, its run, and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PageKey(u64);

impl PageKey {
    pub(super) const fn new(shard: usize, run: u32, page: u16) -> Self {
        Self((shard as u64) << 48 | (run as u64) << 16 | page as u64)
    }

    pub(super) const fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// Two generations of pages: what is used moves to the younger one, the rest of the older one is let go of.
pub(super) struct PageCache {
    young: HashMap<PageKey, Vec<u8>>,
    old: HashMap<PageKey, Old>,
    young_bytes: usize,
    bytes_max: usize,
    aged_before: bool,
    /// Read by many threads, to be kept.
    read: Mutex<Vec<(PageKey, Vec<u8>)>>,
}

/// A page that may be let go of.
struct Old {
    page: Vec<u8>,
    /// Many threads looked at it: it is to move.
    used: AtomicBool,
}

impl PageCache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
            bytes_max,
            aged_before: false,
            read: Mutex::new(Vec::new()),
        }
    }

    /// A page, from state where it is not at hand; empty where there is none.
    pub(super) fn get(&mut self, key: PageKey, state: &dyn StateRead, space: Space) -> Result<&[u8]> {
        if !self.young.contains_key(&key) {
            let page = match self.old.remove(&key) {
                Some(old) => old.page,
                None => read_page(key, state, space)?,
            };
            self.put(key, page);
        }
        Ok(self.young.get(&key).map_or(&[], Vec::as_slice))
    }

    /// A page that was used lately.
    pub(super) fn peek(&self, key: PageKey) -> Option<&[u8]> {
        self.young.get(&key).map(Vec::as_slice)
    }

    /// A page, as by [`PageCache::get`], for many threads: what has to be read is kept once [`PageCache::keep_read`] is called.
    pub(super) fn look<T>(
        &self,
        key: PageKey,
        state: &dyn StateRead,
        space: Space,
        look: impl FnOnce(&[u8]) -> T,
    ) -> Result<T> {
        if let Some(page) = self.young.get(&key) {
            return Ok(look(page));
        }
        if let Some(old) = self.old.get(&key) {
            old.used.store(true, Ordering::Relaxed);
            return Ok(look(&old.page));
        }
        let page = read_page(key, state, space)?;
        let seen = look(&page);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.push((key, page));
        Ok(seen)
    }

    /// Keeps what was read by many threads.
    pub(super) fn keep_read(&mut self) {
        let read = self.read.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (key, page) in std::mem::take(read) {
            if !self.young.contains_key(&key) {
                self.put(key, page);
            }
        }
    }

    /// A page that need not be kept.
    pub(super) fn read(&self, key: PageKey, state: &dyn StateRead, space: Space) -> Result<Cow<'_, [u8]>> {
        let old = || self.old.get(&key).map(|old| &old.page);
        Ok(match self.young.get(&key).or_else(old) {
            Some(page) => Cow::Borrowed(page),
            None => Cow::Owned(read_page(key, state, space)?),
        })
    }

    /// Keeps a page, at least until the epoch after the next is flushed.
    pub(super) fn put(&mut self, key: PageKey, page: Vec<u8>) {
        self.young_bytes += page.len();
        self.young.insert(key, page);
    }

    /// Lets go of a page that will not be asked for again.
    pub(super) fn forget(&mut self, key: PageKey) {
        if let Some(page) = self.young.remove(&key) {
            self.young_bytes = self.young_bytes.saturating_sub(page.len());
        }
        self.old.remove(&key);
    }

    /// Lets go of what was not used lately: never twice in a row, or what is not durable yet would go.
    pub(super) fn age(&mut self) {
        self.aged_before = !self.aged_before && self.young_bytes >= self.bytes_max;
        if self.aged_before {
            let aged = self.young.drain().map(|(key, page)| {
                let used = AtomicBool::new(false);
                (key, Old { page, used })
            });
            let before = std::mem::replace(&mut self.old, aged.collect());
            let used = before
                .into_iter()
                .filter(|(_, old)| old.used.load(Ordering::Relaxed));
            self.young.extend(used.map(|(key, old)| (key, old.page)));
            self.young_bytes = self.young.values().map(Vec::len).sum();
        }
    }
}

/// A page in state; empty where there is none.
fn read_page(key: PageKey, state: &dyn StateRead, space: Space) -> Result<Vec<u8>> {
    let page = state.get(space, &key.bytes())?.unwrap_or_default();
    check_whole(&page, space)?;
    Ok(page)
}

/// Fails where pairs are cut off: read on, their numbers would be missing without a word.
pub(super) fn check_whole(pairs: &[u8], space: Space) -> Result<()> {
    if pairs.len().is_multiple_of(PAIR_BYTES) {
        return Ok(());
    }
    Err(ConnectorError::fatal(
        "read",
        space.0,
        "a list of pairs is cut off",
    ))
}
