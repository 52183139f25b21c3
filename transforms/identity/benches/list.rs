//! Writes a large list of persons as a file, with the configuration that reads it and the truth of who they are: to time the
//! whole program on it, and others.
//!
//! `cargo bench -p panorama-identity --bench list -- FOLDER [COPIES]`, then `panorama run --until-caught-up -c
//! FOLDER/panorama.yaml`. The list is us_100k so many times over (10 unless said), each copy other people (as in `engine`).
//! `FOLDER/truth.csv` says who they are; `patient_identity` says who the program takes them for.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark reads and writes files and prints"
)]

#[expect(unreachable_pub, reason = "shared with the tests")]
#[path = "../tests/lists/mod.rs"]
mod lists;

use panorama_model::{Person, Sex};
use std::path::Path;

/// Columns of the file, named as what they hold.
const COLUMNS: [&str; 15] = [
    "source_record_id",
    "given_name",
    "middle_name",
    "family_name",
    "name_suffix",
    "sex",
    "birth_date",
    "ssn",
    "address_line",
    "address_line2",
    "city",
    "state",
    "postal_code",
    "phone",
    "email",
];

fn main() {
    let mut said = std::env::args().skip(1).filter(|a| !a.starts_with('-'));
    let Some(folder) = said.next() else {
        println!(
            "say where to write the list: cargo bench -p panorama-identity --bench list -- FOLDER [COPIES]"
        );
        return;
    };
    let copies = said.next().and_then(|copies| copies.parse().ok()).unwrap_or(10);
    let Some(list) = lists::load("us_100k") else {
        println!("skipped: no ../shared/data/identity/us_100k.csv.gz");
        return;
    };
    std::fs::create_dir_all(&folder).unwrap();
    // What is read and written is named from anywhere.
    let folder = std::fs::canonicalize(folder).unwrap();
    let mut persons = csv::Writer::from_path(folder.join("list.csv")).unwrap();
    let mut truth = csv::Writer::from_path(folder.join("truth.csv")).unwrap();
    persons.write_record(COLUMNS).unwrap();
    truth.write_record(["source_record_id", "entity"]).unwrap();
    for copy in 0..copies {
        for ((key, person), entity) in list.keys.iter().zip(list.copy(copy)).zip(&list.truth) {
            let id = format!("{copy}-{}", key.id);
            persons.write_record(row(&id, &person)).unwrap();
            truth.write_record([id, format!("{copy}-{entity}")]).unwrap();
        }
    }
    persons.flush().unwrap();
    truth.flush().unwrap();
    let configuration = folder.join("panorama.yaml");
    std::fs::write(&configuration, configured(&folder)).unwrap();
    println!(
        "{} records of us_100k, {copies} times over",
        copies * list.persons.len()
    );
    println!("panorama run --until-caught-up -c {}", configuration.display());
}

/// What a person's record says, in the order of the columns.
fn row(id: &str, person: &Person) -> [String; COLUMNS.len()] {
    let name = person
        .names
        .value()
        .and_then(|all| all.first())
        .cloned()
        .unwrap_or_default();
    let address = person
        .addresses
        .value()
        .and_then(|all| all.first())
        .cloned()
        .unwrap_or_default();
    let phone = person
        .phones
        .value()
        .and_then(|all| all.first())
        .map(|phone| phone.number.clone());
    let email = person
        .emails
        .value()
        .and_then(|all| all.first())
        .map(|email| email.address.clone());
    let sex = match person.sex.value() {
        Some(Sex::Female) => "F",
        Some(Sex::Male) => "M",
        _ => "",
    };
    [
        id.to_owned(),
        name.given.to_string(),
        name.middle.to_string(),
        name.family.to_string(),
        name.suffix.to_string(),
        sex.to_owned(),
        person
            .birth_date
            .value()
            .map(ToString::to_string)
            .unwrap_or_default(),
        person.ssn.value().map(ToString::to_string).unwrap_or_default(),
        address.line.to_string(),
        address.line2.to_string(),
        address.city.to_string(),
        address.state.to_string(),
        address.postal_code.to_string(),
        phone.unwrap_or_default().to_string(),
        email.unwrap_or_default().to_string(),
    ]
}

/// A pipeline that reads the list and keeps all it makes of it in the folder.
fn configured(folder: &Path) -> String {
    let columns: String = COLUMNS
        .iter()
        .map(|column| format!("      {column}: {column}\n"))
        .collect();
    let folder = folder.display();
    format!(
        "name: list\ndata_dir: {folder}/data\nsources:\n  - id: list\n    type: file\n    path: {folder}/list.csv\n    \
         format: csv\n    record: person\n    columns:\n{columns}tables:\n  location: {folder}/tables\n"
    )
}
