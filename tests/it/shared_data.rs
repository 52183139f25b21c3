//! Every file of the shared test data goes through the program: each byte is in a message, each message was read or is in
//! quarantine (INV-2), and what is in quarantine belongs there.

use crate::rows::{latin1, payloads_by_file, tables, text, without_separators};
use crate::support::{Scratch, panorama, said, shared};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A source: its id, the folder of its files, how their names end, its format and further options.
struct Feed {
    id: &'static str,
    folder: &'static str,
    endings: &'static [&'static str],
    options: &'static str,
}

const fn feed(
    id: &'static str,
    folder: &'static str,
    endings: &'static [&'static str],
    options: &'static str,
) -> Feed {
    Feed {
        id,
        folder,
        endings,
        options,
    }
}

const HL7: &str = "format: hl7v2\n    timezone: America/Chicago";
const PERSONS: &str = "format: csv\n    record: person\n    columns:\n      source_record_id: source_person_id\n      \
                       given_name: first_name\n      family_name: last_name\n      birth_date: birth_date";

const FEEDS: &[Feed] = &[
    feed("hl7", "hl7v2", &[".hl7"], HL7),
    feed("siu", "feeds/hl7_siu", &[".hl7"], HL7),
    feed("ref", "feeds/hl7_ref_i12", &[".hl7"], HL7),
    feed("bulk", "fhir/bulk-export-10", &[".ndjson"], "format: fhir-r4"),
    feed("synthea", "fhir/synthea-bundles", &[".json"], "format: fhir-r4"),
    feed(
        "practitioners",
        "feeds/fhir_provider",
        &[".json"],
        "format: fhir-r4",
    ),
    feed("referrals", "feeds/fhir_referral", &[".json"], "format: fhir-r4"),
    feed(
        "connect",
        "feeds/amazon_connect",
        &[".json"],
        "format: amazon-connect",
    ),
    feed(
        "sendgrid",
        "feeds/sendgrid_event_webhook",
        &[".body.json"],
        "format: sendgrid",
    ),
    feed("segment", "feeds/segment_spec", &[".json"], "format: segment"),
    feed("registry", "feeds/nppes", &["v2.1.json"], "format: nppes-api"),
    feed("nppes", "feeds/nppes", &[".csv"], "format: nppes"),
    feed("leie", "feeds/oig_leie", &[".csv"], "format: leie"),
    feed("tuva", "feeds/tuva_empi", &[".csv"], PERSONS),
];

/// What is in quarantine, and why it has to be there: source, reason, count.
const QUARANTINED: &[(&str, &str, usize)] = &[
    // The export's own log: events, no resources.
    ("bulk", "resource_type_missing", 4),
    // The vendor's guide prints this example with a trailing comma.
    ("connect", "json_invalid", 1),
    // Fixtures of messages cut off in their first segment.
    ("hl7", "msh_incomplete", 3),
    // Fixtures without any MSH line.
    ("hl7", "msh_missing", 2),
];

/// Puts the files of a feed under names of their own; returns name -> content.
fn gather(shared: &Path, feed: &Feed, dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut folders = vec![shared.join("data").join(feed.folder)];
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of data").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if feed.endings.iter().any(|ending| name.ends_with(ending)) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let dir = dir.join(feed.id);
    fs::create_dir_all(&dir).expect("a folder");
    let mut files = BTreeMap::new();
    for (number, path) in paths.iter().enumerate() {
        let name = path.file_name().expect("a name").to_string_lossy();
        let name = format!("{}-{number:04}-{name}", feed.id);
        let content = fs::read(path).expect("a file of data");
        fs::write(dir.join(&name), &content).expect("a copy");
        files.insert(name, content);
    }
    files
}

#[test]
fn every_byte_of_the_shared_data_is_read_or_in_quarantine() {
    let Some(shared) = shared() else { return };
    let scratch = Scratch::new("shared-data");
    let at = |name: &str| scratch.text(name);
    let mut files = BTreeMap::new();
    let mut config = format!(
        "data_dir: {}\ntables:\n  location: {}\nhttp:\n  listen: 127.0.0.1:0\nsources:\n",
        at("data"),
        at("tables")
    );
    for feed in FEEDS {
        files.extend(gather(&shared, feed, &scratch.path().join("feeds")));
        let path = at(&format!("feeds/{}/*", feed.id));
        config += &format!(
            "  - id: {}\n    type: file\n    path: {path}\n    {}\n",
            feed.id, feed.options
        );
    }
    let hl7 = files.keys().filter(|name| name.starts_with("hl7-")).count();
    assert_eq!(hl7, 666, "all HL7 v2 files take part");
    let file = at("panorama.yaml");
    fs::write(&file, config).expect("a configuration");
    let began = std::time::Instant::now();
    let output = panorama(&["run", "--until-caught-up", "--config", &file]);
    let took = began.elapsed().as_secs_f64();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("panicked at"), "{}", said(&output));

    let status = panorama(&["status", "--json", "--config", &file]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let number = |key: &str| usize::try_from(status[key].as_u64().expect("a count")).expect("small");
    let tables = tables(&scratch.path().join("tables"), &["raw_messages", "quarantine"]);
    let (raw, quarantine) = (&tables["raw_messages"], &tables["quarantine"]);
    assert_eq!(
        raw.len(),
        number("messages_decoded") + number("messages_quarantined")
    );
    assert_eq!(quarantine.len(), number("messages_quarantined"));

    let payloads = payloads_by_file(raw);
    for (name, content) in &files {
        let mut content = latin1(content);
        if name.ends_with(".csv") {
            // The header record travels as a header.
            content = content
                .split_once('\n')
                .map_or(String::new(), |(_, rest)| rest.to_owned());
        }
        let messages = payloads.get(name).map_or(String::new(), |p| p.concat());
        assert!(
            without_separators(&messages) == without_separators(&content),
            "{name}: its messages are not its content"
        );
    }
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in quarantine {
        let name = row["headers"]["file.name"].as_str().expect("a file");
        let reason = (text(row, "source"), text(row, "reason_code"));
        reasons.entry(reason).or_default().push(name);
    }
    let found: Vec<_> = reasons
        .iter()
        .map(|((s, r), names)| (*s, *r, names.len()))
        .collect();
    if found != QUARANTINED {
        println!("{reasons:#?}");
    }
    println!(
        "shared data: {} files, {} messages, {} decoded, {} in quarantine {found:?}, {took:.1} s",
        files.len(),
        raw.len(),
        number("messages_decoded"),
        quarantine.len()
    );
    assert_eq!(found, QUARANTINED);
}
