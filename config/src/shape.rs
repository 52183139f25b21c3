//! Checks a tree against a JSON schema, the part of it that `schemars` writes, and tells every problem.

use crate::document::{Content, Node};
use crate::problem::{ConfigProblem, child, suggestion};
use panorama_model::{ByteCount, Period};
use serde_json::{Map, Value};

type Schema = Map<String, Value>;

/// Checks `node` against `schema`. Numbers and booleans that came through a reference become what the schema wants.
pub(crate) fn check(node: &mut Node, schema: &Value, path: &str, problems: &mut Vec<ConfigProblem>) {
    let empty = Map::new();
    let definitions = schema.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    Checker {
        definitions,
        problems,
    }
    .check(node, schema, path);
}

/// The schema a `$ref` stands for, or itself.
pub(crate) fn resolved<'a>(schema: &'a Value, definitions: &'a Schema) -> &'a Value {
    let name = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.rsplit('/').next());
    match name.and_then(|name| definitions.get(name)) {
        Some(definition) => resolved(definition, definitions),
        None => schema,
    }
}

/// The choices of a schema made of choices, without `null`.
pub(crate) fn choices<'a>(schema: &'a Value, definitions: &'a Schema) -> Vec<&'a Value> {
    let choices = schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))
        .and_then(Value::as_array);
    let is_null = |s: &Value| s.get("type").and_then(Value::as_str) == Some("null");
    choices
        .map(|all| {
            all.iter()
                .filter(|s| !is_null(s))
                .map(|s| resolved(s, definitions))
                .collect()
        })
        .unwrap_or_default()
}

/// The fixed words a schema allows.
pub(crate) fn words<'a>(schema: &'a Value, definitions: &'a Schema) -> Vec<&'a str> {
    if let Some(all) = schema.get("enum").and_then(Value::as_array) {
        return all.iter().filter_map(Value::as_str).collect();
    }
    choices(schema, definitions)
        .iter()
        .map(|choice| choice.get("const").and_then(Value::as_str))
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default()
}

/// The types a schema allows.
pub(crate) fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

struct Checker<'a> {
    definitions: &'a Schema,
    problems: &'a mut Vec<ConfigProblem>,
}

impl Checker<'_> {
    fn complain(&mut self, node: &Node, path: &str, message: String, hint: impl Into<String>) {
        self.problems
            .push(ConfigProblem::new(path, node.place, message, hint));
    }

    fn check(&mut self, node: &mut Node, schema: &Value, path: &str) {
        let definitions = self.definitions;
        let schema = resolved(schema, definitions);
        let words = words(schema, definitions);
        if !words.is_empty() {
            return self.check_word(node, &words, path);
        }
        let choices = choices(schema, definitions);
        if !choices.is_empty() {
            return self.check_choices(node, schema, &choices, path);
        }
        let types = types(schema);
        if let Some(format) = schema.get("format").and_then(Value::as_str)
            && self.check_format(node, format, path)
        {
            return;
        }
        if !types.is_empty() && !types.iter().any(|ty| fits(node, ty)) {
            let wanted = expected(schema, definitions);
            let found = node.describe();
            return self.complain(node, path, format!("expected {wanted}, found {found}"), "");
        }
        match &mut node.content {
            Content::Map(_) => self.check_map(node, schema, path),
            Content::List(items) => {
                if let Some(item_schema) = schema.get("items") {
                    for (at, item) in items.iter_mut().enumerate() {
                        self.check(item, item_schema, &format!("{path}[{at}]"));
                    }
                }
            }
            Content::Number(_) => self.check_range(node, schema, path),
            _ => {}
        }
    }

    fn check_word(&mut self, node: &Node, words: &[&str], path: &str) {
        match node.text() {
            Some(text) if words.contains(&text) => {}
            Some(text) if !node.is_secret => {
                self.complain(
                    node,
                    path,
                    format!("`{text}` is not known"),
                    suggestion(text, words),
                );
            }
            _ => {
                let found = node.describe();
                self.complain(
                    node,
                    path,
                    format!("expected one of {}, found {found}", words.join(", ")),
                    "",
                );
            }
        }
    }

    /// The node fits one of the choices, or the problem is told by the choice of its own type.
    fn check_choices(&mut self, node: &mut Node, schema: &Value, choices: &[&Value], path: &str) {
        let optional = matches!(node.content, Content::Null) && has_null(schema);
        let fitting = choices
            .iter()
            .find(|choice| types(choice).iter().any(|ty| fits(node, ty)));
        match fitting.or(if choices.len() == 1 { choices.first() } else { None }) {
            _ if optional => {}
            Some(choice) => self.check(node, choice, path),
            None => {
                let wanted = expected(schema, self.definitions);
                let found = node.describe();
                self.complain(node, path, format!("expected {wanted}, found {found}"), "");
            }
        }
    }

    /// True where the format is ours and settles the matter.
    fn check_format(&mut self, node: &Node, format: &str, path: &str) -> bool {
        let Some(wanted) = format_words(format) else {
            return false;
        };
        let number = if let Content::Number(number) = &node.content {
            number.as_u64()
        } else {
            None
        };
        let is_fine = match (format, node.text()) {
            ("period", Some(text)) => Period::parse(text).is_some_and(|p| !p.0.is_zero()),
            ("bytes", Some(text)) => ByteCount::parse(text).is_some_and(|b| b.0 > 0),
            ("bytes", None) => number.is_some_and(|n| n > 0),
            ("address", Some(text)) => is_address(text),
            _ => false,
        };
        if !is_fine {
            let found = node.describe();
            self.complain(node, path, format!("expected {wanted}, found {found}"), "");
        }
        true
    }

    fn check_map(&mut self, node: &mut Node, schema: &Value, path: &str) {
        let empty = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let others = schema.get("additionalProperties");
        let required = schema.get("required").and_then(Value::as_array);
        let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
        for key in &required {
            if node.get(key).is_some() {
                continue;
            }
            let what = properties
                .get(*key)
                .and_then(|p| p.get("description"))
                .and_then(Value::as_str);
            let hint = what.map(|w| w.split(". ").next().unwrap_or(w).trim_end_matches('.').to_owned());
            let message = "is required and missing".to_owned();
            self.complain(node, &child(path, key), message, hint.unwrap_or_default());
        }
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        let Content::Map(entries) = &mut node.content else {
            return;
        };
        for entry in entries {
            let entry_path = child(path, &entry.key);
            match (properties.get(&entry.key), others) {
                (Some(property), _) => {
                    let is_default = matches!(entry.node.content, Content::Null)
                        && !required.contains(&entry.key.as_str());
                    if is_default && !has_null(resolved(property, self.definitions)) {
                        let hint = "write a value, or leave the key out for its default";
                        let problem = ConfigProblem::new(&entry_path, entry.key_place, "has no value", hint);
                        self.problems.push(problem);
                    } else {
                        self.check(&mut entry.node, property, &entry_path);
                    }
                }
                (None, Some(Value::Bool(false))) => {
                    let hint = suggestion(&entry.key, &names);
                    self.problems.push(ConfigProblem::new(
                        &entry_path,
                        entry.key_place,
                        "is not known here",
                        hint,
                    ));
                }
                (None, Some(other @ Value::Object(_))) => self.check(&mut entry.node, other, &entry_path),
                (None, _) => {}
            }
        }
    }

    fn check_range(&mut self, node: &Node, schema: &Value, path: &str) {
        let Content::Number(number) = &node.content else {
            return;
        };
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let (min, max) = (bound("minimum"), bound("maximum"));
        let value = number.as_f64().unwrap_or_default();
        if min.is_some_and(|min| value < min) || max.is_some_and(|max| value > max) {
            let found = node.describe();
            self.complain(
                node,
                path,
                format!("expected {}, found {found}", range(schema)),
                "",
            );
        }
    }
}

