//! Facts on file. A fact is mostly told once and afterwards only read with all of its partition, so facts lie in chunks:
//! those of one partition of a table that were filed in one epoch, packed as one value under a rising number. State grows
//! at its end, and a partition is read chunk by chunk. A fact told of again is kept beside its chunk, as a revision.

use crate::current::outbox_key;
use crate::facts::FactState;
use crate::spaces;
use crate::unpacked::Unpacked;
use hashbrown::HashMap;
use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};
use panorama_api::{ConnectorError, Result, StateBatch, StateRead};
use panorama_runtime::TypedSpace;
use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Most facts of one chunk. More: they pack better; fewer: one of them is read faster.
const CHUNK_FACTS_MAX: u64 = 64;
/// What one cached entry is reckoned at.
const ENTRY_BYTES: usize = 4 << 10;

/// A partition of a fact table.
type Place = (u8, i32);

/// A chunk in the making.
struct Chunk {
    place: Place,
    /// `None` where a fact left for another partition before its chunk was closed.
    facts: Vec<Option<FactState>>,
}

/// The facts on file. A fact is called by its number: that of its chunk and its place in it.
pub(crate) struct FactFile {
    state: Arc<dyn StateRead>,
    /// The number of the first chunk of this epoch.
    first_chunk: u64,
    /// The chunks of this epoch.
    chunks: Vec<Chunk>,
    /// Those that have room, by partition.
    open: HashMap<Place, usize>,
    /// What facts of earlier epochs are now; `None` where one is gone.
    revisions: TypedSpace<u64, Option<FactState>>,
    unpacked: Unpacked,
}

impl FactFile {
    /// The file in `state`, where facts get numbers from `next_number` on.
    pub(crate) fn new(state: &Arc<dyn StateRead>, next_number: u64, entries_max: usize) -> Self {
        Self {
            state: Arc::clone(state),
            first_chunk: next_number.div_ceil(CHUNK_FACTS_MAX),
            chunks: Vec::new(),
            open: HashMap::new(),
            revisions: TypedSpace::new(spaces::FACT_REVISIONS, Arc::clone(state), entries_max),
            unpacked: Unpacked::new(entries_max * ENTRY_BYTES),
        }
    }

    /// The number from which on facts of the next epoch are numbered.
    pub(crate) const fn next_number(&self) -> u64 {
        (self.first_chunk + self.chunks.len() as u64) * CHUNK_FACTS_MAX
    }

    /// Files a fact at the end of a partition; returns its number.
    pub(crate) fn file(&mut self, place: Place, fact: FactState) -> u64 {
        let chunks = &mut self.chunks;
        let at = *self.open.entry(place).or_insert_with(|| begin(chunks, place));
        let full = |chunk: &Chunk| chunk.facts.len() as u64 >= CHUNK_FACTS_MAX;
        let at = if chunks.get(at).is_some_and(full) {
            let next = begin(chunks, place);
            self.open.insert(place, next);
            next
        } else {
            at
        };
        let mut number = (self.first_chunk + at as u64) * CHUNK_FACTS_MAX;
        if let Some(chunk) = chunks.get_mut(at) {
            number += chunk.facts.len() as u64;
            chunk.facts.push(Some(fact));
        }
        number
    }

    /// The fact of a number, as it is now.
    pub(crate) fn get(&mut self, number: u64) -> Result<Option<FactState>> {
        let chunk = number / CHUNK_FACTS_MAX;
        if chunk >= self.first_chunk {
            return Ok(self.slot(number).and_then(|slot| slot.clone()));
        }
        if let Some(revised) = self.revisions.get(number)? {
            return Ok(revised.clone());
        }
        if self.unpacked.get(chunk).is_none() {
            let Some(unpacked) = read_chunk(&*self.state, chunk)? else {
                return Ok(None);
            };
            self.unpacked.keep(chunk, unpacked.into());
        }
        let unpacked = self.unpacked.get(chunk).unwrap_or_default();
        let entry = entries(unpacked)
            .nth(position(number))
            .filter(|entry| !entry.is_empty());
        entry.map(unpack).transpose()
    }

    /// Sets what the fact of a number is now.
    pub(crate) fn revise(&mut self, number: u64, fact: FactState) {
        self.set(number, Some(fact));
    }

    /// Takes the fact of a number off the file.
    pub(crate) fn remove(&mut self, number: u64) {
        self.set(number, None);
    }

    fn set(&mut self, number: u64, fact: Option<FactState>) {
        if number / CHUNK_FACTS_MAX < self.first_chunk {
            self.revisions.put(number, fact);
        } else if let Some(slot) = self.slot(number) {
            *slot = fact;
        }
    }

