//! Answers on standard output: tables for a person, JSON for a script.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;
use std::io::{IsTerminal, Write, stdout};

/// Writes a line. A reader that went away (`| head`) ends the command quietly.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut out = stdout().lock();
    if writeln!(out, "{}", text.as_ref()).is_err() {
        std::process::exit(0);
    }
}

/// Writes JSON, indented.
pub(crate) fn json(value: &Value) {
    line(format!("{value:#}"));
}

/// Writes a table.
pub(crate) fn table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(headers.to_vec());
    if stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row);
    }
    line(table.to_string());
}

/// A JSON value as a cell: text without quotes, nothing for null.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A member of a JSON object as a cell; nothing where there is none.
pub(crate) fn member(object: &Value, key: &str) -> String {
    cell(object.get(key).unwrap_or(&Value::Null))
}

/// A list of JSON objects as a table of these keys.
pub(crate) fn objects(keys: &[&str], objects: &[Value]) {
    let row = |object: &Value| {
        keys.iter()
            .map(|key| cell(object.get(*key).unwrap_or(&Value::Null)))
            .collect()
    };
    table(keys, objects.iter().map(row));
}

/// A number with spaces between its thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut spaced = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}
