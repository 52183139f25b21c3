//! How full the disk is: asked before writing, because a write that fails halfway stops the log.

use crate::LogError;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two looks the disk may fill by what this log writes itself, and by what others write in this time.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
const LOOK_BYTES: u64 = 8 * 1024 * 1024;

/// Watches the free space of the data directory.
pub(crate) struct DiskWatch {
    path: PathBuf,
    free_bytes_min: u64,
    looked_at: Option<Instant>,
    written: u64,
}

impl DiskWatch {
    pub(crate) fn new(path: PathBuf, free_bytes_min: u64) -> Self {
        Self {
            path,
            free_bytes_min,
            looked_at: None,
            written: 0,
        }
    }

    /// Agrees to a write of so many bytes, or says that the disk is full.
    pub(crate) fn admit(&mut self, bytes: u64) -> Result<(), LogError> {
        self.written = self.written.saturating_add(bytes);
        let fresh = self.looked_at.is_some_and(|at| at.elapsed() < LOOK_INTERVAL);
        if fresh && self.written < LOOK_BYTES {
            return Ok(());
        }
        let stat = rustix::fs::statvfs(&self.path).map_err(std::io::Error::from)?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let needed = self.free_bytes_min.saturating_add(bytes);
        if free < needed {
            self.looked_at = None;
            return Err(LogError::DiskFull { free, needed });
        }
        self.looked_at = Some(Instant::now());
        self.written = 0;
        Ok(())
    }
}
