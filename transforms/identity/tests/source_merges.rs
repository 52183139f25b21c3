//! What sources say of the identity of their records, as a truth table: each case in every order of its statements, and
//! with every statement repeated, gives the same persons (INV-6), whose ids are those of their first records.
//!
//! The names of HL7 v2 events, FHIR link types and CRM events stand for the kind of event they arrive as; decoders have
//! their own tests for that step.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use panorama_identity::{IdentityEngine, IdentityStore, MemoryStore, Model, Scorer, Verdict};
use panorama_model::{
    IdentityEvent, IdentityEventKind, PartialDate, PersonId, RecordKind, SourceRecordKey, Timestamp, Version,
};
use panorama_standardize::{BirthDate, Generation, StandardPerson};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One case a line: what it is called, what was said, and which records are one person after it.
///
/// - `a=rosa` record a says it is Rosa; `a=rosa@6` says so at time 6, otherwise at 1
/// - `A40 a b @2` the event of that name: a survives, b is merged, said at time 2
/// - `match a b @2`, `never a b @2`, `withdraw a b @2` a steward's word
/// - `a b | c` a and b are one person, c is another; records never seen or deleted are in no person
const CASES: &str = "
# Plain
patient merge: a=rosa, b=peter, A40 a b @2 => a b
patient id merge: a=rosa, b=peter, A34 a b @2 => a b
patient information merge: a=rosa, b=peter, A18 a b @2 => a b
FHIR replaced-by: a=rosa, b=peter, replaced-by a b @2 => a b
CRM merged ids: a=rosa, b=peter, merged-ids a b @2 => a b
link: a=rosa, b=peter, A24 a b @2 => a b
FHIR seealso: a=rosa, b=peter, seealso a b @2 => a b
change of the patient id list: a=rosa, b=peter, A47 a b @2 => a b
change of the external id: a=rosa, b=peter, A46 a b @2 => a b
an account merge merges no persons: a=rosa, b=peter, A41 a b @2 => a | b
nothing said: a=rosa, b=peter => a | b
# Self
merge with itself: a=rosa, b=peter, A40 a a @2 => a | b
link with itself: a=rosa, b=rosa, A24 a a @2 => a b
unlink from itself: a=rosa, b=rosa, A37 a a @2 => a b
rename to itself: a=rosa, b=peter, A47 a a @2, A40 a b @2 => a b
# Circular, reversed, repeated
circle of two: a=rosa, b=peter, A40 a b @2, A40 b a @3 => a b
circle of two in one instant: a=rosa, b=peter, A40 a b @2, A40 b a @2 => a b
circle of three: a=rosa, b=peter, c=mary, A40 a b @2, A40 b c @3, A40 c a @4 => a b c
renamed there and back: a=rosa, b=peter, A47 a b @2, A47 b a @3 => a b
reversed: a=rosa, b=peter, A40 b a @2 => a b
repeated: a=rosa, b=peter, A40 a b @2, A40 a b @3, A40 a b @2 => a b
by several events: a=rosa, b=peter, A40 a b @2, A24 a b @2, A47 b a @3 => a b
# Unlinks
merge, then unlink: a=rosa, b=peter, A40 a b @2, A37 a b @3 => a | b
link, then unlink, reversed: a=rosa, b=peter, A24 a b @2, A37 b a @3 => a | b
unlink, then link: a=rosa, b=peter, A37 a b @2, A24 a b @3 => a b
link, unlink, link: a=rosa, b=peter, A24 a b @2, A37 a b @3, A24 b a @4 => a b
link and unlink in one instant: a=rosa, b=peter, A24 a b @2, A37 a b @2 => a | b
unlink against the score: a=rosa, b=rosa, A37 a b @2 => a | b
unlink and link against and with the score: a=rosa, b=rosa, A37 a b @2, A24 a b @3 => a b
unlink of strangers: a=rosa, b=peter, A37 a b @2 => a | b
# Chains
chain: a=rosa, b=peter, c=mary, A40 a b @2, A40 b c @3 => a b c
chain told backwards: a=rosa, b=peter, c=mary, A40 b c @2, A40 a b @3 => a b c
star: a=rosa, b=peter, c=mary, d=john, A40 a b @2, A40 a c @2, A40 a d @2 => a b c d
chain cut: a=rosa, b=peter, c=mary, d=john, A40 a b @2, A40 b c @2, A40 c d @2, A37 b c @3 => a b | c d
two merged persons of two records: a=rosa, b=rosa, c=peter, d=peter, A40 a c @2 => a b c d
circle cut: the newest link stays: a=rosa, b=peter, c=mary, A40 a b @2, A40 c a @3, A37 b c @4 => a c | b
circle cut, other way around: a=rosa, b=peter, c=mary, A40 a b @3, A40 c a @2, A37 b c @4 => a b | c
rename chain: a=rosa, b=rosa, c=peter, A47 b a @2, A47 c b @3 => a b c
rename, then unlink: a=rosa, b=peter, A47 a b @2, A37 a b @3 => a | b
# Records never seen, deleted, returned
survivor never seen: a=rosa, b=peter, A40 x a @2, A40 x b @2 => a b
survivor never seen, one unlinked: a=rosa, b=peter, A40 x a @2, A40 x b @2, A37 x b @3 => a | b
two survivors never seen: a=rosa, b=peter, A40 x a @2, A40 y x @2, A40 y b @3 => a b
merged record never seen: a=rosa, A40 a x @2 => a
nobody ever seen: A40 x y @2, A37 y z @2 =>
survivor deleted: a=rosa, b=peter, c=mary, A40 a b @2, A40 a c @2, A29 a a @5 => b c
survivor deleted and back: a=rosa@6, b=peter, A40 a b @2, A29 a a @5 => a b
merged record deleted: a=rosa, b=peter, A40 a b @2, A29 b b @5 => a
deleted before it was merged: a=rosa, b=peter, A29 b b @2, A40 a b @3 => a
# Stewards
steward joins what a source parted: a=rosa, b=peter, A37 a b @9, match a b @2 => a b
steward parts what a source joined: a=rosa, b=peter, A40 a b @9, never b a @2 => a | b
steward's word withdrawn: the source's holds: a=rosa, b=peter, A40 a b @2, never a b @3, withdraw a b @4 => a b
steward's link withdrawn: the unlink holds: a=rosa, b=rosa, A37 a b @2, match a b @3, withdraw a b @4 => a | b
steward's link withdrawn: nothing holds: a=rosa, b=peter, match a b @2, withdraw a b @3 => a | b
withdrawn before it was said: a=rosa, b=peter, withdraw a b @2, match a b @3 => a b
steward changes the mind: a=rosa, b=peter, match a b @2, never a b @3 => a | b
never, and a chain around it: a=rosa, b=peter, c=mary, A40 a b @2, A40 b c @3, never a c @2 => a | b c
a steward's link outranks a newer merge: a=rosa, b=peter, c=mary, A40 b c @9, match a b @2, never a c @2 => a b | c
never against the score, a third between: a=rosa, b=rosa, c=rosa, never a b @2, match b c @3 => a | b c
# Under a constraint
Junior and Senior apart: a=junior, b=senior => a | b
Junior and Senior merged: a=junior, b=senior, A40 a b @2 => a b
Junior and Senior merged and unlinked: a=junior, b=senior, A40 a b @2, A37 a b @3 => a | b
Junior and Senior joined by a steward: a=junior, b=senior, match a b @2 => a b
a merge bridges no contradiction by score: a=junior, b=senior, c=peter, A40 a c @2 => a c | b
twins apart: a=first twin, b=second twin => a | b
twins merged: a=first twin, b=second twin, A40 a b @2 => a b
a test record apart, merged: a=rosa, b=test, c=peter, A40 c b @2 => a | b c
# Contact points
caller of one holder: a=rosa 1, x=call 1, b=peter => a x | b
caller linked elsewhere: a=rosa 1, x=call 1, b=peter, A24 b x @2 => a | b x
caller linked elsewhere and unlinked: a=rosa 1, x=call 1, b=peter, A24 b x @2, A37 b x @3 => a x | b
caller unlinked from the holder: a=rosa 1, x=call 1, A37 a x @2 => a | x
two callers linked: x=call 1, y=call 2, A24 x y @2 => x y
two callers linked, one has a holder: a=rosa 1, x=call 1, y=call 2, A24 x y @2 => a x y
two callers linked, two holders: a=rosa 1, b=peter 2, x=call 1, y=call 2, A24 x y @2 => a | b | x y
two callers linked and unlinked: a=rosa 1, b=peter 2, x=call 1, y=call 2, A24 x y @2, A37 x y @3 => a x | b y
linked callers, one unlinked from the holder: a=rosa 1, x=call 1, y=call 2, A24 x y @2, A37 a y @3 => a | x y
caller unlinked from one record of the holder: a=rosa, c=rosa 1, x=call 1, A37 a x @2 => a c | x
two callers of one holder unlinked: a=rosa 1, x=call 1, y=call 1, A37 x y @2 => a | x | y
callers linked through an id never seen: a=rosa 1, x=call 1, y=call 2, A24 u x @2, A24 u y @2 => a x y
callers parted through an id never seen: a=rosa 1, x=call 1, y=call 1, A24 u y @2, A37 u x @2 => a | x | y
linked callers, one deleted: a=rosa 1, x=call 1, y=call 2, A24 x y @2, A29 x x @3 => a | y
kept apart two steps on: a=rosa 1, d=call 2, x=call 1, y=call 1, never x y @2, never y d @2, match a d @2, withdraw a d @3 => a | d | x | y
a caller linked to the merged record: a=rosa, b=peter, x=call 1, A24 b x @2, A40 a b @3 => a b x
";

