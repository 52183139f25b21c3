//! Reads the shared person lists, whose layouts differ, as persons of the model.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "test support: reads files, may stop on a broken one, and each user takes a part"
)]

pub mod reliability;

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

impl List {
    /// The records of some people only.
    pub fn filter(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.keys.len())
            .filter(|at| wanted(&self.truth[*at]))
            .collect();
        Self {
            keys: kept.iter().map(|at| self.keys[*at].clone()).collect(),
            persons: kept.iter().map(|at| self.persons[*at].clone()).collect(),
            truth: kept.iter().map(|at| self.truth[*at].clone()).collect(),
        }
    }

    /// The same records with more gaps and typing errors.
    pub fn harsher(&self, seed: u64) -> Self {
        let mut draw = draws(seed);
        let persons = self.persons.iter().map(|person| {
            let mut person = person.clone();
            if let Presence::Value(names) = &mut person.names {
                for name in names {
                    if draw(8) == 0 {
                        name.given = mistype(&name.given, &mut draw).into();
                    }
                    if draw(8) == 0 {
                        name.family = mistype(&name.family, &mut draw).into();
                    }
                }
            }
            if draw(6) == 0 {
                person.ssn = Presence::Absent;
            }
            if draw(6) == 0 {
                person.phones = Presence::Absent;
            }
            if draw(6) == 0 {
                person.emails = Presence::Absent;
            }
            if draw(12) == 0 {
                person.addresses = Presence::Absent;
            }
            if let (Presence::Value(date), true) = (&mut person.birth_date, draw(20) == 0) {
                date.day = if date.day > 9 { date.day - 9 } else { date.day + 10 };
            }
            person
        });
        Self {
            keys: self.keys.clone(),
            persons: persons.collect(),
            truth: self.truth.clone(),
        }
    }

    /// Other people of the same kind, elsewhere: family names, birth dates, places, numbers and contact points move, alike for
    /// records of one person. What makes those differ - typing errors, nicknames, gaps - stays. Copies must not resemble each
    /// other in any regular way: training would take that for a kind of error.
    pub fn copy(&self, copy: usize) -> Vec<Person> {
        let digits = |text: &str| -> String {
            let shift = |c: char| {
                c.to_digit(10).map_or(c, |d| {
                    char::from(b'0' + u8::try_from(shifted(d as usize, copy)).unwrap())
                })
            };
            text.chars().map(shift).collect()
        };
        let letters = |text: &str| -> String {
            let moved = |c: char| {
                let first = if c.is_ascii_lowercase() { b'a' } else { b'A' };
                match u8::try_from(c) {
                    Ok(byte) if c.is_ascii_alphabetic() => {
                        char::from(first + (byte - first + u8::try_from(copy % 26).unwrap()) % 26)
                    }
                    _ => c,
                }
            };
            text.chars().map(moved).collect()
        };
        let one = |person: &Person| {
            let mut person = person.clone();
            if copy == 0 {
                return person;
            }
            if let Presence::Value(names) = &mut person.names {
                for name in names {
                    name.family = letters(&name.family).into();
                }
            }
            // Two digits of the year differ then, as no typing error makes them.
            if let Presence::Value(date) = &mut person.birth_date
                && (date.month, date.day) != (1, 1)
            {
                date.year = 1928 + (date.year - 1928 + 11 * i16::try_from(copy).unwrap()).rem_euclid(97);
                date.day = (date.day + u8::try_from(copy * 5 % 27).unwrap()) % 28 + 1;
            }
            // Placeholders stay what they are.
            if let Presence::Value(ssn) = &mut person.ssn
                && panorama_standardize::social_security::standardize(ssn).is_some()
            {
                *ssn = digits(ssn).into();
            }
            if let Presence::Value(phones) = &mut person.phones {
                let real = |p: &&mut Phone| panorama_standardize::phone::standardize(&p.number).is_some();
                phones
                    .iter_mut()
                    .filter(real)
                    .for_each(|p| p.number = digits(&p.number).into());
            }
            if let Presence::Value(emails) = &mut person.emails {
                emails
                    .iter_mut()
                    .for_each(|e| e.address = mailbox(&e.address, copy).into());
            }
            if let Presence::Value(addresses) = &mut person.addresses {
                for address in addresses {
                    address.line = letters(&digits(&address.line)).into();
                    address.postal_code = digits(&address.postal_code).into();
                    address.city = letters(&address.city).into();
                }
            }
            person
        };
        self.persons.iter().map(one).collect()
    }
}

/// Which half of the people an entity is in.
pub fn half_of(truth: &str) -> bool {
    truth.bytes().fold(7u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    }) / 8
        % 2
        == 0
}

/// Another mailbox, the same for all who shared the first.
fn mailbox(address: &str, copy: usize) -> String {
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(address.to_lowercase().as_bytes(), copy as u64);
    format!("{hash:x}@example.org")
}

/// A digit moved so that 0 and 1, which lead no phone number, stay apart from the others; another way in each of 32 copies.
fn shifted(digit: usize, copy: usize) -> usize {
    if digit < 2 {
        digit
    } else {
        let step = [1, 3, 5, 7][copy / 8 % 4];
        2 + (step * (digit - 2) + copy) % 8
    }
}

/// A stream of numbers below what is asked (Knuth's linear generator).
pub fn draws(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    }
}

/// One letter changed, lost, doubled or swapped with the next.
fn mistype(text: &str, draw: &mut impl FnMut(usize) -> usize) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = draw(letters.len());
    match draw(4) {
        _ if letters.is_empty() => {}
        0 => letters[at] = char::from(b'a' + u8::try_from(draw(26)).unwrap()),
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        _ => {
            let next = (at + 1).min(letters.len() - 1);
            letters.swap(at, next);
        }
    }
    letters.into_iter().collect()
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
