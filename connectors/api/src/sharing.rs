//! Sharing: several processes bring in messages of the same topics, each into partitions of its own.

use crate::{Offset, Result};
use panorama_model::Text;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// A partition that is this process's to append to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its number.
    pub partition: u32,
    /// The claim by which it is; none where no other process could have it. Lost and given back, it has another one.
    pub claim: Option<Offset>,
}

/// Which partitions are this process's to append to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Partitions by topic, in order; none while that is not known for the first time.
    pub held: Option<BTreeMap<Text, Vec<Held>>>,
    /// Why it is not known, or not as it should be.
    pub trouble: Option<String>,
}

/// A log whose topics processes can share.
pub trait Sharing: Send + Sync {
    /// Takes part in sharing topics that are there. What is not held is not to be appended to, nor can it be. Blocking.
    ///
    /// - Shape: a process that keeps its name and comes back soon gets back what it had, at once. One without a name gives
    ///   up all it has when it ends.
    ///
    /// # Errors
    /// Where the log cannot be asked.
    fn share(&self, topics: &[Text], name: Option<&str>) -> Result<watch::Receiver<Shares>>;
}

/// The partitions of one topic that a source's messages may go to.
#[derive(Clone)]
pub struct Partitions {
    topic: Text,
    count: u32,
    shares: Option<watch::Receiver<Shares>>,
    /// Those there were when the work at hand began.
    begun_with: Vec<Held>,
}

impl Partitions {
    /// All partitions of a topic, always.
    pub const fn all(topic: Text, count: u32) -> Self {
        Self {
            topic,
            count,
            shares: None,
            begun_with: Vec::new(),
        }
    }

    /// Those of a topic's partitions that are this process's.
    pub const fn shared(topic: Text, count: u32, shares: watch::Receiver<Shares>) -> Self {
        Self {
            topic,
            count,
            shares: Some(shares),
            begun_with: Vec::new(),
        }
    }

    /// How many the topic has.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether others may get some of them.
    pub const fn are_shared(&self) -> bool {
        self.shares.is_some()
    }

    /// The same, for work that begins with these.
    pub(crate) fn begun_with(&self, mine: Vec<Held>) -> Self {
        Self {
            begun_with: mine,
            ..self.clone()
        }
    }

    /// The claim under which the work at hand has a partition.
    pub(crate) fn claim_of(&self, partition: u32) -> Option<Offset> {
        let of_it = self.begun_with.iter().find(|held| held.partition == partition);
        of_it.and_then(|held| held.claim)
    }

    /// Those there are now, in order; none while that is not known.
    pub fn now(&self) -> Option<Vec<Held>> {
        let Some(shares) = &self.shares else {
            let alone = |partition| Held {
                partition,
                claim: None,
            };
            return Some((0..self.count).map(alone).collect());
        };
        let shares = shares.borrow();
        let held = shares.held.as_ref()?;
        Some(held.get(&self.topic).cloned().unwrap_or_default())
    }

    /// Whether others have some of them, or may get some.
    pub(crate) fn may_grow(&self) -> bool {
        let held = self.now().map_or(0, |now| now.len());
        self.are_shared() && u32::try_from(held) != Ok(self.count)
    }

    /// One of them, the same for the same number while they are the same; none where there is none.
    pub fn pick(&self, number: u64) -> Option<u32> {
        let now = self.now()?;
        let at = number.checked_rem(now.len() as u64)?;
        now.get(usize::try_from(at).ok()?).map(|held| held.partition)
    }

    /// Resolves once it is so with those there are.
    pub async fn until(&mut self, is_so: impl Fn(Option<Vec<Held>>) -> bool) {
        while !is_so(self.now()) {
            let next = match &mut self.shares {
                Some(shares) => shares.changed().await,
                None => return std::future::pending().await,
            };
            if next.is_err() {
                return std::future::pending().await;
            }
        }
    }
}
