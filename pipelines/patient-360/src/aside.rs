//! Rows set aside on the disk while they are written to a table: they are told once the table has them, and until then no
//! view of the state need be held, which would keep in memory all that is committed meanwhile (INV-9).

use arrow::array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use hashbrown::HashMap;
use panorama_api::{ConnectorError, Result};
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The rows of a partition, in batches.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Table and partition.
type Place = (u8, i32);

/// What is set aside. Its files have no names: a crash leaves none behind.
#[derive(Clone)]
pub(crate) struct Aside {
    directory: PathBuf,
    /// Partitions whose rows are all here; those without rows have no file.
    whole: Arc<Mutex<HashMap<Place, Option<File>>>>,
}

impl Aside {
    /// Files are in `directory`.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            whole: Arc::default(),
        }
    }

    fn whole(&self) -> MutexGuard<'_, HashMap<Place, Option<File>>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same batches, set aside as they are taken. They count once all are taken: a commit may be tried again, or be found
    /// made without taking any.
    pub(crate) fn keep(&self, place: Place, batches: Batches) -> Batches {
        Box::new(Keeping {
            aside: self.clone(),
            place,
            batches,
            writing: None,
            has_ended: false,
        })
    }

    /// True where the rows of a partition are here.
    pub(crate) fn has(&self, place: Place) -> bool {
        self.whole().contains_key(&place)
    }

    /// The rows of a partition, which are here no more.
    pub(crate) fn take(&self, place: Place) -> Result<Option<Batches>> {
        let Some(file) = self.whole().remove(&place) else {
            return Ok(None);
        };
        let Some(mut file) = file else {
            return Ok(Some(Box::new(std::iter::empty())));
        };
        file.rewind().map_err(broken)?;
        let batches = StreamReader::try_new(BufReader::new(file), None).map_err(broken)?;
        Ok(Some(Box::new(batches.map(|batch| batch.map_err(broken)))))
    }

    /// Nothing is here any more.
    pub(crate) fn clear(&self) {
        self.whole().clear();
    }
}

type Writing = StreamWriter<BufWriter<File>>;
type Failure = Box<dyn std::error::Error>;

/// Batches on their way to a table.
struct Keeping {
    aside: Aside,
    place: Place,
    batches: Batches,
    writing: Option<Writing>,
    /// All is set aside, or nothing will be.
    has_ended: bool,
}

impl Keeping {
    fn write(&mut self, batch: &RecordBatch) -> std::result::Result<(), Failure> {
        let writing = match &mut self.writing {
            Some(writing) => writing,
            None => {
                let file = tempfile::tempfile_in(&self.aside.directory)?;
                let writing = StreamWriter::try_new_buffered(file, batch.schema_ref())?;
                self.writing.insert(writing)
            }
        };
        Ok(writing.write(batch)?)
    }

    fn end(&mut self) -> std::result::Result<(), Failure> {
        self.has_ended = true;
        let file = match self.writing.take() {
            Some(writing) => {
                let file = writing.into_inner()?.into_inner();
                Some(file.map_err(std::io::IntoInnerError::into_error)?)
            }
            None => None,
        };
        self.aside.whole().insert(self.place, file);
        Ok(())
    }
}

impl Iterator for Keeping {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.batches.next();
        if self.has_ended {
            return next;
        }
        let done = match &next {
            Some(Ok(batch)) => self.write(batch),
            Some(Err(_)) => {
                self.has_ended = true;
                Ok(())
            }
            None => self.end(),
        };
        if let Err(error) = done {
            // Then it is read from the state again: the table gets its rows whatever becomes of this.
            tracing::warn!(%error, "rows could not be set aside in data_dir while they are written to a table");
            self.has_ended = true;
        }
        next
    }
}

fn broken(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::fatal("read", "rows set aside", cause)
}
