//! The owner's state: what is committed goes into the journal too, and must, before anything rests on it.

use crate::entry::{Entry, Head, Journal, Word};
use crate::position::Position;
use crate::segment::{self, Segment};
use crate::standby::FailoverOptions;
use crate::{FailoverError, base, frame};
use panorama_api::{
    ConnectorError, ErrorClass, Fill, Objects, Result, Shutdown, Space, StateBatch, StateRead, StateStore,
    Visit,
};
use std::cell::OnceCell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Files that may wait to become entries. Beyond that, commits wait.
const WAITING_MAX: usize = 8;
/// How long a stop waits for a place that does not answer.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// Waits between attempts to reach the place.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// State that its owner changes and shares. Made by [`crate::stand_by`].
pub struct Owned {
    core: Arc<Core>,
    generation: u64,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    closing: SyncSender<()>,
    shipping: JoinHandle<()>,
    beating: JoinHandle<()>,
}

/// What the owner's threads share.
struct Core {
    store: Arc<dyn StateStore>,
    objects: Arc<dyn Objects>,
    options: FailoverOptions,
    head: Head,
    shutdown: Shutdown,
    writing: Mutex<Writing>,
    progress: Mutex<Progress>,
    progressed: Condvar,
}

/// Where the next frame goes.
struct Writing {
    segment: Option<Segment>,
    /// The number of the next file.
    next: u64,
    closed: Option<SyncSender<Segment>>,
}

