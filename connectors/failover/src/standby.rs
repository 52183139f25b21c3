//! Standing by: state follows the journal until the pipeline is nobody's, and then it is ours.

use crate::entry::{Entry, Head, Journal, Word};
use crate::owner::{ALIVE, Owned, alive};
use crate::position::{Position, note_claim};
use crate::{FailoverError, base, segment};
use bytes::Bytes;
use panorama_api::{ErrorClass, Objects, Result, Shutdown, Space, StateBatch, StateStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Looks in vain for the next entry after which the journal is looked over as a whole.
const MISSES_MAX: u32 = 20;

/// How to stand by, and how to own.
#[derive(Clone, Debug)]
pub struct FailoverOptions {
    /// A directory of our own beside the state.
    pub directory: PathBuf,
    /// The spaces of state, with [`crate::JOURNAL`].
    pub spaces: Vec<Space>,
    /// How long the owner may be silent.
    pub take_over_after: Duration,
    /// Whether to wait while another process is at work.
    pub wait: bool,
    /// Bytes of changes that become one entry.
    pub entry_bytes: usize,
    /// Bytes of entries after which there is a new base, at least; and at least as many as the last base has.
    pub base_every_bytes: u64,
}

impl FailoverOptions {
    /// Ordinary sizes.
    pub fn new(directory: PathBuf, spaces: Vec<Space>, take_over_after: Duration, wait: bool) -> Self {
        Self {
            directory,
            spaces,
            take_over_after,
            wait,
            entry_bytes: 8 << 20,
            base_every_bytes: 64 << 20,
        }
    }
}

/// Opens the state, and makes it empty.
pub trait Stores {
    /// Opens the state. There is no other handle to it.
    fn open(&self) -> Result<Arc<dyn StateStore>>;
    /// Deletes the state. Nobody has it open.
    fn wipe(&self) -> Result<()>;
}

/// Follows the journal until this process owns the pipeline; none where it was asked to stop before. Blocks.
///
/// # Errors
/// Where state or journal cannot be read, or where another process is at work and this one is not to wait.
pub fn stand_by(
    options: FailoverOptions,
    objects: Arc<dyn Objects>,
    stores: &dyn Stores,
    shutdown: Shutdown,
) -> Result<Option<Owned>> {
    let mut follower = Follower::open(&options, &objects, stores)?;
    follower.settle()?;
    let poll = (options.take_over_after / 15).clamp(Duration::from_millis(50), Duration::from_secs(2));
    let mut watch = Watch::new();
    loop {
        match follower.step(&mut watch) {
            Ok(Step::Claimed(claim)) => {
                let store = follower.store;
                return Ok(Some(Owned::begin(store, objects, options, claim, shutdown)));
            }
            Ok(Step::Beaten) => continue,
            Ok(Step::OwnerHeard) if !options.wait => {
                let generation = follower.last.map_or(0, |last| last.generation);
                return Err(FailoverError::Owned(generation).at("own", "the pipeline"));
            }
            Ok(Step::OwnerHeard | Step::Nothing) => {}
            Err(error) if error.class() == ErrorClass::Retry => {
                tracing::warn!(%error, cause = %error.cause, "the journal cannot be followed; trying again");
                follower.is_placed = false;
                // Who sees nothing cannot say that the owner is silent.
                watch = Watch::new();
            }
            Err(error) => return Err(error),
        }
        if shutdown.is_requested() {
            return Ok(None);
        }
        std::thread::sleep(poll);
    }
}

/// What a look at the journal came to.
enum Step {
    /// The pipeline is ours, by this entry.
    Claimed((u64, Head)),
    /// Another process claimed it a moment before.
    Beaten,
    /// The owner gave a sign of life.
    OwnerHeard,
    Nothing,
}

/// When the owner was last heard of.
struct Watch {
    seen: Option<(u64, Option<Bytes>)>,
    at: Instant,
}

impl Watch {
    fn new() -> Self {
        Self {
            seen: None,
            at: Instant::now(),
        }
    }

    /// True where there is news of the owner, beyond what was there at first.
    fn heard(&mut self, objects: &dyn Objects, last: Option<&Head>, next: u64) -> Result<bool> {
        let Some(last) = last else { return Ok(false) };
        let found = (next, objects.get(&alive(last.generation))?);
        if self.seen.as_ref() == Some(&found) {
            return Ok(false);
        }
        let first = self.seen.replace(found).is_none();
        self.at = Instant::now();
        Ok(!first)
    }

    fn silent_for(&self) -> Duration {
        self.at.elapsed()
    }
}

/// State on its way through the journal.
struct Follower<'a> {
    options: &'a FailoverOptions,
    objects: &'a Arc<dyn Objects>,
    stores: &'a dyn Stores,
    store: Arc<dyn StateStore>,
    instance: u128,
    position: Option<Position>,
    /// The head of the last entry.
    last: Option<Head>,
    /// The entry that comes next.
    next: u64,
    misses: u32,
    /// True once the place in the journal is known.
    is_placed: bool,
}