/// One thing that happens.
#[derive(Clone, Debug)]
enum Act {
    Put(String, Box<StandardPerson>, i64),
    Event(IdentityEvent),
    Decide(String, String, Verdict, i64),
    /// An event that says nothing of persons.
    Nothing,
}

fn key(id: &str) -> SourceRecordKey {
    SourceRecordKey::new("test", RecordKind::Patient, id)
}

fn at(time: i64) -> Version {
    Version::new(Timestamp(time), 0, b"")
}

/// The person of a word of the table; a digit after it is a phone number.
fn person(word: &str) -> StandardPerson {
    let (name, phone) = match word.rsplit_once(' ') {
        Some((name, digit)) if digit.len() == 1 => (name, Some(format!("+1414555012{digit}"))),
        _ => (word, None),
    };
    let named = |given: &str, family: &str, year, month, day| StandardPerson {
        given: given.into(),
        given_canonical: given.into(),
        family: family.into(),
        birth_date: PartialDate::from_ymd(year, month, day).map(|date| BirthDate { date, weak: false }),
        ..StandardPerson::default()
    };
    let mut person = match name {
        "rosa" => named("rosalind", "keller", 1980, 2, 29),
        "peter" => named("peter", "smith", 1951, 7, 3),
        "mary" => named("mary", "ruiz", 2001, 11, 20),
        "john" => named("john", "okafor", 1967, 5, 14),
        "call" => StandardPerson::default(),
        "junior" | "senior" => StandardPerson {
            generation: Some(if name == "junior" {
                Generation::Junior
            } else {
                Generation::Senior
            }),
            ..named("henry", "keller", 1980, 2, 29)
        },
        "first twin" | "second twin" => {
            let mut twin = named("ada", "keller", 2020, 6, 9);
            twin.flags.multiple_birth = true;
            twin.flags.birth_order = if name == "first twin" { 1 } else { 2 };
            twin
        }
        "test" => {
            let mut test = named("rosalind", "keller", 1980, 2, 29);
            test.flags.test = true;
            test
        }
        other => panic!("no person is called {other}"),
    };
    person.phones.extend(phone.map(|phone| phone.as_str().into()));
    person
}

