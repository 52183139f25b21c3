//! A base: all of state as of one entry, in parts, and a manifest that is put last.

use crate::position::{JOURNAL, Position, claims};
use crate::{FailoverError, frame};
use panorama_api::{Objects, Result, Space, StateBatch, StateRead, StateStore};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

const DIRECTORY: &str = "base/";
const MANIFEST: &str = ".manifest";
/// Bytes of keys and values in one part, before compression.
const PART_BYTES: usize = 16 << 20;

/// What a base is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// State stands in this entry.
    pub(crate) entry: u64,
    /// Entries from this one on are still there; this base is one of them at the latest.
    pub(crate) kept_from: u64,
    /// Bytes of all parts.
    pub(crate) bytes: u64,
    /// The parts of each space, in order of keys.
    parts: Vec<(String, Vec<String>)>,
}

/// The newest base there is.
pub(crate) fn newest(objects: &dyn Objects) -> Result<Option<Manifest>> {
    let names = objects.list(DIRECTORY)?;
    let Some(name) = names.iter().rfind(|name| name.ends_with(MANIFEST)) else {
        return Ok(None);
    };
    let Some(bytes) = objects.get(name)? else {
        return Err(FailoverError::Vanished.at("read", name.clone()));
    };
    let manifest = postcard::from_bytes(&bytes);
    manifest
        .map_err(|_| FailoverError::Damaged.at("read", name.clone()))
        .map(Some)
}

/// Writes the parts of a base. It counts only once its manifest is put, and all that is in it is in the journal.
///
/// The position is of the beginning, and each part is as of when it was read: what was committed in between may be in it or
/// not. The journal from the position on says all of it again, and what it says of a key is the key's whole value. So no view
/// of the state is held for long, which would keep all that is committed meanwhile in memory (INV-9).
pub(crate) fn write(
    objects: &dyn Objects,
    store: &dyn StateStore,
    spaces: &[Space],
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Manifest>> {
    let beginning = store.snapshot()?;
    let Some(position) = Position::read(&*beginning)? else {
        return Ok(None);
    };
    let mut manifest = Manifest {
        entry: position.entry,
        ..Manifest::default()
    };
    let mut write = |state: &dyn StateRead, space| -> Result<bool> {
        let mut writer = PartWriter {
            objects,
            directory: format!("{DIRECTORY}{:020}", position.entry),
            space,
            batch: StateBatch::default(),
            next: Some(Vec::new()),
            names: Vec::new(),
            bytes: 0,
        };
        while writer.next.is_some() && go_on() {
            writer.part(state)?;
        }
        manifest.bytes += writer.bytes;
        manifest.parts.push((space.0.to_owned(), writer.names));
        Ok(writer.next.is_none())
    };
    let mut is_whole = write(&*beginning, JOURNAL)?;
    drop(beginning);
    for space in spaces.iter().filter(|space| **space != JOURNAL) {
        is_whole = is_whole && write(store, *space)?;
    }
    Ok(is_whole.then_some(manifest))
}

struct PartWriter<'a> {
    objects: &'a dyn Objects,
    directory: String,
    space: Space,
    batch: StateBatch,
    /// Where the next part begins, if there is one.
    next: Option<Vec<u8>>,
    names: Vec<String>,
    bytes: u64,
}

impl PartWriter<'_> {
    /// Writes the next part.
    fn part(&mut self, state: &dyn StateRead) -> Result<()> {
        let from = self.next.take().unwrap_or_default();
        let (space, batch, next) = (self.space, &mut self.batch, &mut self.next);
        state.scan(space, &from, None, &mut |key, value| {
            if batch.bytes() >= PART_BYTES {
                *next = Some(key.to_vec());
                return ControlFlow::Break(());
            }
            batch.put(space, key, value);
            ControlFlow::Continue(())
        })?;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let frame = frame::seal(&batch);
        let name = format!("{}/{}.{:06}", self.directory, self.space.0, self.names.len());
        self.bytes += frame.len() as u64;
        self.objects.put(&name, frame.into())?;
        self.names.push(name);
        Ok(())
    }
}

