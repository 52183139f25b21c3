//! The laws of the engine: order does not matter, undo restores, contact points never join two.

use super::*;
use crate::evaluate::evaluate;
use crate::memory_store::MemoryStore;
use crate::model::Model;
use panorama_model::{IdentifierKind, PartialDate, PersonId, RecordKind, Timestamp};
use panorama_standardize::{BirthDate, Generation, StandardIdentifier};
use std::collections::{BTreeMap, BTreeSet};

/// Records called `web...` are of another source.
fn key(id: &str) -> SourceRecordKey {
    let source = if id.starts_with("web") { "web" } else { "test" };
    SourceRecordKey::new(source, RecordKind::Patient, id)
}

/// Something of everything that can be declared, about [`population`].
const DECLARED: &str = r#"{
    "blocking": [{"keys": ["family_name", "birthday"]}, {"keys": ["phone_last_seven", "given_name_initial"]}],
    "comparisons": [{"name": "line", "field": "phone_last_seven", "levels": [
        {"name": "near", "test": {"prefix": 6}, "m": 0.6, "u": 0.1},
        {"name": "far", "test": "otherwise", "m": 0.4, "u": 0.9}]}],
    "blocked": {"phones": ["4145550007", "4145550011"], "names": [{"given": "Gwen", "family": "Smyth"}, {"given": "R"}]},
    "identifiers": [{"authority": "MERCY", "aliases": ["M2"], "identifies": "person"}],
    "sources": [{"source": "web", "probability_max": 0.9, "ignore": ["birth_date"]}]}"#;

fn declared_model() -> Model {
    Model {
        version: "declared".to_owned(),
        declared: serde_json::from_str(DECLARED).unwrap(),
        ..Model::default()
    }
}

fn at(time: i64) -> Version {
    Version::new(Timestamp(time), 0, b"")
}

fn person(given: &str, family: &str, day: u8) -> StandardPerson {
    StandardPerson {
        given: given.into(),
        given_canonical: given.into(),
        family: family.into(),
        birth_date: PartialDate::from_ymd(1980, 2, day).map(|date| BirthDate { date, weak: false }),
        ..StandardPerson::default()
    }
}

fn caller(phone: &str) -> StandardPerson {
    StandardPerson {
        phones: [phone.into()].into_iter().collect(),
        ..StandardPerson::default()
    }
}

fn with_phone(mut person: StandardPerson, phone: &str) -> StandardPerson {
    person.phones.push(phone.into());
    person
}

/// An engine with its store, spoken to in short words.
struct Bench {
    engine: IdentityEngine,
    store: MemoryStore,
}

impl Bench {
    fn new() -> Self {
        Self::with(Model::default())
    }

    fn with(model: Model) -> Self {
        Self {
            engine: IdentityEngine::new(Arc::new(Scorer::new(model).unwrap())),
            store: MemoryStore::new(),
        }
    }

    fn put(&mut self, id: &str, person: &StandardPerson) -> Changes {
        let prepared = self.engine.prepare(&key(id).source, person.clone());
        self.engine.upsert(&mut self.store, &key(id), prepared, at(1))
    }

    fn event(&mut self, kind: IdentityEventKind, subject: &str, other: &str, time: i64) -> Changes {
        let event = IdentityEvent {
            kind,
            subject: key(subject),
            other: key(other),
            version: at(time),
        };
        self.engine.apply_event(&mut self.store, &event)
    }

    fn decide(&mut self, a: &str, b: &str, verdict: Verdict, time: i64) -> Changes {
        self.engine
            .decide(&mut self.store, &key(a), &key(b), verdict, at(time))
    }

    fn person_of(&mut self, id: &str) -> PersonId {
        let number = self.store.find(&key(id)).unwrap();
        self.store.membership(number).unwrap().person
    }

    fn together(&mut self, a: &str, b: &str) -> bool {
        self.person_of(a) == self.person_of(b)
    }

    fn partition(&self) -> BTreeSet<BTreeSet<String>> {
        let mut clusters: BTreeMap<PersonId, BTreeSet<String>> = BTreeMap::new();
        for (_, key, membership) in self.store.memberships() {
            clusters
                .entry(membership.person)
                .or_default()
                .insert(key.id.to_string());
        }
        clusters.into_values().collect()
    }
}

