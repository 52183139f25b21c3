//! A steward's decisions: in force exactly once, kept and audited, and gone without a trace when withdrawn; and a model
//! that is adopted matches all records again, as if it had always been there.

use crate::essence::{config, differences, essence, run};
use crate::rows::{tables, text};
use crate::support::{Scratch, panorama, said};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A synthetic health system, run.
struct System {
    scratch: Scratch,
    config: String,
}

impl System {
    fn new(seed: &str) -> Self {
        let scratch = Scratch::new("steward");
        let feeds = scratch.text("feeds");
        let made = panorama(&["synth", "--persons", "80", "--seed", seed, "--out", &feeds]);
        assert!(made.status.success(), "{}", said(&made));
        let config = config(scratch.path()).display().to_string();
        run(Path::new(&config), &[]);
        Self { scratch, config }
    }

    fn run(&self) {
        run(Path::new(&self.config), &[]);
    }

    fn identity(&self, arguments: &[&str]) -> Value {
        let output = panorama(&[&["identity"], arguments, &["--config", &self.config, "--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn rows(&self, table: &str) -> Vec<Map<String, Value>> {
        let mut all = tables(&self.scratch.path().join("tables"), &[table]);
        all.remove(table).unwrap_or_default()
    }

    /// What the tables say, apart from the decisions themselves.
    fn essence(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = essence(&self.scratch.path().join("tables"));
        if let Some(raw) = all.get_mut("raw_messages") {
            raw.retain(|row| !row.contains(r#""source":"steward""#));
        }
        all
    }

    fn person_of(&self, record: &str) -> String {
        let rows = self.rows("patient_identity");
        let row = rows.iter().find(|row| name(row) == record).expect("the record");
        text(row, "person_id").to_owned()
    }

    /// Persons and their columns as written, ids and all.
    fn persons(&self) -> Vec<String> {
        let mut rows = self.rows("patient_360");
        rows.iter_mut().for_each(|row| {
            row.remove("updated_at");
        });
        let mut rows: Vec<String> = rows
            .into_iter()
            .map(|row| Value::Object(row).to_string())
            .collect();
        rows.sort();
        rows
    }

    /// The evidence of each decision on record.
    fn decisions(&self) -> Vec<String> {
        let events = self.rows("identity_events");
        let decided = events.iter().filter(|e| text(e, "event_type") == "decision");
        decided.map(|e| text(e, "evidence").to_owned()).collect()
    }
}

/// A record as commands name it.
fn name(row: &Map<String, Value>) -> String {
    format!("{}/{}", text(row, "source"), text(row, "source_record_id"))
}

/// Two patients' records of two persons.
fn strangers(system: &System) -> [String; 2] {
    let rows = system.rows("patient_identity");
    let mut patients: Vec<_> = rows
        .iter()
        .filter(|r| text(r, "record_kind") == "patient")
        .collect();
    patients.sort_by_key(|row| name(row));
    let first = patients.first().expect("a patient");
    let other = patients
        .iter()
        .find(|row| text(row, "person_id") != text(first, "person_id"))
        .expect("another person");
    [name(first), name(other)]
}

/// Two records of one person that no source said to be one.
fn matched(system: &System) -> [String; 2] {
    let rows = system.rows("patient_identity");
    let scored = |row: &&Map<String, Value>| text(row, "match_method") == "probabilistic";
    let mut all: Vec<_> = rows.iter().filter(scored).collect();
    all.sort_by_key(|row| name(row));
    for row in all {
        let person = text(row, "person_id");
        let members: Vec<_> = rows.iter().filter(|r| text(r, "person_id") == person).collect();
        if let [a, b] = members.as_slice() {
            return [name(a), name(b)];
        }
    }
    panic!("no person of two matched records");
}

fn same(system: &System, before: &BTreeMap<String, Vec<String>>) {
    let told = differences(before, &system.essence());
    assert!(told.is_none(), "{}", told.unwrap_or_default());
}

#[test]
fn decisions_hold_once_and_leave_no_trace_when_withdrawn() {
    let system = System::new("5");
    let (before, persons) = (system.essence(), system.persons());

    let [a, b] = strangers(&system);
    let who = ["--by", "ana", "--note", "phoned both"];
    system.identity(&[&["link", &a, &b], &who[..]].concat());
    system.run();
    assert_eq!(system.person_of(&a), system.person_of(&b), "linked");
    assert!(system.persons().len() < persons.len());
    let told = system.identity(&["explain", &a, &b]);
    assert_eq!(told["same_person"], true);
    assert_eq!(told["stated"], "match");
    assert_eq!(told["decision"]["by"], "ana");
    assert_eq!(told["decision"]["note"], "phoned both");
    // Nothing is new: nothing happens again.
    system.run();
    let decisions = system.decisions();
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert!(
        decisions[0].contains("ana") && decisions[0].contains("phoned both"),
        "{decisions:?}"
    );

    system.identity(&[&["withdraw", &a, &b], &who[..]].concat());
    system.run();
    same(&system, &before);
    assert_eq!(system.persons(), persons, "each person has its id again");

    let [c, d] = matched(&system);
    system.identity(&[&["unlink", &c, &d], &who[..]].concat());
    system.run();
    assert_ne!(system.person_of(&c), system.person_of(&d), "unlinked");
    let told = system.identity(&["explain", &c, &d]);
    assert_eq!(told["same_person"], false);
    system.identity(&[&["withdraw", &c, &d], &who[..]].concat());
    system.run();
    same(&system, &before);
    assert_eq!(system.persons(), persons);
    assert_eq!(system.decisions().len(), 4, "all of it is on record");
}

#[test]
fn a_doubtful_pair_is_decided_by_its_id() {
    let system = System::new("6");
    let listed = system.identity(&["review", "list"]);
    let reviews = listed["reviews"].as_array().expect("reviews");
    let first = reviews.first().expect("a doubtful pair");
    let id = first["review_id"].as_str().expect("an id");
    system.identity(&[
        "review",
        "decide",
        id,
        "match",
        "--by",
        "ana",
        "--note",
        "same voice",
    ]);
    system.run();
    let rows = system.rows("match_review");
    let row = rows
        .iter()
        .find(|row| text(row, "review_id") == id)
        .expect("the pair");
    assert_eq!(text(row, "status"), "match");
    assert_eq!(text(row, "decided_by"), "ana");
    assert_eq!(text(row, "decision_note"), "same voice");
    assert_eq!(text(row, "person_a"), text(row, "person_b"));
    let left = system.identity(&["review", "list"]);
    assert_eq!(left["open"].as_u64(), listed["open"].as_u64().map(|n| n - 1));

    for (arguments, wanted) in [
        (
            vec!["review", "decide", "nothing", "match", "--by", "ana"],
            "no doubtful pair",
        ),
        (vec!["review", "decide", id, "perhaps", "--by", "ana"], "perhaps"),
        (
            vec!["link", "hospital/none", "crm/none", "--by", "ana"],
            "the first record",
        ),
    ] {
        let output = panorama(&[&["identity"], &arguments[..], &["--config", &system.config]].concat());
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said(&output).contains(wanted), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn an_adopted_model_matches_all_records_again() {
    let system = System::new("7");
    let model = system.scratch.text("model.json");
    let trained = system.identity(&["train", "--out", &model]);
    assert!(
        trained["version"]
            .as_str()
            .is_some_and(|v| v.starts_with("trained-"))
    );
    let compared = system.identity(&["evaluate", "--compare", &model]);
    assert!(compared["records"].as_u64() > Some(100), "{compared}");

    // A model under which hardly anything matches, so that adopting it must show.
    let mut strict: Value =
        serde_json::from_str(&std::fs::read_to_string(&model).expect("a model")).expect("JSON");
    strict["prior"]["match_probability"] = 1e-16.into();
    let strict_file = system.scratch.text("strict.json");
    std::fs::write(&strict_file, strict.to_string()).expect("a model");
    let before = system.essence();
    let text = std::fs::read_to_string(&system.config).expect("a configuration");
    for model in [&strict_file, &model] {
        let with_model = format!("{text}\nidentity:\n  model: {model}\n");
        std::fs::write(&system.config, &with_model).expect("a configuration");
        system.run();
        let adopted = system.essence();
        let fresh = Scratch::new("steward");
        let elsewhere = |what: &str| (system.scratch.text(what), fresh.text(what));
        let moved = ["data", "tables"].iter().fold(with_model, |text, what| {
            let (here, there) = elsewhere(what);
            text.replace(&here, &there)
        });
        let fresh_config = fresh.path().join("panorama.yaml");
        std::fs::write(&fresh_config, moved).expect("a configuration");
        run(&fresh_config, &[]);
        let told = differences(&essence(&fresh.path().join("tables")), &adopted);
        assert!(told.is_none(), "{model}: {}", told.unwrap_or_default());
        if model == &strict_file {
            assert!(
                adopted["patient_360"].len() > before["patient_360"].len(),
                "less matches under the strict model"
            );
        }
    }
}

#[test]
fn what_is_measured_is_what_the_tables_hold() {
    let system = System::new("8");
    let first = measured(&system);
    let crosswalk = system.rows("patient_identity");
    let mut sizes: BTreeMap<&str, i64> = BTreeMap::new();
    for row in &crosswalk {
        *sizes.entry(text(row, "person_id")).or_default() += 1;
    }
    let of_size = |from: i64, to: i64| sizes.values().filter(|n| (from..=to).contains(*n)).count();
    assert_eq!(first["records"], crosswalk.len());
    assert_eq!(first["persons"], sizes.len());
    assert_eq!(first["largest_cluster"], *sizes.values().max().expect("a person"));
    assert_eq!(first["persons_of_1"], of_size(1, 1));
    assert_eq!(first["persons_of_3_to_5"], of_size(3, 5));
    let reviews = system.rows("match_review");
    let open = reviews.iter().filter(|row| text(row, "status") == "open").count();
    assert_eq!(first["review_open"], open);
    for share in ["estimated_precision", "estimated_recall"] {
        let estimated = first[share].as_f64().expect("a share");
        assert!((0.8..=1.0).contains(&estimated), "{share} {estimated}");
    }

    let checks = system.rows("data_quality");
    let failed = |source: &str, column: &str, check: &str| {
        let row = checks.iter().find(|row| {
            text(row, "source_system") == source
                && text(row, "column") == column
                && text(row, "check") == check
        });
        let row = row.expect("the check");
        let of_source = crosswalk
            .iter()
            .filter(|row| text(row, "source") == source)
            .count();
        assert_eq!(row["rows_checked"], of_source, "{source} {column}");
        (row["rows_failed"].as_u64().expect("a count"), of_source as u64)
    };
    // Subscribers are known by their e-mail address, and none of them by a birth date.
    assert_eq!(failed("email", "email", "not_null").0, 0);
    let (failures, subscribers) = failed("email", "birth_date", "not_null");
    assert_eq!(failures, subscribers);
    let keys = |check: &str| {
        let row = checks.iter().find(|row| {
            text(row, "source_system") == "email"
                && text(row, "column") == "birth_date"
                && text(row, "check") == check
        });
        row.expect("the check")["sample_keys"]
            .as_array()
            .expect("keys")
            .clone()
    };
    assert_eq!(keys("not_null").len() as u64, failures.min(10));
    let of_email = crosswalk.iter().filter(|row| text(row, "source") == "email");
    let ids: Vec<&Value> = of_email.map(|row| &row["source_record_id"]).collect();
    assert!(keys("not_null").iter().all(|key| ids.contains(&key)));
    assert!(keys("dob_range").is_empty());
    assert_eq!(failed("hospital", "birth_date", "dob_range").0, 0);

    let [a, b] = strangers(&system);
    system.identity(&["link", &a, &b, "--by", "ana", "--note", "phoned"]);
    system.run();
    assert_eq!(
        measured(&system)["persons"],
        sizes.len() - 1,
        "measured at the end of the run"
    );
    assert_eq!(system.rows("identity_metrics").len(), 2, "once a run");
}

/// The newest measurement.
fn measured(system: &System) -> Map<String, Value> {
    let rows = system.rows("identity_metrics");
    let newest = rows.into_iter().max_by_key(|row| row["epoch"].as_i64());
    newest.expect("a measurement")
}