    /// Where a fact of this epoch lies.
    fn slot(&mut self, number: u64) -> Option<&mut Option<FactState>> {
        let chunk = (number / CHUNK_FACTS_MAX).checked_sub(self.first_chunk)?;
        let chunk = self.chunks.get_mut(usize::try_from(chunk).ok()?)?;
        chunk.facts.get_mut(position(number))
    }

    /// Closes the chunks of this epoch and moves all changes into its batch.
    pub(crate) fn flush(&mut self, batch: &mut StateBatch) -> Result<()> {
        self.open.clear();
        for (number, chunk) in (self.first_chunk..).zip(&self.chunks) {
            batch.put(spaces::PARTITION_CHUNKS, index_key(chunk.place, number), []);
        }
        for chunk in self.chunks.drain(..) {
            let mut unpacked = Vec::new();
            for fact in &chunk.facts {
                pack(fact.as_ref(), &mut unpacked)
                    .map_err(|e| ConnectorError::fatal("encode", "facts", e))?;
            }
            let packed = compress_prepend_size(&unpacked);
            batch.put(spaces::FACT_CHUNKS, self.first_chunk.to_be_bytes(), packed);
            self.unpacked.keep(self.first_chunk, unpacked.into());
            self.first_chunk += 1;
        }
        self.unpacked.age();
        self.revisions.flush(batch)
    }
}

fn begin(chunks: &mut Vec<Chunk>, place: Place) -> usize {
    chunks.push(Chunk {
        place,
        facts: Vec::new(),
    });
    chunks.len() - 1
}

/// The place of a fact in its chunk.
fn position(number: u64) -> usize {
    usize::try_from(number % CHUNK_FACTS_MAX).unwrap_or(0)
}

/// Adds a fact to a chunk: how long it is, then itself; nothing for one that is gone.
fn pack(
    fact: Option<&FactState>,
    out: &mut Vec<u8>,
) -> std::result::Result<(), Box<dyn Error + Send + Sync>> {
    let head = out.len();
    out.extend_from_slice(&[0; 4]);
    if let Some(fact) = fact {
        *out = postcard::to_extend(fact, std::mem::take(out))?;
    }
    let length = u32::try_from(out.len() - head - 4)?;
    if let Some(place) = out.get_mut(head..head + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// The facts of a chunk, each still packed; empty for one that is gone.
fn entries(mut unpacked: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = unpacked.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (entry, rest) = rest.split_at_checked(length)?;
        unpacked = rest;
        Some(entry)
    })
}

fn unpack(entry: &[u8]) -> Result<FactState> {
    postcard::from_bytes(entry).map_err(|e| ConnectorError::fatal("read", "facts", e))
}

/// A chunk of committed state, unpacked.
fn read_chunk(state: &dyn StateRead, chunk: u64) -> Result<Option<Vec<u8>>> {
    let packed = state.get(spaces::FACT_CHUNKS, &chunk.to_be_bytes())?;
    let unpacked = packed.map(|bytes| decompress_size_prepended(&bytes)).transpose();
    unpacked.map_err(|e| ConnectorError::fatal("read", "facts", e))
}

