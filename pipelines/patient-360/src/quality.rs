//! Quality without labels: how sure the links are, what stays in doubt, what the sources leave out. Measured now and then
//! from a snapshot, beside the pipeline; nothing waits for it.
//!
//! Counts are of everything. What needs a look into records is taken from a sample of them, spread over all.

use crate::oversize::OversizeBlocks;
use crate::records::{PersonEntry, each, each_record, read_numbered};
use crate::rows::each_review;
use crate::spaces;
use panorama_api::{ConnectorError, Result, StateRead};
use panorama_identity::{Edge, Membership, RecordEntry};
use panorama_model::{PersonId, Row, Text, Timestamp};
use panorama_runtime::{Metrics, now, seconds_between};
use panorama_standardize::StandardPerson;
use panorama_tables::table::{data_quality, identity_metrics, match_review};
use std::collections::{BTreeMap, HashMap};

/// Records looked into, at most.
const SAMPLE_MAX: u64 = 100_000;
/// A phone number or e-mail address of more records than this is shared: a switchboard, a household, a placeholder.
const SHARED_BY: u32 = 5;
/// A person of more records than this is looked at by somebody.
const CLUSTER_TOO_BIG: usize = 50;
/// Keys told of rows that failed one check, at most.
const SAMPLE_KEYS_MAX: usize = 10;
/// Nobody is older, years.
const AGE_MAX: i16 = 120;

type IsSaid = fn(&StandardPerson) -> bool;
/// What a record should say, and how to see that it does.
const FIELDS: &[(&str, IsSaid)] = &[
    ("given_name", |p| !p.given.is_empty()),
    ("family_name", |p| !p.family.is_empty()),
    ("birth_date", |p| p.birth_date.is_some()),
    ("sex", |p| p.sex.is_some()),
    ("phone", |p| !p.phones.is_empty()),
    ("email", |p| !p.emails.is_empty()),
    ("address", |p| !p.addresses.is_empty()),
    ("ssn", |p| p.ssn.is_some()),
    ("identifiers", |p| !p.identifiers.is_empty()),
];

/// A measurement: the rows it adds.
pub(crate) struct Measurement {
    pub identity: Row,
    pub checks: Vec<Row>,
}

/// Measures a snapshot, sets the gauges and makes the rows.
pub(crate) fn measure(
    state: &dyn StateRead,
    epoch: u64,
    model_version: &str,
    metrics: &Metrics,
) -> Result<Measurement> {
    let began = std::time::Instant::now();
    let at = now();
    let persons = Persons::count(state)?;
    let every = persons.records.div_ceil(SAMPLE_MAX).max(1);
    // Each of the two reads much of the state, and a catch-up ends with them.
    let (links, fields) = std::thread::scope(|scope| {
        let links = scope.spawn(|| Links::estimate(state, every));
        let fields = Fields::look(state, every, at);
        let links = links
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok::<_, ConnectorError>((links?, fields?))
    })?;
    let reviews = Reviews::count(state, at)?;
    let oversize = OversizeBlocks::of(state)?;
    metrics.oversize_blocks.set(signed(oversize));
    persons.tell(metrics);
    links.tell(metrics);
    fields.tell(metrics);
    metrics.reviews_open.set(signed(reviews.ages.len() as u64));

    use identity_metrics as column;
    let mut row = Row::new();
    row.set(column::RUN_AT, at);
    row.set(column::EPOCH, signed(epoch));
    row.set(column::MODEL_VERSION, model_version);
    persons.fill(&mut row);
    row.set(column::ESTIMATED_PRECISION, links.precision());
    row.set(column::ESTIMATED_RECALL, links.recall());
    row.set(column::REVIEW_OPEN, signed(reviews.ages.len() as u64));
    row.set_some(column::REVIEW_AGE_P95_H, reviews.age_p95());
    let decided = |kind: &str| {
        let label = Metrics::label("decision", kind);
        signed(metrics.decisions.get_or_create(&label).get())
    };
    row.set(column::MERGES, decided("merge"));
    row.set(column::SPLITS, decided("split"));
    row.set(column::OVERSIZE_BLOCKS, signed(oversize));
    row.set(column::SHARED_CONTACTS, signed(fields.shared_contacts()));

    let mut checks = fields.checks(at);
    checks.push(check(
        at,
        ("", "patient_identity", "person_id", "cluster_too_big", 2),
        persons.persons(),
        &persons.too_big,
    ));
    metrics.spent("measure quality", began);
    Ok(Measurement {
        identity: row,
        checks,
    })
}

/// Rows that failed a check, and the first of their keys.
#[derive(Default)]
struct Failed {
    count: u64,
    keys: Vec<Text>,
}