#[test]
fn records_link_and_the_oldest_id_survives() {
    let mut bench = Bench::new();
    let rosa = person("rosalind", "keller", 29);
    let first = bench.put("a", &rosa);
    assert_eq!(first.events[0].kind, IdentityChangeKind::Created);
    let second = bench.put("b", &rosa);
    assert_eq!(second.events[0].kind, IdentityChangeKind::Linked);
    assert_eq!(second.reassigned[0].evidence.method, MatchMethod::Score);
    assert_eq!(bench.person_of("b"), PersonId::of_founder(&key("a")));
    assert_eq!(
        bench.put("b", &rosa),
        Changes::default(),
        "saying the same again changes nothing"
    );
    // A correction takes it out again.
    let corrected = bench.put("b", &person("peter", "smith", 3));
    assert_eq!(corrected.events[0].kind, IdentityChangeKind::Split);
    assert_eq!(bench.person_of("b"), PersonId::of_founder(&key("b")));
}

#[test]
fn merges_are_harmless_in_every_shape_and_unlink_restores() {
    let mut bench = Bench::new();
    bench.put("a", &person("rosalind", "keller", 29));
    bench.put("b", &person("peter", "smith", 3));
    let before = bench.partition();
    let merged = bench.event(IdentityEventKind::Merge, "a", "b", 2);
    assert_eq!(merged.events[0].kind, IdentityChangeKind::Merged);
    assert_eq!(
        merged.events[0].other_person,
        Some(PersonId::of_founder(&key("b")))
    );
    for (subject, other) in [("a", "b"), ("b", "a"), ("a", "a")] {
        let again = bench.event(IdentityEventKind::Merge, subject, other, 3);
        assert!(again.reassigned.is_empty() && bench.together("a", "b"));
    }
    let split = bench.event(IdentityEventKind::Unlink, "a", "b", 4);
    assert_eq!(split.events[0].kind, IdentityChangeKind::Split);
    assert_eq!(bench.partition(), before);
    // An older link that arrives late does not undo the unlink.
    bench.event(IdentityEventKind::Link, "a", "b", 3);
    assert_eq!(bench.partition(), before);
}

#[test]
fn merges_may_come_before_their_records() {
    let mut bench = Bench::new();
    bench.event(IdentityEventKind::Merge, "survivor", "a", 2);
    bench.event(IdentityEventKind::Merge, "survivor", "b", 2);
    bench.put("a", &person("rosalind", "keller", 29));
    bench.put("b", &person("peter", "smith", 3));
    assert!(bench.together("a", "b"), "through a survivor that was never seen");
    assert_eq!(bench.person_of("b"), PersonId::of_founder(&key("a")));
}

#[test]
fn stewards_outrank_scores_until_they_withdraw() {
    let mut bench = Bench::new();
    let rosa = person("rosalind", "keller", 29);
    bench.put("a", &rosa);
    bench.put("b", &rosa);
    bench.decide("a", "b", Verdict::NoMatch, 2);
    assert!(!bench.together("a", "b"));
    bench.event(IdentityEventKind::Link, "a", "b", 3);
    assert!(!bench.together("a", "b"));
    bench.put("c", &rosa);
    assert_eq!(
        bench.partition().len(),
        2,
        "c joins one of them and does not bridge"
    );
    bench.decide("a", "b", Verdict::Withdrawn, 4);
    assert!(bench.together("a", "b") && bench.together("b", "c"));
}

#[test]
fn namesakes_of_two_generations_stay_apart() {
    let mut bench = Bench::new();
    let named = |generation| StandardPerson {
        generation,
        ..with_phone(person("rosalind", "keller", 29), "+14145550123")
    };
    bench.put("sr", &named(Some(Generation::Senior)));
    bench.put("jr", &named(Some(Generation::Junior)));
    bench.put("plain", &named(None));
    assert!(!bench.together("sr", "jr"));
}

#[test]
fn what_changed_since_it_was_looked_at_is_looked_at_again() {
    let mut bench = Bench::new();
    let [senior, junior] = [Generation::Senior, Generation::Junior].map(|generation| StandardPerson {
        generation: Some(generation),
        ..with_phone(person("rosalind", "keller", 7), "+14145550101")
    });
    bench.put("a", &senior);
    let said = [("a", &junior), ("b", &senior)].map(|(id, person)| {
        let key = key(id);
        (bench.engine.prepare(&key.source, person.clone()), key)
    });
    let records = said
        .each_ref()
        .map(|(prepared, key)| (key.source.as_str(), prepared));
    let ahead = bench
        .engine
        .look_ahead(&mut bench.store, &records, NonZeroUsize::MIN);
    for ((prepared, key), ahead) in said.into_iter().zip(ahead) {
        bench
            .engine
            .upsert_seen(&mut bench.store, &key, prepared, at(2), &ahead);
    }
    assert!(!bench.together("a", "b"));
}

