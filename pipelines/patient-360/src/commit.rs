//! Epochs are committed while the next one is filed: at most one commit is under way.

use panorama_api::{ConnectorError, Result, StateBatch, StateStore};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The thread that commits.
pub(crate) struct Commits {
    batches: Option<SyncSender<StateBatch>>,
    results: Receiver<Result<()>>,
    under_way: bool,
    thread: Option<JoinHandle<()>>,
}

impl Commits {
    pub(crate) fn new(store: &Arc<dyn StateStore>) -> Self {
        let (batches, taken) = sync_channel::<StateBatch>(1);
        let (results_sent, results) = sync_channel(1);
        let store = Arc::clone(store);
        let thread = std::thread::spawn(move || {
            while let Ok(batch) = taken.recv() {
                if results_sent.send(store.commit(batch)).is_err() {
                    break;
                }
            }
        });
        Self {
            batches: Some(batches),
            results,
            under_way: false,
            thread: Some(thread),
        }
    }

    /// Commits a batch after the one before it is durable. Does not wait for this one.
    pub(crate) fn begin(&mut self, batch: StateBatch) -> Result<()> {
        self.settle()?;
        let sent = self
            .batches
            .as_ref()
            .is_some_and(|batches| batches.send(batch).is_ok());
        self.under_way = sent;
        if sent { Ok(()) } else { Err(gone()) }
    }

    /// Waits until all that was begun is durable.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if std::mem::take(&mut self.under_way) {
            self.results.recv().map_err(|_| gone())?
        } else {
            Ok(())
        }
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

fn gone() -> ConnectorError {
    ConnectorError::fatal("commit", "state", "the committing thread is gone")
}
