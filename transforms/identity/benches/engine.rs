//! How well and how fast the default model links the shared person lists, one record after another.
//!
//! Prints precision, recall and F1 against the known truth. With `PANORAMA_SHARED` elsewhere, or without the lists, it
//! prints `skipped`.

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

use panorama_identity::{IdentityEngine, MemoryStore, Model, Scorer, evaluate, train};
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let shipped = Arc::new(Scorer::shipped());
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for name in ["febrl1", "febrl2", "febrl3", "fake_1000", "us_20k", "us_100k"] {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.starts_with(w.as_str())) {
            continue;
        }
        let Some(list) = lists::load(name) else {
            println!("skipped: no ../shared/data/identity/{name}.csv.gz");
            continue;
        };
        run(name, "default", &shipped, &list);
        let records: Vec<_> = list
            .persons
            .iter()
            .map(panorama_standardize::standardize)
            .collect();
        let start = Instant::now();
        let trained = train(&records, &Model::default(), 1).model;
        println!("{name:<10} trained in {:.1} s", start.elapsed().as_secs_f64());
        run(name, "trained", &Arc::new(Scorer::new(trained).unwrap()), &list);
    }
}

fn run(name: &str, model: &str, scorer: &Arc<Scorer>, list: &lists::List) {
    let engine = IdentityEngine::new(Arc::clone(scorer));
    let mut store = MemoryStore::new();
    let start = Instant::now();
    let prepared: Vec<_> = list
        .persons
        .iter()
        .map(|person| engine.prepare(panorama_standardize::standardize(person)))
        .collect();
    let prepare_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let (mut pairs, mut open) = (0, 0i64);
    for (key, prepared) in list.keys.iter().zip(prepared) {
        let changes = engine.upsert(&mut store, key, prepared, lists::VERSION);
        pairs += changes.counters.pairs_scored;
        for review in &changes.reviews {
            open += if review.status == panorama_identity::ReviewStatus::Open {
                1
            } else {
                -1
            };
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let quality = evaluate(store.memberships().map(|(number, _, membership)| {
        (
            membership.person,
            list.truth[usize::try_from(number.0).unwrap()].as_str(),
        )
    }));
    let records = list.keys.len() as f64;
    println!(
        "{name:<10} {model:<8} pairs P {:.4} R {:.4} F1 {:.4} | clusters P {:.4} R {:.4} F1 {:.4} | reviews ~{open} | \
         {:.1} pairs/record | {:.0} records/s upsert, {:.0}/s prepare",
        quality.precision(),
        quality.recall(),
        quality.f1(),
        quality.cluster_precision(),
        quality.cluster_recall(),
        quality.cluster_f1(),
        pairs as f64 / records,
        records / seconds,
        records / prepare_seconds,
    );
}
