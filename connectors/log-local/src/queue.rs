//! The queue between the many who write and the one writer thread. Bounded by permits in bytes and messages (INV-9).

use crate::LogError;
use crate::catalog::Topic;
use crate::writer::Writer;
use fjall::Slice;
use panorama_api::{Appended, DedupeKey, Result, SourcePosition, StateBatch};
use panorama_model::Headers;
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A message made ready by its appender.
pub(crate) struct Prepared {
    pub(crate) value: Slice,
    /// Which of the call's header sets it refers to.
    pub(crate) headers: usize,
    pub(crate) received_at: i64,
    pub(crate) dedupe: Option<DedupeKey>,
}

/// One call of append.
pub(crate) struct Append {
    pub(crate) topic: Arc<Topic>,
    pub(crate) partition: u32,
    pub(crate) messages: Vec<Prepared>,
    /// The header sets the messages refer to.
    pub(crate) headers: Vec<(u128, Arc<Headers>)>,
    pub(crate) position: Option<SourcePosition>,
    pub(crate) bytes: usize,
    /// Held until the call is answered.
    pub(crate) permits: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    pub(crate) reply: oneshot::Sender<Result<Vec<Appended>>>,
}

/// One commit of state, each key once, in order.
pub(crate) struct Commit {
    pub(crate) batch: StateBatch,
    pub(crate) reply: SyncSender<Result<()>>,
}

/// What the writer is asked to do.
pub(crate) enum Request {
    Append(Append),
    Commit(Commit),
    /// Something rare that must not run beside a commit: making a topic, trimming.
    Control(Box<dyn FnOnce(&mut Writer) + Send>),
}

impl Request {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(append) => append.bytes,
            Self::Commit(commit) => commit.batch.bytes(),
            Self::Control(_) => 0,
        }
    }
}

/// When a group is closed.
#[derive(Clone, Copy)]
pub(crate) struct GroupLimits {
    pub(crate) bytes_max: usize,
    /// Until when to wait for the expected: shortly after the group before ended. A request that comes later is alone.
    pub(crate) wait_until: Instant,
    /// Requests worth waiting for: as many as came together a moment ago.
    pub(crate) expected: usize,
}

#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn push(&self, request: Request) -> std::result::Result<(), LogError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(LogError::Closed);
        }
        waiting.bytes = waiting.bytes.saturating_add(request.bytes());
        waiting.requests.push_back(request);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Lets the writer finish what is queued, and then end.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Drops what nobody will answer any more: the callers are told so.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.bytes = 0;
        let requests = std::mem::take(&mut waiting.requests);
        drop(waiting);
        drop(requests);
    }

    /// Waits for requests and takes those that can be committed together. `None` once closed and empty.
    pub(crate) fn take_group(&self, limits: GroupLimits) -> Option<Vec<Request>> {
        let mut waiting = self.lock();
        while waiting.requests.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        while waiting.requests.len() < limits.expected && waiting.bytes < limits.bytes_max && !waiting.closed
        {
            let left = limits.wait_until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            (waiting, _) = self
                .changed
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(waiting.take(limits.bytes_max))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Takes requests in order: a control alone, or appends with at most one commit of state, whose keys are unique.
    fn take(&mut self, bytes_max: usize) -> Vec<Request> {
        let mut group = Vec::new();
        let (mut bytes, mut commits) = (0usize, 0);
        while let Some(next) = self.requests.front() {
            let alone = matches!(next, Request::Control(_));
            let commit = matches!(next, Request::Commit(_));
            let full = bytes >= bytes_max || alone || (commit && commits == 1);
            if full && !group.is_empty() {
                break;
            }
            bytes = bytes.saturating_add(next.bytes());
            commits += usize::from(commit);
            group.extend(self.requests.pop_front());
            if alone {
                break;
            }
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_api::Space;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    fn commit(bytes: usize) -> Request {
        let mut batch = StateBatch::default();
        batch.delete(Space("a"), vec![0; bytes]);
        Request::Commit(Commit {
            batch,
            reply: sync_channel(1).0,
        })
    }

    fn control() -> Request {
        Request::Control(Box::new(|_| {}))
    }

    #[test]
    fn groups_keep_the_order_and_the_rules() {
        let check = |requests: Vec<Request>, expected: &[usize]| {
            let queue = Queue::default();
            for request in requests {
                queue.push(request).unwrap();
            }
            queue.close();
            let limits = GroupLimits {
                bytes_max: 10,
                wait_until: Instant::now() + Duration::from_secs(60),
                expected: 100,
            };
            let sizes: Vec<usize> =
                std::iter::from_fn(|| queue.take_group(limits).map(|g| g.len())).collect();
            assert_eq!(sizes, expected);
            assert_eq!(queue.lock().bytes, 0);
        };
        check(vec![], &[]);
        check(vec![commit(1), commit(1)], &[1, 1]);
        check(vec![control(), commit(1), control()], &[1, 1, 1]);
        check(vec![commit(1), control(), control()], &[1, 1, 1]);
    }

    #[test]
    fn a_lone_request_does_not_wait() {
        let queue = Queue::default();
        queue.push(commit(1)).unwrap();
        let limits = GroupLimits {
            bytes_max: 10,
            wait_until: Instant::now() + Duration::from_secs(3600),
            expected: 1,
        };
        assert_eq!(queue.take_group(limits).map(|group| group.len()), Some(1));
    }
}
