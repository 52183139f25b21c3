//! INV-6: whatever order messages arrive in, however they are batched and on however many threads, the persons and all
//! rows are the same.
//!
//! Each seed deals the messages of all feeds into new files in a new order, gives them to the program in one to four
//! passes, with other limits each pass, and compares the tables with those of the feeds as they were made.
//! `PANORAMA_ORDER_SEEDS` sets how many seeds, `PANORAMA_ORDER_FIRST` the first, `PANORAMA_ORDER_PERSONS` how many persons.

use crate::rows::{Chance, tables, text};
use crate::support::{Scratch, panorama, program, said};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Rows = Vec<Map<String, Value>>;

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
/// Columns of the crosswalk that say how a record came to its person, which is a matter of who came first.
const OF_THE_LINK: &[&str] = &[
    "match_method",
    "match_probability",
    "match_weight",
    "matched_with",
];
/// Histories: what they tell is the order.
const HISTORIES: &[&str] = &["identity_events", "pipeline_epochs"];

/// One feed: its directory, its ending, its messages, and what each of its files begins with.
struct Feed {
    folder: String,
    ending: String,
    header: String,
    messages: Vec<String>,
}

fn feed(root: &Path, file: &Path) -> Feed {
    let text = fs::read_to_string(file).expect("a feed");
    let folder = file
        .parent()
        .and_then(|f| f.strip_prefix(root).ok())
        .expect("below")
        .display()
        .to_string();
    let ending = file
        .extension()
        .expect("an ending")
        .to_string_lossy()
        .into_owned();
    let (header, messages) = match ending.as_str() {
        "hl7" => (String::new(), hl7_messages(&text)),
        "csv" => {
            let (header, rest) = text.split_once('\n').expect("a header");
            (
                format!("{header}\n"),
                rest.lines().map(|l| format!("{l}\n")).collect(),
            )
        }
        _ => (String::new(), text.lines().map(|l| format!("{l}\n")).collect()),
    };
    Feed {
        folder,
        ending,
        header,
        messages,
    }
}

fn hl7_messages(text: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in text.split_inclusive(['\r', '\n']) {
        match messages.last_mut() {
            Some(message) if !line.starts_with("MSH") => message.push_str(line),
            _ => messages.push(line.to_owned()),
        }
    }
    messages
}

fn feeds(root: &Path) -> Vec<Feed> {
    let mut files: Vec<PathBuf> = fs::read_dir(root)
        .expect("feeds")
        .flatten()
        .filter(|folder| folder.file_name() != "truth")
        .flat_map(|folder| fs::read_dir(folder.path()).expect("a feed").flatten())
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.iter().map(|file| feed(root, file)).collect()
}

fn config(dir: &Path) -> PathBuf {
    let path = |name: &str| dir.join(name).display().to_string();
    let text = panorama_synth::example_config(&path("feeds"), &path("data"), &path("tables"));
    let text = text
        .replace("crm/contacts.csv", "crm/*.csv")
        .replace("providers/nppes.csv", "providers/*.csv");
    let file = dir.join("panorama.yaml");
    fs::write(&file, format!("{text}http:\n  listen: 127.0.0.1:0\n")).expect("a configuration");
    file
}

fn run(config: &Path, set: &[String]) {
    let mut command = program();
    command
        .args(["run", "--quiet", "--until-caught-up", "--config"])
        .arg(config);
    for one in set {
        command.args(["--set", one]);
    }
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{set:?}: {}", said(&output));
}

/// Deals the messages of all feeds into files and passes.
fn arrive(feeds: &[Feed], dir: &Path, seed: u64) -> usize {
    let mut chance = Chance::new(seed);
    let config = config(dir);
    let passes = 1 + chance.below(4);
    let mut dealt: Vec<BTreeMap<PathBuf, String>> = vec![BTreeMap::new(); passes];
    for feed in feeds {
        let mut order: Vec<&String> = feed.messages.iter().collect();
        chance.shuffle(&mut order);
        // Some feeds come whole in one pass, others in parts of every pass.
        let only = (chance.below(2) == 0).then(|| chance.below(passes));
        let files = 1 + chance.below(3);
        for message in order {
            let pass = only.unwrap_or_else(|| chance.below(passes));
            let name = format!("{pass}-{:016x}.{}", mix(seed, chance.below(files)), feed.ending);
            dealt[pass]
                .entry(Path::new("feeds").join(&feed.folder).join(name))
                .or_insert_with(|| feed.header.clone())
                .push_str(message);
        }
    }
    for files in &dealt {
        for (name, text) in files {
            let file = dir.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, text).expect("a file");
        }
        let epoch = [1, 7, 64, 512, 50_000][chance.below(5)];
        let threads = 1 + chance.below(2);
        run(
            &config,
            &[
                format!("limits.epoch_messages_max={epoch}"),
                format!("limits.decode_threads={threads}"),
                format!(
                    "tables.commit_interval={}",
                    ["50ms", "1s", "10s"][chance.below(3)]
                ),
            ],
        );
    }
    passes
}

fn mix(seed: u64, file: usize) -> u64 {
    Chance::new(seed ^ (file as u64) << 32).next()
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
fn essence(location: &Path) -> BTreeMap<String, Vec<String>> {
    let mut tables = tables(location, &[]);
    let names = canonical(&tables["patient_identity"]);
    let mut all = BTreeMap::new();
    for (table, rows) in &mut tables {
        if HISTORIES.contains(&table.as_str()) {
            continue;
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

fn essential(table: &str, row: &mut Map<String, Value>, names: &BTreeMap<String, String>) -> String {
    for column in OF_ARRIVAL {
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
fn differences(
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

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn any_arrival_order_gives_the_same_tables() {
    let seeds = from_environment("PANORAMA_ORDER_SEEDS", 4);
    let first = from_environment("PANORAMA_ORDER_FIRST", 1);
    let persons = from_environment("PANORAMA_ORDER_PERSONS", 60).to_string();
    let made = Scratch::new("order");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", &persons, "--seed", "5", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let feeds = feeds(&made.path().join("feeds"));
    run(&config(made.path()), &[]);
    let expected = essence(&made.path().join("tables"));
    for table in [
        "patient_360",
        "journey",
        "interactions",
        "encounters",
        "raw_messages",
    ] {
        assert!(!expected[table].is_empty(), "{table} has rows to compare");
    }
    let began = std::time::Instant::now();
    let (mut wrong, mut passes) = (BTreeSet::new(), 0);
    for seed in first..first + seeds {
        let scratch = Scratch::new("order");
        passes += arrive(&feeds, scratch.path(), seed);
        if let Some(told) = differences(&expected, &essence(&scratch.path().join("tables"))) {
            println!("seed {seed} (PANORAMA_ORDER_FIRST={seed} PANORAMA_ORDER_SEEDS=1):\n{told}");
            wrong.insert(seed);
        }
    }
    println!(
        "order: {seeds} seeds, {passes} runs, {} messages each, {:.1} s, {} seeds with differences",
        feeds.iter().map(|f| f.messages.len()).sum::<usize>(),
        began.elapsed().as_secs_f64(),
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "the order of arrival shows in the tables: seeds {wrong:?}"
    );
}
