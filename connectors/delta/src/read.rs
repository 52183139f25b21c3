//! Reading tables back: for `tables show` and export, and for compaction.

use crate::location::{Location, TableLocation};
use crate::partition::PartitionColumn;
use crate::schema;
use crate::state::{self, DataFile};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use deltalake::ObjectStore;
use object_store::{ObjectStoreExt, path::Path as StorePath};
use panorama_api::{ConnectorError, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderBuilder, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowFilter,
};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::sync::Arc;

const PERSON_COLUMN: &str = "person_id";

/// What to read of a table.
#[derive(Clone, Debug, Default)]
pub struct ReadRequest {
    /// Columns, in this order; all where none are named.
    pub columns: Option<Vec<String>>,
    /// Rows of this person only.
    pub person_id: Option<String>,
    /// So many rows at most.
    pub limit: Option<usize>,
}

/// One data file, ready to be read.
pub(crate) enum Input {
    Disk(File),
    Memory(Bytes),
}

impl Input {
    pub(crate) async fn open(
        location: &TableLocation,
        store: &Arc<dyn ObjectStore>,
        path: &str,
    ) -> Result<Self> {
        match &location.local {
            Some(root) => File::open(root.join(path))
                .map(Self::Disk)
                .map_err(|cause| location.retry("read", cause)),
            None => {
                let found = store.get(&StorePath::from(path)).await;
                let found = found.map_err(|cause| location.retry("read", cause))?;
                let bytes = found
                    .bytes()
                    .await
                    .map_err(|cause| location.retry("read", cause))?;
                Ok(Self::Memory(bytes))
            }
        }
    }
}

/// What the batches of a file shall look like.
#[derive(Clone)]
pub(crate) struct Shape {
    /// The columns wanted, in order.
    pub(crate) table: SchemaRef,
    pub(crate) partition: Option<PartitionColumn>,
    /// The file's partition.
    pub(crate) value: Option<i32>,
}

/// The rows of a file in the shape of its table: partition column filled in, columns the file lacks null.
pub(crate) fn batches(
    location: &TableLocation,
    input: Input,
    shape: &Shape,
    person_id: Option<&str>,
) -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send> {
    let opened = match input {
        Input::Disk(file) => ParquetRecordBatchReaderBuilder::try_new(file)
            .map_err(ArrowError::from)
            .and_then(|builder| reader(builder, shape, person_id)),
        Input::Memory(bytes) => ParquetRecordBatchReaderBuilder::try_new(bytes)
            .map_err(ArrowError::from)
            .and_then(|builder| reader(builder, shape, person_id)),
    };
    let location = location.clone();
    let shape = shape.clone();
    let wrong = move |cause: ArrowError| location.retry("read", cause);
    match opened {
        Err(cause) => Box::new(std::iter::once(Err(wrong(cause)))),
        Ok(reader) => Box::new(reader.map(move |batch| {
            let shaped = batch.and_then(|batch| conform(&batch, &shape));
            shaped.map_err(&wrong)
        })),
    }
}

fn reader<T>(
    builder: ArrowReaderBuilder<T>,
    shape: &Shape,
    person_id: Option<&str>,
) -> std::result::Result<ParquetRecordBatchReader, ArrowError>
where
    ArrowReaderBuilder<T>: BuildReader,
{
    let columns = builder.parquet_schema();
    let roots = || columns.root_schema().get_fields().iter().enumerate();
    let wanted = roots().filter(|(_, field)| shape.table.index_of(field.name()).is_ok());
    let mask = ProjectionMask::roots(columns, wanted.map(|(place, _)| place).collect::<Vec<_>>());
    let person = roots()
        .find(|(_, field)| field.name() == PERSON_COLUMN)
        .map(|(place, _)| place);
    let filter = person_id.map(|wanted| {
        let wanted = wanted.to_owned();
        let mask = ProjectionMask::roots(columns, person);
        let is_wanted = move |batch: RecordBatch| Ok(person_matches(&batch, &wanted));
        RowFilter::new(vec![Box::new(ArrowPredicateFn::new(mask, is_wanted))])
    });
    let builder = builder.with_projection(mask).with_batch_size(8_192);
    filter
        .map_or_else(|| Ok(None), |filter| Ok(Some(filter)))
        .and_then(|filter| builder.finish(filter))
}

fn person_matches(batch: &RecordBatch, wanted: &str) -> BooleanArray {
    let people = batch.column_by_name(PERSON_COLUMN);
    let people = people.and_then(|column| column.as_any().downcast_ref::<StringArray>());
    match people {
        Some(people) => people.iter().map(|person| Some(person == Some(wanted))).collect(),
        None => std::iter::repeat_n(Some(false), batch.num_rows()).collect(),
    }
}

