//! Changes, told to other systems in topics that keep the newest message of each key.

use crate::Result;
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;

/// The newest word on a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What it is about: equal keys keep their order.
    pub key: String,
    /// What is so now; none where the key is no more.
    pub value: Option<Bytes>,
}

/// A log that can tell others of changes.
#[async_trait]
pub trait Announcer: Send + Sync {
    /// Becomes the one who tells: from now on nobody who claimed before can tell anything.
    async fn claim(&self) -> Result<()>;

    /// Tells changes in order. Returns once they are durable. Telling one again does no harm: readers go by the newest.
    async fn announce(&self, topic: &str, changes: Arc<[Announcement]>) -> Result<()>;
}
