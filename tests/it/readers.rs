//! The tables as other people's readers see them: deltalake, Polars and DuckDB read what `panorama tables show` shows, to
//! the last value, before and after optimize and checkpoints. And what the log tells: UTC microseconds, protocol 1/2, a
//! comment on each column, nothing that identifies anybody (INV-8).

use crate::support::{Scratch, panorama, root, said};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tables that a demo must fill.
const FILLED: [&str; 7] = [
    "patient_360",
    "patient_identity",
    "encounters",
    "observations",
    "interactions",
    "journey",
    "raw_messages",
];

/// Columns of patient_360 no value of which may be told by a log.
const IDENTIFYING: [&str; 8] = [
    "full_name",
    "given_name",
    "family_name",
    "phones",
    "emails",
    "address_line",
    "primary_mrn",
    "member_ids",
];

#[test]
fn other_peoples_readers_see_the_same_tables() {
    let Some(python) = readers() else {
        return;
    };
    let scratch = Scratch::new("readers");
    let demo = scratch.text("demo");
    let done = panorama(&["demo", "--quiet", "--persons", "100", "--dir", &demo]);
    assert!(done.status.success(), "{}", said(&done));
    let tables = Path::new(&demo).join("tables");

    // More of the same hospital, so that files stand beside others and in the place of others.
    more(&scratch, &demo);
    let names: Vec<String> = ask(&tables, &["list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["table"].as_str().unwrap().to_owned())
        .collect();
    for name in FILLED {
        assert!(names.iter().any(|found| found == name), "no table {name}");
    }
    let before = check(&python, &tables, &names);
    no_identifying_values(&tables, &before);

    // The same rows in other files, read by way of checkpoints.
    let optimized = ask(&tables, &["optimize"]);
    let optimized = optimized.as_array().unwrap();
    assert_eq!(optimized.len(), names.len());
    let compacted = |table: &Value| table["files_compacted"].as_u64().unwrap();
    assert!(optimized.iter().map(compacted).sum::<u64>() > 10, "{optimized:?}");
    ask(&tables, &["vacuum"]);
    for name in FILLED {
        let pointer = tables.join(name).join("_delta_log/_last_checkpoint");
        assert!(pointer.is_file(), "no checkpoint of {name}");
    }
    let after = check(&python, &tables, &FILLED.map(str::to_owned));
    for (name, seen) in &after {
        assert_eq!(*seen, before[name], "{name} after optimize");
    }
    no_identifying_values(&tables, &before);
}

/// Feeds of other people of the same sources, taken in by a second run.
fn more(scratch: &Scratch, demo: &str) {
    let second = scratch.text("second");
    let made = panorama(&[
        "synth",
        "--quiet",
        "--persons",
        "60",
        "--seed",
        "2",
        "--out",
        &second,
    ]);
    assert!(made.status.success(), "{}", said(&made));
    for (from, to) in [
        ("hl7/hospital-0001.hl7", "hl7/hospital-0002.hl7"),
        ("web/segment-0001.json", "web/segment-0002.json"),
    ] {
        let to = Path::new(demo).join("feeds").join(to);
        fs::copy(Path::new(&second).join(from), to).unwrap();
    }
    let config = format!("{demo}/panorama.yaml");
    let done = panorama(&["run", "--quiet", "--config", &config, "--until-caught-up"]);
    assert!(done.status.success(), "{}", said(&done));
}

/// The Python of a virtual environment with the readers. Where a machine has none the test says so; CI must have one.
fn readers() -> Option<PathBuf> {
    let asked = std::env::var_os("PANORAMA_READERS").map(|dir| PathBuf::from(dir).join("bin/python"));
    let found = asked.filter(|python| python.is_file());
    if found.is_none() {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "PANORAMA_READERS names no virtual environment");
        println!("skipped: PANORAMA_READERS names no virtual environment with deltalake, polars and duckdb");
    }
    found
}

fn ask(tables: &Path, arguments: &[&str]) -> Value {
    let place = tables.to_str().unwrap();
    let arguments = [&["tables"], arguments, &["--location", place, "--json"]].concat();
    let answer = panorama(&arguments);
    assert!(answer.status.success(), "{arguments:?}: {}", said(&answer));
    serde_json::from_slice(&answer.stdout).unwrap()
}

/// A table as all readers saw it.
#[derive(Debug, PartialEq)]
struct Seen {
    checksum: u64,
    /// Columns marked as identifying.
    identifying: Vec<String>,
}

/// Compares every table in every reader with what we show.
fn check(python: &Path, tables: &Path, names: &[String]) -> BTreeMap<String, Seen> {
    let script = root().join("tests/readers/check_tables.py");
    let answer = Command::new(python)
        .arg(script)
        .arg(tables)
        .args(names)
        .output()
        .unwrap();
    assert!(answer.status.success(), "{}", said(&answer));
    let seen: Map<String, Value> = serde_json::from_slice(&answer.stdout).unwrap();
    let checked = names.iter().map(|name| {
        let rows = ask(tables, &["show", name, "--limit", "100000000"]);
        (
            name.clone(),
            check_table(name, &seen[name], rows.as_array().unwrap()),
        )
    });
    checked.collect()
}

fn check_table(name: &str, seen: &Value, shown: &[Value]) -> Seen {
    assert!(!shown.is_empty() || !FILLED.contains(&name), "{name} has no rows");
    assert_eq!(seen["protocol"], serde_json::json!([1, 2]), "{name}");
    assert_eq!(seen["bounds_in_footers"], serde_json::json!([]), "{name}");
    let (mut columns, mut identifying) = (Vec::new(), Vec::new());
    for column in seen["columns"].as_array().unwrap() {
        let (column_name, ty) = (column["name"].as_str().unwrap(), column["type"].as_str().unwrap());
        assert_ne!(column["comment"], "", "{name}.{column_name} has no comment");
        if ty.starts_with("timestamp") {
            assert_eq!(ty, "timestamp[us, tz=UTC]", "{name}.{column_name}");
        }
        columns.push(column_name);
        if column["identifying"] == true {
            identifying.push(column_name.to_owned());
        }
    }
    let checksum = shown
        .iter()
        .fold(0u64, |sum, row| sum.wrapping_add(row_hash(row, &columns)));
    let ours = serde_json::json!({"rows": shown.len(), "checksum": format!("{checksum:016x}")});
    let readers = seen["readers"].as_object().unwrap();
    assert!(readers.len() >= 4, "{readers:?}");
    for (reader, theirs) in readers {
        assert_eq!(*theirs, ours, "{name} as {reader} reads it");
    }
    Seen {
        checksum,
        identifying,
    }
}

/// FNV-1a over a row's values, as tests/readers/check_tables.py has it.
fn row_hash(row: &Value, columns: &[&str]) -> u64 {
    let line = columns
        .iter()
        .map(|column| text(&row[*column]))
        .collect::<Vec<_>>()
        .join("|");
    line.bytes().fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// A value as the text both sides agree on.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        Value::Number(number) if number.is_f64() => format!("{:.9}", number.as_f64().unwrap()),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(pairs) => {
            let sorted: BTreeMap<_, _> = pairs.iter().collect();
            let pairs: Vec<String> = sorted
                .into_iter()
                .map(|(key, value)| format!("'{key}':{}", text(value)))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
        plain => plain.to_string(),
    }
}