fn parse(act: &str) -> Act {
    let (what, time) = act
        .rsplit_once('@')
        .map_or((act, 1), |(what, time)| (what, time.parse().unwrap()));
    if let Some((id, word)) = what.split_once('=') {
        return Act::Put(id.to_owned(), Box::new(person(word.trim())), time);
    }
    let words: Vec<_> = what.split_whitespace().collect();
    let [name, a, b] = words.as_slice() else {
        panic!("not an act: {act}")
    };
    let kind = match *name {
        "A18" | "A34" | "A40" | "replaced-by" | "merged-ids" => IdentityEventKind::Merge,
        "A24" | "seealso" => IdentityEventKind::Link,
        "A37" => IdentityEventKind::Unlink,
        "A46" | "A47" => IdentityEventKind::ChangeIdentifier,
        "A29" => IdentityEventKind::Delete,
        "A41" => return Act::Nothing,
        verdict => {
            let verdict = match verdict {
                "match" => Verdict::Match,
                "never" => Verdict::NoMatch,
                "withdraw" => Verdict::Withdrawn,
                other => panic!("no event is called {other}"),
            };
            return Act::Decide((*a).to_owned(), (*b).to_owned(), verdict, time);
        }
    };
    Act::Event(IdentityEvent {
        kind,
        subject: key(a),
        other: key(b),
        version: at(time),
    })
}