impl Failed {
    fn note(&mut self, key: impl FnOnce() -> Text) {
        self.count += 1;
        if self.keys.len() < SAMPLE_KEYS_MAX {
            self.keys.push(key());
        }
    }
}

/// Persons by their number of records.
#[derive(Default)]
struct Persons {
    records: u64,
    with_others: u64,
    largest: usize,
    too_big: Failed,
    /// Of 1, 2, 3 to 5, 6 to 10, and more records.
    sizes: [u64; 5],
}

impl Persons {
    fn count(state: &dyn StateRead) -> Result<Self> {
        let mut all = Self::default();
        let mut too_big = Vec::new();
        each(state, spaces::PERSONS, |person: PersonEntry| {
            let size = person.members.len();
            let records = size as u64;
            all.records += records;
            all.with_others += if size > 1 { records } else { 0 };
            all.largest = all.largest.max(size);
            if size > CLUSTER_TOO_BIG {
                too_big.extend(person.members.first());
            }
            let class = match size {
                0 => return,
                1 => 0,
                2 => 1,
                3..=5 => 2,
                6..=10 => 3,
                _ => 4,
            };
            if let Some(count) = all.sizes.get_mut(class) {
                *count += 1;
            }
        })?;
        for member in too_big {
            let person = person_of(state, member)?.unwrap_or_default();
            all.too_big.note(|| PersonId(person).to_string().into());
        }
        Ok(all)
    }

    fn persons(&self) -> u64 {
        self.sizes.iter().sum()
    }

    fn consolidation_rate(&self) -> f64 {
        1.0 - share(self.persons(), self.records).unwrap_or(1.0)
    }

    fn tell(&self, metrics: &Metrics) {
        metrics.largest_cluster.set(signed(self.largest as u64));
        metrics.consolidation.set(self.consolidation_rate());
    }

    fn fill(&self, row: &mut Row) {
        use identity_metrics as column;
        row.set(column::RECORDS, signed(self.records));
        row.set(column::PERSONS, signed(self.persons()));
        row.set(column::CONSOLIDATION_RATE, self.consolidation_rate());
        row.set_some(
            column::AUTO_LINK_PCT,
            share(self.with_others, self.records).map(|s| s * 100.0),
        );
        row.set(column::LARGEST_CLUSTER, signed(self.largest as u64));
        let columns = [
            column::PERSONS_OF_1,
            column::PERSONS_OF_2,
            column::PERSONS_OF_3_TO_5,
            column::PERSONS_OF_6_TO_10,
            column::PERSONS_OVER_10,
        ];
        for (column, count) in columns.into_iter().zip(self.sizes) {
            row.set(column, signed(count));
        }
    }
}

/// What the model expects of the pairs that reach review: each is one person with its probability.
#[derive(Default)]
struct Links {
    linked: u64,
    expected_linked: f64,
    expected: f64,
}

impl Links {
    fn estimate(state: &dyn StateRead, every: u64) -> Result<Self> {
        let mut all = Self::default();
        let mut sampled: Vec<(u64, Vec<Edge>)> = Vec::new();
        let in_sample = |record: u64| record.is_multiple_of(every);
        each_record(state, spaces::IDENTITY_EDGES, in_sample, |record, edges| {
            sampled.push((record, edges));
        })?;
        for (record, edges) in sampled {
            let person = person_of(state, record)?;
            // A pair is kept with both its records: each half counts half, and a sample of records is one of pairs.
            for edge in edges {
                let probability = edge.weight.probability();
                all.expected += probability;
                if person.is_some() && person_of(state, edge.other.0)? == person {
                    all.linked += 1;
                    all.expected_linked += probability;
                }
            }
        }
        Ok(all)
    }

    fn precision(&self) -> f64 {
        if self.linked == 0 {
            return 1.0;
        }
        self.expected_linked / self.linked as f64
    }

    fn recall(&self) -> f64 {
        if self.expected == 0.0 {
            return 1.0;
        }
        self.expected_linked / self.expected
    }

    fn tell(&self, metrics: &Metrics) {
        metrics.estimated_precision.set(self.precision());
        metrics.estimated_recall.set(self.recall());
    }
}

fn person_of(state: &dyn StateRead, record: u64) -> Result<Option<u128>> {
    let membership: Option<Membership> = read_numbered(state, spaces::IDENTITY_MEMBERSHIPS, record)?;
    Ok(membership.map(|m| m.person.0))
}

/// What the sources say of people, field by field.
#[derive(Default)]
struct Fields {
    sources: BTreeMap<String, OfSource>,
    /// Hash of a phone number or e-mail address -> how many records have it.
    contacts: HashMap<u64, u32>,
}

