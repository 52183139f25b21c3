//! The shared person lists: how well the shipped model links them, and that order does not matter at scale.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[expect(unreachable_pub, reason = "shared with the benchmark")]
mod lists;

use panorama_identity::{IdentityEngine, MemoryStore, PreparedPerson, Quality, Scorer, evaluate};
use panorama_model::PersonId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    let one = |person| engine.prepare(panorama_standardize::standardize(person));
    list.persons.iter().map(one).collect()
}

fn quality(name: &str) -> Option<Quality> {
    let Some(list) = lists::load(name) else {
        println!("skipped: no ../shared");
        return None;
    };
    let engine = IdentityEngine::new(Arc::new(Scorer::shipped()));
    let order: Vec<_> = (0..list.keys.len()).collect();
    let store = link(&list, &engine, &prepare(&list, &engine), &order);
    let truth = |number: u64| list.truth[usize::try_from(number).unwrap()].as_str();
    Some(evaluate(
        store
            .memberships()
            .map(|(number, _, m)| (m.person, truth(number.0))),
    ))
}

#[test]
fn the_shipped_model_holds_its_quality() {
    let check = |name: &str, precision: f64, f1: f64| {
        if let Some(quality) = quality(name) {
            assert!(
                quality.precision() >= precision,
                "{name}: precision {}",
                quality.precision()
            );
            assert!(quality.f1() >= f1, "{name}: F1 {}", quality.f1());
        }
    };
    check("febrl1", 0.999, 0.98);
    check("febrl2", 0.999, 0.99);
    check("febrl3", 0.999, 0.98);
    check("us_20k", 0.99, 0.94);
}

#[test]
fn any_order_of_arrival_gives_the_same_persons() {
    let Some(list) = lists::load("us_20k") else {
        println!("skipped: no ../shared");
        return;
    };
    let engine = IdentityEngine::new(Arc::new(Scorer::shipped()));
    let prepared = prepare(&list, &engine);
    let partition = |order: &[usize]| {
        let store = link(&list, &engine, &prepared, order);
        let mut persons: BTreeMap<PersonId, BTreeSet<String>> = BTreeMap::new();
        for (_, key, membership) in store.memberships() {
            persons
                .entry(membership.person)
                .or_default()
                .insert(key.id.to_string());
        }
        persons.into_values().collect::<BTreeSet<_>>()
    };
    let mut order: Vec<_> = (0..2_000).collect();
    let expected = partition(&order);
    let mut state = 5u64;
    for shuffle in 0..20 {
        for at in (1..order.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        assert_eq!(partition(&order), expected, "shuffle {shuffle}");
    }
}
