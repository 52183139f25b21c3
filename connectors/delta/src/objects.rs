//! Objects beside the tables: the same store, the same promises.

use crate::durable;
use crate::location::Location;
use bytes::Bytes;
use deltalake::ObjectStore;
use futures_util::TryStreamExt;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use panorama_api::{ConnectorError, Created, Objects, Result};
use std::collections::HashMap;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::path::{self, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Objects in a directory of its own beside the tables.
pub enum TableObjects {
    /// On a file system.
    #[doc(hidden)]
    Local(PathBuf),
    /// In an object store.
    #[doc(hidden)]
    Store {
        /// Everything below the directory.
        store: Arc<dyn ObjectStore>,
        /// Where requests run.
        runtime: Handle,
    },
}

impl TableObjects {
    /// Objects below `directory` at the place of the tables. Its name begins with `_`, so that no reader takes it for a table.
    ///
    /// # Errors
    /// Fatal where the place is none.
    pub fn open(
        location: &str,
        options: HashMap<String, String>,
        directory: &str,
        runtime: Handle,
    ) -> Result<Self> {
        let place = Location::new(location, options)?.table(directory);
        match &place.local {
            Some(path) => Ok(Self::Local(path.clone())),
            None => Ok(Self::Store {
                store: place.handle()?.object_store(),
                runtime,
            }),
        }
    }
}

impl Objects for TableObjects {
    fn create(&self, name: &str, bytes: Bytes) -> Result<Created> {
        match self {
            Self::Local(root) => local(name, || {
                let path = below(root, name)?;
                match durable::create_whole(&path, &bytes) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Created::Exists),
                    Err(error) => return Err(error),
                }
                sync_parent(&path)?;
                Ok(Created::Made)
            }),
            Self::Store { store, runtime } => {
                let options = PutOptions::from(PutMode::Create);
                let payload = PutPayload::from_bytes(bytes);
                match runtime.block_on(store.put_opts(&Path::from(name), payload, options)) {
                    Ok(_) => Ok(Created::Made),
                    Err(Error::AlreadyExists { .. }) => Ok(Created::Exists),
                    Err(error) => Err(ConnectorError::retry("put object", name, error)),
                }
            }
        }
    }

    fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        match self {
            Self::Local(root) => local(name, || {
                let path = below(root, name)?;
                let temporary = path.with_extension("new");
                match std::fs::remove_file(&temporary) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                durable::create_whole(&temporary, &bytes)?;
                std::fs::rename(&temporary, &path)?;
                sync_parent(&path)
            }),
            Self::Store { store, runtime } => {
                let path = Path::from(name);
                let put = store.put(&path, PutPayload::from_bytes(bytes));
                asked(runtime, "put object", name, put).map(drop)
            }
        }
    }

    fn get(&self, name: &str) -> Result<Option<Bytes>> {
        match self {
            Self::Local(root) => local(name, || match std::fs::read(root.join(name)) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }),
            Self::Store { store, runtime } => {
                let path = Path::from(name);
                asked(runtime, "get object", name, async {
                    match store.get(&path).await {
                        Ok(found) => found.bytes().await.map(Some),
                        Err(Error::NotFound { .. }) => Ok(None),
                        Err(error) => Err(error),
                    }
                })
            }
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<String>> {
        let mut names = match self {
            Self::Local(root) => local(directory, || {
                let mut names = Vec::new();
                visit(&root.join(directory), directory, &mut names)?;
                Ok(names)
            })?,
            Self::Store { store, runtime } => {
                let prefix = Path::from(directory);
                let listed = store
                    .list(Some(&prefix))
                    .map_ok(|found| found.location.to_string());
                asked(runtime, "list objects", directory, listed.try_collect::<Vec<_>>())?
            }
        };
        names.sort();
        Ok(names)
    }

    fn delete(&self, name: &str) -> Result<()> {
        match self {
            Self::Local(root) => local(name, || match std::fs::remove_file(root.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }),
            Self::Store { store, runtime } => {
                let path = Path::from(name);
                asked(runtime, "delete object", name, async {
                    match store.delete(&path).await {
                        Err(Error::NotFound { .. }) => Ok(()),
                        outcome => outcome,
                    }
                })
            }
        }
    }
}

fn local<T>(name: &str, act: impl FnOnce() -> io::Result<T>) -> Result<T> {
    act().map_err(|error| ConnectorError::retry("reach object", name, error))
}

fn asked<T>(
    runtime: &Handle,
    action: &'static str,
    name: &str,
    request: impl Future<Output = object_store::Result<T>>,
) -> Result<T> {
    runtime
        .block_on(request)
        .map_err(|error| ConnectorError::retry(action, name, error))
}

/// The path of an object; its directories are made.
fn below(root: &path::Path, name: &str) -> io::Result<PathBuf> {
    let path = root.join(name);
    if let Some(parent) = path.parent()
        && !parent.is_dir()
    {
        durable::create_directory(parent)?;
    }
    Ok(path)
}

fn sync_parent(path: &path::Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), durable::sync_directory)
}

fn visit(path: &path::Path, name: &str, names: &mut Vec<String>) -> io::Result<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let own = match name.trim_end_matches('/') {
            "" => own,
            directory => format!("{directory}/{own}"),
        };
        if entry.file_type()?.is_dir() {
            visit(&entry.path(), &own, names)?;
        } else if !own.ends_with(durable::TEMPORARY.1) && !own.ends_with(".new") {
            names.push(own);
        }
    }
    Ok(())
}
