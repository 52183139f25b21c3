//! One typed builder per column: a match, no dynamic dispatch, no allocation per cell.

use crate::arrow_schema::{element_field, map_key_field, map_value_field};
use crate::cell::Cell;
use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, ListBuilder,
    MapBuilder, MapFieldNames, StringBuilder, TimestampMicrosecondBuilder,
};
use panorama_model::ColumnType;
use std::sync::Arc;

/// Builds one column.
pub(crate) enum ColumnBuilder {
    Text(StringBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    List(ListBuilder<StringBuilder>),
    Map(Box<MapBuilder<StringBuilder, StringBuilder>>),
    Bytes(BinaryBuilder),
}

impl ColumnBuilder {
    pub(crate) fn new(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Int => Self::Int(Int64Builder::new()),
            ColumnType::Float => Self::Float(Float64Builder::new()),
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::List => {
                Self::List(ListBuilder::new(StringBuilder::new()).with_field(element_field()))
            }
            ColumnType::Map => {
                let names = MapFieldNames {
                    entry: "key_value".to_owned(),
                    key: "key".to_owned(),
                    value: "value".to_owned(),
                };
                Self::Map(Box::new(
                    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
                        .with_keys_field(map_key_field())
                        .with_values_field(map_value_field()),
                ))
            }
            ColumnType::Bytes => Self::Bytes(BinaryBuilder::new()),
        }
    }

    /// Appends a cell; false where its type is not the column's and null was written instead.
    ///
    /// - Nulls: an integer fits a float column, a date a time column (midnight UTC); nothing else is converted.
    pub(crate) fn push(&mut self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Text(builder), Cell::Text(text)) => builder.append_value(text),
            (Self::Int(builder), Cell::Int(number)) => builder.append_value(number),
            (Self::Float(builder), Cell::Float(number)) => builder.append_value(number),
            #[expect(
                clippy::cast_precision_loss,
                reason = "an integer told where a double is kept"
            )]
            (Self::Float(builder), Cell::Int(number)) => builder.append_value(number as f64),
            (Self::Bool(builder), Cell::Bool(truth)) => builder.append_value(truth),
            (Self::Time(builder), Cell::Time(at)) => builder.append_value(at.0),
            (Self::Time(builder), Cell::Date(date)) => builder.append_value(date.at_midnight_utc().0),
            (Self::Date(builder), Cell::Date(date)) => builder.append_value(date.0),
            (Self::List(builder), Cell::List(items)) => {
                for item in items {
                    builder.values().append_value(item);
                }
                builder.append(true);
            }
            (Self::Map(builder), Cell::Map(entries)) => {
                for (key, value) in entries {
                    builder.keys().append_value(key);
                    builder.values().append_value(value);
                }
                return builder.append(true).is_ok();
            }
            (Self::Bytes(builder), Cell::Bytes(bytes)) => builder.append_value(bytes),
            (builder, cell) => {
                builder.push_null();
                return matches!(cell, Cell::Null);
            }
        }
        true
    }

    /// Appends a null.
    pub(crate) fn push_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Bool(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::List(builder) => builder.append(false),
            // Keys and values stand at equal length here, the one thing that could make this fail.
            Self::Map(builder) => drop(builder.append(false)),
            Self::Bytes(builder) => builder.append_null(),
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::List(builder) => Arc::new(builder.finish()),
            Self::Map(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
        }
    }
}
