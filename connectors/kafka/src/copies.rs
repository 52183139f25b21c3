//! Copies: the newest senders' ids of one partition, and the offsets of their messages.
//!
//! They live in memory, as many as `copies_max` says, and are found again in the newest messages at start.

use panorama_api::{DedupeKey, Offset};
use std::collections::{HashMap, VecDeque};

type Key = (u128, u64);

/// The ids known of one partition.
#[derive(Default)]
pub(crate) struct Copies {
    offsets: HashMap<Key, Offset>,
    /// In order of their offsets.
    oldest_first: VecDeque<(Key, Offset)>,
}

impl Copies {
    /// Where a message with this id and content is stored, or will be.
    pub(crate) fn find(&self, key: DedupeKey) -> Option<Offset> {
        #[cfg(feature = "planted-bugs")]
        if panorama_api::is_planted("forget-copies") {
            return None;
        }
        self.offsets.get(&(key.id, key.content)).copied()
    }

    /// Remembers a message, and forgets the oldest where there are more than `max`.
    pub(crate) fn remember(&mut self, key: DedupeKey, offset: Offset, max: usize) {
        let key = (key.id, key.content);
        self.offsets.entry(key).or_insert(offset);
        self.oldest_first.push_back((key, offset));
        while self.oldest_first.len() > max.max(1) {
            if let Some((key, offset)) = self.oldest_first.pop_front() {
                self.forget(key, offset);
            }
        }
    }

    /// Forgets what was to be stored from this offset on.
    pub(crate) fn roll_back(&mut self, offset: Offset) {
        while let Some((key, at)) = self.oldest_first.pop_back() {
            if at < offset {
                self.oldest_first.push_back((key, at));
                return;
            }
            self.forget(key, at);
        }
    }

    fn forget(&mut self, key: Key, offset: Offset) {
        if self.offsets.get(&key) == Some(&offset) {
            self.offsets.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_known_and_what_failed_is_not() {
        let key = |id| DedupeKey { id, content: 1 };
        let mut copies = Copies::default();
        for id in 0..6 {
            copies.remember(key(id), id as u64 * 10, 4);
        }
        let known = |copies: &Copies| (0..6).map(|id| copies.find(key(id))).collect::<Vec<_>>();
        assert_eq!(
            known(&copies),
            [None, None, Some(20), Some(30), Some(40), Some(50)]
        );
        copies.roll_back(35);
        assert_eq!(known(&copies), [None, None, Some(20), Some(30), None, None]);
        let other = DedupeKey { id: 3, content: 2 };
        assert_eq!(copies.find(other), None);
    }
}