#[test]
fn deleted_records_leave_and_may_return() {
    let mut bench = Bench::new();
    let rosa = person("rosalind", "keller", 29);
    bench.put("a", &rosa);
    bench.put("b", &rosa);
    bench.event(IdentityEventKind::Delete, "a", "a", 5);
    assert_eq!(bench.partition().len(), 1);
    assert_eq!(bench.person_of("b"), PersonId::of_founder(&key("b")));
    // A late copy from before the deletion changes nothing; a newer word brings the record back.
    bench.put("a", &rosa);
    assert!(!bench.together("a", "b"));
    let prepared = bench.engine.prepare("test", rosa);
    bench.engine.upsert(&mut bench.store, &key("a"), prepared, at(6));
    assert!(bench.together("a", "b"));
}

#[test]
fn contact_points_attach_to_the_one_holder_and_join_nobody() {
    let mut bench = Bench::new();
    bench.put("call", &caller("+14145550123"));
    bench.put("other call", &caller("+14145550123"));
    assert!(
        !bench.together("call", "other call"),
        "two contact points alone are not a person"
    );
    bench.put(
        "rosa",
        &with_phone(person("rosalind", "keller", 29), "+14145550123"),
    );
    assert!(bench.together("call", "rosa") && bench.together("other call", "rosa"));
    assert_eq!(bench.person_of("call"), PersonId::of_founder(&key("rosa")));
    let second = bench.put("peter", &with_phone(person("peter", "keller", 3), "+14145550123"));
    assert!(!bench.together("rosa", "peter"));
    assert_eq!(second.reassigned.len(), 3, "both calls are nobody's now");
    bench.put("peter", &person("peter", "keller", 3));
    assert!(bench.together("call", "rosa"), "the phone is one person's again");
    bench.event(IdentityEventKind::Link, "peter", "call", 2);
    assert!(bench.together("call", "peter") && !bench.together("call", "rosa"));
    bench.event(IdentityEventKind::Unlink, "peter", "call", 3);
    assert!(bench.together("call", "rosa"));
}

#[test]
fn doubtful_pairs_open_and_close() {
    let mut bench = Bench::new();
    bench.put("first", &person("peter", "quill", 3));
    let mut twin = with_phone(person("rosalind", "keller", 29), "+14145550123");
    bench.put("a", &twin);
    (twin.given, twin.given_canonical) = ("gwen".into(), "gwen".into());
    let opened = bench.put("b", &twin);
    assert_eq!(opened.reviews.len(), 1, "{opened:?}");
    assert_eq!(opened.reviews[0].status, ReviewStatus::Open);
    // One of them becomes another person's: the pair is still doubtful, and told again with the person it is now.
    let moved = bench.decide("first", "b", Verdict::Match, 1);
    assert!(bench.together("first", "b"));
    assert_eq!(moved.reviews.len(), 1, "{moved:?}");
    assert_eq!(moved.reviews[0].status, ReviewStatus::Open);
    let closed = bench.decide("a", "b", Verdict::NoMatch, 2);
    assert_eq!(closed.reviews[0].status, ReviewStatus::Closed);
}

#[test]
fn crowded_blocks_are_void_and_come_back() {
    let mut model = Model::default();
    model.limits.block_records_max = 3;
    let mut bench = Bench::with(model);
    let rosa = person("rosalind", "keller", 29);
    for id in ["a", "b", "c"] {
        bench.put(id, &rosa);
    }
    assert_eq!(bench.partition().len(), 1);
    let crowded = bench.put("d", &rosa);
    assert!(crowded.counters.blocks_voided > 0);
    assert_eq!(
        bench.partition().len(),
        4,
        "no pair of a crowded block counts, whoever came first"
    );
    bench.event(IdentityEventKind::Delete, "b", "b", 5);
    assert_eq!(bench.partition().len(), 1);
}