/// Builds the reader, whatever the bytes come from.
trait BuildReader {
    fn finish(self, filter: Option<RowFilter>) -> std::result::Result<ParquetRecordBatchReader, ArrowError>;
}

impl<T: parquet::file::reader::ChunkReader + 'static> BuildReader for ParquetRecordBatchReaderBuilder<T> {
    fn finish(self, filter: Option<RowFilter>) -> std::result::Result<ParquetRecordBatchReader, ArrowError> {
        let builder = match filter {
            Some(filter) => self.with_row_filter(filter),
            None => self,
        };
        builder.build().map_err(ArrowError::from)
    }
}

fn conform(batch: &RecordBatch, shape: &Shape) -> std::result::Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let column = |field: &Arc<arrow::datatypes::Field>| -> std::result::Result<ArrayRef, ArrowError> {
        if let Some(partition) = shape
            .partition
            .as_ref()
            .filter(|column| column.name == *field.name())
        {
            return Ok(partition.column(shape.value, rows));
        }
        match batch.column_by_name(field.name()) {
            None => Ok(new_null_array(field.data_type(), rows)),
            Some(found) if found.data_type() == field.data_type() => Ok(Arc::clone(found)),
            Some(found) => cast(found, field.data_type()),
        }
    };
    let columns = shape
        .table
        .fields()
        .iter()
        .map(column)
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(&shape.table), columns, &options)
}

/// The rows of a table, batch by batch, file by file.
pub struct TableRows {
    location: TableLocation,
    store: Arc<dyn ObjectStore>,
    shape: Shape,
    files: VecDeque<(Option<i32>, DataFile)>,
    open: Option<Box<dyn Iterator<Item = Result<RecordBatch>> + Send>>,
    person_id: Option<String>,
    left: usize,
}

/// Reads the newest version of a table.
///
/// - Nulls: a column the table got later is null in older rows.
///
/// # Errors
/// Fatal where there is no such table or column, or the table has no persons and one is asked for.
pub async fn read_table(
    location: &str,
    name: &str,
    options: HashMap<String, String>,
    request: ReadRequest,
) -> Result<TableRows> {
    let location = Location::new(location, options)?.table(name);
    let state = load_existing(&location).await?;
    let table = schema::from_delta(&state.metadata.schema).map_err(|cause| location.fatal("read", cause))?;
    if request.person_id.is_some() && table.index_of(PERSON_COLUMN).is_err() {
        return Err(location.fatal("read", "the table has no column person_id"));
    }
    let schema = match &request.columns {
        None => table,
        Some(columns) => {
            let field = |column: &String| table.field_with_name(column).cloned();
            let fields = columns
                .iter()
                .map(field)
                .collect::<std::result::Result<Vec<_>, _>>();
            Schema::new(fields.map_err(|cause| location.fatal("read", cause))?)
        }
    };
    let files = state
        .files
        .iter()
        .flat_map(|(partition, files)| files.iter().map(|file| (*partition, file.clone())));
    Ok(TableRows {
        store: state.snapshot.object_store(),
        shape: Shape {
            table: Arc::new(schema),
            partition: state::partition_column(&state.metadata),
            value: None,
        },
        files: files.collect(),
        open: None,
        person_id: request.person_id,
        left: request.limit.unwrap_or(usize::MAX),
        location,
    })
}

/// The state of a table that must be there; a missing one is not made by asking for it.
pub(crate) async fn load_existing(location: &TableLocation) -> Result<state::State> {
    let missing = || -> ConnectorError { location.fatal("open", "there is no such table") };
    if location
        .local
        .as_ref()
        .is_some_and(|path| !path.join("_delta_log").is_dir())
    {
        return Err(missing());
    }
    state::load(location).await?.ok_or_else(missing)
}

impl TableRows {
    /// The columns of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.shape.table)
    }

    /// The next batch of rows; none at the end.
    ///
    /// # Errors
    /// Retry where a file cannot be read, as when it was removed meanwhile.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.left > 0 {
            if let Some(batch) = self.open.as_mut().and_then(Iterator::next) {
                let batch = batch?;
                if batch.num_rows() == 0 {
                    continue;
                }
                let batch = batch.slice(0, batch.num_rows().min(self.left));
                self.left -= batch.num_rows();
                return Ok(Some(batch));
            }
            let Some((partition, file)) = self.files.pop_front() else {
                return Ok(None);
            };
            let input = Input::open(&self.location, &self.store, &file.path).await?;
            self.shape.value = partition;
            self.open = Some(batches(
                &self.location,
                input,
                &self.shape,
                self.person_id.as_deref(),
            ));
        }
        Ok(None)
    }
}
