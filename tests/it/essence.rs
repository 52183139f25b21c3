//! A synthetic health system run to its end, and what its tables say apart from how it arrived, to compare runs with.

use crate::rows::{Chance, tables, text};
use crate::support::{Scratch, program, said};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) type Rows = Vec<Map<String, Value>>;

/// Columns that tell of the arrival and not of what was said.
const OF_ARRIVAL: &[&str] = &[
    "message_offset",
    "message_partition",
    "offset",
    "partition",
    "headers",
    "received_at",
    "received_date",
    "updated_at",
    "linked_at",
    "first_seen_at",
    "opened_at",
    "quarantined_at",
    "quarantine_id",
    // Grows with the clock.
    "days_in_phase",
    // Hash buckets of person ids.
    "bucket",
];
/// Columns that say how things stand when their row is made: of two runs some time apart, an event may have come to pass, or
/// out of a window, in between. All that they are made from is compared.
const OF_THE_MOMENT: &[&str] = &[
    "encounters_12m",
    "ed_visits_12m",
    "no_shows_12m",
    "interactions_90d",
    "engagement_score",
    "next_appointment_at",
    "journey_phase",
    "journey_phase_since",
];
/// How long before the first comparison the first of the runs that are compared may have begun.
const BEGUN_SECONDS_MAX: i64 = 3600;
/// Columns of the crosswalk that say how a record came to its person, which is a matter of who came first.
const OF_THE_LINK: &[&str] = &[
    "match_method",
    "match_probability",
    "match_weight",
    "matched_with",
];
/// Histories: what they tell is the order.
const HISTORIES: &[&str] = &[
    "identity_events",
    "pipeline_epochs",
    "data_quality",
    "identity_metrics",
];

pub(crate) fn config(dir: &Path) -> PathBuf {
    let path = |name: &str| dir.join(name).display().to_string();
    let text = panorama_synth::example_config(&path("feeds"), &path("data"), &path("tables"));
    let text = text
        .replace("crm/contacts.csv", "crm/*.csv")
        .replace("providers/nppes.csv", "providers/*.csv");
    let file = dir.join("panorama.yaml");
    fs::write(&file, format!("{text}http:\n  listen: 127.0.0.1:0\n")).expect("a configuration");
    file
}

pub(crate) fn run(config: &Path, set: &[String]) {
    run_role("all", config, set);
}

/// Runs the part of the pipeline that a role has.
pub(crate) fn run_role(role: &str, config: &Path, set: &[String]) {
    let mut command = program();
    command
        .args(["run", "--role", role, "--quiet", "--until-caught-up", "--config"])
        .arg(config);
    for one in set {
        command.args(["--set", one]);
    }
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{set:?}: {}", said(&output));
}

/// A directory with the same feeds.
pub(crate) fn with_feeds(made: &Scratch, name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    std::os::unix::fs::symlink(made.path().join("feeds"), scratch.path().join("feeds")).expect("feeds");
    scratch
}

/// Settings under which a small run has many epochs and commits.
pub(crate) fn small_steps() -> [String; 3] {
    [
        "limits.epoch_messages_max=64",
        "limits.epoch_interval=20ms",
        "tables.commit_interval=100ms",
    ]
    .map(str::to_owned)
}

/// Starts the program again and again and kills it after some milliseconds. Returns how often it was still at work.
pub(crate) fn run_killed(config: &Path, set: &[String], kills: u64, after: Range<u64>) -> usize {
    let mut chance = Chance::new(7);
    let mut in_the_middle = 0;
    for _ in 0..kills {
        let mut command = program();
        command
            .args(["run", "--quiet", "--until-caught-up", "--config"])
            .arg(config);
        for one in set {
            command.args(["--set", one]);
        }
        let mut process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let spread = usize::try_from(after.end - after.start).expect("a number");
        std::thread::sleep(Duration::from_millis(after.start + chance.below(spread) as u64));
        in_the_middle += usize::from(process.try_wait().expect("a process").is_none());
        process.kill().expect("killed");
        process.wait().expect("ended");
    }
    assert!(in_the_middle > 0, "no kill came in the middle");
    in_the_middle
}

/// Each person by the smallest name among its records, which no arrival changes.
fn canonical(crosswalk: &Rows) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for row in crosswalk {
        let name = ["source", "record_kind", "assigning_authority", "source_record_id"]
            .map(|column| text(row, column))
            .join("/");
        names
            .entry(text(row, "person_id").to_owned())
            .and_modify(|least| {
                if name < *least {
                    least.clone_from(&name);
                }
            })
            .or_insert(name);
    }
    names
}