/// A small population with households, namesakes, typing errors, shared phones, contact points and statements.
fn population(size: usize) -> Vec<(String, StandardPerson)> {
    let givens = ["rosalind", "peter", "mary", "maria", "john", "jon", "r", "gwen"];
    let families = ["keller", "smith", "ruiz", "kelly", "smyth"];
    let mut state = 7u64;
    let mut draw = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    (0..size)
        .map(|n| {
            let phone = format!("+1414555{:04}", draw(size / 3));
            if draw(8) == 0 {
                return (format!("r{n}"), caller(&phone));
            }
            let source = if n % 6 == 0 { "web" } else { "r" };
            let mut p = person(
                givens[draw(8)],
                families[draw(5)],
                u8::try_from(1 + draw(28)).unwrap(),
            );
            if draw(2) == 0 {
                p.phones.push(phone.as_str().into());
            }
            if draw(5) == 0 {
                p.birth_date = None;
            }
            if draw(3) == 0 {
                p.identifiers.push(StandardIdentifier {
                    authority: ["MERCY", "M2", "OTHER"][draw(3)].into(),
                    value: draw(size / 2).to_string().into(),
                    kind: IdentifierKind::MedicalRecord,
                });
            }
            (format!("{source}{n}"), p)
        })
        .collect()
}

/// One thing that happens to the engine.
#[derive(Clone)]
enum Act {
    /// One says what is true of another, or of itself.
    Put(usize, usize),
    Event(IdentityEventKind, usize, usize, i64),
    Decide(usize, usize, Verdict, i64),
}

#[test]
fn the_partition_does_not_depend_on_order() {
    any_order_leads_to_one_partition(Model::default());
}

#[test]
fn nor_does_it_with_declarations() {
    any_order_leads_to_one_partition(declared_model());
}

/// Everybody speaks, and some are merged, unlinked, deleted and decided about.
fn acts_of(people: usize) -> Vec<Act> {
    let mut acts: Vec<Act> = (0..people).map(|n| Act::Put(n, n)).collect();
    for n in 0..20 {
        acts.push(Act::Event(IdentityEventKind::Merge, n * 11, n * 7 + 3, 2));
        acts.push(Act::Event(
            IdentityEventKind::Unlink,
            n * 11,
            n * 7 + 3,
            if n % 2 == 0 { 3 } else { 1 },
        ));
        acts.push(Act::Event(IdentityEventKind::Delete, n * 12 + 1, n * 12 + 1, 4));
        acts.push(Act::Decide(
            n * 5,
            n * 9 + 2,
            if n % 3 == 0 {
                Verdict::Match
            } else {
                Verdict::NoMatch
            },
            2,
        ));
    }
    acts
}

