//! How well the shipped and the trained model link every shared person list, in one table.
//!
//! `cargo bench -p panorama-identity --bench quality [-- LIST...]`. Pairs over final clusters, one record after another,
//! default thresholds. Besides each list as it is: two halves of its people (a choice that only fits one half shows), and
//! a harsher copy with more typing errors and gaps. Without the lists it prints `skipped`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark reads files, measures time and prints"
)]

#[expect(unreachable_pub, reason = "shared with the tests")]
#[path = "../tests/lists/mod.rs"]
mod lists;

use panorama_identity::{IdentityEngine, MemoryStore, Model, Quality, ReviewStatus, Scorer, evaluate, train};
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    println!(
        "{:<18} {:<8} {:>8} | automatic links  P / R / F1 | most probable  P / R / F1 | reviews | train s",
        "list", "model", "records"
    );
    for name in ["febrl1", "febrl2", "febrl3", "fake_1000", "us_20k", "us_100k"] {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.starts_with(w.as_str())) {
            continue;
        }
        let Some(list) = lists::load(name) else {
            println!("skipped: no ../shared/data/identity/{name}.csv.gz");
            continue;
        };
        both_models(name, &list);
        if name.starts_with("us_") || name.starts_with("fake") {
            both_models(&format!("{name} half 1"), &list.filter(half_of));
            both_models(&format!("{name} half 2"), &list.filter(|truth| !half_of(truth)));
            both_models(&format!("{name} harsher"), &list.harsher(7));
        }
    }
}

/// Which half of the people an entity is in.
fn half_of(truth: &str) -> bool {
    truth.bytes().fold(7u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    }) / 8
        % 2
        == 0
}

fn both_models(name: &str, list: &lists::List) {
    row(name, "shipped", Model::default(), list, 0.0);
    let records: Vec<_> = list
        .persons
        .iter()
        .map(panorama_standardize::standardize)
        .collect();
    let start = Instant::now();
    let trained = train(&records, &Model::default(), 1).model;
    row(name, "trained", trained, list, start.elapsed().as_secs_f64());
}

fn row(name: &str, kind: &str, model: Model, list: &lists::List, train_seconds: f64) {
    let (automatic, reviews) = link(&model, list);
    let mut likely = model.clone();
    likely.thresholds.auto_link_probability = model.thresholds.review_probability;
    let (probable, _) = link(&likely, list);
    let text = |q: &Quality| format!("{:.4} {:.4} {:.4}", q.precision(), q.recall(), q.f1());
    println!(
        "{name:<18} {kind:<8} {:>8} | {} | {} | {reviews:>6} | {train_seconds:.1}",
        list.keys.len(),
        text(&automatic),
        text(&probable),
    );
}

fn link(model: &Model, list: &lists::List) -> (Quality, i64) {
    let engine = IdentityEngine::new(Arc::new(Scorer::new(model.clone()).unwrap()));
    let mut store = MemoryStore::new();
    let mut reviews = 0i64;
    for (key, person) in list.keys.iter().zip(&list.persons) {
        let prepared = engine.prepare(panorama_standardize::standardize(person));
        for review in engine.upsert(&mut store, key, prepared, lists::VERSION).reviews {
            reviews += if review.status == ReviewStatus::Open {
                1
            } else {
                -1
            };
        }
    }
    let truth = |number: u64| list.truth[usize::try_from(number).unwrap()].as_str();
    let members = store
        .memberships()
        .map(|(number, _, m)| (m.person, truth(number.0)));
    (evaluate(members), reviews)
}
