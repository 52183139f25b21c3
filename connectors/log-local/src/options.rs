//! The limits of the log (INV-9), each with the reason for its value.

use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// How much memory, disk and time the log may take.
#[derive(Clone, Debug)]
pub struct LocalLogOptions {
    /// Bytes of cached blocks, for all topics and spaces together.
    pub cache_bytes: u64,
    /// Bytes one topic segment or space gathers in memory before it is flushed. Larger: longer recovery; smaller: more files.
    pub memtable_bytes_max: u64,
    /// Bytes all of them gather together, before the largest is flushed early.
    pub memtables_bytes_max: u64,
    /// Bytes of journal kept on disk, at least 64 MiB. Bounds the time to recover.
    pub journal_bytes_max: u64,
    /// Threads that flush and compact.
    pub worker_threads: usize,
    /// Payload bytes after which a group is closed. Larger: fewer syncs; smaller: shorter waits.
    pub group_commit_bytes_max: usize,
    /// How long a group waits for those appenders that were there a moment ago. A lone append never waits.
    pub group_commit_wait_max: Duration,
    /// Bytes that may wait for the writer; appenders beyond wait their turn.
    pub queue_bytes_max: usize,
    /// Messages that may wait for the writer.
    pub queue_messages_max: usize,
    /// Messages per segment: what [`trim`](panorama_api::Bus::trim) can drop at a time. Smaller: more open files.
    pub segment_messages_max: u64,
    /// Bytes per segment, for topics of large messages.
    pub segment_bytes_max: u64,
    /// How long a copy is known as one, by the time of receipt.
    pub dedupe_retention: Duration,
    /// Most expired ids forgotten per commit, so that no commit becomes long.
    pub dedupe_prune_max: usize,
    /// Bytes of header sets kept decoded.
    pub headers_cache_bytes: usize,
    /// Bytes the disk must have free for a write to be accepted. The reserve lets flushes and compactions end well, so
    /// that a full disk refuses messages instead of stopping the log.
    pub disk_free_bytes_min: u64,
}

impl Default for LocalLogOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 128 * MIB,
            memtable_bytes_max: 32 * MIB,
            memtables_bytes_max: 96 * MIB,
            journal_bytes_max: 128 * MIB,
            // With more than one, the first spins on the queue while another compacts.
            worker_threads: 1,
            group_commit_bytes_max: 1024 * 1024,
            group_commit_wait_max: Duration::from_millis(2),
            queue_bytes_max: 32 * 1024 * 1024,
            queue_messages_max: 65_536,
            segment_messages_max: 262_144,
            segment_bytes_max: 1024 * MIB,
            dedupe_retention: Duration::from_secs(30 * 86_400),
            dedupe_prune_max: 512,
            headers_cache_bytes: 8 * 1024 * 1024,
            disk_free_bytes_min: 256 * MIB,
        }
    }
}