impl<'a> Follower<'a> {
    fn open(
        options: &'a FailoverOptions,
        objects: &'a Arc<dyn Objects>,
        stores: &'a dyn Stores,
    ) -> Result<Self> {
        let store = stores.open()?;
        let position = Position::read(&*store)?;
        Ok(Self {
            instance: instance(&options.directory)
                .map_err(|error| error.at("open", options.directory.display().to_string()))?,
            options,
            objects,
            stores,
            store,
            position,
            last: None,
            next: 1,
            misses: 0,
            is_placed: false,
        })
    }

    /// Follows the journal, and claims the pipeline where nobody works on it.
    fn step(&mut self, watch: &mut Watch) -> Result<Step> {
        self.catch_up()?;
        let heard = watch.heard(&**self.objects, self.last.as_ref(), self.next)?;
        let is_free = match &self.last {
            None => true,
            Some(last) => last.word == Word::Released || last.instance == self.instance,
        };
        if is_free || watch.silent_for() >= self.options.take_over_after {
            return Ok(self.claim()?.map_or(Step::Beaten, Step::Claimed));
        }
        Ok(if heard { Step::OwnerHeard } else { Step::Nothing })
    }

    fn journal(&self) -> Journal<'_> {
        Journal(&**self.objects)
    }

    /// Brings files of frames that an earlier run of ours left behind into state and journal, as far as they are ours to
    /// bring. Where another process went on in their place, our state is not what it went on from: it goes.
    fn settle(&mut self) -> Result<()> {
        let at = |error: FailoverError| error.at("read", self.options.directory.display().to_string());
        let left = segment::left(&self.options.directory).map_err(at)?;
        for file in &left {
            let bytes = std::fs::read(&file.path).map_err(|error| at(error.into()))?;
            let (blocks, length) = crate::frame::blocks(&bytes);
            if !blocks.is_empty() {
                let head = Head {
                    generation: file.generation,
                    instance: self.instance,
                    word: Word::Changed,
                };
                let frames = bytes.get(..length).unwrap_or_default();
                let entry = Entry::new(head, frames).map_err(at)?;
                if self.journal().put(file.number, &entry)?.is_some() {
                    tracing::warn!(
                        "another process went on while this one was away; its own last changes are made there again"
                    );
                    self.wipe()?;
                    break;
                }
                self.apply(file.number, &entry)?;
            }
        }
        // Last: a file that is there is looked at again, should this process die on the way.
        left.iter()
            .try_for_each(|file| segment::delete(&file.path))
            .map_err(at)
    }

    /// Applies all entries there are.
    fn catch_up(&mut self) -> Result<()> {
        if !self.is_placed {
            self.find_place()?;
        }
        loop {
            if let Some(entry) = self.journal().get(self.next)? {
                self.apply(self.next, &entry)?;
                self.misses = 0;
                continue;
            }
            self.misses += 1;
            if self.misses < MISSES_MAX {
                return Ok(());
            }
            // What is missing may have been deleted: then there is a base.
            self.misses = 0;
            let last = self.journal().numbers()?.last().copied().unwrap_or(0);
            if last < self.next {
                return Ok(());
            }
            self.find_place()?;
        }
    }

    /// Finds where this state goes on in the journal, and begins again from a base where it cannot.
    fn find_place(&mut self) -> Result<()> {
        let manifest = base::newest(&**self.objects)?;
        let numbers = self.journal().numbers()?;
        let last = numbers.last().copied().unwrap_or(0);
        let kept_from = manifest.as_ref().map_or(1, |manifest| manifest.kept_from);
        let known_until = manifest
            .as_ref()
            .map_or(last, |manifest| last.max(manifest.entry));
        let goes_on = match self.position {
            // A new journal begins with whatever state there is.
            _ if known_until == 0 => true,
            Some(position) => (kept_from..=known_until).contains(&position.entry),
            None => false,
        };
        let began = Instant::now();
        if !goes_on {
            let is_new = self.position.is_none() && self.is_empty()?;
            if !is_new {
                tracing::info!("this state is not one of the journal's any more; it begins again");
                self.wipe()?;
            }
            if let Some(manifest) = &manifest {
                base::restore(&**self.objects, manifest, &*self.store, &self.options.spaces)?;
                self.position = Position::read(&*self.store)?;
            } else if numbers.first().is_some_and(|first| *first > 1) {
                let first = numbers.first().copied().unwrap_or(0);
                return Err(FailoverError::NoBeginning(first).at("read", "journal"));
            }
        }
        // The entry that state stands in is read again: what is left of it, and who wrote it.
        self.next = self.position.map_or(1, |position| position.entry);
        self.is_placed = true;
        while self.next <= last {
            let Some(entry) = self.journal().get(self.next)? else {
                return Err(FailoverError::Vanished.at("read", Journal::name(self.next)));
            };
            self.apply(self.next, &entry)?;
        }
        if !goes_on {
            let seconds = began.elapsed().as_secs_f64();
            tracing::info!(entry = last, seconds, "state restored");
        }
        self.next = self.next.max(last + 1);
        Ok(())
    }

    /// Brings an entry into the state, as far as it is not there.
    fn apply(&mut self, number: u64, entry: &Entry) -> Result<()> {
        let skip = match self.position {
            Some(position) if position.entry == number => position.frames,
            Some(position) if position.entry > number => return Ok(()),
            _ => 0,
        };
        let changes = entry.changes(&self.options.spaces, usize::try_from(skip).unwrap_or(usize::MAX));
        let (mut batch, frames) = changes.map_err(|error| error.at("read", Journal::name(number)))?;
        let position = Position {
            entry: number,
            frames: frames as u64,
        };
        if entry.head.word == Word::Claimed {
            note_claim(number, &mut batch);
        }
        if self.position != Some(position) {
            position.write(&mut batch)?;
            self.store.commit(batch)?;
            self.position = Some(position);
        }
        self.last = Some(entry.head);
        self.next = number + 1;
        Ok(())
    }

    /// Claims the pipeline, as the next entry. None where another process was first.
    fn claim(&mut self) -> Result<Option<(u64, Head)>> {
        let number = self.next;
        let is_last = |numbers: &[u64]| numbers.last().copied().unwrap_or(0) < number;
        if !is_last(&self.journal().numbers()?) {
            self.is_placed = false;
            return Ok(None);
        }
        if self.last.is_none() && !self.is_empty()? {
            self.begin_with_base(number)?;
        }
        let head = Head {
            generation: self.last.map_or(0, |last| last.generation) + 1,
            instance: self.instance,
            word: Word::Claimed,
        };
        let entry = Entry::new(head, &[]).map_err(|error| error.at("write", "journal"))?;
        if self.journal().put(number, &entry)?.is_some() {
            return Ok(None);
        }
        // The place was free for good only if nothing comes behind it: an entry of long ago may have been deleted.
        let numbers = self.journal().numbers()?;
        if numbers.last() != Some(&number) {
            self.journal().delete(number)?;
            self.is_placed = false;
            return Ok(None);
        }
        self.apply(number, &entry)?;
        for name in self.objects.list(ALIVE)? {
            if name < alive(head.generation) {
                self.objects.delete(&name)?;
            }
        }
        Ok(Some((number, head)))
    }

    /// State of before there was a journal is in no entry: others find it in a base, put before the first one.
    fn begin_with_base(&mut self, number: u64) -> Result<()> {
        let position = Position {
            entry: number,
            frames: 0,
        };
        let mut batch = StateBatch::default();
        position.write(&mut batch)?;
        self.store.commit(batch)?;
        self.position = Some(position);
        let manifest = base::write(&**self.objects, &*self.store, &self.options.spaces, &|| true)?;
        if let Some(manifest) = manifest {
            base::put(&**self.objects, manifest, &*self.store)?;
        }
        Ok(())
    }

    fn is_empty(&self) -> Result<bool> {
        let mut is_empty = true;
        for space in &self.options.spaces {
            self.store.scan(*space, &[], None, &mut |_, _| {
                is_empty = false;
                std::ops::ControlFlow::Break(())
            })?;
        }
        Ok(is_empty)
    }

    fn wipe(&mut self) -> Result<()> {
        // The handle goes before what it is a handle of.
        self.store = Arc::new(Gone);
        self.stores.wipe()?;
        self.store = self.stores.open()?;
        self.position = None;
        self.is_placed = false;
        Ok(())
    }
}