/// No statistics of an identifying column, and no identifying value of any person in anything a log says.
fn no_identifying_values(tables: &Path, seen: &BTreeMap<String, Seen>) {
    let mut values = BTreeSet::new();
    for row in ask(tables, &["show", "patient_360", "--limit", "100000000"])
        .as_array()
        .unwrap()
    {
        for column in IDENTIFYING {
            match &row[column] {
                Value::Array(items) => {
                    values.extend(items.iter().filter_map(Value::as_str).map(str::to_owned))
                }
                value => values.extend(value.as_str().map(str::to_owned)),
            }
        }
    }
    values.retain(|value| value.len() > 2);
    assert!(values.len() > 300, "{} values are no sample", values.len());

    let (mut told, mut bounds) = (Vec::new(), 0);
    for_each_action(tables, |table, action| {
        let marked = identifying_statistics(action, &seen[table].identifying);
        told.extend(marked.map(|column| format!("{table}.{column}")));
        for (column, text) in words_of(action) {
            bounds += 1;
            // Providers are named and numbered in public registers, and some share their name with a patient.
            let public = table == "provider_360"
                || ["attending_name", "practitioner_name"].contains(&column.as_str())
                || column.ends_with("_npi");
            if !public && values.iter().any(|value| has_word(&text, value)) {
                told.push(format!("{table}.{column}"));
            }
        }
    });
    assert!(told.is_empty(), "logs tell of people by {told:?}");
    assert!(bounds > 500, "{bounds} texts are no log");
}

fn for_each_action(tables: &Path, mut see: impl FnMut(&str, &Value)) {
    for table in fs::read_dir(tables).unwrap() {
        let table = table.unwrap();
        let name = table.file_name().into_string().unwrap();
        for entry in fs::read_dir(table.path().join("_delta_log")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "json") {
                for line in fs::read_to_string(path).unwrap().lines() {
                    see(&name, &serde_json::from_str(line).unwrap());
                }
            }
        }
    }
}

/// An identifying column of which an action holds statistics.
fn identifying_statistics<'a>(action: &Value, identifying: &'a [String]) -> Option<&'a String> {
    let stats: Value = serde_json::from_str(action["add"]["stats"].as_str()?).unwrap();
    let sides = ["minValues", "maxValues", "nullCount"];
    let has = |column: &&String| {
        sides
            .iter()
            .any(|side| stats[*side].get(column.as_str()).is_some())
    };
    identifying.iter().find(has)
}

/// Each text of an action with the key it stands at; statistics are JSON in a text and are looked into.
fn words_of(action: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), action.clone())];
    while let Some((key, value)) = open.pop() {
        match value {
            Value::Object(map) => open.extend(map),
            Value::Array(items) => open.extend(items.into_iter().map(|item| (key.clone(), item))),
            Value::String(text) if key == "stats" => open.push((key, serde_json::from_str(&text).unwrap())),
            // What columns are called and mean, told by us.
            Value::String(_) if key == "schemaString" => {}
            Value::String(text) => found.push((key, text)),
            _ => {}
        }
    }
    found
}

/// Whether a text holds a value, not as a part of a longer word.
fn has_word(text: &str, value: &str) -> bool {
    text.match_indices(value).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + value.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[test]
fn words_are_found_whole() {
    for (text, value, expected) in [
        ("Ana Silva", "Ana", true),
        ("Anaphylaxis", "Ana", false),
        ("tel:+13125550100.", "+13125550100", true),
        ("3283076354", "28307635", false),
    ] {
        assert_eq!(has_word(text, value), expected, "{text}");
    }
}