/// The persons after acts in this order, as the table writes them.
fn persons(engine: &IdentityEngine, acts: &[&Act]) -> BTreeSet<BTreeSet<String>> {
    let mut store = MemoryStore::new();
    let mut first_seen: Vec<&str> = Vec::new();
    for act in acts {
        match act {
            Act::Put(id, person, time) => {
                let prepared = engine.prepare(&key(id).source, (**person).clone());
                engine.upsert(&mut store, &key(id), prepared, at(*time));
                first_seen.push(id);
            }
            Act::Event(event) => drop(engine.apply_event(&mut store, event)),
            Act::Decide(a, b, verdict, time) => {
                drop(engine.decide(&mut store, &key(a), &key(b), *verdict, at(*time)));
            }
            Act::Nothing => {}
        }
    }
    let mut clusters: BTreeMap<PersonId, BTreeSet<String>> = BTreeMap::new();
    for (_, key, membership) in store.memberships() {
        clusters
            .entry(membership.person)
            .or_default()
            .insert(key.id.to_string());
    }
    for (id, members) in &clusters {
        let is_full = |member: &str| {
            let number = store.clone().find(&key(member)).unwrap();
            !store.clone().membership(number).unwrap().attached
        };
        let has_full = members.iter().any(|member| is_full(member));
        let mut founders = first_seen
            .iter()
            .filter(|seen| members.contains(**seen) && (!has_full || is_full(seen)));
        let founder = founders.next().unwrap();
        // A record that was deleted and came back after others keeps the place of its first sight.
        assert_eq!(
            *id,
            PersonId::of_founder(&key(founder)),
            "the first full record founds {members:?}"
        );
    }
    clusters.into_values().collect()
}

/// A stream of numbers below what is asked, the same in every run.
fn draws(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    }
}

/// Calls `each` with orders of so many things: all of them where they are few, else the first, its reverse and shuffles.
fn orders(count: usize, mut each: impl FnMut(&[usize])) {
    const ORDERS_MAX: usize = 720;
    let mut order: Vec<usize> = (0..count).collect();
    each(&order);
    if count <= 6 {
        while next_permutation(&mut order) {
            each(&order);
        }
        return;
    }
    order.reverse();
    each(&order);
    let mut draw = draws(11);
    for _ in 2..ORDERS_MAX {
        for place in (1..count).rev() {
            order.swap(place, draw(place + 1));
        }
        each(&order);
    }
}

