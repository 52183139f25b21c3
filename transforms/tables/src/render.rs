//! Batches back to words: what `tables show` prints.

use arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use panorama_model::{Date, Timestamp};
use serde_json::{Map, Number, Value};

/// One row as a JSON object, columns in order.
///
/// - Units: instants are RFC 3339 in UTC, days ISO 8601, bytes UTF-8 where they are (lossy otherwise).
/// - Units: of a type no table of ours has, as an answer to SQL may, numbers are numbers and all else is Arrow's text.
/// - Nulls: JSON null, also for a row out of range.
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
    if row >= array.len() || array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Value::String(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::String(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Value::String(array.as_string_view().value(row).to_owned()),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            Value::Array((0..items.len()).map(|at| cell_json(items.as_ref(), at)).collect())
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let (Some(keys), Some(values)) = (entries.columns().first(), entries.columns().get(1)) else {
                return Value::Null;
            };
            let pair = |at| {
                let key = cell_json(keys.as_ref(), at)
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                (key, cell_json(values.as_ref(), at))
            };
            Value::Object((0..entries.len()).map(pair).collect())
        }
        _ => scalar_json(array, row).unwrap_or(Value::Null),
    }
}

fn scalar_json(array: &dyn Array, row: usize) -> Option<Value> {
    let any = array.as_any();
    if let Some(numbers) = any.downcast_ref::<Int64Array>() {
        return Some(Value::from(numbers.value(row)));
    }
    if let Some(numbers) = any.downcast_ref::<Int32Array>() {
        return Some(Value::from(numbers.value(row)));
    }
    if let Some(numbers) = any.downcast_ref::<Float64Array>() {
        return Number::from_f64(numbers.value(row)).map(Value::Number);
    }
    if let Some(truths) = any.downcast_ref::<BooleanArray>() {
        return Some(Value::Bool(truths.value(row)));
    }
    if let Some(instants) = any.downcast_ref::<TimestampMicrosecondArray>() {
        return Some(Value::String(Timestamp(instants.value(row)).to_string()));
    }
    if let Some(days) = any.downcast_ref::<Date32Array>() {
        return Some(Value::String(Date(days.value(row)).to_string()));
    }
    if let Some(bytes) = any.downcast_ref::<BinaryArray>() {
        return Some(Value::String(
            String::from_utf8_lossy(bytes.value(row)).into_owned(),
        ));
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options).ok()?;
    let text = formatter.value(row).try_to_string().ok()?;
    let number = array
        .data_type()
        .is_numeric()
        .then(|| text.parse::<Number>().ok());
    Some(number.flatten().map_or(Value::String(text), Value::Number))
}