/// What must be the same: table -> rows as text, sorted.
pub(crate) fn essence(location: &Path) -> BTreeMap<String, Vec<String>> {
    essence_of(tables(location, &[]))
}

/// The same of tables that were read.
pub(crate) fn essence_of(mut tables: BTreeMap<String, Rows>) -> BTreeMap<String, Vec<String>> {
    let names = canonical(&tables["patient_identity"]);
    let mut all = BTreeMap::new();
    for (table, rows) in &mut tables {
        if HISTORIES.contains(&table.as_str()) {
            continue;
        }
        if table == "journey" {
            lasting(rows);
        }
        if table == "match_review" {
            // A pair that was doubtful on the way, and is no more, is history too.
            rows.retain(|row| text(row, "status") == "open");
        }
        let mut texts: Vec<String> = rows.iter_mut().map(|row| essential(table, row, &names)).collect();
        texts.sort();
        all.insert(table.clone(), texts);
    }
    all
}

/// Leaves out what has come to pass by the clock since the first of the runs that are compared may have begun: of all of
/// them the same.
fn lasting(journey: &mut Rows) {
    static SINCE: OnceLock<String> = OnceLock::new();
    let since = SINCE.get_or_init(|| {
        panorama_runtime::now()
            .plus_seconds(-BEGUN_SECONDS_MAX)
            .to_string()
    });
    journey.retain(|row| text(row, "entered_at") < since.as_str());
    for row in journey {
        if text(row, "exited_at") >= since.as_str() {
            row.insert("exited_at".to_owned(), Value::Null);
            row.insert("is_current".to_owned(), Value::Bool(true));
        }
    }
}

fn essential(table: &str, row: &mut Map<String, Value>, names: &BTreeMap<String, String>) -> String {
    for column in OF_ARRIVAL.iter().chain(OF_THE_MOMENT) {
        row.remove(*column);
    }
    if table == "patient_identity" {
        for column in OF_THE_LINK {
            row.remove(*column);
        }
    }
    if table == "match_review" {
        let mut pair = [text(row, "person_a").to_owned(), text(row, "person_b").to_owned()];
        pair.sort_by_key(|p| names.get(p).cloned());
    }
    for column in ["person_id", "other_person_id", "person_a", "person_b"] {
        if let Some(Value::String(id)) = row.get_mut(column) {
            *id = names
                .get(id.as_str())
                .cloned()
                .unwrap_or_else(|| format!("nobody {id}"));
        }
    }
    if let Some(Value::String(episode)) = row.get_mut("episode_id") {
        if let Some((person, rest)) = episode.split_once('/') {
            *episode = format!("{}/{rest}", names.get(person).map_or("nobody", String::as_str));
        }
    }
    Value::Object(row.clone()).to_string()
}

/// The first differences of each table, for a person to read. All of it is synthetic.
pub(crate) fn differences(
    expected: &BTreeMap<String, Vec<String>>,
    found: &BTreeMap<String, Vec<String>>,
) -> Option<String> {
    let mut told = String::new();
    for (table, rows) in expected {
        let (a, b) = (
            counted(rows),
            counted(found.get(table).map_or(&[][..], Vec::as_slice)),
        );
        let only = |x: &BTreeMap<String, usize>, y: &BTreeMap<String, usize>| {
            x.iter()
                .filter(|(row, count)| y.get(*row) != Some(count))
                .map(|(row, _)| row.clone())
                .collect::<Vec<_>>()
        };
        let (missing, new) = (only(&a, &b), only(&b, &a));
        if missing.is_empty() && new.is_empty() {
            continue;
        }
        told += &format!("{table}: {} rows missing, {} others\n", missing.len(), new.len());
        for (before, after) in missing.iter().zip(&new).take(2) {
            told += &format!("  {}\n", changed(before, after));
        }
        for (sign, rows) in [("-", &missing), ("+", &new)] {
            for row in rows.iter().take(if missing.len() == new.len() { 0 } else { 2 }) {
                told += &format!("  {sign} {row}\n");
            }
        }
    }
    (!told.is_empty()).then_some(told)
}

/// The columns in which two rows differ.
fn changed(before: &str, after: &str) -> String {
    let parse = |row: &str| serde_json::from_str::<Map<String, Value>>(row).expect("a row");
    let (before, after) = (parse(before), parse(after));
    let columns = before
        .iter()
        .filter(|(column, value)| after.get(*column) != Some(value));
    let told = columns.map(|(column, value)| format!("{column}: {value} -> {}", after[column]));
    format!(
        "{}: {}",
        text(&before, "person_id"),
        told.collect::<Vec<_>>().join(", ")
    )
}

fn counted(rows: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.clone()).or_default() += 1;
    }
    counts
}
