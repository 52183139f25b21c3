//! The oracle: what the tables hold against what was sent, after Jepsen's and Vector's example.
//!
//! Conservation (acknowledged is there), no invention (what is there was sent), integrity (byte for byte), uniqueness
//! (once), order (each connection's own), and the effects: each fact once and at the right person, each person's counts.

use super::sender::Sending;
use super::service::{Place, SOURCES};
use super::workload::{Effect, Name, Workload, record_number};
use arrow::array::{
    Array, BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use panorama_delta::{ReadRequest, read_table};
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio::runtime::Runtime;

/// Problems told in full; the rest is counted.
const TOLD_MAX: usize = 20;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Anomaly -> how often.
    pub(crate) anomalies: BTreeMap<&'static str, u64>,
    told: Vec<String>,
    /// Rows of `raw_messages`.
    pub(crate) rows: u64,
    /// Messages sent again although they were stored: their second answer was that to a copy.
    pub(crate) copies_answered: u64,
    pub(crate) visits: u64,
    pub(crate) results: u64,
    pub(crate) persons: u64,
}

impl Findings {
    pub(crate) fn count(&self, anomaly: &str) -> u64 {
        self.anomalies.get(anomaly).copied().unwrap_or(0)
    }

    fn note(&mut self, anomaly: &'static str, what: impl FnOnce() -> String) {
        *self.anomalies.entry(anomaly).or_default() += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(format!("{anomaly}: {}", what()));
        }
    }

    fn check(&mut self, holds: bool, anomaly: &'static str, what: impl FnOnce() -> String) {
        if !holds {
            self.note(anomaly, what);
        }
    }

    pub(crate) fn told(&self) -> String {
        format!("{:?}\n{}", self.anomalies, self.told.join("\n"))
    }
}

/// Everything the tables say is compared with everything that was sent.
pub(crate) fn judge(place: &Place, workload: Workload, sendings: &[Sending]) -> Findings {
    let mut judge = Judge {
        place,
        workload,
        sendings,
        runtime: Runtime::new().expect("runtime"),
        found: Findings::default(),
    };
    judge.raw_messages();
    let persons = judge.identity();
    judge.facts(Effect::Visit, &persons);
    judge.facts(Effect::Result, &persons);
    judge.counts(&persons);
    for table in ["quarantine", "message_issues"] {
        judge.each(table, &["source"], |found, batch| {
            for _ in 0..batch.num_rows() {
                found.note("unexpected-row", || table.to_owned());
            }
        });
    }
    judge.found
}

struct Judge<'a> {
    place: &'a Place,
    workload: Workload,
    sendings: &'a [Sending],
    runtime: Runtime,
    found: Findings,
}

/// Source and medical record number -> person.
type Persons = HashMap<(String, String), String>;

