//! Rows in, record batches out.

use crate::builder::ColumnBuilder;
use crate::cell::Cell;
use crate::definition::{Definition, PartitionKind};
use crate::fact::FactRow;
use arrow::array::{ArrayRef, Date32Builder, Int32Builder, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use panorama_model::Row;
use std::sync::Arc;

/// Gathers rows of one table into a record batch.
///
/// - Shape: cells by column position; the partition column is given apart and stands last.
/// - Nulls: a cell of another type than its column's, a missing cell and an extra cell's absence are null; cells of a wrong
///   type and surplus cells are counted, never a panic.
pub struct RowBatcher {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    partition: PartitionBuilder,
    rows: usize,
    bytes: usize,
    mismatches: u64,
}

enum PartitionBuilder {
    None,
    Date(Date32Builder),
    Bucket(Int32Builder),
}

impl RowBatcher {
    /// A batcher for a table.
    pub fn new(definition: &Definition) -> Self {
        Self {
            schema: definition.arrow_schema(),
            columns: definition
                .columns
                .iter()
                .map(|column| ColumnBuilder::new(column.ty))
                .collect(),
            partition: match definition.partition.map(|partition| partition.kind) {
                None => PartitionBuilder::None,
                Some(PartitionKind::Buckets(_)) => PartitionBuilder::Bucket(Int32Builder::new()),
                Some(PartitionKind::Month | PartitionKind::Day) => {
                    PartitionBuilder::Date(Date32Builder::new())
                }
            },
            rows: 0,
            bytes: 0,
            mismatches: 0,
        }
    }

    /// Appends a row of cells in column order.
    pub fn push<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>, partition: Option<i32>) {
        let mut cells = cells.into_iter();
        for column in &mut self.columns {
            let cell = cells.next().unwrap_or(Cell::Null);
            self.bytes += weight(cell);
            self.mismatches += u64::from(!column.push(cell));
        }
        self.mismatches += cells.count() as u64;
        self.end_row(partition);
    }

    /// Appends a row whose cells are indexed by column position; what it does not speak of is null.
    pub fn push_row(&mut self, row: &Row, partition: Option<i32>) {
        let taken = push_cells(&mut self.columns, row, &mut self.bytes, &mut self.mismatches);
        self.mismatches += (row.cells().len() - taken) as u64;
        self.end_row(partition);
    }

    /// Appends a fact: its id, its person, its own cells, and the columns every fact has.
    pub fn push_fact(&mut self, fact: &FactRow<'_>, partition: Option<i32>) {
        let head = fact.head();
        let tail = fact.tail();
        let own = self.columns.len().saturating_sub(head.len() + tail.len());
        for (column, cell) in self.columns.iter_mut().zip(head) {
            self.bytes += weight(cell);
            self.mismatches += u64::from(!column.push(cell));
        }
        if let Some(columns) = self.columns.get_mut(head.len()..head.len() + own) {
            let taken = push_cells(columns, fact.row, &mut self.bytes, &mut self.mismatches);
            self.mismatches += (fact.row.cells().len() - taken) as u64;
        }
        for (column, cell) in self.columns.iter_mut().skip(head.len() + own).zip(tail) {
            self.bytes += weight(cell);
            self.mismatches += u64::from(!column.push(cell));
        }
        self.end_row(partition);
    }

    fn end_row(&mut self, partition: Option<i32>) {
        match &mut self.partition {
            PartitionBuilder::None => {}
            PartitionBuilder::Date(builder) => builder.append_option(partition),
            PartitionBuilder::Bucket(builder) => builder.append_option(partition),
        }
        self.rows += 1;
    }

    /// Rows gathered since the last batch.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// About how many bytes of values were gathered since the last batch: what callers bound batches by.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Cells that did not fit their column since the batcher was made.
    pub const fn mismatches(&self) -> u64 {
        self.mismatches
    }

    /// The rows gathered, as one batch; the batcher starts again.
    ///
    /// # Errors
    /// [`ArrowError`] where a column that must not be null has one.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut arrays: Vec<ArrayRef> = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        match &mut self.partition {
            PartitionBuilder::None => {}
            PartitionBuilder::Date(builder) => arrays.push(Arc::new(builder.finish())),
            PartitionBuilder::Bucket(builder) => arrays.push(Arc::new(builder.finish())),
        }
        self.rows = 0;
        self.bytes = 0;
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
    }
}

/// Pushes a sparse row into `columns`; returns how many of its cells had a column.
fn push_cells(columns: &mut [ColumnBuilder], row: &Row, bytes: &mut usize, mismatches: &mut u64) -> usize {
    let mut cells = row.cells().peekable();
    let mut taken = 0;
    for (place, column) in columns.iter_mut().enumerate() {
        if let Some((_, value)) = cells.next_if(|(index, _)| usize::from(*index) == place) {
            let cell = Cell::from(value);
            *bytes += weight(cell);
            *mismatches += u64::from(!column.push(cell));
            taken += 1;
        } else {
            column.push_null();
        }
    }
    taken
}

fn weight(cell: Cell<'_>) -> usize {
    match cell {
        Cell::Text(text) => text.len() + 4,
        Cell::Bytes(bytes) => bytes.len() + 4,
        Cell::List(items) => items.iter().map(|item| item.len() + 4).sum::<usize>() + 4,
        Cell::Map(entries) => {
            entries
                .iter()
                .map(|(key, value)| key.len() + value.len() + 8)
                .sum::<usize>()
                + 4
        }
        _ => 8,
    }
}

#[cfg(test)]
#[path = "batcher_tests.rs"]
mod tests;
