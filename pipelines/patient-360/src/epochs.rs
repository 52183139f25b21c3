//! An epoch's facts are filed while the next epoch is identified, and all of it is committed while the next one is filed.
//! Whoever reads committed state waits for both first.

use crate::commit::Commits;
use crate::facts::{Facts, Owner, Position, Told};
use crate::meta::Meta;
use panorama_api::{ConnectorError, Result, StateBatch, StateStore};
use panorama_model::{Fact, PersonId, SourceRecordKey, Timestamp};
use panorama_runtime::{Metrics, now};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// An epoch whose identities are settled.
pub(crate) struct SettledEpoch {
    /// The small things of state as of its end, but for the facts' numbers.
    pub meta: Meta,
    /// When its messages were taken up.
    pub at: Timestamp,
    /// Records that went to another person.
    pub reassigned: Vec<(u64, PersonId)>,
    /// The facts its messages tell.
    pub facts: Vec<SettledFact>,
    /// All else that changed.
    pub batch: StateBatch,
    /// Since when it is being worked on.
    pub began: Instant,
}

/// A fact, and whose it is.
pub(crate) struct SettledFact {
    pub fact: Fact,
    /// The record it hangs on; none for providers.
    pub owner: Option<u64>,
    pub key: Arc<SourceRecordKey>,
    pub person: Option<PersonId>,
    pub position: Position,
}

/// Epochs on their way to disk. The facts are at hand here, or on the filing thread with an epoch.
pub(crate) struct Epochs {
    work: Option<SyncSender<(Box<Facts>, Work)>>,
    done: Receiver<(Box<Facts>, Result<Timestamp>)>,
    facts: Option<Box<Facts>>,
    /// An epoch was filed that may not be durable.
    unsettled: bool,
    durable_at: Timestamp,
    thread: Option<JoinHandle<()>>,
}

enum Work {
    File(Box<SettledEpoch>),
    Settle,
}

impl Epochs {
    pub(crate) fn new(store: &Arc<dyn StateStore>, facts: Facts, metrics: &Arc<Metrics>) -> Self {
        let (work, taken) = sync_channel::<(Box<Facts>, Work)>(1);
        let (done_sent, done) = sync_channel(1);
        let mut filing = Filing {
            commits: Commits::new(store),
            metrics: Arc::clone(metrics),
        };
        let thread = std::thread::spawn(move || {
            while let Ok((mut facts, work)) = taken.recv() {
                let result = match work {
                    Work::File(epoch) => filing.file_all(&mut facts, *epoch),
                    Work::Settle => filing.commits.settle(),
                };
                if done_sent.send((facts, result.map(|()| now()))).is_err() {
                    break;
                }
            }
        });
        Self {
            work: Some(work),
            done,
            facts: Some(Box::new(facts)),
            unsettled: false,
            durable_at: now(),
            thread: Some(thread),
        }
    }

    /// Files and commits an epoch after the one before it is filed. Does not wait for this one.
    pub(crate) fn begin(&mut self, epoch: SettledEpoch) -> Result<()> {
        self.filed()?;
        self.unsettled = true;
        self.send(Work::File(Box::new(epoch)))
    }

    /// Waits until all that was begun is filed, and all but the last of it durable; the facts are at hand then.
    pub(crate) fn filed(&mut self) -> Result<&mut Facts> {
        if self.facts.is_none() {
            let done = self.done.recv().map_err(|_| gone())?;
            self.take(done)?;
        }
        self.facts.as_deref_mut().ok_or_else(gone)
    }

    fn take(&mut self, (facts, result): (Box<Facts>, Result<Timestamp>)) -> Result<()> {
        self.facts = Some(facts);
        self.durable_at = result?;
        Ok(())
    }

    /// Waits until all that was begun is durable.
    pub(crate) fn settle(&mut self) -> Result<&mut Facts> {
        self.filed()?;
        if std::mem::take(&mut self.unsettled) {
            self.send(Work::Settle)?;
        }
        self.filed()
    }

    /// When an epoch was last found to be durable.
    pub(crate) const fn durable_at(&self) -> Timestamp {
        self.durable_at
    }

    /// True where no epoch is being filed and the tables hold all facts.
    pub(crate) fn is_published(&mut self) -> Result<bool> {
        if let Ok(done) = self.done.try_recv() {
            self.take(done)?;
        }
        Ok(self.facts.as_ref().is_some_and(|facts| !facts.has_unpublished()))
    }

    fn send(&mut self, work: Work) -> Result<()> {
        let facts = self.facts.take().ok_or_else(gone)?;
        let sender = self.work.as_ref().ok_or_else(gone)?;
        sender.send((facts, work)).map_err(|_| gone())
    }
}

impl Drop for Epochs {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

/// What the filing thread does.
struct Filing {
    commits: Commits,
    metrics: Arc<Metrics>,
}

impl Filing {
    /// Files what an epoch's messages tell; all of the epoch goes into one atomic commit (INV-4).
    fn file_all(&mut self, facts: &mut Facts, epoch: SettledEpoch) -> Result<()> {
        let SettledEpoch {
            mut meta,
            at,
            reassigned,
            facts: told,
            mut batch,
            began,
        } = epoch;
        let filing = Instant::now();
        for (record, person) in reassigned {
            facts.reassign(record, person, at)?;
        }
        for fact in told {
            self.file(facts, fact, at)?;
        }
        facts.flush(meta.epoch, &mut batch)?;
        meta.next_fact = facts.next_number();
        meta.write(&mut batch)?;
        self.metrics.spent("file", filing);
        let waiting = Instant::now();
        self.commits.begin(batch)?;
        self.metrics.spent("wait for commit", waiting);
        self.metrics.epoch_duration.observe(began.elapsed().as_secs_f64());
        Ok(())
    }

    fn file(&self, facts: &mut Facts, settled: SettledFact, at: Timestamp) -> Result<()> {
        let owner = Owner {
            record: settled.owner.unwrap_or(u64::MAX),
            key: &settled.key,
            person: settled.person,
        };
        if facts.tell(settled.fact, owner, settled.position, at)? == Told::Copy {
            self.metrics
                .duplicates
                .get_or_create(&Metrics::label("source", &settled.key.source))
                .inc();
        }
        Ok(())
    }
}

fn gone() -> ConnectorError {
    ConnectorError::fatal("commit", "state", "the committing thread is gone")
}