#[derive(Default)]
struct OfSource {
    looked_at: u64,
    /// Records that do not say each field.
    unsaid: [Failed; FIELDS.len()],
    /// Records of people not yet born, or older than anybody.
    impossible_birth: Failed,
}

impl Fields {
    fn look(state: &dyn StateRead, every: u64, at: Timestamp) -> Result<Self> {
        let mut all = Self::default();
        let today = at.date();
        let in_sample = |record: u64| record.is_multiple_of(every);
        each_record(
            state,
            spaces::IDENTITY_RECORDS,
            in_sample,
            |_, entry: RecordEntry| {
                if !entry.is_active() {
                    return;
                }
                let person = &entry.person;
                let of_source = all.sources.entry(entry.key.source.to_string()).or_default();
                of_source.looked_at += 1;
                let key = || entry.key.id.clone();
                for (unsaid, (_, is_said)) in of_source.unsaid.iter_mut().zip(FIELDS) {
                    if !is_said(person) {
                        unsaid.note(key);
                    }
                }
                let year = person.birth_date.map(|birth| birth.date.year);
                let this_year = today.to_ymd().0;
                if year.is_some_and(|y| y > this_year || y + AGE_MAX < this_year) {
                    of_source.impossible_birth.note(key);
                }
                for contact in person.phones.iter().chain(&person.emails) {
                    let hash = xxhash_rust::xxh3::xxh3_64(contact.as_bytes());
                    *all.contacts.entry(hash).or_default() += 1;
                }
            },
        )?;
        Ok(all)
    }

    fn shared_contacts(&self) -> u64 {
        self.contacts.values().filter(|count| **count > SHARED_BY).count() as u64
    }

    fn tell(&self, metrics: &Metrics) {
        metrics.shared_contacts.set(signed(self.shared_contacts()));
        for (source, of) in &self.sources {
            for ((field, _), unsaid) in FIELDS.iter().zip(&of.unsaid) {
                let labels = Metrics::labels("source", source, "field", field);
                let complete = 1.0 - share(unsaid.count, of.looked_at).unwrap_or(0.0);
                metrics.completeness.get_or_create(&labels).set(complete);
            }
        }
    }

    fn checks(&self, at: Timestamp) -> Vec<Row> {
        let mut rows = Vec::new();
        for (source, of) in &self.sources {
            for ((field, _), unsaid) in FIELDS.iter().zip(&of.unsaid) {
                let what = (source.as_str(), "patient_identity", *field, "not_null", 4);
                rows.push(check(at, what, of.looked_at, unsaid));
            }
            let what = (source.as_str(), "patient_identity", "birth_date", "dob_range", 2);
            rows.push(check(at, what, of.looked_at, &of.impossible_birth));
        }
        // A contact point is itself what must not stand in a table of checks: no keys.
        let shared = Failed {
            count: self.shared_contacts(),
            keys: Vec::new(),
        };
        let what = ("", "patient_identity", "phone, email", "shared_contact", 3);
        rows.push(check(at, what, self.contacts.len() as u64, &shared));
        rows
    }
}

/// Pairs that wait for a steward.
struct Reviews {
    ages: Vec<f64>,
}

impl Reviews {
    fn count(state: &dyn StateRead, at: Timestamp) -> Result<Self> {
        let mut ages = Vec::new();
        each_review(state, |row| {
            if row.text(match_review::STATUS) == Some("open") {
                let opened = row.time(match_review::OPENED_AT).unwrap_or(at);
                ages.push(seconds_between(opened, at) / 3600.0);
            }
        })?;
        ages.sort_by(f64::total_cmp);
        Ok(Self { ages })
    }

    fn age_p95(&self) -> Option<f64> {
        let at = (self.ages.len() * 95).div_ceil(100).saturating_sub(1);
        self.ages.get(at).copied()
    }
}

fn check(
    at: Timestamp,
    (source, table, column_name, name, severity): (&str, &str, &str, &str, i64),
    rows: u64,
    failed: &Failed,
) -> Row {
    use data_quality as column;
    let mut row = Row::new();
    row.set(column::RUN_AT, at);
    row.set_some(column::SOURCE_SYSTEM, (!source.is_empty()).then_some(source));
    row.set(column::TABLE, table);
    row.set(column::COLUMN, column_name);
    row.set(column::CHECK, name);
    row.set(column::SEVERITY, severity);
    row.set(column::ROWS_CHECKED, signed(rows));
    row.set(column::ROWS_FAILED, signed(failed.count));
    row.set_some(column::FAIL_PCT, share(failed.count, rows).map(|s| s * 100.0));
    row.set(column::SAMPLE_KEYS, failed.keys.clone());
    row
}

fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
