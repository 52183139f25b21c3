//! Rows to data files: partitions side by side, each streamed, each file durable before it is spoken of.

use crate::data_file;
use crate::durable;
use crate::location::TableLocation;
use crate::partition::PartitionColumn;
use crate::settings::Settings;
use crate::state::DataFile;
use crate::statistics;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use deltalake::ObjectStore;
use object_store::{ObjectStoreExt, PutPayload, path::Path as StorePath};
use panorama_api::{ConnectorError, Result};
use parquet::arrow::arrow_writer::ArrowWriter;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Rows on their way into one partition.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// A data file that is written and not yet in the log.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) partition: Option<i32>,
    pub(crate) file: DataFile,
    pub(crate) stats: String,
}

/// What every file of a table is written by.
#[derive(Clone)]
pub(crate) struct FileWriter {
    pub(crate) location: TableLocation,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) table: SchemaRef,
    pub(crate) file: SchemaRef,
    pub(crate) properties: Arc<WriterProperties>,
    pub(crate) partition: Option<PartitionColumn>,
    pub(crate) settings: Settings,
}

/// Where an encoded file goes: a local file, or memory until it is uploaded.
enum Output {
    Disk(File),
    Memory(Vec<u8>),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.write(bytes),
            Self::Memory(buffer) => buffer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Disk(file) => file.flush(),
            Self::Memory(_) => Ok(()),
        }
    }
}

/// A file that was encoded, with its bytes where they still have to be uploaded.
struct Encoded {
    new: NewFile,
    upload: Option<Vec<u8>>,
}

impl FileWriter {
    /// Writes the rows of several partitions; all files are durable on return.
    pub(crate) async fn write(
        &self,
        application: &str,
        epoch: u64,
        writes: Vec<(Option<i32>, Batches)>,
    ) -> Result<Vec<NewFile>> {
        let mut waiting = writes.into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut files = Vec::new();
        loop {
            while running.len() < self.settings.writers_max.max(1) {
                let Some((number, (partition, batches))) = waiting.next() else {
                    break;
                };
                let (writer, application) = (self.clone(), application.to_owned());
                running.spawn(async move {
                    writer
                        .write_partition(application, epoch, number, partition, batches)
                        .await
                });
            }
            let Some(done) = running.join_next().await else {
                break;
            };
            files.extend(done.map_err(|cause| self.location.fatal("write to", cause))??);
        }
        self.sync_directories(&files).await?;
        Ok(files)
    }