impl Judge<'_> {
    fn each(&mut self, table: &str, columns: &[&str], mut take: impl FnMut(&mut Findings, &RecordBatch)) {
        let request = ReadRequest {
            columns: Some(columns.iter().map(|&name| name.to_owned()).collect()),
            ..ReadRequest::default()
        };
        let location = self.place.tables();
        let opened = read_table(&location, table, HashMap::new(), request);
        let mut rows = self.runtime.block_on(opened).expect("the table opens");
        while let Some(batch) = self.runtime.block_on(rows.next()).expect("the table reads") {
            take(&mut self.found, &batch);
        }
    }

    fn raw_messages(&mut self) {
        let workload = self.workload;
        let mut offsets: Vec<Vec<Option<(i64, i64)>>> = self
            .sendings
            .iter()
            .map(|sending| vec![None; usize::try_from(sending.issued).expect("fits")])
            .collect();
        let mut places = HashSet::new();
        let mut ends: HashMap<String, i64> = HashMap::new();
        self.each(
            "raw_messages",
            &["source", "offset", "received_at", "payload"],
            |found, batch| {
                let source = texts(batch, "source");
                let offset = integers(batch, "offset");
                let received_at = times(batch, "received_at");
                let payload = bytes(batch, "payload");
                for row in 0..batch.num_rows() {
                    found.rows += 1;
                    let at = (source.value(row).to_owned(), offset.value(row));
                    let end = ends.entry(at.0.clone()).or_default();
                    *end = (*end).max(at.1 + 1);
                    found.check(places.insert(at.clone()), "inconsistent-offsets", || {
                        format!("{at:?} stands twice")
                    });
                    let text = String::from_utf8_lossy(payload.value(row));
                    let name = text.split('|').nth(9).and_then(Name::read);
                    let slot = name.and_then(|name| {
                        let connection = offsets.get_mut(usize::try_from(name.connection).ok()?)?;
                        connection.get_mut(usize::try_from(name.sequence).ok()?)
                    });
                    let (Some(name), Some(slot)) = (name, slot) else {
                        found.note("invention", || format!("{at:?} was never sent"));
                        continue;
                    };
                    found.check(workload.message(name) == payload.value(row), "corruption", || {
                        format!("{name:?}")
                    });
                    found.check(at.0 == source_of(name), "wrong-source", || {
                        format!("{name:?} in {}", at.0)
                    });
                    found.check(slot.is_none(), "duplicate", || {
                        format!("{name:?} at {slot:?} and {at:?}")
                    });
                    slot.get_or_insert((at.1, received_at.value(row)));
                }
            },
        );
        let places = places.len() as i64;
        self.found
            .check(ends.values().sum::<i64>() == places, "skipped-offset", || {
                format!("{ends:?}, {places}")
            });
        for (connection, offsets) in offsets.iter().enumerate() {
            let mut last = -1;
            for (sequence, place) in offsets.iter().enumerate() {
                let Some((offset, _)) = *place else {
                    self.found.note("lost-write", || {
                        format!("{connection}-{sequence} was acknowledged")
                    });
                    continue;
                };
                self.found.check(offset > last, "order", || {
                    format!("{connection}-{sequence} at {offset} after {last}")
                });
                last = offset;
            }
        }
        let resent = self.sendings.iter().flat_map(|sending| &sending.resent);
        let stored_before = |(name, resent_at): &&(Name, i64)| {
            let place = &offsets[name.connection as usize][usize::try_from(name.sequence).expect("fits")];
            place.is_some_and(|(_, received_at)| received_at < *resent_at)
        };
        self.found.copies_answered = resent.filter(stored_before).count() as u64;
    }

    /// Each patient is one person, with one record of each source that spoke of them.
    fn identity(&mut self) -> Persons {
        let mut persons = Persons::new();
        self.each(
            "patient_identity",
            &["person_id", "source", "source_record_id", "is_active"],
            |found, batch| {
                let (person, source) = (texts(batch, "person_id"), texts(batch, "source"));
                let record = texts(batch, "source_record_id");
                for row in 0..batch.num_rows() {
                    let key = (source.value(row).to_owned(), record.value(row).to_owned());
                    let told = format!("{key:?}");
                    let before = persons.insert(key, person.value(row).to_owned());
                    found.check(before.is_none(), "duplicate-identity", || told);
                }
            },
        );
        let mut expected = HashSet::new();
        for name in self.names() {
            expected.insert((
                source_of(name).to_owned(),
                record_number(self.workload.patient(name)),
            ));
        }
        for key in &expected {
            self.found
                .check(persons.contains_key(key), "identity-lost", || format!("{key:?}"));
        }
        for key in persons.keys() {
            self.found
                .check(expected.contains(key), "identity-invented", || format!("{key:?}"));
        }
        let mut records: HashMap<&str, HashSet<&str>> = HashMap::new();
        let mut people: HashMap<&str, HashSet<&str>> = HashMap::new();
        for ((_, record), person) in &persons {
            records.entry(person).or_default().insert(record);
            people.entry(record).or_default().insert(person);
        }
        for (person, records) in records {
            self.found.check(records.len() == 1, "false-merge", || {
                format!("{person}: {records:?}")
            });
        }
        for (record, people) in people {
            self.found.check(people.len() == 1, "missed-link", || {
                format!("{record}: {people:?}")
            });
        }
        persons
    }

    /// Each message's fact stands once, with its message's place and its patient's person.
    fn facts(&mut self, effect: Effect, persons: &Persons) {
        let workload = self.workload;
        let (table, id) = match effect {
            Effect::Visit => ("encounters", "visit_number"),
            Effect::Result => ("observations", "value_num"),
        };
        let names = self.names();
        let mut missing: HashSet<Name> = names
            .into_iter()
            .filter(|name| workload.effect(*name) == effect)
            .collect();
        let expected = missing.len() as u64;
        let mut seen = HashSet::new();
        self.each(table, &[id, "person_id", "source"], |found, batch| {
            let (person, source) = (texts(batch, "person_id"), texts(batch, "source"));
            for row in 0..batch.num_rows() {
                let value = match effect {
                    Effect::Visit => texts(batch, id)
                        .value(row)
                        .trim_start_matches('V')
                        .parse()
                        .unwrap_or(u64::MAX),
                    Effect::Result => numbers(batch, id).value(row) as u64,
                };
                let name = Name {
                    connection: u32::try_from(value / 100_000_000).unwrap_or(u32::MAX),
                    sequence: value % 100_000_000,
                };
                if !missing.remove(&name) {
                    let anomaly = if seen.contains(&name) {
                        "duplicate-fact"
                    } else {
                        "fact-invented"
                    };
                    found.note(anomaly, || format!("{table} {value}"));
                    continue;
                }
                seen.insert(name);
                let owner = (
                    source.value(row).to_owned(),
                    record_number(workload.patient(name)),
                );
                let is_right = persons
                    .get(&owner)
                    .is_some_and(|known| known == person.value(row));
                found.check(
                    is_right && owner.0 == source_of(name),
                    "fact-at-wrong-person",
                    || format!("{name:?}"),
                );
            }
        });
        for name in &missing {
            self.found.note("lost-fact", || format!("{table} {name:?}"));
        }
        match effect {
            Effect::Visit => self.found.visits = expected,
            Effect::Result => self.found.results = expected,
        }
    }

    /// Every person stands once in `patient_360`, with the counts of all that was said of them.
    fn counts(&mut self, persons: &Persons) {
        let mut expected: HashMap<&str, [i64; 2]> = HashMap::new();
        for name in self.names() {
            let key = (
                source_of(name).to_owned(),
                record_number(self.workload.patient(name)),
            );
            if let Some(person) = persons.get(&key) {
                let counts = expected.entry(person).or_default();
                counts[usize::from(self.workload.effect(name) == Effect::Result)] += 1;
            }
        }
        self.found.persons = expected.len() as u64;
        let mut seen = HashSet::new();
        self.each(
            "patient_360",
            &["person_id", "encounter_count", "observation_count"],
            |found, batch| {
                let person = texts(batch, "person_id");
                let visits = integers(batch, "encounter_count");
                let results = integers(batch, "observation_count");
                for row in 0..batch.num_rows() {
                    let person = person.value(row);
                    found.check(seen.insert(person.to_owned()), "duplicate-person", || {
                        person.to_owned()
                    });
                    let counts = [visits.value(row), results.value(row)];
                    let right = expected.get(person).copied().unwrap_or_default();
                    found.check(counts == right, "wrong-counts", || {
                        format!("{person}: {counts:?}, not {right:?}")
                    });
                }
            },
        );
        let missing = expected.keys().filter(|person| !seen.contains(**person)).count();
        self.found
            .check(missing == 0, "person-lost", || format!("{missing} persons"));
    }

    /// All that was sent.
    fn names(&self) -> Vec<Name> {
        let mut names = Vec::new();
        for (connection, sending) in (0..).zip(self.sendings) {
            names.extend((0..sending.issued).map(|sequence| Name { connection, sequence }));
        }
        names
    }
}

/// The source whose listener a connection talks to.
pub(crate) fn source_of(name: Name) -> &'static str {
    SOURCES[name.connection as usize % SOURCES.len()]
}

fn column<T: Clone + 'static>(batch: &RecordBatch, name: &str, kind: &DataType) -> T {
    let found = batch.column_by_name(name).expect("the column");
    let found = cast(found, kind).expect("the column's type");
    found
        .as_any()
        .downcast_ref::<T>()
        .expect("the column's type")
        .clone()
}

fn texts(batch: &RecordBatch, name: &str) -> StringArray {
    column(batch, name, &DataType::Utf8)
}

fn integers(batch: &RecordBatch, name: &str) -> Int64Array {
    column(batch, name, &DataType::Int64)
}

fn numbers(batch: &RecordBatch, name: &str) -> Float64Array {
    column(batch, name, &DataType::Float64)
}

fn bytes(batch: &RecordBatch, name: &str) -> BinaryArray {
    column(batch, name, &DataType::Binary)
}

fn times(batch: &RecordBatch, name: &str) -> TimestampMicrosecondArray {
    column(
        batch,
        name,
        &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    )
}
