//! The journal: entries numbered without gaps, each put where none is. Whoever's entry is there, owns the pipeline.

use crate::{FailoverError, Result, frame};
use bytes::Bytes;
use panorama_api::{Created, Objects, Space, StateBatch};
use serde::{Deserialize, Serialize};

/// Where the entries are.
const DIRECTORY: &str = "journal/";

/// Who wrote an entry, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// How many times the pipeline was taken over, with this one.
    pub(crate) generation: u64,
    /// The data directory of the owner.
    pub(crate) instance: u128,
    /// What the entry says.
    pub(crate) word: Word,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Word {
    /// The pipeline is mine.
    Claimed,
    /// These are the next changes of state.
    Changed,
    /// The pipeline is whose it may be.
    Released,
}

/// An entry, as it lies in the journal.
pub(crate) struct Entry {
    pub(crate) head: Head,
    bytes: Bytes,
    frames: usize,
}

impl Entry {
    /// An entry of whole frames.
    pub(crate) fn new(head: Head, frames: &[u8]) -> Result<Self> {
        let mut bytes = postcard::to_allocvec(&head).map_err(|_| FailoverError::Damaged)?;
        let at = bytes.len();
        bytes.extend_from_slice(frames);
        Ok(Self {
            head,
            bytes: bytes.into(),
            frames: at,
        })
    }

    fn read(bytes: Bytes) -> Result<Self> {
        let (head, rest) = postcard::take_from_bytes(&bytes).map_err(|_| FailoverError::Damaged)?;
        let frames = bytes.len() - rest.len();
        Ok(Self { head, bytes, frames })
    }

    /// Bytes of the whole.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The changes of its frames, but for the first `skip` ones, in one batch; and how many frames it has.
    pub(crate) fn changes(&self, spaces: &[Space], skip: usize) -> Result<(StateBatch, usize)> {
        let frames = self.bytes.get(self.frames..).unwrap_or_default();
        let (blocks, length) = frame::blocks(frames);
        if length != frames.len() {
            return Err(FailoverError::Damaged);
        }
        let mut batch = StateBatch::default();
        for block in blocks.iter().skip(skip) {
            frame::open(block, spaces, &mut batch)?;
        }
        Ok((batch, blocks.len()))
    }

    /// True where both are the same to the byte.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

/// Entries in the shared place.
pub(crate) struct Journal<'a>(pub(crate) &'a dyn Objects);

impl Journal<'_> {
    pub(crate) fn name(number: u64) -> String {
        format!("{DIRECTORY}{number:020}")
    }

    /// The numbers of all entries there are, ascending.
    pub(crate) fn numbers(&self) -> panorama_api::Result<Vec<u64>> {
        let names = self.0.list(DIRECTORY)?;
        let number = |name: &String| name.strip_prefix(DIRECTORY)?.parse().ok();
        Ok(names.iter().filter_map(number).collect())
    }

    pub(crate) fn get(&self, number: u64) -> panorama_api::Result<Option<Entry>> {
        let name = Self::name(number);
        let found = self.0.get(&name)?;
        let entry = found.map(Entry::read).transpose();
        entry.map_err(|error| error.at("read", name))
    }

    /// Puts an entry, or says whose is there. An error leaves it open.
    pub(crate) fn put(&self, number: u64, entry: &Entry) -> panorama_api::Result<Option<Head>> {
        let name = Self::name(number);
        match self.0.create(&name, entry.bytes.clone())? {
            Created::Made => Ok(None),
            Created::Exists => match self.get(number)? {
                Some(found) if found.is(entry) => Ok(None),
                Some(found) => Ok(Some(found.head)),
                None => Err(FailoverError::Vanished.at("read", name)),
            },
        }
    }

    pub(crate) fn delete(&self, number: u64) -> panorama_api::Result<()> {
        self.0.delete(&Self::name(number))
    }
}
