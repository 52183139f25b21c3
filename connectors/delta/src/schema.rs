//! Table schemas as the Delta log says them, and what a table may become.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const COMMENT: &str = "comment";
const IDENTIFYING: &str = "identifying";

/// Why a schema cannot be a table's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("column {0} has a type no table of ours has")]
    Unsupported(String),
    #[error("column {0} has another type in the table than in its definition")]
    TypeChanged(String),
    #[error("the table is not partitioned as its definition says")]
    PartitionChanged,
    #[error("the schema in the log cannot be read")]
    Malformed,
}

/// A schema as Delta's JSON.
///
/// - Spec: Delta protocol, "Schema Serialization Format".
pub(crate) fn to_delta(schema: &Schema) -> Result<Value, SchemaError> {
    let fields = schema.fields().iter().map(|field| delta_field(field));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"type": "struct", "fields": fields}))
}

fn delta_field(field: &Field) -> Result<Value, SchemaError> {
    let kept = [COMMENT, IDENTIFYING].into_iter().filter_map(|key| {
        let value = field.metadata().get(key)?;
        Some((key.to_owned(), Value::String(value.clone())))
    });
    Ok(json!({
        "name": field.name(),
        "type": delta_type(field)?,
        "nullable": field.is_nullable(),
        "metadata": kept.collect::<Map<_, _>>(),
    }))
}

fn delta_type(field: &Field) -> Result<Value, SchemaError> {
    let text_only = |inner: &DataType| *inner == DataType::Utf8;
    Ok(match field.data_type() {
        DataType::Utf8 => json!("string"),
        DataType::Int64 => json!("long"),
        DataType::Int32 => json!("integer"),
        DataType::Float64 => json!("double"),
        DataType::Boolean => json!("boolean"),
        DataType::Binary => json!("binary"),
        DataType::Date32 => json!("date"),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            json!("timestamp")
        }
        DataType::List(element) if text_only(element.data_type()) => {
            json!({"type": "array", "elementType": "string", "containsNull": true})
        }
        DataType::Map(_, _) => {
            json!({"type": "map", "keyType": "string", "valueType": "string", "valueContainsNull": true})
        }
        _ => return Err(SchemaError::Unsupported(field.name().clone())),
    })
}

/// The Arrow schema of Delta's JSON, in the types this crate writes.
pub(crate) fn from_delta(schema: &Value) -> Result<Schema, SchemaError> {
    let fields = schema
        .get("fields")
        .and_then(Value::as_array)
        .ok_or(SchemaError::Malformed)?;
    let fields = fields.iter().map(arrow_field).collect::<Result<Vec<_>, _>>()?;
    Ok(Schema::new(fields))
}

fn arrow_field(field: &Value) -> Result<Field, SchemaError> {
    let name = field
        .get("name")
        .and_then(Value::as_str)
        .ok_or(SchemaError::Malformed)?;
    let ty = field.get("type").ok_or(SchemaError::Malformed)?;
    let ty = match (ty.as_str(), ty.get("type").and_then(Value::as_str)) {
        (Some("string"), _) => DataType::Utf8,
        (Some("long"), _) => DataType::Int64,
        (Some("integer"), _) => DataType::Int32,
        (Some("double"), _) => DataType::Float64,
        (Some("boolean"), _) => DataType::Boolean,
        (Some("binary"), _) => DataType::Binary,
        (Some("date"), _) => DataType::Date32,
        (Some("timestamp"), _) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        (None, Some("array")) => DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))),
        (None, Some("map")) => {
            let entry = vec![
                Field::new("key", DataType::Utf8, false),
                Field::new("value", DataType::Utf8, true),
            ];
            let entry = Field::new("key_value", DataType::Struct(entry.into()), false);
            DataType::Map(Arc::new(entry), false)
        }
        _ => return Err(SchemaError::Unsupported(name.to_owned())),
    };
    let nullable = field.get("nullable").and_then(Value::as_bool).unwrap_or(true);
    let metadata = field.get("metadata").and_then(Value::as_object);
    let metadata = metadata.into_iter().flatten().filter_map(|(key, value)| {
        let value = value.as_str()?;
        Some((key.clone(), value.to_owned()))
    });
    Ok(Field::new(name, ty, nullable).with_metadata(metadata.collect()))
}

/// The schema a table gets when it is opened with a definition: its columns in its order with the definition's comments,
/// then the new ones, which are nullable because older files lack them.
pub(crate) fn merge(table: &Value, wanted: &Value) -> Result<Value, SchemaError> {
    let fields = |schema: &Value| {
        let fields = schema.get("fields").and_then(Value::as_array);
        fields.cloned().ok_or(SchemaError::Malformed)
    };
    let name = |field: &Value| {
        field
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (old, new) = (fields(table)?, fields(wanted)?);
    let mut merged = Vec::with_capacity(new.len());
    for field in &old {
        let Some(same) = new.iter().find(|other| name(other) == name(field)) else {
            merged.push(field.clone());
            continue;
        };
        if same.get("type") != field.get("type") {
            return Err(SchemaError::TypeChanged(name(field)));
        }
        let mut kept = same.clone();
        if let (Some(kept), Some(nullable)) = (kept.as_object_mut(), field.get("nullable")) {
            kept.insert("nullable".to_owned(), nullable.clone());
        }
        merged.push(kept);
    }
    for mut field in new {
        if !old.iter().any(|other| name(other) == name(&field)) {
            if let Some(added) = field.as_object_mut() {
                added.insert("nullable".to_owned(), Value::Bool(true));
            }
            merged.push(field);
        }
    }
    Ok(json!({"type": "struct", "fields": merged}))
}

/// Whether a column's values must stay out of statistics (INV-8).
pub(crate) fn is_identifying(field: &Field) -> bool {
    field
        .metadata()
        .get(IDENTIFYING)
        .is_some_and(|value| value == "true")
}

/// What a column means.
pub(crate) fn comment(field: &Field) -> &str {
    field.metadata().get(COMMENT).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_come_back_and_grow_at_the_end() {
        let text = Field::new("a", DataType::Utf8, false)
            .with_metadata([(COMMENT.to_owned(), "old".to_owned())].into());
        let table = to_delta(&Schema::new(vec![
            text.clone(),
            Field::new("b", DataType::Int64, true),
        ]))
        .unwrap();
        assert_eq!(to_delta(&from_delta(&table).unwrap()).unwrap(), table);
        let wanted = Schema::new(vec![
            Field::new("c", DataType::Date32, false),
            text.with_metadata([(COMMENT.to_owned(), "new".to_owned())].into()),
        ]);
        let merged = from_delta(&merge(&table, &to_delta(&wanted).unwrap()).unwrap()).unwrap();
        let names: Vec<_> = merged.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(comment(merged.field(0)), "new");
        assert!(merged.field(2).is_nullable() && !merged.field(0).is_nullable());
    }

    #[test]
    fn a_changed_type_is_an_error() {
        let of = |ty| to_delta(&Schema::new(vec![Field::new("a", ty, true)])).unwrap();
        let merged = merge(&of(DataType::Utf8), &of(DataType::Int64));
        assert_eq!(merged, Err(SchemaError::TypeChanged("a".to_owned())));
        let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
        assert!(to_delta(&Schema::new(vec![Field::new("a", nanos, true)])).is_err());
    }
}
