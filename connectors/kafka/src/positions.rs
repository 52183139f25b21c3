//! How far each source has read: where it is kept, and its form.
//!
//! A position travels in the last message of its append, so it is durable with its messages or not at all. Beside that it
//! is written to a compacted topic a moment later, with a mark per partition up to which that has been done: a restart
//! reads the compacted topic, and from the marks on the messages themselves.
//!
//! Where processes share a topic, each claim of a partition has keys of its own: what one that was thought dead still
//! writes does not replace what its successor wrote.

use crate::envelope::{Feed, Writer};
use crate::error::{KafkaBusError, Result};
use panorama_api::Offset;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// The topic's name behind the prefix.
pub(crate) const TOPIC: &str = "positions";
/// The first byte of each value: another form gets another number.
const FORM: u8 = 1;

/// A partition, as positions name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Home {
    pub(crate) topic: String,
    pub(crate) partition: u32,
}

/// How far a feed has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Where its messages are.
    pub(crate) home: Home,
    /// The offset behind its last message: a message below says nothing newer.
    pub(crate) as_of: Offset,
    /// The source's own form.
    pub(crate) value: Vec<u8>,
}

/// Up to where the positions of a partition are in the compacted topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) home: Home,
    pub(crate) covered: Offset,
    /// Whether messages with senders' ids are there, to be looked for at start.
    pub(crate) has_ids: bool,
}

/// A record of the compacted topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    Position(Feed, Position),
    Mark(Mark),
    /// Who has claimed a partition, and where.
    Claims(Home, Vec<(Offset, Writer)>),
}

impl Entry {
    /// The record's key: what it replaces, of what was written under the same claim.
    pub(crate) fn key(&self, claimed_at: Option<Offset>) -> String {
        let of = |what: &str, home: &Home| format!("{what}:{}/{}", home.topic, home.partition);
        let key = match self {
            Self::Position(feed, _) => format!("feed:{feed:032x}"),
            Self::Mark(mark) => of("mark", &mark.home),
            Self::Claims(home, _) => of("claims", home),
        };
        claimed_at.map_or_else(|| key.clone(), |offset| format!("{key}@{offset}"))
    }

    /// The partition it is about.
    pub(crate) const fn home(&self) -> &Home {
        match self {
            Self::Position(_, Position { home, .. })
            | Self::Mark(Mark { home, .. })
            | Self::Claims(home, _) => home,
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        postcard::to_extend(self, vec![FORM]).map_err(|_| KafkaBusError::Damaged { what: "position" })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let damaged = KafkaBusError::Damaged { what: "position" };
        match bytes.split_first() {
            Some((&FORM, rest)) => postcard::from_bytes(rest).map_err(|_| damaged),
            _ => Err(damaged),
        }
    }
}

/// All positions, and which of them the compacted topic does not have yet.
#[derive(Default)]
pub(crate) struct Positions {
    feeds: HashMap<Feed, Position>,
    unwritten: HashSet<Feed>,
}

impl Positions {
    pub(crate) fn get(&self, feed: Feed) -> Option<&Position> {
        self.feeds.get(&feed)
    }

    /// Takes a position over, unless a newer one is known. It is to be written.
    pub(crate) fn advance(&mut self, feed: Feed, position: Position) {
        if self.load(feed, position) {
            self.unwritten.insert(feed);
        }
    }

    /// Takes a position over that is written already. False where a newer one is known.
    pub(crate) fn load(&mut self, feed: Feed, position: Position) -> bool {
        match self.feeds.get(&feed) {
            Some(known) if known.home == position.home && known.as_of > position.as_of => false,
            _ => {
                self.feeds.insert(feed, position);
                true
            }
        }
    }

    /// Those not written yet whose partition is ours. They count as written from now on.
    pub(crate) fn take_unwritten(&mut self, is_ours: impl Fn(&Home) -> bool) -> Vec<(Feed, Position)> {
        let feeds = &self.feeds;
        let ours = |feed: &Feed| feeds.get(feed).is_some_and(|position| is_ours(&position.home));
        let taken: Vec<Feed> = self.unwritten.iter().filter(|feed| ours(feed)).copied().collect();
        taken
            .into_iter()
            .filter_map(|feed| {
                self.unwritten.remove(&feed);
                Some((feed, self.feeds.get(&feed)?.clone()))
            })
            .collect()
    }

    /// All of a partition are to be written anew.
    pub(crate) fn rewrite(&mut self, home: &Home) {
        let of_it = self.feeds.iter().filter(|(_, position)| position.home == *home);
        self.unwritten.extend(of_it.map(|(feed, _)| *feed));
    }

    /// Says that writing did not work.
    pub(crate) fn put_back(&mut self, feeds: impl IntoIterator<Item = Feed>) {
        self.unwritten.extend(feeds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(as_of: Offset) -> Position {
        Position {
            home: Home {
                topic: "raw.a".into(),
                partition: 0,
            },
            as_of,
            value: vec![1, 2],
        }
    }

    #[test]
    fn entries_come_back() {
        let mark = Mark {
            home: position(0).home,
            covered: 9,
            has_ids: true,
        };
        let claims = Entry::Claims(position(0).home, vec![(4, u64::MAX)]);
        for entry in [Entry::Position(7, position(3)), Entry::Mark(mark), claims] {
            assert_eq!(Entry::decode(&entry.encode().unwrap()).unwrap(), entry);
            assert_ne!(entry.key(None), entry.key(Some(0)));
            assert_eq!(entry.home(), &position(0).home);
        }
        assert!(Entry::decode(&[]).is_err());
        assert!(Entry::decode(&[9, 0]).is_err());
    }

    #[test]
    fn an_older_position_does_not_replace_a_newer_one() {
        let mut positions = Positions::default();
        positions.advance(1, position(5));
        positions.advance(1, position(4));
        assert_eq!(positions.get(1).unwrap().as_of, 5);
        let written = positions.take_unwritten(|_| true);
        assert_eq!(written.len(), 1);
        assert!(positions.take_unwritten(|_| true).is_empty());
        assert!(positions.take_unwritten(|_| false).is_empty());
        positions.put_back(written.into_iter().map(|(feed, _)| feed));
        assert_eq!(positions.take_unwritten(|_| true).len(), 1);
    }
}