/// Makes a base count, and deletes what nobody needs with it: older bases but one, and entries before that.
pub(crate) fn put(objects: &dyn Objects, mut manifest: Manifest, state: &dyn StateRead) -> Result<u64> {
    let before = newest(objects)?;
    if before
        .as_ref()
        .is_some_and(|before| before.entry >= manifest.entry)
    {
        return Ok(manifest.bytes);
    }
    manifest.kept_from = before.as_ref().map_or(1, |before| before.entry);
    let bytes = postcard::to_allocvec(&manifest)
        .map_err(|_| FailoverError::Damaged.at("write", "manifest of a base"))?;
    let name = |entry: u64| format!("{DIRECTORY}{entry:020}{MANIFEST}");
    objects.put(&name(manifest.entry), bytes.into())?;
    let claims = claims(state)?;
    // Older ones only: a newer one is another owner's, who came while this one was written.
    let first_kept = format!("{DIRECTORY}{:020}", manifest.kept_from);
    let mut names = objects.list(DIRECTORY)?;
    names.retain(|name| *name < first_kept);
    // Manifests first: none is left whose parts are gone.
    names.sort_by_key(|name| !name.ends_with(MANIFEST));
    for name in names {
        objects.delete(&name)?;
    }
    let journal = crate::entry::Journal(objects);
    for number in journal.numbers()? {
        if number < manifest.kept_from && !claims.contains(&number) {
            journal.delete(number)?;
        }
    }
    Ok(manifest.bytes)
}

/// Fills an empty store. The position comes last: a store without one is not whole.
pub(crate) fn restore(
    objects: &dyn Objects,
    manifest: &Manifest,
    store: &dyn StateStore,
    spaces: &[Space],
) -> Result<()> {
    let known = |name: &str| spaces.iter().copied().find(|space| space.0 == name);
    let mut work = Vec::new();
    for (name, parts) in &manifest.parts {
        let space = known(name).ok_or_else(|| FailoverError::Newer(name.clone()).at("restore", "state"))?;
        if space != JOURNAL && !parts.is_empty() {
            work.push((space, parts));
        }
    }
    // The largest first, so that no thread begins with one when the others are done.
    work.sort_by_key(|(_, parts)| parts.len());
    let work = Mutex::new(work);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let one = || {
        loop {
            let next = work.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((space, parts)) = next else { return Ok(()) };
            load(objects, space, parts, store, spaces)?;
        }
    };
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let mut result = Ok(());
        for thread in started {
            let done = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result = result.and(done);
        }
        result
    })?;
    let mut batch = StateBatch::default();
    for (_, parts) in manifest.parts.iter().filter(|(name, _)| name == JOURNAL.0) {
        for name in parts {
            read_part(objects, name, |block| frame::open(block, spaces, &mut batch))?;
        }
    }
    store.commit(batch)
}

fn load(
    objects: &dyn Objects,
    space: Space,
    parts: &[String],
    store: &dyn StateStore,
    spaces: &[Space],
) -> Result<()> {
    store.load(space, &mut |put| {
        for name in parts {
            let mut result = Ok(());
            read_part(objects, name, |block| {
                frame::visit(block, spaces, |_, key, value| {
                    if result.is_ok() {
                        result = put(key, value.unwrap_or_default());
                    }
                })
            })?;
            result?;
        }
        Ok(())
    })
}

fn read_part(
    objects: &dyn Objects,
    name: &str,
    mut visit: impl FnMut(&[u8]) -> crate::Result<()>,
) -> Result<()> {
    let Some(bytes) = objects.get(name)? else {
        return Err(FailoverError::Vanished.at("read", name));
    };
    let (blocks, length) = frame::blocks(&bytes);
    if length != bytes.len() {
        return Err(FailoverError::Damaged.at("read", name));
    }
    for block in blocks {
        visit(block).map_err(|error| error.at("read", name))?;
    }
    Ok(())
}