/// The key under which a chunk is found by its partition.
fn index_key((table, partition): Place, chunk: u64) -> Vec<u8> {
    let mut key = outbox_key(table, partition);
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

/// The chunks of a partition in committed state that hold facts with `number` or later ones, ascending.
pub(crate) fn chunks_of(state: &dyn StateRead, (table, partition): Place, number: u64) -> Result<Vec<u64>> {
    let prefix = outbox_key(table, partition);
    let from = index_key((table, partition), number / CHUNK_FACTS_MAX);
    let mut chunks = Vec::new();
    state.scan(spaces::PARTITION_CHUNKS, &from, None, &mut |key, _| {
        let chunk = key
            .strip_prefix(prefix.as_slice())
            .and_then(|rest| rest.try_into().ok());
        match chunk {
            Some(chunk) => chunks.push(u64::from_be_bytes(chunk)),
            None => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    })?;
    Ok(chunks)
}

/// Hands over the facts of a chunk in committed state, as they are now.
pub(crate) fn each_fact(state: &dyn StateRead, chunk: u64, mut take: impl FnMut(FactState)) -> Result<()> {
    let Some(unpacked) = read_chunk(state, chunk)? else {
        return Err(ConnectorError::fatal("read", "facts", "a chunk is missing"));
    };
    let mut revisions = revisions_of(state, chunk)?.into_iter().peekable();
    for (number, entry) in (chunk * CHUNK_FACTS_MAX..).zip(entries(&unpacked)) {
        match revisions.next_if(|(revised, _)| *revised == number) {
            Some((_, Some(fact))) => take(fact),
            Some((_, None)) => {}
            None if entry.is_empty() => {}
            None => take(unpack(entry)?),
        }
    }
    Ok(())
}

/// The facts of a chunk that were told of again, ascending; `None` for one that is gone.
fn revisions_of(state: &dyn StateRead, chunk: u64) -> Result<Vec<(u64, Option<FactState>)>> {
    let (from, to) = (chunk * CHUNK_FACTS_MAX, (chunk + 1) * CHUNK_FACTS_MAX);
    let mut revisions = Vec::new();
    let mut broken = Ok(());
    state.scan(
        spaces::FACT_REVISIONS,
        &from.to_be_bytes(),
        Some(&to.to_be_bytes()),
        &mut |key, value| {
            let number = key.try_into().map_or(0, u64::from_be_bytes);
            match postcard::from_bytes(value) {
                Ok(fact) => revisions.push((number, fact)),
                Err(error) => {
                    broken = Err(ConnectorError::fatal("read", "facts", error));
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        },
    )?;
    broken.map(|()| revisions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Owner, Position};
    use panorama_api::StateStore;
    use panorama_log_local::{LocalLog, LocalLogOptions};
    use panorama_model::{Fact, FactTable, RecordKind, SourceRecordKey, Timestamp, Version};

    const HERE: Place = (FactTable::Encounters as u8, 0);
    const THERE: Place = (FactTable::Encounters as u8, 31);

    fn fact(id: &str) -> FactState {
        let owner = Owner {
            record: 1,
            key: &SourceRecordKey::new("ehr", RecordKind::Patient, "7"),
            person: None,
        };
        let place = Position {
            partition: 0,
            offset: 0,
        };
        let fact = Fact::new(FactTable::Encounters, id, Version::default());
        FactState::first(fact, owner, place, Timestamp(0))
    }

    fn commit(file: &mut FactFile, store: &LocalLog) {
        let mut batch = StateBatch::default();
        file.flush(&mut batch).unwrap();
        store.commit(batch).unwrap();
    }

    fn ids(state: &dyn StateRead, place: Place, from: u64) -> Vec<String> {
        let mut ids = Vec::new();
        for chunk in chunks_of(state, place, from).unwrap() {
            each_fact(state, chunk, |fact| ids.push(fact.id.to_string())).unwrap();
        }
        ids
    }

    #[test]
    fn a_fact_is_found_by_its_number_whatever_became_of_it_and_with_its_partition() {
        let dir = tempfile::tempdir().unwrap();
        let log = LocalLog::open(dir.path(), LocalLogOptions::default(), spaces::ALL).unwrap();
        let state: Arc<dyn StateRead> = Arc::new(log.clone());
        let mut file = FactFile::new(&state, 0, 8);
        let here: Vec<u64> = (0..100)
            .map(|n| file.file(HERE, fact(&format!("h{n}"))))
            .collect();
        let there = file.file(THERE, fact("t0"));
        file.remove(here[1]);
        file.revise(here[2], fact("h2, said again"));
        commit(&mut file, &log);
        let published = file.next_number();
        file.remove(here[70]);
        file.revise(here[71], fact("h71, said later"));
        let late = file.file(HERE, fact("h100"));
        commit(&mut file, &log);
        // As after a restart: nothing is remembered.
        let mut file = FactFile::new(&state, file.next_number(), 8);
        file.remove(here[3]);
        commit(&mut file, &log);
        for (number, expected) in [
            (here[0], Some("h0")),
            (here[1], None),
            (here[2], Some("h2, said again")),
            (here[3], None),
            (here[70], None),
            (here[71], Some("h71, said later")),
            (late, Some("h100")),
            (there, Some("t0")),
        ] {
            let found = file.get(number).unwrap().map(|fact| fact.id.to_string());
            assert_eq!(found.as_deref(), expected, "{number}");
        }
        let expected: Vec<String> = (0..101)
            .filter(|n| ![1, 3, 70].contains(n))
            .map(|n| match n {
                2 => "h2, said again".to_owned(),
                71 => "h71, said later".to_owned(),
                n => format!("h{n}"),
            })
            .collect();
        assert_eq!(ids(&*state, HERE, 0), expected);
        assert_eq!(ids(&*state, THERE, 0), ["t0"]);
        assert_eq!(ids(&*state, HERE, published), ["h100"]);
    }
}