/// Who this data directory is, to others.
fn instance(directory: &Path) -> crate::Result<u128> {
    use std::hash::{BuildHasher, RandomState};
    std::fs::create_dir_all(directory)?;
    let path = directory.join("instance");
    match std::fs::read_to_string(&path) {
        Ok(text) => u128::from_str_radix(text.trim(), 16).map_err(|_| FailoverError::Damaged),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let half = || u128::from(RandomState::new().hash_one(0u8));
            let instance = half() << 64 | half();
            std::fs::write(&path, format!("{instance:032x}\n"))?;
            Ok(instance)
        }
        Err(error) => Err(error.into()),
    }
}

/// No state.
struct Gone;

impl panorama_api::StateRead for Gone {
    fn get(&self, _: Space, _: &[u8]) -> Result<Option<Vec<u8>>> {
        Err(gone())
    }

    fn scan(&self, _: Space, _: &[u8], _: Option<&[u8]>, _: panorama_api::Visit<'_>) -> Result<()> {
        Err(gone())
    }
}

impl StateStore for Gone {
    fn snapshot(&self) -> Result<Box<dyn panorama_api::StateRead>> {
        Err(gone())
    }

    fn commit(&self, _: StateBatch) -> Result<()> {
        Err(gone())
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn load(&self, _: Space, _: panorama_api::Fill<'_>) -> Result<()> {
        Err(gone())
    }
}

fn gone() -> panorama_api::ConnectorError {
    FailoverError::Vanished.at("read", "state")
}
