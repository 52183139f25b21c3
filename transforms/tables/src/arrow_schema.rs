//! Definitions as Arrow schemas.
//!
//! Lists and maps name their inner fields as Parquet and Delta do (`element`; `key_value` of `key` and `value`), because
//! some readers find them by name.

use crate::definition::{Definition, Partition, PartitionKind, TableColumn};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use panorama_model::ColumnType;
use std::collections::HashMap;
use std::sync::Arc;

/// Field metadata key of a column's comment.
pub const COMMENT_KEY: &str = "comment";
/// Field metadata key, `true` on columns that identify a person.
pub const IDENTIFYING_KEY: &str = "identifying";

impl Definition {
    /// The table as an Arrow schema, partition column last.
    pub fn arrow_schema(&self) -> SchemaRef {
        let columns = self.columns.iter().map(column_field);
        let partition = self.partition.iter().map(partition_field);
        Arc::new(Schema::new(columns.chain(partition).collect::<Vec<_>>()))
    }
}

/// The Arrow type of a column type.
pub(crate) fn data_type(ty: ColumnType) -> DataType {
    match ty {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Int => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Date => DataType::Date32,
        ColumnType::List => DataType::List(Arc::new(element_field())),
        ColumnType::Map => {
            let entry = DataType::Struct(vec![map_key_field(), map_value_field()].into());
            DataType::Map(Arc::new(Field::new("key_value", entry, false)), false)
        }
        ColumnType::Bytes => DataType::Binary,
    }
}

pub(crate) fn element_field() -> Field {
    Field::new("element", DataType::Utf8, true)
}

pub(crate) fn map_key_field() -> Field {
    Field::new("key", DataType::Utf8, false)
}

pub(crate) fn map_value_field() -> Field {
    Field::new("value", DataType::Utf8, true)
}

fn column_field(column: &TableColumn) -> Field {
    let mut metadata = HashMap::from([(COMMENT_KEY.to_owned(), column.comment.to_owned())]);
    if column.identifying {
        metadata.insert(IDENTIFYING_KEY.to_owned(), "true".to_owned());
    }
    Field::new(column.name, data_type(column.ty), column.nullable).with_metadata(metadata)
}

fn partition_field(partition: &Partition) -> Field {
    let ty = match partition.kind {
        PartitionKind::Month | PartitionKind::Day => DataType::Date32,
        PartitionKind::Buckets(_) => DataType::Int32,
    };
    let metadata = HashMap::from([(COMMENT_KEY.to_owned(), partition.comment.to_owned())]);
    Field::new(partition.column, ty, true).with_metadata(metadata)
}
