//! Column statistics of a data file, for readers to skip files by.
//!
//! Identifying columns have none, neither in the log nor in the file (INV-8); nor have bytes, lists and maps.
//!
//! - Spec: Delta protocol, "Per-file Statistics".

use crate::schema::is_identifying;
use arrow::datatypes::{DataType, Field, Schema};
use panorama_model::{Date, Timestamp};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::Statistics;
use serde_json::{Map, Number, Value, json};

/// Columns with statistics at most, from the first. Each costs bytes in every log entry and checkpoint.
const COLUMNS_MAX: usize = 32;
/// Text bounds are cut to so many bytes, upper bounds rounded up.
pub(crate) const TEXT_BYTES_MAX: usize = 32;

/// The columns of a file schema that get statistics.
pub(crate) fn columns(schema: &Schema) -> impl Iterator<Item = &Field> {
    let plain = |ty: &DataType| !matches!(ty, DataType::Binary | DataType::List(_) | DataType::Map(_, _));
    schema
        .fields()
        .iter()
        .map(AsRef::as_ref)
        .filter(move |field: &&Field| !is_identifying(field) && plain(field.data_type()))
        .take(COLUMNS_MAX)
}

/// The statistics of a written file as Delta's JSON.
pub(crate) fn to_delta(schema: &Schema, file: &ParquetMetaData) -> String {
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    for field in columns(schema) {
        let Ok(place) = schema.index_of(field.name()) else {
            continue;
        };
        // Nested columns have several leaves; a plain column is found by the name of its one leaf.
        let chunks = || {
            file.row_groups().iter().filter_map(move |group| {
                let named =
                    |chunk: &&ColumnChunkMetaData| chunk.column_path().parts() == [field.name().as_str()];
                group
                    .columns()
                    .get(place)
                    .filter(named)
                    .or_else(|| group.columns().iter().find(named))
            })
        };
        let counts: Option<Vec<u64>> = chunks()
            .map(|chunk| chunk.statistics().and_then(Statistics::null_count_opt))
            .collect();
        if let Some(counts) = counts {
            nulls.insert(field.name().clone(), counts.iter().sum::<u64>().into());
        }
        let bounds: Vec<Bounds> = chunks()
            .filter_map(|chunk| bounds(field, chunk.statistics()?))
            .collect();
        let with_values = chunks().filter(|chunk| has_values(chunk)).count();
        if bounds.len() != with_values {
            continue;
        }
        if let Some(all) = bounds.into_iter().reduce(Bounds::join) {
            let (least, most) = all.into_json();
            low.insert(field.name().clone(), least);
            high.insert(field.name().clone(), most);
        }
    }
    let rows = file.file_metadata().num_rows();
    json!({"numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls}).to_string()
}

fn has_values(chunk: &ColumnChunkMetaData) -> bool {
    let nulls = chunk
        .statistics()
        .and_then(Statistics::null_count_opt)
        .unwrap_or_default();
    i64::try_from(nulls).unwrap_or_default() < chunk.num_values()
}

enum Bounds {
    Bool(bool, bool),
    Int(i64, i64),
    Float(f64, f64),
    Time(i64, i64),
    Date(i32, i32),
    Text(String, String),
}

fn bounds(field: &Field, statistics: &Statistics) -> Option<Bounds> {
    match (field.data_type(), statistics) {
        (DataType::Boolean, Statistics::Boolean(s)) => Some(Bounds::Bool(*s.min_opt()?, *s.max_opt()?)),
        (DataType::Int64, Statistics::Int64(s)) => Some(Bounds::Int(*s.min_opt()?, *s.max_opt()?)),
        (DataType::Timestamp(..), Statistics::Int64(s)) => Some(Bounds::Time(*s.min_opt()?, *s.max_opt()?)),
        (DataType::Date32, Statistics::Int32(s)) => Some(Bounds::Date(*s.min_opt()?, *s.max_opt()?)),
        (DataType::Int32, Statistics::Int32(s)) => {
            Some(Bounds::Int(i64::from(*s.min_opt()?), i64::from(*s.max_opt()?)))
        }
        (DataType::Float64, Statistics::Double(s)) => Some(Bounds::Float(*s.min_opt()?, *s.max_opt()?)),
        (DataType::Utf8, Statistics::ByteArray(s)) => {
            let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
            Some(Bounds::Text(text(s.min_bytes_opt()?)?, text(s.max_bytes_opt()?)?))
        }
        _ => None,
    }
}

impl Bounds {
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Bool(a, b), Self::Bool(c, d)) => Self::Bool(a.min(c), b.max(d)),
            (Self::Int(a, b), Self::Int(c, d)) => Self::Int(a.min(c), b.max(d)),
            (Self::Float(a, b), Self::Float(c, d)) => Self::Float(a.min(c), b.max(d)),
            (Self::Time(a, b), Self::Time(c, d)) => Self::Time(a.min(c), b.max(d)),
            (Self::Date(a, b), Self::Date(c, d)) => Self::Date(a.min(c), b.max(d)),
            (Self::Text(a, b), Self::Text(c, d)) => Self::Text(a.min(c), b.max(d)),
            (one, _) => one,
        }
    }

    fn into_json(self) -> (Value, Value) {
        let float = |number| Number::from_f64(number).map_or(Value::Null, Value::Number);
        match self {
            Self::Bool(a, b) => (a.into(), b.into()),
            Self::Int(a, b) => (a.into(), b.into()),
            Self::Float(a, b) => (float(a), float(b)),
            Self::Time(a, b) => (Timestamp(a).to_string().into(), Timestamp(b).to_string().into()),
            Self::Date(a, b) => (Date(a).to_string().into(), Date(b).to_string().into()),
            Self::Text(a, b) => (a.into(), b.into()),
        }
    }
}
