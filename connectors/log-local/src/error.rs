//! What can go wrong in the log, and its class.

use panorama_api::{ConnectorError, ErrorClass};
use std::io;

/// An error of the embedded log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Another process holds the directory.
    #[error("data_dir in use by another process")]
    InUse,
    /// The disk has less free space than the reserve.
    #[error("disk full: {free} bytes free, {needed} bytes are kept in reserve")]
    DiskFull {
        /// Bytes free.
        free: u64,
        /// Bytes that must be.
        needed: u64,
    },
    /// A write failed earlier: what is on disk is known only after a restart.
    #[error("the log stopped after a failed write, restart to recover")]
    Stopped,
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// No such topic.
    #[error("no such topic")]
    TopicUnknown,
    /// No such partition.
    #[error("no such partition: the topic has {partitions}")]
    PartitionUnknown {
        /// How many there are.
        partitions: u32,
    },
    /// The topic exists with another partition count.
    #[error("the topic has {existing} partitions, {wanted} are wanted")]
    PartitionsDiffer {
        /// How many there are.
        existing: u32,
        /// How many were asked for.
        wanted: u32,
    },
    /// A space that was not named when the log was opened.
    #[error("no such space")]
    SpaceUnknown,
    /// A key, name or position name the database cannot hold.
    #[error("a key has 1 to {} bytes", crate::keys::KEY_BYTES_MAX)]
    KeyLength,
    /// A message larger than a stored value may be.
    #[error("message of {bytes} bytes is larger than {bytes_max}")]
    MessageTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Stored bytes do not make sense.
    #[error("stored {what} is damaged")]
    Damaged {
        /// What was read.
        what: &'static str,
    },
    /// An offset that must be there is not.
    #[error("offset {offset} is missing")]
    OffsetMissing {
        /// The offset.
        offset: u64,
    },
    /// The database failed.
    #[error("storage failed")]
    Storage(#[from] fjall::Error),
    /// The file system failed.
    #[error("file system failed")]
    Io(#[from] io::Error),
}

impl LogError {
    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::DiskFull { .. } => ErrorClass::Retry,
            Self::MessageTooLarge { .. } => ErrorClass::Quarantine,
            Self::Io(error) => class_of_io(error),
            Self::Storage(fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error))) => {
                class_of_io(error)
            }
            _ => ErrorClass::Fatal,
        }
    }

    /// The error with what was done to what.
    pub(crate) fn at(self, action: &'static str, object: impl Into<String>) -> ConnectorError {
        ConnectorError::new(action, object, self.class(), self)
    }
}

fn class_of_io(error: &io::Error) -> ErrorClass {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorClass::Retry,
        _ => ErrorClass::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_may_pass_other_failures_may_not() {
        let check = |error: LogError, expected: ErrorClass| assert_eq!(error.class(), expected, "{error}");
        let io = |kind| io::Error::from(kind);
        check(LogError::DiskFull { free: 1, needed: 2 }, ErrorClass::Retry);
        check(io(io::ErrorKind::StorageFull).into(), ErrorClass::Retry);
        check(
            fjall::Error::Io(io(io::ErrorKind::StorageFull)).into(),
            ErrorClass::Retry,
        );
        check(
            fjall::Error::Storage(fjall::LsmError::Io(io(io::ErrorKind::StorageFull))).into(),
            ErrorClass::Retry,
        );
        check(
            fjall::Error::Io(io(io::ErrorKind::Other)).into(),
            ErrorClass::Fatal,
        );
        check(fjall::Error::Poisoned.into(), ErrorClass::Fatal);
        check(LogError::Stopped, ErrorClass::Fatal);
    }
}
