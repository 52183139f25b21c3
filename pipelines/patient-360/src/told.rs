//! What other systems were told of rows, kept beside the state: names and hashes, many in one value.
//!
//! A partition's chunks are read in order, and a later word on a row outranks an earlier one. A chunk is there before what
//! it is of is told, with hashes that say nothing is known; once it is told, the same chunk says what.

use crate::current::outbox_key;
use crate::spaces;
use hashbrown::HashMap;
use panorama_api::{Result, StateBatch, StateRead};
use panorama_model::PersonId;
use std::ops::ControlFlow;

/// The hash of a row of which it is not known what was told.
pub(crate) const UNKNOWN: u64 = 0;
/// The hash of a row that was taken back.
pub(crate) const GONE: u64 = u64::MAX;

/// Rows in a chunk: its value is a small part of a batch that is committed.
const CHUNK_ROWS: usize = 4096;
/// Chunks more than its rows need after which a partition's are written anew.
const SURPLUS_MAX: usize = 32;
/// A row's name and hash.
const ENTRY_BYTES: usize = size_of::<u128>() + size_of::<u64>();

/// What was told of rows, by name: the last hashes.
pub(crate) type ToldRows = HashMap<u128, u64>;

/// Where it is noted what is told of a partition's rows as of one epoch.
pub(crate) struct Notes {
    prefix: Vec<u8>,
    epoch: u64,
    next: u32,
}

impl Notes {
    /// The notes of a partition that nobody has told of as of this epoch.
    pub(crate) fn new((table, partition): (u8, i32), epoch: u64) -> Self {
        Self {
            prefix: outbox_key(table, partition),
            epoch,
            next: 0,
        }
    }

    /// Reads what was told before. Where that lies in many small chunks, it is put together in `tidied`.
    pub(crate) fn read(&mut self, state: &dyn StateRead, tidied: &mut StateBatch) -> Result<ToldRows> {
        let (mut rows, mut keys) = (ToldRows::new(), Vec::new());
        let mut is_former = false;
        let of_epoch = [self.prefix.as_slice(), &self.epoch.to_be_bytes()].concat();
        state.scan_prefix(spaces::ANNOUNCED, &self.prefix, &mut |key, value| {
            keys.push(key.to_vec());
            if key.len() == of_epoch.len() + size_of::<u32>() {
                for (row, hash) in entries(value) {
                    match hash {
                        GONE => drop(rows.remove(&row)),
                        _ => drop(rows.insert(row, hash)),
                    }
                }
            } else {
                is_former = true;
                rows.extend(former(value).map(|row| (row, UNKNOWN)));
            }
            ControlFlow::Continue(())
        })?;
        // Not over a chunk that a telling of this very epoch has left when it was cut off.
        let numbers = keys
            .iter()
            .filter_map(|key| key.strip_prefix(of_epoch.as_slice()));
        let last = numbers.filter_map(|number| number.try_into().ok()).next_back();
        self.next = last.map_or(0, |last| u32::from_be_bytes(last) + 1);
        if is_former || keys.len() > rows.len() / CHUNK_ROWS + SURPLUS_MAX {
            keys.iter().for_each(|key| tidied.delete(spaces::ANNOUNCED, key));
            let all: Vec<(u128, u64)> = rows.iter().map(|(row, hash)| (*row, *hash)).collect();
            for rows in all.chunks(CHUNK_ROWS) {
                let mut chunk = self.chunk();
                chunk.rows.extend_from_slice(rows);
                chunk.note(tidied);
            }
        }
        Ok(rows)
    }

    /// The next chunk, empty.
    pub(crate) fn chunk(&mut self) -> Chunk {
        let key = self.key(self.next);
        self.next += 1;
        Chunk {
            key,
            rows: Vec::new(),
        }
    }

    /// Whether more rows may go into a chunk: it is this partition's, and has room.
    pub(crate) fn goes_on(&self, chunk: &Chunk) -> bool {
        chunk.key.starts_with(&self.prefix) && chunk.rows.len() < CHUNK_ROWS
    }

    fn key(&self, number: u32) -> Vec<u8> {
        [
            self.prefix.as_slice(),
            &self.epoch.to_be_bytes(),
            &number.to_be_bytes(),
        ]
        .concat()
    }
}

/// Rows of one partition that are told together.
pub(crate) struct Chunk {
    key: Vec<u8>,
    rows: Vec<(u128, u64)>,
}

impl Chunk {
    pub(crate) fn push(&mut self, row: u128, hash: u64) {
        self.rows.push((row, hash));
    }

    /// Notes that it is about to be told: from now on it is not known what was.
    pub(crate) fn doubt(&self, batch: &mut StateBatch) {
        self.write(batch, |_| UNKNOWN);
    }

    /// Notes that it was told.
    pub(crate) fn note(&self, batch: &mut StateBatch) {
        self.write(batch, |hash| hash);
    }

    fn write(&self, batch: &mut StateBatch, hash: impl Fn(u64) -> u64) {
        let mut value = Vec::with_capacity(self.rows.len() * ENTRY_BYTES);
        for (row, told) in &self.rows {
            value.extend_from_slice(&row.to_be_bytes());
            value.extend_from_slice(&hash(*told).to_be_bytes());
        }
        batch.put(spaces::ANNOUNCED, &self.key, value);
    }
}

fn entries(value: &[u8]) -> impl Iterator<Item = (u128, u64)> {
    value.chunks_exact(ENTRY_BYTES).filter_map(|entry| {
        let (row, hash) = entry.split_first_chunk()?;
        let hash = hash.try_into().ok()?;
        Some((u128::from_be_bytes(*row), u64::from_be_bytes(hash)))
    })
}

/// The row of a note in the form it had before there were chunks: a key of its own, with the hash and the message's key, which
/// was a person's id or a hash.
fn former(value: &[u8]) -> Option<u128> {
    let key = std::str::from_utf8(value.get(size_of::<u64>()..)?).ok()?;
    PersonId::parse(key).map(|name| name.0)
}

/// Whether all of a table was told once.
pub(crate) fn is_told(state: &dyn StateRead, table: u8) -> Result<bool> {
    Ok(state.get(spaces::ANNOUNCED, &[table])?.is_some())
}

/// Notes that all of a table was told.
pub(crate) fn note_told(batch: &mut StateBatch, table: u8) {
    batch.put(spaces::ANNOUNCED, [table], []);
}