fn has_null(schema: &Value) -> bool {
    let is_null = |s: &Value| types(s).contains(&"null");
    let choices = schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))
        .and_then(Value::as_array);
    is_null(schema) || choices.is_some_and(|all| all.iter().any(is_null))
}

/// True where the node is of this type. A referenced text that reads as a number or boolean becomes one.
fn fits(node: &mut Node, ty: &str) -> bool {
    if node.is_secret
        && let Content::Text(text) = &node.content
    {
        let read = match ty {
            "integer" | "number" => serde_json::from_str(text.trim()).ok().map(Content::Number),
            "boolean" => text.trim().parse().ok().map(Content::Bool),
            _ => None,
        };
        node.content = read.unwrap_or_else(|| node.content.clone());
    }
    match (&node.content, ty) {
        (Content::Number(number), "integer") => number.is_i64() || number.is_u64(),
        (Content::Null, "null")
        | (Content::Bool(_), "boolean")
        | (Content::Number(_), "number")
        | (Content::Text(_), "string")
        | (Content::List(_), "array")
        | (Content::Map(_), "object") => true,
        _ => false,
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn format_words(format: &str) -> Option<&'static str> {
    match format {
        "period" => Some("a length of time with its unit, such as 10s, 5m, 250ms"),
        "bytes" => Some("a number of bytes, such as 64KiB, 16MiB"),
        "address" => Some("host:port, such as 127.0.0.1:9600"),
        _ => None,
    }
}

fn range(schema: &Value) -> String {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    match (bound("minimum"), bound("maximum")) {
        (Some(min), Some(max)) => format!("a number from {min} to {max}"),
        (Some(min), None) => format!("a number of at least {min}"),
        (None, Some(max)) => format!("a number of at most {max}"),
        (None, None) => "a number".into(),
    }
}

/// What a schema wants, for a person.
pub(crate) fn expected(schema: &Value, definitions: &Schema) -> String {
    let schema = resolved(schema, definitions);
    let words = words(schema, definitions);
    if !words.is_empty() {
        return words.join(" | ");
    }
    if let Some(words) = schema
        .get("format")
        .and_then(Value::as_str)
        .and_then(format_words)
    {
        return words.into();
    }
    let choices = choices(schema, definitions);
    if !choices.is_empty() {
        let each: Vec<String> = choices.iter().map(|c| expected(c, definitions)).collect();
        return each.join(", or ");
    }
    let name = |ty: &&str| match *ty {
        "integer" | "number" => range(schema).replace(
            "a number",
            if *ty == "integer" {
                "a whole number"
            } else {
                "a number"
            },
        ),
        "string" => "a text".into(),
        "boolean" => "true or false".into(),
        "array" => match schema.get("items") {
            Some(items) => format!(
                "a list of {}",
                expected(items, definitions).trim_start_matches("a ")
            ),
            None => "a list".into(),
        },
        "object" => "a map".into(),
        other => other.to_owned(),
    };
    let all: Vec<String> = types(schema).iter().filter(|t| **t != "null").map(name).collect();
    all.join(", or ")
}
