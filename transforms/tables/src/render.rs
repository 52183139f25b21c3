//! Batches back to words: what `tables show` prints, and what other systems are told.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use panorama_model::{Date, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};
use std::ops::Range;

/// One row as a JSON object, columns in order; cells as [`CellJson`] has them.
pub fn row_json(batch: &RecordBatch, row: usize) -> Map<String, Value> {
    batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| (field.name().clone(), cell_json(column.as_ref(), row)))
        .collect()
}

/// One row as text cells, columns in order: JSON for lists and maps, empty for null.
pub fn row_texts(batch: &RecordBatch, row: usize) -> Vec<String> {
    batch
        .columns()
        .iter()
        .map(|column| match cell_json(column.as_ref(), row) {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        })
        .collect()
}

fn cell_json(array: &dyn Array, row: usize) -> Value {
    // Keys are text and numbers finite or null: nothing is left that could fail.
    serde_json::to_value(CellJson(array, row)).unwrap_or_default()
}

/// One cell of a column as JSON, for any serializer: written where it is wanted, with no value made first.
///
/// - Units: instants are RFC 3339 in UTC, days ISO 8601, bytes UTF-8 where they are (lossy otherwise).
/// - Units: of a type no table of ours has, as an answer to SQL may, numbers are numbers and all else is Arrow's text.
/// - Nulls: JSON null, also for a row out of range.
pub struct CellJson<'a>(pub &'a dyn Array, pub usize);

impl Serialize for CellJson<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(array, row) = *self;
        if row >= array.len() || array.is_null(row) {
            return to.serialize_unit();
        }
        match array.data_type() {
            DataType::Utf8 => to.serialize_str(array.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => to.serialize_str(array.as_string::<i64>().value(row)),
            DataType::Utf8View => to.serialize_str(array.as_string_view().value(row)),
            DataType::Int64 => to.serialize_i64(array.as_primitive::<Int64Type>().value(row)),
            DataType::Int32 => to.serialize_i32(array.as_primitive::<Int32Type>().value(row)),
            DataType::Float64 => to.serialize_f64(array.as_primitive::<Float64Type>().value(row)),
            DataType::Boolean => to.serialize_bool(array.as_boolean().value(row)),
            DataType::Date32 => to.collect_str(&Date(array.as_primitive::<Date32Type>().value(row))),
            DataType::Timestamp(TimeUnit::Microsecond, _) => to.collect_str(&Timestamp(
                array.as_primitive::<TimestampMicrosecondType>().value(row),
            )),
            DataType::Binary => {
                to.serialize_str(&String::from_utf8_lossy(array.as_binary::<i32>().value(row)))
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                to.collect_seq(items(list.value_offsets(), row).map(|at| CellJson(list.values(), at)))
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                let entry = |at| (MapKey(map.keys(), at), CellJson(map.values(), at));
                to.collect_map(items(map.value_offsets(), row).map(entry))
            }
            _ => foreign(array, row).serialize(to),
        }
    }
}

/// The key of an entry: JSON has none but text.
struct MapKey<'a>(&'a dyn Array, usize);

impl Serialize for MapKey<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let text = self.0.as_string_opt::<i32>().filter(|keys| keys.is_valid(self.1));
        to.serialize_str(text.map_or("", |keys| keys.value(self.1)))
    }
}

/// Where the items of a row lie among those of all rows.
fn items(offsets: &[i32], row: usize) -> Range<usize> {
    let at = |row: usize| offsets.get(row).map_or(0, |at| usize::try_from(*at).unwrap_or(0));
    at(row)..at(row + 1)
}

/// A cell of a type that no table of ours has.
fn foreign(array: &dyn Array, row: usize) -> Value {
    let options = FormatOptions::default();
    let Ok(formatter) = ArrayFormatter::try_new(array, &options) else {
        return Value::Null;
    };
    let Ok(text) = formatter.value(row).try_to_string() else {
        return Value::Null;
    };
    let number = array
        .data_type()
        .is_numeric()
        .then(|| text.parse::<Number>().ok());
    number.flatten().map_or(Value::String(text), Value::Number)
}
