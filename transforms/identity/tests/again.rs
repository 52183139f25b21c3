//! Matching all records again under another model makes the persons that model would have made from the beginning.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[expect(unreachable_pub, reason = "shared with the benchmark")]
mod lists;

use panorama_identity::{
    BlockingRule, Edge, IdentityEngine, IdentityStore, MemoryStore, Model, RecordNumber, Scorer, train,
};
use panorama_model::{
    IdentityEvent, IdentityEventKind, PartialDate, PersonId, RecordKind, SourceRecordKey, Timestamp, Version,
};
use panorama_standardize::{BirthDate, StandardPerson, standardize};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Records that are only spoken of, each with another one.
const NEVER_SEEN: usize = 20;

type Records = Vec<(SourceRecordKey, StandardPerson)>;

fn engine(model: &Model) -> IdentityEngine {
    IdentityEngine::new(Arc::new(Scorer::new(model.clone()).unwrap()))
}

/// All records one after another, and what a source says of a few of them.
fn from_scratch(records: &Records, model: &Model) -> MemoryStore {
    let (engine, mut store) = (engine(model), MemoryStore::new());
    for (key, person) in records {
        let prepared = engine.prepare(&key.source, person.clone());
        engine.upsert(&mut store, key, prepared, lists::VERSION);
    }
    let last = records.len() - 1;
    let key = |at: usize| records[at].0.clone();
    let mut said = vec![
        (IdentityEventKind::Merge, key(3), key(9)),
        (IdentityEventKind::Unlink, key(0), key(1)),
        (IdentityEventKind::Delete, key(4), key(4)),
        // Of one that is gone, behind those that are one person through it.
        (IdentityEventKind::Merge, key(13), key(last)),
        (IdentityEventKind::Merge, key(14), key(last)),
        (IdentityEventKind::Delete, key(last), key(last)),
    ];
    for at in 0..NEVER_SEEN {
        let key = SourceRecordKey::new("test", RecordKind::Patient, format!("never seen {at}").as_str());
        said.push((IdentityEventKind::Merge, records[at * 17].0.clone(), key));
    }
    for (kind, subject, other) in said {
        let event = IdentityEvent {
            kind,
            subject,
            other,
            version: Version::new(Timestamp(2), 0, b""),
        };
        engine.apply_event(&mut store, &event);
    }
    store
}

/// The person and the edges of each record.
fn state(store: &mut MemoryStore) -> Vec<(PersonId, Vec<Edge>)> {
    let members: Vec<_> = store
        .memberships()
        .map(|(number, _, m)| (number, m.person))
        .collect();
    let with_edges = members.into_iter().map(|(number, person)| {
        let mut edges = Vec::new();
        store.edges(number, &mut edges);
        (person, edges)
    });
    with_edges.collect()
}

/// Goes from one model to the other and back, so many records at once.
fn check(records: &Records, first: &Model, second: &Model, at_once: usize) {
    let mut store = from_scratch(records, first);
    let until = records.len() + NEVER_SEEN;
    let number = |at: usize| RecordNumber(at.min(until) as u64);
    for model in [second, first] {
        let engine = engine(model);
        for at in (0..until).step_by(at_once) {
            let some = number(at)..number(at + at_once);
            engine.match_again(&mut store, some, number(until), NonZeroUsize::new(2).unwrap());
        }
        let expected = state(&mut from_scratch(records, model));
        assert!(
            state(&mut store) == expected,
            "{at_once} at once, {}",
            model.version
        );
    }
}

/// People with few names and birth dates, so that blocks fill, and callers at their phones.
fn crowd() -> Records {
    let mut draw = lists::draws(3);
    let mut records = Records::new();
    for n in 0..400 {
        let phone = format!("+1414555{:04}", draw(60));
        let mut person = StandardPerson::default();
        person.phones.push(phone.as_str().into());
        if n % 5 > 0 {
            let given = ["rosa", "rosalind", "peter", "petra", "zoe", "ian"][draw(6)];
            let family = ["keller", "kellner", "smith", "zabel", "ruiz"][draw(5)];
            (person.given, person.given_canonical, person.family) =
                (given.into(), given.into(), family.into());
            person.birth_date = PartialDate::from_ymd(1980, 2, u8::try_from(draw(28) + 1).unwrap())
                .map(|date| BirthDate { date, weak: false });
        }
        let key = SourceRecordKey::new("test", RecordKind::Patient, n.to_string().as_str());
        records.push((key, person));
    }
    records
}

#[test]
fn other_rules_and_limits() {
    let (first, mut second) = (Model::default(), Model::default());
    second.version = "other".to_owned();
    second.blocking_rules.retain(|rule| *rule != BlockingRule::Sounds);
    second.blocking_rules.push(BlockingRule::Names);
    second.prior.match_probability *= 8.0;
    second.limits.block_records_max = 12;
    for at_once in [1, 7, 1000] {
        check(&crowd(), &first, &second, at_once);
    }
}

/// Records that move fill blocks past their limit, and leave them, under those that stay: what held for these no longer does.
#[test]
fn some_move_and_others_stay() {
    let mut records = crowd();
    for (at, (key, person)) in records.iter_mut().enumerate() {
        let source = if at % 3 == 0 { "web" } else { "test" };
        *key = SourceRecordKey::new(source, RecordKind::Patient, key.id.as_str());
        if let Some(born) = &mut person.birth_date {
            born.date.day = born.date.day % 8 + 1;
        }
    }
    let mut open = Model {
        blocking_rules: vec![BlockingRule::FamilyBirthDate],
        ..Model::default()
    };
    open.prior.match_probability *= 8.0;
    open.limits.block_records_max = 8;
    let mut ignoring = open.clone();
    ignoring.version = "ignoring".to_owned();
    ignoring.declared =
        serde_json::from_str(r#"{"sources": [{"source": "web", "ignore": ["birth_date"]}]}"#).unwrap();
    for at_once in [1, 7, 150, 1000] {
        check(&records, &ignoring, &open, at_once);
        check(&records, &open, &ignoring, at_once);
    }
}

#[test]
fn shipped_to_trained_and_back() {
    for (name, at_once) in [("febrl3", 1), ("fake_1000", 100), ("us_20k", 4096)] {
        let Some(list) = lists::load(name) else {
            println!("skipped: no ../shared");
            return;
        };
        let records: Records = list
            .keys
            .iter()
            .cloned()
            .zip(list.persons.iter().map(standardize))
            .collect();
        let persons: Vec<_> = records.iter().map(|(_, person)| person.clone()).collect();
        let trained = train(&persons, &Model::default(), 1).model;
        check(&records, &Model::default(), &trained, at_once);
    }
}
