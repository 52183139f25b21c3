//! The JSON Schema of what other systems are told.

use crate::announce::TOLD;
use crate::table_number;
use panorama_model::ColumnType;
use panorama_tables::TableColumn;
use serde_json::{Map, Value, json};

/// The JSON Schema of the messages in the topics of changes.
///
/// - Spec: JSON Schema 2020-12. A message without a value takes its key back.
pub fn changes_schema() -> Value {
    let messages: Vec<Value> = TOLD
        .iter()
        .filter_map(|told| {
            let definition = table_number::definition(told.table)?;
            let columns: Map<String, Value> = definition
                .columns
                .iter()
                .map(|column| (column.name.to_owned(), column_schema(column)))
                .collect();
            Some(json!({
                "title": format!("{}, in <prefix>{}", told.what, told.topic),
                "description": definition.comment,
                "type": "object",
                "required": ["type", "epoch", told.what],
                "properties": {
                    "type": {"const": told.what},
                    "epoch": {"type": "integer", "description": "The epoch as of which this is so (pipeline_epochs)"},
                    told.what: {"type": "object", "properties": columns},
                },
            }))
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Changes that the pipeline tells other systems",
        "oneOf": messages,
    })
}

fn column_schema(column: &TableColumn) -> Value {
    let (ty, format) = match column.ty {
        ColumnType::Text | ColumnType::Bytes => ("string", None),
        ColumnType::Int => ("integer", None),
        ColumnType::Float => ("number", None),
        ColumnType::Bool => ("boolean", None),
        ColumnType::Time => ("string", Some("date-time")),
        ColumnType::Date => ("string", Some("date")),
        ColumnType::List => ("array", None),
        ColumnType::Map => ("object", None),
    };
    let mut schema = json!({"description": column.comment});
    if let Some(schema) = schema.as_object_mut() {
        let ty = if column.nullable {
            json!([ty, "null"])
        } else {
            json!(ty)
        };
        schema.insert("type".into(), ty);
        if let Some(format) = format {
            schema.insert("format".into(), json!(format));
        }
        let text = json!({"type": "string"});
        match column.ty {
            ColumnType::List => drop(schema.insert("items".into(), text)),
            ColumnType::Map => drop(schema.insert("additionalProperties".into(), text)),
            _ => {}
        }
    }
    schema
}
