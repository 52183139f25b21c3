//! The bus: topics of raw messages, durable before they are acknowledged (INV-3).

use crate::{ConnectorError, Result};
use async_trait::async_trait;
use bytes::Bytes;
use panorama_model::{Headers, Text, Timestamp};
use std::sync::Arc;

/// A message's place in its partition, from 0 and rising; without gaps where one process alone ever appended.
pub type Offset = u64;

/// The sender's own id of a message, hashed, so that a copy is known before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DedupeKey {
    /// 128 bits that stand for the sender's id (MSH-3, MSH-4, MSH-10).
    pub id: u128,
    /// A hash of the message's bytes: the same id with other bytes is no copy.
    pub content: u64,
}

/// A message on its way into the log.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// When it was received.
    pub received_at: Timestamp,
    /// The bytes as received.
    pub payload: Bytes,
    /// What travelled with it. Shared: messages of one file or connection have the same.
    pub headers: Arc<Headers>,
    /// The sender's own id, where copies are to be known.
    pub dedupe: Option<DedupeKey>,
}

/// What became of a message: both mean that it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Stored at this offset.
    At(Offset),
    /// A copy of the message at this offset; not stored again.
    DuplicateOf(Offset),
}

/// A source's own reading position (file and byte), saved with the messages it stands for.
#[derive(Clone, Debug)]
pub struct SourcePosition {
    /// The name it is kept under: source and file.
    pub name: Vec<u8>,
    /// The position, in the source's own form.
    pub value: Vec<u8>,
    /// Under which claim of the partition the source learned where it is to go on, where processes share it: under another
    /// one the append is refused, for somebody else may have gone on meanwhile.
    pub claim: Option<Offset>,
}

/// A message as the log has it.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// Its offset.
    pub offset: Offset,
    /// When it was received.
    pub received_at: Timestamp,
    /// The bytes as received.
    pub payload: Bytes,
    /// What travelled with it.
    pub headers: Arc<Headers>,
}

/// How much one read may return (INV-9). At least one record is returned where there is one.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Most records.
    pub records_max: usize,
    /// Most payload bytes.
    pub bytes_max: usize,
}

/// Topics of messages. Partitions are ordered, an append that returns is durable. What else a log keeps in a partition, to
/// know who may append, has offsets too: reads leave it out, and bounds do at the end.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Makes the topic if it is missing; the partition count of an existing topic must agree.
    async fn ensure_topic(&self, topic: &str, partitions: u32) -> Result<()>;

    /// Appends messages in order, with the source's position. Returns once they are durable.
    ///
    /// - Shape: one [`Appended`] per message, in order. Copies are also found within one call.
    /// - The position counts with all messages before it or not at all. Where a crash cuts an append with a position
    ///   short, either nothing of it stays, or a beginning: the next appends under the same name then find its messages
    ///   by their bytes, and answer with the offsets they have.
    async fn append(
        &self,
        topic: &str,
        partition: u32,
        messages: Vec<NewMessage>,
        position: Option<SourcePosition>,
    ) -> Result<Vec<Appended>>;

    /// Reads from an offset on. Empty at the end. Blocking: call it from a thread that may wait for the disk.
    fn read(&self, topic: &str, partition: u32, from: Offset, limits: ReadLimits) -> Result<Vec<LogRecord>>;

    /// Says what is read next, so that a log that has to fetch it may begin with all of it at once. Blocking.
    ///
    /// # Errors
    /// Where reading could not go well either.
    fn prefetch(&self, _places: &[(Text, u32, Offset)]) -> Result<()> {
        Ok(())
    }

    /// The oldest offset still kept, and the offset the next message will get.
    fn bounds(&self, topic: &str, partition: u32) -> Result<(Offset, Offset)>;

    /// The topics and their partition counts.
    fn topics(&self) -> Result<Vec<(Text, u32)>>;

    /// A position saved by an earlier append.
    fn source_position(&self, name: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Resolves after something is appended that was not there when this was called, or at once if that may be so.
    async fn appended(&self);

    /// Whether the log can be reached now. Blocking, for some seconds at most.
    fn reach(&self) -> Result<()> {
        Ok(())
    }

    /// Why the log will not work in this process again, if that is so: somebody is to start it again.
    fn lost(&self) -> Option<ConnectorError> {
        None
    }

    /// Forgets messages below `offset`, where retention allows. May keep more.
    fn trim(&self, topic: &str, partition: u32, offset: Offset) -> Result<()>;
}