fn any_order_leads_to_one_partition(mut model: Model) {
    let people = population(240);
    let mut acts = acts_of(people.len());
    // Small limits, so that voiding, reviving and cutting are part of what must not depend on order.
    model.limits.block_records_max = 6;
    model.limits.anchor_records_max = 4;
    model.limits.component_records_max = 12;
    let two = NonZeroUsize::new(2).unwrap();
    // So many at once are looked at ahead; some of them change what others were looked at with.
    let run = |acts: &[Act], at_once: usize| {
        let mut bench = Bench::with(model.clone());
        for acts in acts.chunks(at_once) {
            if at_once == 1 {
                // One that remembers nothing.
                bench.engine = IdentityEngine::new(Arc::clone(&bench.engine.scorer));
            }
            let puts = acts.iter().filter_map(|act| match *act {
                Act::Put(n, says) => Some((key(&people[n].0), people[says].1.clone())),
                _ => None,
            });
            let puts: Vec<_> = puts
                .map(|(key, person)| (bench.engine.prepare(&key.source, person), key))
                .collect();
            let said: Vec<_> = puts
                .iter()
                .map(|(prepared, key)| (key.source.as_str(), prepared))
                .collect();
            let ahead = bench.engine.look_ahead(&mut bench.store, &said, two);
            let mut puts = puts.iter().zip(ahead);
            for act in acts {
                match *act {
                    Act::Put(..) => {
                        let ((prepared, key), ahead) = puts.next().unwrap();
                        let prepared = prepared.clone();
                        bench
                            .engine
                            .upsert_seen(&mut bench.store, key, prepared, at(1), &ahead);
                    }
                    Act::Event(kind, a, b, time) => {
                        drop(bench.event(kind, &people[a].0, &people[b].0, time));
                    }
                    Act::Decide(a, b, verdict, time) => {
                        drop(bench.decide(&people[a].0, &people[b].0, verdict, time));
                    }
                }
            }
        }
        bench.partition()
    };
    let expected = run(&acts, 1);
    assert!(
        expected.iter().any(|cluster| cluster.len() > 2),
        "the test has something to lose"
    );
    let mut state = 11u64;
    for shuffle in 0..20 {
        for at in (1..acts.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            acts.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        // Some records say something else first, and some say everything twice.
        let mut noisy: Vec<Act> = (0..40).map(|n| Act::Put(n * 5, n * 3 + 1)).collect();
        noisy.extend(acts.iter().cloned());
        noisy.extend(acts.iter().take(40).cloned());
        let at_once = [1, 7, 64, 1000][shuffle % 4];
        assert_eq!(run(&noisy, at_once), expected, "shuffle {shuffle}");
    }
}

#[test]
fn passing_through_other_states_leaves_no_trace() {
    let people = population(200);
    for model in [Model::default(), declared_model()] {
        let mut straight = Bench::with(model.clone());
        let mut winding = Bench::with(model);
        for (id, person) in &people {
            straight.put(id, person);
        }
        for (at, (id, _)) in people.iter().enumerate() {
            winding.put(id, &people[(at * 13 + 5) % people.len()].1);
        }
        for (id, person) in people.iter().rev() {
            winding.put(id, person);
        }
        assert_eq!(straight.partition(), winding.partition());
    }
}

#[test]
fn under_another_model_each_pair_is_scored_once_however_few_at_a_time() {
    let people = population(300);
    let mut other = Model::default();
    other.prior.match_probability *= 8.0;
    let scored = |at_once: usize| {
        let mut bench = Bench::new();
        people.iter().for_each(|(id, person)| drop(bench.put(id, person)));
        bench.engine = IdentityEngine::new(Arc::new(Scorer::new(other.clone()).unwrap()));
        let until = bench.store.memberships().count();
        let number = |at: usize| RecordNumber(at.min(until) as u64);
        let some = |at: usize| number(at)..number(at + at_once);
        let all = (0..until).step_by(at_once).map(|at| {
            let changes =
                bench
                    .engine
                    .match_again(&mut bench.store, some(at), number(until), NonZeroUsize::MIN);
            changes.counters.pairs_scored
        });
        all.sum::<u64>()
    };
    let once = scored(usize::MAX / 2);
    assert!(once > 300, "{once}");
    assert_eq!([scored(1), scored(7), scored(64)], [once; 3]);
}

#[test]
fn a_model_with_declarations_and_back_leaves_no_trace() {
    // Where few records fill a block, those that move push it past its limit, and back, under those that stay.
    for block_records_max in [100, 9, 4] {
        there_and_back(block_records_max);
    }
}

fn there_and_back(block_records_max: usize) {
    let limited = |mut model: Model| {
        model.limits.block_records_max = block_records_max;
        model
    };
    let people = population(300);
    let from_scratch = |model: Model| {
        let mut bench = Bench::with(model);
        people.iter().for_each(|(id, person)| drop(bench.put(id, person)));
        bench
    };
    let mut bench = from_scratch(limited(Model::default()));
    let until = bench.store.memberships().count();
    let number = |at: usize| RecordNumber(at.min(until) as u64);
    for (model, at_once) in [
        (declared_model(), 1),
        (Model::default(), until),
        (declared_model(), until),
        (Model::default(), 1),
    ] {
        let model = limited(model);
        bench.engine = IdentityEngine::new(Arc::new(Scorer::new(model.clone()).unwrap()));
        let two = NonZeroUsize::new(2).unwrap();
        for at in (0..until).step_by(at_once) {
            let some = number(at)..number(at + at_once);
            bench
                .engine
                .match_again(&mut bench.store, some, number(until), two);
        }
        let expected = from_scratch(model.clone());
        assert_eq!(bench.partition(), expected.partition(), "{}", model.version);
        let both = bench.store.memberships().zip(expected.store.memberships());
        both.for_each(|((_, _, found), (_, _, expected))| assert_eq!(found, expected));
    }
    let [shipped, declared] =
        [Model::default(), declared_model()].map(|m| from_scratch(limited(m)).partition());
    assert_ne!(shipped, declared, "the declarations matter");
}

#[test]
fn memberships_survive_a_round_trip_through_bytes() {
    let mut bench = Bench::new();
    bench.put("a", &with_phone(person("rosalind", "keller", 29), "+14145550123"));
    let number = bench.store.find(&key("a")).unwrap();
    let entry = bench.store.record(number).unwrap();
    let bytes = postcard::to_allocvec(&*entry).unwrap();
    assert_eq!(postcard::from_bytes::<RecordEntry>(&bytes).unwrap(), *entry);
    assert!(bytes.len() < 400, "{} bytes", bytes.len());
    let quality = evaluate(bench.store.memberships().map(|(number, _, m)| (m.person, number)));
    assert_eq!(quality.clusters, 1);
}
