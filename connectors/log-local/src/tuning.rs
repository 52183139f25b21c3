//! How each kind of keyspace is tuned.

use crate::LocalLogOptions;
use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy};
use fjall::{CompressionType, KeyspaceCreateOptions, KvSeparationOptions};

/// Values from this size on lie in files of their own, so that compaction never copies large messages.
const SEPARATE_BYTES: u32 = 32 * 1024;

/// Segments are written in order and read in order: large compressed blocks, no filters.
pub(crate) fn segment(options: &LocalLogOptions) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(options.memtable_bytes_max)
        .data_block_size_policy(BlockSizePolicy::all(32 * 1024))
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        .filter_policy(FilterPolicy::disabled())
        .with_kv_separation(Some(
            KvSeparationOptions::default().separation_threshold(SEPARATE_BYTES),
        ))
}

/// Spaces and copies are read by key, often for keys that are not there: small blocks, filters on every level. Much of what
/// they hold is hashes, which do not compress, and a read is mostly of one small value.
pub(crate) fn by_key(options: &LocalLogOptions) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(options.memtable_bytes_max)
        .data_block_size_policy(BlockSizePolicy::all(4 * 1024))
        .data_block_compression_policy(CompressionPolicy::disabled())
        .expect_point_read_hits(false)
}
