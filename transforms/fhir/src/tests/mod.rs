//! Tests of whole payloads, and how they are shown.

mod payloads;
mod references;
mod resources;
mod robustness;
mod shared_data;

use crate::decode;
use panorama_model::{DecodeContext, Fact, Issue, Reading, SourceRecord, Timestamp, Value, Zone};
use std::fmt::Write;

pub(crate) fn read(json: &str) -> Reading {
    let zone = Zone::named("America/Chicago");
    decode(
        json.as_bytes(),
        &DecodeContext {
            source: "clinic",
            received_at: Timestamp(0),
            zone: zone.as_ref(),
            headers: &[],
        },
    )
}

/// Checks what a payload says, a line each: records, facts, identity events, issues. Order of lines does not matter.
#[track_caller]
pub(crate) fn check(json: &str, expected: &str) {
    let mut shown = show(&read(json));
    let mut expected: Vec<String> = expected
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    shown.sort();
    expected.sort();
    assert_eq!(shown.join("\n"), expected.join("\n"), "\nof {json}");
}

pub(crate) fn show(reading: &Reading) -> Vec<String> {
    let decoded = match reading {
        Reading::Read(decoded) => decoded,
        Reading::Unreadable(u) => {
            return vec![format!("unreadable {} at {}: {}", u.code, u.location, u.reason)];
        }
    };
    let mut lines = Vec::new();
    for record in &decoded.records {
        lines.extend(record.person.is_some().then(|| show_person(record)));
        lines.extend(record.facts.iter().map(|fact| show_fact(record, fact)));
    }
    for event in &decoded.identity_events {
        let (subject, other) = (&event.subject, &event.other);
        lines.push(format!(
            "event {} {}/{} {}/{}",
            event.kind.name(),
            subject.kind.name(),
            subject.id,
            other.kind.name(),
            other.id
        ));
    }
    lines.extend(decoded.issues.iter().map(show_issue));
    lines
}

fn show_issue(issue: &Issue) -> String {
    format!("{:?} {} {}", issue.severity, issue.code, issue.location).to_lowercase_first()
}

trait LowercaseFirst {
    fn to_lowercase_first(self) -> String;
}

impl LowercaseFirst for String {
    fn to_lowercase_first(self) -> String {
        let (first, rest) = self.split_at(1);
        first.to_lowercase() + rest
    }
}

fn show_person(record: &SourceRecord) -> String {
    let mut line = format!("{}/{}", record.key.kind.name(), record.key.id);
    let person = serde_json::to_value(record.person.as_ref().unwrap()).unwrap();
    let mut fields: Vec<_> = person.as_object().unwrap().iter().collect();
    fields.sort_by_key(|(field, _)| *field);
    for (field, presence) in fields {
        if let Some(value) = presence.get("Value") {
            write!(line, " {field}={}", compact(value)).unwrap();
        }
    }
    line
}

fn compact(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(fields) => {
            // The order of a map's keys depends on features of the JSON crate that other crates may turn on.
            let mut fields: Vec<_> = fields.iter().filter(|(_, v)| v.as_str() != Some("")).collect();
            fields.sort_by_key(|(k, _)| *k);
            let parts: Vec<String> = fields
                .iter()
                .map(|(k, v)| format!("{k}:{}", compact(v)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        serde_json::Value::Array(list) => {
            let parts: Vec<String> = list.iter().map(compact).collect();
            format!("[{}]", parts.join(","))
        }
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn show_fact(record: &SourceRecord, fact: &Fact) -> String {
    let schema = fact.table.schema();
    let mut line = format!(
        "{}/{} {} {}",
        record.key.kind.name(),
        record.key.id,
        schema.name,
        fact.id
    );
    if fact.deleted {
        line.push_str(" deleted");
    }
    if !fact.complete {
        line.push_str(" partial");
    }
    for (index, value) in fact.row.cells() {
        let shown = match value {
            Value::Text(text) => text.replace('\n', " | "),
            Value::Time(at) => at.to_string().replace(".000000Z", "Z").replace("T00:00:00Z", ""),
            Value::Int(n) => n.to_string(),
            Value::Float(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
            other => format!("{other:?}"),
        };
        write!(line, " {}={shown}", schema.columns[usize::from(index)].name).unwrap();
    }
    line
}
