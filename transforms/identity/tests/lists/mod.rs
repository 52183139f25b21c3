//! Reads the shared person lists, whose layouts differ, as persons of the model.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "test support: reads files, may stop on a broken one, and each user takes a part"
)]

use panorama_model::{
    Address, Email, HumanName, PartialDate, Person, Phone, Presence, RecordKind, Sex, SourceRecordKey,
    Timestamp, Version,
};
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;

/// All records of a list are said at once.
pub const VERSION: Version = Version {
    at: Timestamp(1),
    sequence: 0,
    content: 0,
};

/// A person list with its truth.
pub struct List {
    /// The records' keys.
    pub keys: Vec<SourceRecordKey>,
    /// What they say.
    pub persons: Vec<Person>,
    /// Who they are.
    pub truth: Vec<String>,
}

/// Reads a list; `None` where the shared data is not there.
pub fn load(name: &str) -> Option<List> {
    let shared = std::env::var("PANORAMA_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let folder = PathBuf::from(shared).join("data/identity");
    let (_, truth) = read(folder.join(format!("{name}_truth.csv.gz")))?;
    let (header, rows) = read(folder.join(format!("{name}.csv.gz")))?;
    let truth: HashMap<_, _> = truth
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let columns: HashMap<_, _> = header
        .iter()
        .enumerate()
        .map(|(at, column)| (column.as_str(), at))
        .collect();
    let mut list = List {
        keys: Vec::new(),
        persons: Vec::new(),
        truth: Vec::new(),
    };
    for row in &rows {
        let get = |names: &[&str]| {
            let found = names
                .iter()
                .filter_map(|n| columns.get(n))
                .map(|at| row[*at].trim())
                .filter(|v| !v.is_empty());
            found.collect::<Vec<_>>().join(" ")
        };
        let id = get(&["record_id"]);
        let source = columns.get("source").map_or(name, |at| row[*at].as_str());
        list.truth.push(truth[&id].clone());
        list.keys
            .push(SourceRecordKey::new(source, RecordKind::Patient, id.as_str()));
        list.persons.push(person(&get));
    }
    Some(list)
}

fn person(get: &impl Fn(&[&str]) -> String) -> Person {
    let text = |value: String| {
        if value.is_empty() {
            Presence::Absent
        } else {
            Presence::Value(value.into())
        }
    };
    let name = HumanName {
        given: get(&["first", "first_name", "given_name"]).into(),
        middle: get(&["middle"]).into(),
        family: get(&["last", "surname"]).into(),
        suffix: get(&["suffix"]).into(),
        ..HumanName::default()
    };
    let address = Address {
        line: get(&["address", "street_number", "address_1"]).into(),
        line2: get(&["unit"]).into(),
        city: get(&["city", "suburb"]).into(),
        state: get(&["state"]).into(),
        postal_code: get(&["zip", "postcode"]).into(),
        ..Address::default()
    };
    let phone = get(&["phone"]);
    let email = get(&["email"]);
    Person {
        names: Presence::Value(vec![name]),
        birth_date: Presence::from(PartialDate::parse(&get(&["dob", "date_of_birth"]))),
        sex: Presence::from(match get(&["sex"]).as_str() {
            "F" => Some(Sex::Female),
            "M" => Some(Sex::Male),
            _ => None,
        }),
        ssn: text(get(&["ssn", "soc_sec_id"])),
        addresses: Presence::Value(vec![address]),
        phones: Presence::from_list(if phone.is_empty() {
            vec![]
        } else {
            vec![Phone {
                number: phone.into(),
                ..Phone::default()
            }]
        }),
        emails: Presence::from_list(if email.is_empty() {
            vec![]
        } else {
            vec![Email {
                address: email.into(),
                ..Email::default()
            }]
        }),
        ..Person::default()
    }
}

fn read(path: PathBuf) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).ok()?)
        .read_to_string(&mut text)
        .ok()?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = cells(reader.headers().unwrap());
    let rows = reader.records().map(|record| cells(&record.unwrap())).collect();
    Some((header, rows))
}