/// The next order of the dictionary; false after the last.
fn next_permutation(order: &mut [usize]) -> bool {
    let Some(pivot) = (1..order.len()).rev().find(|at| order[at - 1] < order[*at]) else {
        return false;
    };
    let swap = (pivot..order.len())
        .rev()
        .find(|at| order[*at] > order[pivot - 1])
        .unwrap();
    order.swap(pivot - 1, swap);
    order[pivot..].reverse();
    true
}

#[test]
fn every_case_in_every_order_gives_its_persons() {
    let engine = IdentityEngine::new(Arc::new(Scorer::new(Model::default()).unwrap()));
    let (mut failed, mut count) = (Vec::new(), 0);
    let cases = CASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for case in cases {
        let (case, expected) = case.split_once("=>").unwrap();
        let (name, acts) = case.rsplit_once(": ").unwrap();
        count += 1;
        let acts: Vec<Act> = acts.split(',').map(|act| parse(act.trim())).collect();
        let words = |cluster: &str| {
            cluster
                .split_whitespace()
                .map(str::to_owned)
                .collect::<BTreeSet<_>>()
        };
        let expected: BTreeSet<_> = expected.split('|').map(words).filter(|c| !c.is_empty()).collect();
        let mut wrong = None;
        orders(acts.len(), |order| {
            let once: Vec<&Act> = order.iter().map(|at| &acts[*at]).collect();
            let twice: Vec<&Act> = once.iter().chain(&once).copied().collect();
            for told in [once, twice] {
                let found = persons(&engine, &told);
                if found != expected && wrong.is_none() {
                    wrong = Some(format!(
                        "{name}: {found:?}, expected {expected:?}, order {order:?}"
                    ));
                }
            }
        });
        failed.extend(wrong);
    }
    assert!(
        failed.is_empty(),
        "{} of {} cases\n{}",
        failed.len(),
        count,
        failed.join("\n")
    );
}

/// Cases nobody thought of: a few records of few people and callers, and many statements about them.
#[test]
fn random_statements_in_any_order_give_the_same_persons() {
    const WORDS: [&str; 10] = [
        "rosa", "rosa 1", "rosa 2", "peter", "peter 1", "junior", "senior 2", "call 1", "call 1", "call 2",
    ];
    const SAID: [&str; 8] = ["A40", "A24", "A47", "A37", "A37", "match", "never", "withdraw"];
    let engine = IdentityEngine::new(Arc::new(Scorer::new(Model::default()).unwrap()));
    let mut draw = draws(7);
    for _ in 0..400 {
        let ids: Vec<String> = (0..4 + draw(5)).map(|n| format!("r{n}")).collect();
        let mut told: Vec<String> = Vec::new();
        for id in &ids {
            let word = WORDS[draw(WORDS.len())];
            match draw(8) {
                0 => {} // Never seen.
                1 => told.extend([format!("{id}={word}"), format!("A29 {id} {id} @{}", 2 + draw(6))]),
                _ => told.push(format!("{id}={word}")),
            }
        }
        for _ in 0..2 + draw(8) {
            let (said, a, b) = (
                SAID[draw(SAID.len())],
                &ids[draw(ids.len())],
                &ids[draw(ids.len())],
            );
            told.push(format!("{said} {a} {b} @{}", 2 + draw(6)));
        }
        let acts: Vec<Act> = told.iter().map(|act| parse(act)).collect();
        let expected = persons(&engine, &acts.iter().collect::<Vec<_>>());
        let mut order: Vec<usize> = (0..acts.len()).collect();
        for _ in 0..30 {
            for place in (1..order.len()).rev() {
                order.swap(place, draw(place + 1));
            }
            let found = persons(&engine, &order.iter().map(|at| &acts[*at]).collect::<Vec<_>>());
            assert_eq!(found, expected, "{} in the order {order:?}", told.join(", "));
        }
    }
}
