//! The shared person lists: how well the shipped and the trained model link them, what each part of the model is worth,
//! that order does not matter at scale, and that crafted records join nobody.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[expect(unreachable_pub, reason = "shared with the benchmark")]
mod lists;

use lists::reliability::{self, GROUPS, Group};

use panorama_identity::{
    IdentityEngine, MemoryStore, Model, PairKind, PreparedPerson, Quality, Scorer, Verdict, evaluate, train,
};
use panorama_model::{IdentifierKind, PartialDate, PersonId, RecordKind, Sex, SourceRecordKey};
use panorama_standardize::{BirthDate, Generation, StandardIdentifier, StandardPerson, standardize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn engine(model: Model) -> IdentityEngine {
    IdentityEngine::new(Arc::new(Scorer::new(model).unwrap()))
}

fn link(
    list: &lists::List,
    engine: &IdentityEngine,
    prepared: &[PreparedPerson],
    order: &[usize],
) -> MemoryStore {
    let mut store = MemoryStore::new();
    for at in order {
        engine.upsert(&mut store, &list.keys[*at], prepared[*at].clone(), lists::VERSION);
    }
    store
}

fn prepare(list: &lists::List, engine: &IdentityEngine) -> Vec<PreparedPerson> {
    let records = list.keys.iter().zip(&list.persons);
    records
        .map(|(key, person)| engine.prepare(&key.source, standardize(person)))
        .collect()
}

fn trained(list: &lists::List) -> Model {
    let records: Vec<StandardPerson> = list.persons.iter().map(standardize).collect();
    train(&records, &Model::default(), 1).model
}

fn quality(list: &lists::List, model: Model) -> Quality {
    let engine = engine(model);
    let order: Vec<_> = (0..list.keys.len()).collect();
    let store = link(list, &engine, &prepare(list, &engine), &order);
    let truth = |number: u64| list.truth[usize::try_from(number).unwrap()].as_str();
    evaluate(
        store
            .memberships()
            .map(|(number, _, m)| (m.person, truth(number.0))),
    )
}

/// A list; without it the test says so and passes.
fn load(name: &str) -> Option<lists::List> {
    let list = lists::load(name);
    if list.is_none() {
        println!("skipped: no ../shared");
    }
    list
}

#[test]
fn both_models_hold_their_quality() {
    let check = |name: &str, shipped: (f64, f64), learned: (f64, f64)| {
        let Some(list) = load(name) else { return };
        let models = [(Model::default(), shipped), (trained(&list), learned)];
        for (model, (precision, f1)) in models {
            let version = model.version.clone();
            let quality = quality(&list, model);
            let (p, r, f) = (quality.precision(), quality.recall(), quality.f1());
            println!("{name} {version}: precision {p:.4}, recall {r:.4}, F1 {f:.4}");
            assert!(
                p >= precision && f >= f1,
                "{name} {version}: precision {p}, F1 {f}"
            );
        }
    };
    check("febrl1", (0.999, 0.985), (0.999, 0.996));
    check("febrl2", (0.999, 0.99), (0.999, 0.998));
    check("febrl3", (0.999, 0.98), (0.999, 0.997));
    check("fake_1000", (0.99, 0.80), (0.99, 0.93));
    check("us_20k", (0.995, 0.96), (0.995, 0.97));
    check("us_100k", (0.995, 0.96), (0.995, 0.967));
}

/// Of links with a stated probability that share is right, for people by whom nothing was chosen.
#[test]
fn stated_probabilities_are_true() {
    for kind in ["shipped", "trained"] {
        let mut groups = [Group::default(); GROUPS.len()];
        for name in ["febrl1", "febrl2", "febrl3", "fake_1000", "us_20k", "us_100k"] {
            let Some(list) = load(name) else { return };
            let list = list.filter(|truth| !lists::half_of(truth));
            let model = if kind == "trained" {
                trained(&list)
            } else {
                Model::default()
            };
            let pairs = reliability::judged_pairs(&list, &model);
            let linked = || pairs.iter().filter(|pair| pair.linked);
            reliability::sort(&mut groups, linked(), 1.0 / linked().count() as f64);
        }
        let error = reliability::calibration_error(&groups);
        println!("{kind}: expected calibration error {error:.4}");
        assert!(error < 0.005, "{kind}: expected calibration error {error}");
        for (from, group) in GROUPS.iter().zip(groups).filter(|(from, _)| **from >= 0.8) {
            let (stated, found) = (group.stated / group.pairs, group.matches / group.pairs);
            assert!(
                found > stated - 0.02,
                "{kind}, from {from}: states {stated}, and {found} are right"
            );
        }
    }
}

/// Every part of the model must be worth something: without it the lists are linked worse.
#[test]
fn without_any_part_of_the_model_the_score_falls() {
    let (Some(list), Some(small)) = (load("us_20k"), load("febrl3")) else {
        return;
    };
    let (model, small_model) = (trained(&list), trained(&small));
    let full = quality(&list, model.clone());
    let falls = |what: &str, mutant: Model| {
        let without = quality(&list, mutant);
        println!("{what:<24} F1 {:.5} -> {:.5}", full.f1(), without.f1());
        assert!(without.f1() < full.f1(), "{what} is worth nothing");
    };
    for comparison in model.comparisons.iter().map(|c| c.name.as_str()) {
        // The lists have no issued identifiers; other tests need them.
        if comparison != "identifiers" {
            let mut mutant = model.clone();
            mutant.comparisons.retain(|c| c.name != comparison);
            falls(comparison, mutant);
        }
    }
    let mut mutant = model.clone();
    for kind in PairKind::ALL.into_iter().filter(|kind| kind.is_household()) {
        mutant.prior.pairs_per_match[kind.index()] = 0.0;
    }
    falls("the household", mutant);
    let mut mutant = model.clone();
    for kind in [PairKind::Moved, PairKind::Renamed, PairKind::Garbled] {
        mutant.prior.pairs_per_match[kind.index()] = 0.0;
    }
    falls("moves, renames, errors", mutant);
    // Every name as common as agreement on names is on average.
    let mut mutant = model.clone();
    let average = |name: &str| {
        let comparison = mutant.comparisons.iter().find(|c| c.name == name).unwrap();
        comparison.levels[0].probabilities[PairKind::Strangers.index()]
    };
    let (given, family) = (average("given_name"), average("family_name"));
    let frequencies = &mut mutant.frequencies;
    for (table, share) in [(&mut frequencies.given, given), (&mut frequencies.family, family)] {
        table.terms.clear();
        table.unlisted = share;
    }
    falls("term frequencies", mutant);
    let mut mutant = model;
    mutant.mean_bits_min = -1000.0;
    falls("average link", mutant);
    let without_training = quality(&small, Model::default()).f1();
    assert!(
        without_training < quality(&small, small_model).f1(),
        "training is worth nothing"
    );
}

/// How many persons two records are; `apart` says that a steward parted them.
fn persons_of_two(model: &Model, [a, b]: [&StandardPerson; 2], apart: bool) -> usize {
    let engine = engine(model.clone());
    let mut store = MemoryStore::new();
    let keys = ["a", "b"].map(|id| SourceRecordKey::new("test", RecordKind::Patient, id));
    for (key, person) in keys.iter().zip([a, b]) {
        let prepared = engine.prepare(&key.source, person.clone());
        engine.upsert(&mut store, key, prepared, lists::VERSION);
    }
    if apart {
        engine.decide(&mut store, &keys[0], &keys[1], Verdict::NoMatch, lists::VERSION);
    }
    persons(&store).len()
}

fn rosa() -> StandardPerson {
    let mut rosa = StandardPerson {
        given: "rosalind".into(),
        given_canonical: "rosalind".into(),
        family: "keller".into(),
        birth_date: PartialDate::from_ymd(1980, 2, 29).map(|date| BirthDate { date, weak: false }),
        ..StandardPerson::default()
    };
    rosa.phones.push("+14145550123".into());
    rosa.emails.push("rosalind@keller.org".into());
    rosa
}

/// Every constraint keeps two people apart whom the scores would join; where its cause is taken away they are one.
#[test]
fn without_any_constraint_two_people_become_one() {
    let check = |what: &str, with: fn(&mut StandardPerson, &mut StandardPerson)| {
        let (mut a, mut b) = (rosa(), rosa());
        let without = persons_of_two(&Model::default(), [&a, &b], false);
        with(&mut a, &mut b);
        let with = persons_of_two(&Model::default(), [&a, &b], false);
        println!("{what:<28} {with} persons, without it {without}");
        assert_eq!((with, without), (2, 1), "{what}");
    };
    check("a test record", |a, _| a.flags.test = true);
    check("junior and senior", |a, b| {
        (a.generation, b.generation) = (Some(Generation::Junior), Some(Generation::Senior));
    });
    check("birth order", |a, b| {
        (a.flags.birth_order, b.flags.birth_order) = (1, 2)
    });
    check("twins not named yet", |a, b| {
        (a.flags.newborn, b.flags.multiple_birth) = (true, true);
        (a.sex, b.sex) = (Some(Sex::Female), Some(Sex::Male));
    });
    check("an unreliable identity", |a, _| a.flags.unreliable = true);
    check("the twins guard", |a, _| {
        (a.given, a.given_canonical) = ("theodora".into(), "theodora".into());
    });
    let apart = persons_of_two(&Model::default(), [&rosa(), &rosa()], true);
    println!("{:<28} {apart} persons, without it 1", "a steward's no-match");
    assert_eq!(apart, 2);
    // The lists have no issued identifiers: what those are worth shows here.
    let mut numbered = rosa();
    // A name so common that it joins nobody by itself.
    (numbered.given, numbered.given_canonical) = ("maria".into(), "maria".into());
    numbered.family = "ruiz".into();
    (numbered.birth_date, numbered.phones, numbered.emails) =
        (None, [].into_iter().collect(), [].into_iter().collect());
    numbered.identifiers.push(StandardIdentifier {
        authority: "MERCY".into(),
        value: "A1".into(),
        kind: IdentifierKind::MedicalRecord,
    });
    let mut mutant = Model::default();
    mutant.comparisons.retain(|c| c.name != "identifiers");
    let [with, without] =
        [&Model::default(), &mutant].map(|m| persons_of_two(m, [&numbered, &numbered], false));
    println!("{:<28} {with} person, without it {without}", "identifiers");
    assert_eq!((with, without), (1, 2));
}

/// The persons of a store, each as the records it holds.
fn persons(store: &MemoryStore) -> BTreeSet<BTreeSet<String>> {
    let mut persons: BTreeMap<PersonId, BTreeSet<String>> = BTreeMap::new();
    for (_, key, membership) in store.memberships() {
        persons
            .entry(membership.person)
            .or_default()
            .insert(key.id.to_string());
    }
    persons.into_values().collect()
}

#[test]
fn any_order_of_arrival_gives_the_same_persons() {
    let Some(list) = load("us_20k") else { return };
    let engine = engine(Model::default());
    let prepared = prepare(&list, &engine);
    let mut draw = lists::draws(5);
    // Many orders of a part, where a shuffle is cheap, and a few of all.
    for (records, shuffles) in [(4_000, 50), (prepared.len(), 3)] {
        let mut order: Vec<_> = (0..records).collect();
        let expected = persons(&link(&list, &engine, &prepared, &order));
        for shuffle in 0..shuffles {
            for at in (1..order.len()).rev() {
                order.swap(at, draw(at + 1));
            }
            let found = persons(&link(&list, &engine, &prepared, &order));
            assert_eq!(found, expected, "shuffle {shuffle} of {records} records");
        }
    }
}

/// Records made to join people: none may bring together two records that were apart.
#[test]
fn crafted_records_join_no_two_persons() {
    let Some(list) = load("us_20k") else { return };
    let engine = engine(Model::default());
    let prepared = prepare(&list, &engine);
    let order: Vec<_> = (0..prepared.len()).collect();
    let mut store = link(&list, &engine, &prepared, &order);
    let before: BTreeMap<String, PersonId> = store
        .memberships()
        .map(|(_, key, m)| (key.id.to_string(), m.person))
        .collect();
    let mut draw = lists::draws(11);
    for n in 0..10_000 {
        let (a, b) = (
            prepared[draw(prepared.len())].person(),
            prepared[draw(prepared.len())].person(),
        );
        let mut crafted = StandardPerson::default();
        match n % 5 {
            // One person's name with another's contact points.
            0 => {
                (crafted.given, crafted.given_canonical) = (a.given.clone(), a.given_canonical.clone());
                crafted.family = a.family.clone();
                (crafted.phones, crafted.emails) = (b.phones.clone(), b.emails.clone());
            }
            // All contact points of both, a common name.
            1 => {
                (crafted.given, crafted.given_canonical) = ("john".into(), "john".into());
                crafted.family = "smith".into();
                crafted.phones.extend(a.phones.iter().chain(&b.phones).cloned());
                crafted.emails.extend(a.emails.iter().chain(&b.emails).cloned());
                crafted
                    .addresses
                    .extend(a.addresses.iter().chain(&b.addresses).cloned());
            }
            // Copies of one field.
            2 => crafted.birth_date = a.birth_date,
            3 => crafted.family = a.family.clone(),
            // One's number with the other's name and birth date.
            _ => {
                crafted = b.clone();
                crafted.ssn = a.ssn;
            }
        }
        let key = SourceRecordKey::new("crafted", RecordKind::Patient, format!("x{n}").as_str());
        let prepared = engine.prepare(&key.source, crafted);
        engine.upsert(&mut store, &key, prepared, lists::VERSION);
    }
    // What each person held before, by the truth: the crafted record may well bring one person's own records together.
    let mut now: BTreeMap<PersonId, Vec<(PersonId, &str)>> = BTreeMap::new();
    for (number, key, membership) in store.memberships() {
        if let Some(held) = before.get(key.id.as_str()) {
            let truth = list.truth[usize::try_from(number.0).unwrap()].as_str();
            now.entry(membership.person).or_default().push((*held, truth));
        }
    }
    let is_joined =
        |held: &&Vec<(PersonId, &str)>| held.iter().any(|x| held.iter().any(|y| x.0 != y.0 && x.1 != y.1));
    let joined = now.values().filter(is_joined).count();
    println!("{joined} of {} persons were joined", now.len());
    let largest = persons(&store).iter().map(BTreeSet::len).max().unwrap();
    assert!(largest <= 64, "a person of {largest} records");
    assert_eq!(joined, 0, "two real persons were joined");
}
