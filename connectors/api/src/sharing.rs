//! Sharing: several processes bring in messages of the same topics, each into partitions of its own.

use crate::Result;
use panorama_model::Text;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Which partitions are this process's to append to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Partitions by topic, in order; none while that is not known for the first time.
    pub held: Option<BTreeMap<Text, Vec<u32>>>,
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
}

impl Partitions {
    /// All partitions of a topic, always.
    pub const fn all(topic: Text, count: u32) -> Self {
        Self {
            topic,
            count,
            shares: None,
        }
    }

    /// Those of a topic's partitions that are this process's.
    pub const fn shared(topic: Text, count: u32, shares: watch::Receiver<Shares>) -> Self {
        Self {
            topic,
            count,
            shares: Some(shares),
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

    /// Those there are now, in order; none while that is not known.
    pub fn now(&self) -> Option<Vec<u32>> {
        let Some(shares) = &self.shares else {
            return Some((0..self.count).collect());
        };
        let shares = shares.borrow();
        let held = shares.held.as_ref()?;
        Some(held.get(&self.topic).cloned().unwrap_or_default())
    }

    /// One of them, the same for the same number while they are the same; none where there is none.
    pub fn pick(&self, number: u64) -> Option<u32> {
        let now = self.now()?;
        let at = number.checked_rem(now.len() as u64)?;
        now.get(usize::try_from(at).ok()?).copied()
    }

    /// Resolves once it is so with those there are.
    pub async fn until(&mut self, is_so: impl Fn(Option<Vec<u32>>) -> bool) {
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
