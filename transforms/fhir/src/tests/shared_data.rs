//! Everything in the shared FHIR data is accounted for. Skipped where `../shared` is missing.

use super::read;
use panorama_model::{Decoded, Reading, RecordKind, Severity};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn shared() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned();
    let root = std::env::var_os("PANORAMA_SHARED").map_or(default.into(), PathBuf::from);
    let data = root.join("data");
    data.is_dir().then_some(data)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

#[derive(Default)]
struct Tally {
    resources: usize,
    accounted: usize,
    rows: BTreeMap<&'static str, usize>,
    records: BTreeMap<&'static str, usize>,
    issues: BTreeMap<(Severity, String), usize>,
}

impl Tally {
    fn add(&mut self, payload: &str) {
        let value: serde_json::Value = serde_json::from_str(payload.trim_start_matches('\u{feff}')).unwrap();
        let Some(resource_type) = value.get("resourceType") else {
            return;
        };
        self.resources += match value.get("entry") {
            Some(entries) if resource_type == "Bundle" => entries.as_array().unwrap().len(),
            _ => 1,
        };
        let Reading::Read(decoded) = read(payload) else {
            panic!("unreadable")
        };
        self.add_decoded(&decoded);
    }

    fn add_decoded(&mut self, decoded: &Decoded) {
        for record in &decoded.records {
            *self.records.entry(record.key.kind.name()).or_default() += 1;
            if record.person.is_some() {
                assert_ne!(record.key.kind, RecordKind::Provider);
                self.accounted += 1;
            }
            for fact in &record.facts {
                *self.rows.entry(fact.table.schema().name).or_default() += 1;
                self.accounted += usize::from(!fact.id.contains('#'));
            }
        }
        // In this data, events come of deleted patients and of Linkage only, one each.
        self.accounted += decoded.identity_events.len();
        for issue in &decoded.issues {
            *self
                .issues
                .entry((issue.severity, issue.code.to_string()))
                .or_default() += 1;
            let stands_for_a_resource = [
                "resource_unmapped",
                "directory_only",
                "npi_missing",
                "subject_missing",
                "subject_not_patient",
                "reference_unresolved",
            ];
            self.accounted += usize::from(stands_for_a_resource.contains(&issue.code.as_ref()));
        }
    }

    fn print(&self, name: &str) {
        println!(
            "{name}: {} resources, {} accounted for",
            self.resources, self.accounted
        );
        println!(
            "  rows {:?}\n  records {:?}\n  issues {:?}",
            self.rows, self.records, self.issues
        );
    }

    fn errors(&self) -> Vec<(&str, usize)> {
        let errors = self
            .issues
            .iter()
            .filter(|((severity, _), _)| *severity == Severity::Error);
        errors.map(|((_, code), count)| (code.as_str(), *count)).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "the shared data lies in files")]
fn text_of(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

/// Reads every payload of a folder; `expected_errors` are listed with their reason at the call.
fn check(folder: &str, expected_errors: &[(&str, usize)]) {
    let Some(data) = shared() else {
        println!("skipped: no ../shared");
        return;
    };
    let (mut found, mut tally) = (Vec::new(), Tally::default());
    files(&data.join(folder), &mut found);
    for file in found {
        let text = text_of(&file);
        if file.extension().is_some_and(|e| e == "ndjson") {
            text.lines()
                .filter(|line| !line.trim().is_empty())
                .for_each(|line| tally.add(line));
        } else {
            tally.add(&text);
        }
    }
    tally.print(folder);
    assert_eq!(tally.accounted, tally.resources);
    assert_eq!(tally.errors(), expected_errors);
}

#[test]
fn synthea_bundles() {
    check("fhir/synthea-bundles", &[]);
}

#[test]
fn bulk_export() {
    check("fhir/bulk-export-10", &[]);
}

#[test]
fn provider_examples() {
    check("feeds/fhir_provider", &[]);
}

#[test]
fn referral_examples() {
    check("feeds/fhir_referral", &[]);
}

#[test]
fn bundles_converted_from_hl7v2() {
    // The converter wrote no subject into resources of messages without a PID, and its Linkages name the replaced
    // record by a medical record number that no Patient of the bundle has.
    check(
        "fhir/v2-to-fhir-expected",
        &[("reference_unresolved", 4), ("subject_missing", 24)],
    );
}
