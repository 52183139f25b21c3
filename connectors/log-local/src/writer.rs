//! The one thread that writes. Nothing is acknowledged before its sync returned (INV-3); after a failed write nothing is
//! acknowledged again, because what reached the disk is known only after a restart.

use crate::LogError;
use crate::catalog::Topic;
use crate::dedupe::Copies;
use crate::disk::DiskWatch;
use crate::group::{self, Group, Tail};
use crate::keys::{self, Place};
use crate::log::Core;
use crate::queue::{GroupLimits, Request};
use fjall::{AbstractTree, Keyspace, OwnedWriteBatch, PersistMode};
use panorama_api::Offset;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Bytes written between two looks at the memory that is gathered.
const MEMORY_LOOK_BYTES: u64 = 4 * 1024 * 1024;

/// Memtables that may wait to be flushed, over all segments and spaces.
const SEALED_MEMTABLES_MAX: usize = 2;
/// How often to look, and for how long at most: a disk that is stuck shows elsewhere.
const FLUSH_LOOK: Duration = Duration::from_millis(2);
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(2);

/// The writer's own state. It lives on its thread.
pub(crate) struct Writer {
    core: Arc<Core>,
    copies: Copies,
    tails: HashMap<Place, Tail>,
    disk: DiskWatch,
    stopped: bool,
    next_topic: u32,
    since_memory_look: u64,
}

impl Writer {
    pub(crate) fn new(core: Arc<Core>, copies: Copies, disk: DiskWatch) -> Self {
        let ids = core.catalog.all();
        let next_topic = ids
            .iter()
            .filter_map(|topic| topic.partitions.first())
            .map(|partition| partition.place.topic + 1)
            .max();
        Self {
            core,
            copies,
            tails: HashMap::new(),
            disk,
            stopped: false,
            next_topic: next_topic.unwrap_or(0),
            since_memory_look: 0,
        }
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let mut limits = GroupLimits {
            bytes_max: self.core.options.group_commit_bytes_max,
            wait_until: Instant::now(),
            expected: 1,
        };
        while let Some(requests) = self.core.queue.take_group(limits) {
            limits.expected = requests.len();
            self.write(requests);
            limits.wait_until = Instant::now() + self.core.options.group_commit_wait_max;
        }
    }

    fn write(&mut self, mut requests: Vec<Request>) {
        if let Some(Request::Control(_)) = requests.first() {
            if let Some(Request::Control(control)) = requests.pop() {
                control(self);
            }
            return;
        }
        if self.stopped {
            return group::refuse(requests, LogError::Stopped);
        }
        let (mut items, mut bytes) = (0, 0u64);
        for request in &requests {
            match request {
                Request::Append(append) => {
                    items += append.messages.len();
                    bytes = bytes.saturating_add(append.bytes as u64);
                }
                Request::Commit(commit) => {
                    items += commit.batch.len();
                    bytes = bytes.saturating_add(commit.batch.bytes() as u64);
                }
                Request::Control(_) => {}
            }
        }
        if let Err(error) = self.disk.admit(bytes) {
            tracing::warn!(%error, "write refused");
            return group::refuse(requests, error);
        }
        let group = Group::new(&self.core, &mut self.tails, &mut self.copies, items + 8);
        if let Err(error) = group.run(requests) {
            self.stop(&error);
        }
        self.bound_memory(bytes);
    }

    fn stop(&mut self, error: &LogError) {
        self.stopped = true;
        tracing::error!(%error, class = error.class().name(), "write failed, the log takes no more until it is reopened");
    }

    fn commit(&mut self, batch: OwnedWriteBatch) -> Result<(), LogError> {
        if self.stopped {
            return Err(LogError::Stopped);
        }
        let applying = self.core.applying.write().unwrap_or_else(PoisonError::into_inner);
        let committed = batch.durability(Some(PersistMode::SyncData)).commit();
        drop(applying);
        committed.map_err(|error| {
            let error = LogError::from(error);
            self.stop(&error);
            error
        })
    }

    /// Makes a topic, if nobody did meanwhile.
    pub(crate) fn make_topic(&mut self, name: &str, partitions: u32) -> Result<(), LogError> {
        if let Some(topic) = self.core.catalog.find(name) {
            return check_partitions(&topic, partitions);
        }
        let id = self.next_topic;
        let mut batch = self.core.database.batch();
        batch.insert(
            &self.core.catalog_keyspace,
            keys::topic_key(name),
            keys::topic_value(id, partitions),
        );
        self.commit(batch)?;
        self.next_topic += 1;
        self.core.catalog.add(name, id, partitions);
        Ok(())
    }

    /// Drops the segments that lie wholly below an offset. First the catalog forgets them, durably, then they go.
    pub(crate) fn trim(&mut self, topic: &Topic, partition: u32, offset: Offset) -> Result<(), LogError> {
        let partition = topic.partition(partition)?;
        let segments = partition.segments_below(offset);
        if segments.is_empty() {
            return Ok(());
        }
        let mut batch = self.core.database.batch();
        for segment in &segments {
            batch.remove(
                &self.core.catalog_keyspace,
                keys::segment_key(partition.place, segment.first),
            );
        }
        self.commit(batch)?;
        partition.forget_segments(segments.len());
        for segment in segments {
            self.core.database.delete_keyspace(segment.messages)?;
        }
        Ok(())
    }

    /// Flushes the largest memtable early where all of them together grow too large: there are many segments and spaces.
    fn bound_memory(&mut self, written: u64) {
        self.since_memory_look = self.since_memory_look.saturating_add(written);
        if self.since_memory_look < MEMORY_LOOK_BYTES || self.stopped {
            return;
        }
        self.since_memory_look = 0;
        self.wait_for_flushes();
        let tails = self.tails.values().map(|tail| &tail.segment.messages);
        let sizes: Vec<(u64, &Keyspace)> = self
            .core
            .spaces
            .values()
            .chain(self.copies.keyspaces())
            .chain(tails)
            .map(|keyspace| (keyspace.tree.active_memtable().size(), keyspace))
            .collect();
        let total: u64 = sizes.iter().map(|(size, _)| size).sum();
        if total <= self.core.options.memtables_bytes_max {
            return;
        }
        let largest = sizes.into_iter().max_by_key(|(size, _)| *size);
        let rotated = largest.map(|(_, keyspace)| keyspace.rotate_memtable());
        if let Some(Err(error)) = rotated {
            self.stop(&error.into());
        }
    }

    /// Waits for the disk where much waits to be flushed, as much as is gathered again: whoever writes faster than that
    /// has to be told.
    fn wait_for_flushes(&self) {
        let began = Instant::now();
        let waiting = |keyspace: &Keyspace| keyspace.sealed_memtable_count();
        let spaces = || self.core.spaces.values().chain(self.copies.keyspaces());
        let tails = || self.tails.values().map(|tail| &tail.segment.messages);
        while spaces().chain(tails()).map(waiting).sum::<usize>() > SEALED_MEMTABLES_MAX
            && began.elapsed() < FLUSH_WAIT_MAX
        {
            std::thread::sleep(FLUSH_LOOK);
        }
    }
}

impl Drop for Writer {
    /// However the thread ends, nobody waits for it in vain.
    fn drop(&mut self) {
        self.core.queue.abandon();
    }
}

pub(crate) fn check_partitions(topic: &Topic, wanted: u32) -> Result<(), LogError> {
    let existing = topic.partitions.len() as u32;
    if existing == wanted {
        return Ok(());
    }
    Err(LogError::PartitionsDiffer { existing, wanted })
}
