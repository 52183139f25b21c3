//! `panorama identity cms`: whom the field combinations of the CMS matching proposal find.

use crate::cli::Output;
use crate::{operator, render};
use anyhow::{Context, anyhow};
use panorama_config::Config;
use panorama_identity::cms::{CombinationId, Rules};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Who is asked for, and by which rules.
pub(crate) struct Question {
    pub record: Option<String>,
    pub query: Option<PathBuf>,
    pub household_unsafe: bool,
}

/// Asks, and tells the answer with its audit.
pub(crate) fn ask(config: &Config, question: &Question, output: &Output) -> anyhow::Result<()> {
    let person = question.query.as_deref().map(read_person).transpose()?;
    let mut request = json!({"op": "identity_cms", "household_unsafe": question.household_unsafe});
    if let Some(object) = request.as_object_mut() {
        object.extend(question.record.as_ref().map(|r| ("record".to_owned(), json!(r))));
        object.extend(person.map(|person| ("person".to_owned(), person)));
    }
    let answer = operator::call(config, &request)?;
    if output.json {
        render::json(&answer);
        return Ok(());
    }
    tell(&answer);
    Ok(())
}

/// The person of a query file. What it says stays out of errors.
fn read_person(path: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    serde_json::from_str(&text).map_err(|error| {
        anyhow!(
            "{} is not JSON: line {}, column {}",
            path.display(),
            error.line(),
            error.column()
        )
    })
}

fn tell(answer: &Value) {
    let list = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let candidates = list(answer, "candidates");
    let mut rows = Vec::new();
    for candidate in &candidates {
        for audit in list(candidate, "audit") {
            rows.push(row(candidate, &audit));
        }
    }
    if !rows.is_empty() {
        render::table(
            &["person", "combination", "match", "identifiers", "household"],
            rows,
        );
    }
    for candidate in &candidates {
        let records: Vec<String> = list(candidate, "records").iter().map(plain).collect();
        let person = render::member(candidate, "person_id");
        render::line(format!("{person}: {}", records.join(", ")));
    }
    let found = answer
        .get("candidates_found")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    if found > candidates.len() as u64 {
        render::line(format!("... and {} more", found - candidates.len() as u64));
    }
    let [action, person, own] =
        ["action", "answer", "person_of_record"].map(|key| render::member(answer, key));
    render::line(match action.as_str() {
        "answer" => format!("\none candidate: {person} is the answer"),
        "ask_for_more" => "\ntwo candidates: no answer; ask for more attributes".to_owned(),
        "stricter" => format!("\n{found} candidates: no answer; ask for stricter evidence"),
        _ => "\nno candidate: nobody is known by these attributes".to_owned(),
    });
    if !own.is_empty() {
        render::line(if own == person {
            "the record belongs to that person".to_owned()
        } else {
            format!("the record itself belongs to {own}")
        });
    }
    let unsafe_rules = answer.get("household_unsafe_rules").and_then(Value::as_bool) == Some(true);
    render::line(format!(
        "rules {}; combinations 33-37, which households share, are {}",
        render::member(answer, "rules_version"),
        if unsafe_rules {
            "on"
        } else {
            "off (--household-unsafe turns them on)"
        }
    ));
}

/// One combination that a candidate fulfils.
fn row(candidate: &Value, audit: &Value) -> Vec<String> {
    let number = audit.get("combination").and_then(Value::as_u64).unwrap_or(0);
    let id = CombinationId(u8::try_from(number).unwrap_or(0));
    let text = Rules::combination(id).map_or("", |combination| combination.text);
    let grade = audit.get("grade").cloned().unwrap_or_default();
    let fuzzy = grade
        .get("fuzzy")
        .map(|field| format!("fuzzy in {}", plain(field)));
    let identifiers = audit.get("identifiers").and_then(Value::as_array);
    let identifiers: Vec<String> = identifiers.into_iter().flatten().map(plain).collect();
    let is_unsafe = audit.get("household_unsafe").and_then(Value::as_bool) == Some(true);
    vec![
        render::member(candidate, "person_id"),
        format!("{id} {text}"),
        fuzzy.unwrap_or_else(|| plain(&grade)),
        identifiers.join(" "),
        if is_unsafe { "unsafe" } else { "safe" }.to_owned(),
    ]
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