    /// Encodes on a thread of its own; uploads, where the table is remote, while the next file is encoded.
    async fn write_partition(
        self,
        application: String,
        epoch: u64,
        number: usize,
        partition: Option<i32>,
        batches: Batches,
    ) -> Result<Vec<NewFile>> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Encoded>(1);
        let (location, store) = (self.location.clone(), Arc::clone(&self.store));
        let encoding = tokio::task::spawn_blocking(move || {
            let mut batches = batches;
            let mut part = 0;
            loop {
                let name = data_file::name(&application, epoch, number * 1_000 + part);
                let Some(encoded) = self.encode_file(&name, partition, &mut batches)? else {
                    return Ok(());
                };
                if sender.blocking_send(encoded).is_err() {
                    return Ok(());
                }
                part += 1;
            }
        });
        let mut files = Vec::new();
        while let Some(Encoded { new, upload }) = receiver.recv().await {
            if let Some(bytes) = upload {
                let path = StorePath::from(new.file.path.as_str());
                let put = store.put(&path, PutPayload::from(bytes)).await;
                put.map_err(|cause| location.retry("write to", cause))?;
            }
            files.push(new);
        }
        encoding
            .await
            .map_err(|cause| location.fatal("write to", cause))??;
        Ok(files)
    }

    /// Encodes batches until the file is full or they end; `None` where there are no more rows.
    fn encode_file(
        &self,
        name: &str,
        partition: Option<i32>,
        batches: &mut Batches,
    ) -> Result<Option<Encoded>> {
        let mut open: Option<(String, ArrowWriter<Output>)> = None;
        for batch in batches.by_ref() {
            let batch = self.file_batch(batch?, partition)?;
            if batch.num_rows() == 0 {
                continue;
            }
            let (_, writer) = match &mut open {
                Some(open) => open,
                None => open.insert(self.create(name, partition)?),
            };
            writer.write(&batch).map_err(|cause| self.write_error(cause))?;
            if writer.bytes_written() + writer.in_progress_size() >= self.settings.file_bytes_max {
                break;
            }
        }
        let Some((path, mut writer)) = open else {
            return Ok(None);
        };
        let metadata = writer.finish().map_err(|cause| self.write_error(cause))?;
        let bytes = writer.bytes_written() as u64;
        // Finished, the writer has flushed all it had; `into_inner` would finish it once more.
        let upload = match writer.inner_mut() {
            Output::Disk(file) => {
                file.sync_data().map_err(|cause| self.write_error(cause))?;
                None
            }
            Output::Memory(buffer) => Some(std::mem::take(buffer)),
        };
        Ok(Some(Encoded {
            new: self.new_file(path, partition, bytes, &metadata),
            upload,
        }))
    }

    fn new_file(
        &self,
        path: String,
        partition: Option<i32>,
        bytes: u64,
        metadata: &ParquetMetaData,
    ) -> NewFile {
        let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
        let dropped = self.partition.as_ref().map(|column| column.index);
        NewFile {
            partition,
            file: DataFile { path, bytes, rows },
            stats: statistics::to_delta(&data_file::without(&self.table, dropped), metadata),
        }
    }

    fn create(&self, name: &str, partition: Option<i32>) -> Result<(String, ArrowWriter<Output>)> {
        let path = match &self.partition {
            Some(column) => format!("{}/{name}", column.directory(partition)),
            None => name.to_owned(),
        };
        let output = match &self.location.local {
            Some(root) => {
                let full = root.join(&path);
                let made = full.parent().map_or(Ok(()), durable::create_directory);
                Output::Disk(
                    made.and_then(|()| File::create_new(full))
                        .map_err(|cause| self.write_error(cause))?,
                )
            }
            None => Output::Memory(Vec::new()),
        };
        let writer = data_file::writer(output, &self.file, &self.properties);
        Ok((path, writer.map_err(|cause| self.write_error(cause))?))
    }

    /// Checks that a batch is the table's and of this partition, and leaves the partition column out.
    fn file_batch(&self, batch: RecordBatch, partition: Option<i32>) -> Result<RecordBatch> {
        let same = |(a, b): (&Arc<arrow::datatypes::Field>, &Arc<arrow::datatypes::Field>)| {
            a.name() == b.name() && a.data_type() == b.data_type()
        };
        let schema = batch.schema();
        if schema.fields().len() != self.table.fields().len()
            || !schema.fields().iter().zip(self.table.fields()).all(same)
        {
            return Err(self
                .location
                .fatal("write to", "the rows are not of the table's schema"));
        }
        let Some(column) = &self.partition else {
            return Ok(batch);
        };
        let (_, mut columns, _) = batch.into_parts();
        if column.index >= columns.len() {
            return Err(self.location.fatal("write to", "the partition column is missing"));
        }
        let values = columns.remove(column.index);
        if !column.holds(values.as_ref(), partition) {
            return Err(self.location.fatal("write to", "rows of another partition"));
        }
        RecordBatch::try_new(Arc::clone(&self.file), columns)
            .map_err(|cause| self.location.fatal("write to", cause))
    }

    async fn sync_directories(&self, files: &[NewFile]) -> Result<()> {
        let Some(root) = self.location.local.clone() else {
            return Ok(());
        };
        let parent = |new: &NewFile| root.join(&new.file.path).parent().map(Path::to_path_buf);
        let directories: BTreeSet<PathBuf> = files.iter().filter_map(parent).collect();
        let sync = move || {
            directories
                .iter()
                .try_for_each(|path| durable::sync_directory(path))
        };
        let synced = tokio::task::spawn_blocking(sync).await;
        let synced = synced.map_err(|cause| self.location.fatal("write to", cause))?;
        synced.map_err(|cause| self.write_error(cause))
    }

    fn write_error(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
        self.location.retry("write to", cause)
    }
}
