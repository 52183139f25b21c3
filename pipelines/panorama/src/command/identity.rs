//! `panorama identity`

use crate::cli::{ConfigFile, Identity, Output, TablesAt, Verdict};
use crate::command::tables::{Location, Rows};
use crate::command::{cms, matching, steward};
use crate::{operator, render, service};
use anyhow::{Context, bail};
use panorama_identity::{Quality, evaluate};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

pub(crate) fn run(what: Identity, output: &Output) -> anyhow::Result<()> {
    match what {
        Identity::Explain { file, a, b } => explain(&file, &a, &b, output),
        Identity::Show { file, of } => show(&file, &of, output),
        Identity::Evaluate {
            file,
            truth: Some(truth),
            compare: None,
        } => {
            let at = Location::of(&TablesAt { file, location: None })?;
            let quality = quality(&at, &truth)?;
            if output.json {
                render::json(&quality_json(&quality));
            } else {
                print(&quality);
            }
            Ok(())
        }
        Identity::Evaluate { file, truth, compare } => {
            let config = service::load(&file)?;
            matching::compare(&config, truth.as_deref(), compare.as_deref(), output)
        }
        Identity::Cms {
            file,
            record,
            query,
            household_unsafe,
        } => {
            let config = service::load(&file)?;
            let rules = cms::Question {
                record,
                query,
                household_unsafe,
            };
            cms::ask(&config, &rules, output)
        }
        Identity::Train { file, out } => matching::train(&service::load(&file)?, &out, output),
        Identity::Review(what) => steward::review(what, output),
        Identity::Link(decision) => steward::say(&decision, Verdict::Match, output),
        Identity::Unlink(decision) => steward::say(&decision, Verdict::NoMatch, output),
        Identity::Withdraw(decision) => steward::say(&decision, Verdict::Withdrawn, output),
    }
}

/// Why two records are one person, or two: the weights, then the path or the constraint where the weights don't say it.
fn explain(file: &ConfigFile, a: &str, b: &str, output: &Output) -> anyhow::Result<()> {
    let config = service::load(file)?;
    let answer = operator::call(&config, &json!({"op": "identity_explain", "a": a, "b": b}))?;
    if output.json {
        render::json(&answer);
        return Ok(());
    }
    let [a, b, text, stated, because] =
        ["a", "b", "text", "stated", "because"].map(|key| render::member(&answer, key));
    render::line(format!("{a}\n{b}\n\n{text}"));
    let same = answer.get("same_person").and_then(Value::as_bool) == Some(true);
    render::line(if same {
        "\nthey are in one person"
    } else {
        "\nthey are two persons"
    });
    if !stated.is_empty() {
        render::line(format!("it was said of them: {stated}"));
    }
    if let Some(decision) = answer.get("decision").filter(|decision| decision.is_object()) {
        let [status, by, at, note] = ["status", "by", "at", "note"].map(|key| render::member(decision, key));
        render::line(format!("a steward's last word: {status}, by {by}, {at}: {note}"));
    }
    if !because.is_empty() {
        render::line(because);
    }
    Ok(())
}

/// A person's records and history.
fn show(file: &ConfigFile, of: &str, output: &Output) -> anyhow::Result<()> {
    let config = service::load(file)?;
    let answer = operator::call(&config, &json!({"op": "identity_show", "of": of}))?;
    if output.json {
        render::json(&answer);
        return Ok(());
    }
    let list = |key: &str| {
        answer
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    render::line(format!("person {}", render::member(&answer, "person_id")));
    render::objects(&["record", "first_seen_at", "link_probability"], &list("members"));
    let keys = [
        "occurred_at",
        "event_type",
        "source",
        "source_record_id",
        "other_source_record_id",
        "match_probability",
    ];
    render::objects(&keys, &list("history"));
    Ok(())
}

/// Compares the crosswalk with a truth file, over the records that both have.
pub(crate) fn quality(at: &Location, truth: &Path) -> anyhow::Result<Quality> {
    let columns = ["person_id", "source", "source_record_id"]
        .map(str::to_owned)
        .to_vec();
    let rows = at.rows(
        "patient_identity",
        Rows {
            columns,
            ..Rows::default()
        },
    )?;
    let mut persons: HashMap<(String, String), Vec<String>> = HashMap::new();
    for row in &rows {
        let [person, source, id] =
            ["person_id", "source", "source_record_id"].map(|key| render::member(row, key));
        persons
            .entry((source, id.clone()))
            .or_default()
            .push(person.clone());
        persons.entry((String::new(), id)).or_default().push(person);
    }
    let mut pairs = Vec::new();
    for (source, id, entity) in read_truth(truth)? {
        if let Some([person]) = persons.get(&(source, id)).map(Vec::as_slice) {
            pairs.push((person.clone(), entity));
        }
    }
    if pairs.is_empty() {
        bail!("{}: none of its records is in the tables", truth.display());
    }
    Ok(evaluate(pairs))
}

/// The rows of a truth file: source (empty where it names none), record id, entity.
pub(crate) fn read_truth(truth: &Path) -> anyhow::Result<Vec<(String, String, String)>> {
    let mut reader =
        csv::Reader::from_path(truth).with_context(|| format!("cannot read {}", truth.display()))?;
    let headers = reader.headers()?.clone();
    let place = |name: &str| headers.iter().position(|h| h == name);
    let (Some(id_at), Some(entity_at)) = (place("source_record_id"), place("entity_id")) else {
        bail!(
            "{}: the columns source_record_id and entity_id are needed, found {headers:?}",
            truth.display()
        );
    };
    let source_at = place("source");
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let cell = |at: usize| record.get(at).unwrap_or_default().to_owned();
        rows.push((
            source_at.map(cell).unwrap_or_default(),
            cell(id_at),
            cell(entity_at),
        ));
    }
    Ok(rows)
}

pub(crate) fn quality_json(quality: &Quality) -> Value {
    json!({
        "pairwise": {"precision": quality.precision(), "recall": quality.recall(), "f1": quality.f1(),
            "true_pairs": quality.true_pairs, "found_pairs": quality.pairs_found, "true_pairs_found": quality.true_pairs_found},
        "clusters": {"precision": quality.cluster_precision(), "recall": quality.cluster_recall(), "f1": quality.cluster_f1(),
            "found": quality.clusters, "persons": quality.persons, "exact": quality.exact_clusters},
    })
}

/// The quality as a small table.
pub(crate) fn print(quality: &Quality) {
    let row = |name: &str, p: f64, r: f64, f: f64| {
        vec![
            name.to_owned(),
            format!("{p:.4}"),
            format!("{r:.4}"),
            format!("{f:.4}"),
        ]
    };
    render::table(
        &["", "precision", "recall", "F1"],
        [
            row("pairs", quality.precision(), quality.recall(), quality.f1()),
            row(
                "clusters",
                quality.cluster_precision(),
                quality.cluster_recall(),
                quality.cluster_f1(),
            ),
        ],
    );
}
