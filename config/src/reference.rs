//! What can be configured, for people and editors: all made from the types and their documentation.

use crate::Config;
use crate::shape::{choices, expected, resolved};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The options of one connector or format, which stand beside a source's own.
pub struct Part {
    /// The source key that selects it: `type` or `format`.
    pub key: &'static str,
    /// Its name: `mllp`.
    pub name: &'static str,
    /// Its schema: `schema_for!(MllpParams)`.
    pub schema: schemars::Schema,
}

/// A commented configuration to start from.
pub const fn example() -> &'static str {
    include_str!("../example.yaml")
}

/// The JSON Schema of a configuration, for editors.
pub fn json_schema(parts: &[Part]) -> String {
    let mut root = schemars::schema_for!(Config).to_value();
    let mut rules = Vec::new();
    for part in parts {
        let mut schema = part.schema.clone().to_value();
        if let Some(object) = schema.as_object_mut() {
            // The source's own keys and the format's stand beside these.
            object.remove("additionalProperties");
            object.remove("$schema");
            if let (Some(Value::Object(inner)), Some(Value::Object(outer))) =
                (object.remove("$defs"), root.get_mut("$defs"))
            {
                outer.extend(inner);
            }
        }
        rules.push(json!({"if": {"properties": {part.key: {"const": part.name}}}, "then": schema}));
    }
    if !rules.is_empty()
        && let Some(Value::Object(source)) = root.pointer_mut("/$defs/SourceConfig")
    {
        source.insert("allOf".into(), Value::Array(rules));
    }
    serde_json::to_string_pretty(&root).unwrap_or_default()
}

/// Every option: its path, what it takes, its default, what it means.
pub fn reference(parts: &[Part]) -> String {
    let mut text = String::from("# Configuration reference\n");
    let root = schemars::schema_for!(Config).to_value();
    section(&mut text, "", &root, &root);
    for part in parts {
        let schema = part.schema.clone().to_value();
        let article = description(&schema);
        let _infallible = write!(text, "\n## sources[] with {}: {}\n", part.key, part.name);
        if !article.is_empty() {
            let _infallible = write!(text, "\n{article}\n");
        }
        section(&mut text, "sources[]", &schema, &schema);
    }
    text
}

fn section(text: &mut String, path: &str, schema: &Value, root: &Value) {
    let empty = Map::new();
    let definitions = root.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    let required = schema.get("required").and_then(Value::as_array);
    for (key, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let full = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        let target = resolved(property, definitions);
        let choices = choices(target, definitions);
        let target = match choices.as_slice() {
            [only] => only,
            _ => target,
        };
        let doc = match description(property) {
            none if none.is_empty() => description(target),
            some => some,
        };
        let is_required = required.is_some_and(|r| r.iter().any(|k| k == key));
        let items = target.get("items").map(|items| resolved(items, definitions));
        let inner = [(Some(target), ""), (items, "[]")]
            .into_iter()
            .find_map(|(s, suffix)| s.filter(|s| s.get("properties").is_some()).map(|s| (s, suffix)));
        if let Some((inner, suffix)) = inner {
            let _infallible = write!(text, "\n## {full}{suffix}\n\n{doc}\n");
            section(text, &format!("{full}{suffix}"), inner, root);
            continue;
        }
        let takes = expected(target, definitions);
        let otherwise = match property.get("default") {
            _ if is_required => "required".to_owned(),
            None | Some(Value::Null) => "optional".to_owned(),
            Some(Value::String(default)) => format!("default `{default}`"),
            Some(default) => format!("default `{default}`"),
        };
        let _infallible = write!(
            text,
            "\n`{full}` - {takes}; {otherwise}\n    {}\n",
            doc.replace('\n', "\n    ")
        );
    }
}

fn description(schema: &Value) -> String {
    schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