struct Progress {
    /// The last entry that is in the journal.
    shared: u64,
    failure: Option<FailoverError>,
    /// Nothing more is shared.
    has_ended: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Owned {
    /// Begins to own, behind the claim with this number.
    pub(crate) fn begin(
        store: Arc<dyn StateStore>,
        objects: Arc<dyn Objects>,
        options: FailoverOptions,
        (claim, head): (u64, Head),
        shutdown: Shutdown,
    ) -> Self {
        let (closed, files) = sync_channel(WAITING_MAX);
        let core = Arc::new(Core {
            store,
            objects,
            options,
            head: Head {
                word: Word::Changed,
                ..head
            },
            shutdown,
            writing: Mutex::new(Writing {
                segment: None,
                next: claim + 1,
                closed: Some(closed),
            }),
            progress: Mutex::new(Progress {
                shared: claim,
                failure: None,
                has_ended: false,
            }),
            progressed: Condvar::new(),
        });
        let (closing, asked_to_close) = sync_channel(0);
        let (shipper, beater) = (Arc::clone(&core), Arc::clone(&core));
        let threads = Threads {
            closing,
            shipping: std::thread::spawn(move || shipper.ship_all(&files)),
            beating: std::thread::spawn(move || beater.beat(&asked_to_close)),
        };
        Self {
            core,
            generation: head.generation,
            threads: Mutex::new(Some(threads)),
        }
    }

    /// How many times the pipeline was taken over, with this one. Stands in every table that this owner commits to.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Why the pipeline is this process's no more, if it is not.
    pub fn lost(&self) -> Option<ConnectorError> {
        let failure = locked(&self.core.progress).failure.clone();
        failure.map(|failure| self.core.failed(failure))
    }

    /// Shares all, and says that another process may go on at once.
    ///
    /// # Errors
    /// Where that was not possible: then others wait until they have not heard of this one for long enough.
    pub fn release(&self) -> Result<()> {
        self.share()?;
        let number = locked(&self.core.writing).next;
        let head = Head {
            word: Word::Released,
            ..self.core.head
        };
        self.end();
        let entry = Entry::new(head, &[]).map_err(|error| error.at("write", "journal"))?;
        match Journal(&*self.core.objects).put(number, &entry)? {
            None => Ok(()),
            Some(other) => Err(self.core.failed(FailoverError::TakenOver(other.generation))),
        }
    }

    /// As if the process slept.
    #[cfg(test)]
    pub(crate) fn stop_beating(&self) {
        if let Some(threads) = locked(&self.threads).as_mut() {
            threads.closing = sync_channel(0).0;
        }
    }

    fn end(&self) {
        let Some(threads) = locked(&self.threads).take() else {
            return;
        };
        locked(&self.core.writing).closed = None;
        locked(&self.core.progress).has_ended = true;
        self.core.progressed.notify_all();
        drop(threads.closing);
        for thread in [threads.shipping, threads.beating] {
            if thread.join().is_err() {
                tracing::error!("a thread of the failover ended in a panic");
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.end();
    }
}

impl StateRead for Owned {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.core.store.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<()> {
        self.core.store.scan(space, from, to, visit)
    }
}

impl StateStore for Owned {
    fn snapshot(&self) -> Result<Box<dyn StateRead>> {
        self.core.store.snapshot()
    }

    fn commit(&self, batch: StateBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut writing = locked(&self.core.writing);
        self.core.check()?;
        let committed = self.core.commit(&mut writing, batch);
        // Whether the frame is there whole, and the state with it, is known after a restart: nothing may follow it.
        committed.inspect_err(|error| {
            self.core.fail(FailoverError::File(Arc::new(std::io::Error::other(
                error.to_string(),
            ))));
        })
    }

    fn bytes(&self) -> u64 {
        self.core.store.bytes()
    }

    fn load(&self, _: Space, _: Fill<'_>) -> Result<()> {
        Err(self.core.failed(FailoverError::NotShared))
    }

    fn share(&self) -> Result<()> {
        self.core.share()
    }
}

impl Core {
    fn failed(&self, failure: FailoverError) -> ConnectorError {
        failure.at(
            "own",
            format!("the pipeline in {}", self.options.directory.display()),
        )
    }

    fn check(&self) -> Result<()> {
        match &locked(&self.progress).failure {
            Some(failure) => Err(self.failed(failure.clone())),
            None => Ok(()),
        }
    }

    fn fail(&self, failure: FailoverError) {
        locked(&self.progress).failure.get_or_insert(failure);
        self.progressed.notify_all();
    }

    fn commit(&self, writing: &mut Writing, mut batch: StateBatch) -> Result<()> {
        let at = |error: FailoverError| error.at("write", self.options.directory.display().to_string());
        if writing.segment.is_none() {
            let segment = Segment::begin(&self.options.directory, writing.next, self.head.generation);
            writing.segment = Some(segment.map_err(at)?);
            writing.next += 1;
        }
        let Some(segment) = &mut writing.segment else {
            return Ok(());
        };
        let position = Position {
            entry: segment.number,
            frames: segment.frames as u64 + 1,
        };
        position.write(&mut batch)?;
        batch.keep_last_words();
        segment.append(&frame::seal(&batch)).map_err(at)?;
        self.store.commit(batch)?;
        if segment.bytes >= self.options.entry_bytes {
            self.close(writing);
        }
        Ok(())
    }

    /// Hands the file on to become an entry. Waits where too many do.
    fn close(&self, writing: &mut Writing) {
        if let Some(closed) = &writing.closed
            && let Some(segment) = writing.segment.take()
        {
            // A thread that is gone has said why.
            closed.send(segment).unwrap_or_default();
        }
    }

    fn share(&self) -> Result<()> {
        let target = {
            let mut writing = locked(&self.writing);
            self.close(&mut writing);
            writing.next - 1
        };
        self.wait_for(target)
    }

    /// Waits until an entry is in the journal.
    fn wait_for(&self, entry: u64) -> Result<()> {
        let mut progress = locked(&self.progress);
        while progress.shared < entry && progress.failure.is_none() && !progress.has_ended {
            progress = self
                .progressed
                .wait(progress)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let is_shared = progress.shared >= entry;
        drop(progress);
        self.check()?;
        if is_shared {
            Ok(())
        } else {
            Err(self.failed(FailoverError::Stopped))
        }
    }

    fn ship_all(self: &Arc<Self>, files: &Receiver<Segment>) {
        let last = base::newest(&*self.objects).ok().flatten();
        let mut since = self.weight_since(last.as_ref());
        let mut base_bytes = last.map_or(0, |last| last.bytes);
        let mut basing: Option<JoinHandle<Result<u64>>> = None;
        while let Ok(segment) = files.recv() {
            match self.ship(&segment) {
                Ok(bytes) => since += self.weight(bytes),
                Err(failure) => return self.fail(failure),
            }
            if let Some(done) = basing.take_if(|basing| basing.is_finished()) {
                match done.join() {
                    Ok(Ok(bytes)) => base_bytes = bytes,
                    Ok(Err(error)) => {
                        tracing::warn!(%error, cause = %error.cause, "no base could be written; the journal grows");
                    }
                    Err(_) => tracing::error!("writing a base ended in a panic"),
                }
            }
            if basing.is_none() && since >= base_bytes.max(self.options.base_every_bytes) {
                since = 0;
                let core = Arc::clone(self);
                basing = Some(std::thread::spawn(move || core.write_base()));
            }
        }
        if let Some(basing) = basing
            && basing.join().is_err()
        {
            tracing::error!("writing a base ended in a panic");
        }
    }

    /// What an entry counts towards the next base: small ones take their time too, when they are applied.
    fn weight(&self, bytes: usize) -> u64 {
        bytes.max(self.options.entry_bytes / 16) as u64
    }

    /// What the entries since the last base count, as far as it can be told without reading them.
    fn weight_since(&self, last: Option<&base::Manifest>) -> u64 {
        let numbers = Journal(&*self.objects).numbers().unwrap_or_default();
        let base = last.map_or(0, |last| last.entry);
        let entries = numbers.iter().filter(|number| **number > base).count();
        entries as u64 * self.weight(0)
    }

    /// Makes a file an entry, and deletes it.
    fn ship(&self, segment: &Segment) -> crate::Result<usize> {
        let frames = std::fs::read(&segment.path)?;
        let entry = Entry::new(self.head, &frames)?;
        let began = Instant::now();
        let mut backoff = BACKOFF.0;
        loop {
            match Journal(&*self.objects).put(segment.number, &entry) {
                Ok(None) => break,
                Ok(Some(other)) => return Err(FailoverError::TakenOver(other.generation)),
                Err(error) => {
                    tracing::warn!(%error, cause = %error.cause, "state could not be shared; trying again");
                    if error.class() == ErrorClass::Fatal
                        || self.shutdown.is_requested() && began.elapsed() > STOP_PATIENCE
                    {
                        return Err(FailoverError::Stopped);
                    }
                }
            }
            std::thread::sleep(backoff);
            backoff = (backoff * 2).min(BACKOFF.1);
        }
        locked(&self.progress).shared = segment.number;
        self.progressed.notify_all();
        segment::delete(&segment.path)?;
        Ok(entry.len())
    }

    fn write_base(&self) -> Result<u64> {
        let began = Instant::now();
        let stopping = OnceCell::new();
        // Runs may be short and many: a stop lets it come to its end, within reason.
        let go_on = || {
            let has_time =
                !self.shutdown.is_requested() || stopping.get_or_init(Instant::now).elapsed() < STOP_PATIENCE;
            has_time && self.check().is_ok()
        };
        if let (Some(last), Some(position)) = (base::newest(&*self.objects)?, Position::read(&*self.store)?)
            && last.entry >= position.entry
        {
            return Ok(last.bytes);
        }
        let manifest = base::write(&*self.objects, &*self.store, &self.options.spaces, &go_on)?;
        let Some(manifest) = manifest else { return Ok(0) };
        // What the base holds must be in the journal before it counts: it would be another's history otherwise.
        self.share()?;
        let (entry, bytes) = (manifest.entry, base::put(&*self.objects, manifest, &*self.store)?);
        tracing::info!(
            entry,
            bytes,
            seconds = began.elapsed().as_secs_f64(),
            "base written"
        );
        Ok(bytes)
    }

    /// Says that this owner is alive, and looks whether it is still the owner.
    fn beat(&self, closing: &Receiver<()>) {
        let name = alive(self.head.generation);
        let every = self.options.take_over_after / 6;
        for count in 0u64.. {
            let put = self.objects.put(&name, count.to_be_bytes().to_vec().into());
            let next = locked(&self.progress).shared + 1;
            let found = put.and_then(|()| Journal(&*self.objects).get(next));
            match found {
                Ok(Some(entry)) if entry.head.generation > self.head.generation => {
                    return self.fail(FailoverError::TakenOver(entry.head.generation));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, cause = %error.cause, "could not tell the others that this process is alive");
                }
            }
            if closing.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }
}

/// Where owners show that they live.
pub(crate) const ALIVE: &str = "alive/";

/// What an owner touches to be known as alive.
pub(crate) fn alive(generation: u64) -> String {
    format!("{ALIVE}{generation:020}")
}
