//! The Delta log as a committer sees it: an entry is put where none is, or it is not.

use crate::durable;
use crate::location::TableLocation;
use async_trait::async_trait;
use bytes::Bytes;
use deltalake::ObjectStore;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// How putting an entry can fail.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutFailure {
    /// There is an entry of this version.
    #[error("the version exists")]
    Exists,
    /// The entry may be there, or not, or later.
    #[error("the outcome is unknown")]
    Unknown(#[source] Cause),
    /// The entry is there, but the disk would not confirm it.
    #[error("the entry could not be made durable")]
    NotDurable(#[source] Cause),
}

/// Where log entries are put and read.
#[async_trait]
pub(crate) trait CommitLog: Send + Sync {
    /// Puts the entry of a version that must not exist yet; durable on return.
    async fn put(&self, version: u64, entry: Bytes) -> Result<(), PutFailure>;
    /// The entry of a version, if there is one.
    async fn get(&self, version: u64) -> Result<Option<Bytes>, Cause>;
}

/// The log of a table.
pub(crate) fn open(location: &TableLocation, store: Arc<dyn ObjectStore>) -> Arc<dyn CommitLog> {
    match &location.local {
        Some(path) => Arc::new(LocalLog {
            directory: path.join("_delta_log"),
        }),
        None => Arc::new(StoreLog { store }),
    }
}

fn entry_name(version: u64) -> String {
    format!("{version:020}.json")
}

struct LocalLog {
    directory: PathBuf,
}

#[async_trait]
impl CommitLog for LocalLog {
    async fn put(&self, version: u64, entry: Bytes) -> Result<(), PutFailure> {
        let directory = self.directory.clone();
        let put = move || {
            let path = directory.join(entry_name(version));
            match durable::create_whole(&path, &entry) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(PutFailure::Exists),
                Err(error) => return Err(PutFailure::Unknown(error.into())),
            }
            durable::sync_directory(&directory).map_err(|error| PutFailure::NotDurable(error.into()))
        };
        match tokio::task::spawn_blocking(put).await {
            Ok(outcome) => outcome,
            Err(error) => Err(PutFailure::Unknown(error.into())),
        }
    }

    async fn get(&self, version: u64) -> Result<Option<Bytes>, Cause> {
        match tokio::fs::read(self.directory.join(entry_name(version))).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

struct StoreLog {
    store: Arc<dyn ObjectStore>,
}

impl StoreLog {
    fn path(version: u64) -> Path {
        Path::from_iter(["_delta_log".to_owned(), entry_name(version)])
    }
}

#[async_trait]
impl CommitLog for StoreLog {
    async fn put(&self, version: u64, entry: Bytes) -> Result<(), PutFailure> {
        let options = PutOptions::from(PutMode::Create);
        let payload = PutPayload::from_bytes(entry);
        match self.store.put_opts(&Self::path(version), payload, options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => Err(PutFailure::Exists),
            Err(error) => Err(PutFailure::Unknown(error.into())),
        }
    }

    async fn get(&self, version: u64) -> Result<Option<Bytes>, Cause> {
        match self.store.get(&Self::path(version)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
