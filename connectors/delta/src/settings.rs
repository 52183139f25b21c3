//! What can be set, with the limits that keep memory, files and work bounded.

/// Limits of the writer and its maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A data file is ended at about this size. Larger: compaction and replays move more at once; smaller: readers open
    /// more files.
    pub file_bytes_max: usize,
    /// A row group is ended at about this size: what one writer holds in memory.
    pub row_group_bytes_max: usize,
    /// Partitions written at the same time.
    pub writers_max: usize,
    /// So many files of one partition and size class are compacted into one. Fewer: bytes are rewritten more often; more:
    /// readers open more files.
    pub compaction_files_min: usize,
    /// Bytes one call of maintenance compacts at most, so that commits wait little for it.
    pub compaction_bytes_max: u64,
    /// A checkpoint is written every so many commits. Opening a table reads at most so many log entries.
    pub checkpoint_commits: u64,
    /// Expired log entries are removed every so many commits.
    pub cleanup_commits: u64,
    /// Removed files of append tables stay readable for so long.
    pub retention_s: i64,
    /// Removed files of bucketed tables stay readable for so long. Their buckets are rewritten with each commit: a week of
    /// them would be the table a thousand times over, on disk and in each checkpoint.
    pub bucket_retention_s: i64,
    /// Files deleted by one call of maintenance at most.
    pub vacuum_files_max: usize,
    /// Files no log entry speaks of (left by a crash) are deleted at this age.
    pub orphan_age_s: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            file_bytes_max: 128 << 20,
            row_group_bytes_max: 16 << 20,
            writers_max: 2,
            compaction_files_min: 8,
            compaction_bytes_max: 256 << 20,
            checkpoint_commits: 20,
            cleanup_commits: 200,
            retention_s: 7 * 86_400,
            bucket_retention_s: 3_600,
            vacuum_files_max: 1_000,
            orphan_age_s: 7 * 86_400,
        }
    }
}
