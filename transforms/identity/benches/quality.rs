//! How well the shipped and the trained model link every shared person list, in one table.
//!
//! `cargo bench -p panorama-identity --bench quality [-- LIST...]`. Pairs over final clusters, one record after another,
//! default thresholds. Besides each list as it is: two halves of its people (a choice that only fits one half shows), and
//! a harsher copy with more typing errors and gaps. Without the lists it prints `skipped`.
//!
//! After it, how far stated probabilities are true, over pairs the engine puts together and over all that reach even
//! odds, every list counting the same: for half of the people, by which `calibration_bits` of the models were chosen, and
//! for the other half, which checks the choice.

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

use lists::half_of;
use lists::reliability::{self, GROUPS, Group, Judged};
use panorama_identity::{IdentityEngine, MemoryStore, Model, Quality, ReviewStatus, Scorer, evaluate, train};
use std::sync::Arc;
use std::time::Instant;

const LISTS: [&str; 6] = ["febrl1", "febrl2", "febrl3", "fake_1000", "us_20k", "us_100k"];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    println!(
        "{:<18} {:<8} {:>8} | automatic links  P / R / F1 | most probable  P / R / F1 | reviews | train s",
        "list", "model", "records"
    );
    let (mut fitted, mut checked) = (Vec::new(), Vec::new());
    for name in LISTS {
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
        fitted.push(list.filter(half_of));
        checked.push(list.filter(|truth| !half_of(truth)));
    }
    for kind in ["shipped", "trained"] {
        print_reliability(&fitted, kind, "half 1 (fitted)");
        print_reliability(&checked, kind, "half 2 (checked)");
    }
}

/// Stated against true shares of linked pairs and of all, for one half of the people of all lists.
fn print_reliability(lists: &[lists::List], kind: &str, half: &str) {
    let judged: Vec<Vec<Judged>> = lists
        .iter()
        .map(|list| {
            let model = if kind == "trained" {
                trained(list)
            } else {
                Model::default()
            };
            reliability::judged_pairs(list, &model)
        })
        .collect();
    let (mut linked, mut all) = ([Group::default(); GROUPS.len()], [Group::default(); GROUPS.len()]);
    let mut weighted = Vec::new();
    for pairs in &judged {
        let of_linked = || pairs.iter().filter(|pair| pair.linked);
        let each = 1.0 / of_linked().count().max(1) as f64;
        reliability::sort(&mut linked, of_linked(), each);
        reliability::sort(&mut all, pairs.iter(), 1.0 / pairs.len().max(1) as f64);
        weighted.extend(of_linked().map(|pair| (each, *pair)));
    }
    println!(
        "\n{kind}, {half}: expected calibration error {:.4} of linked pairs, {:.4} of all; {:+.2} bits would fit linked \
         pairs best\n     stated | linked: share, stated, true | all: share, stated, true",
        reliability::calibration_error(&linked),
        reliability::calibration_error(&all),
        reliability::fitted_offset(&weighted),
    );
    let lists = judged.len() as f64;
    let shares = |g: &Group| {
        format!(
            "{:.4} {:.4} {:.4}",
            g.pairs / lists,
            g.stated / g.pairs,
            g.matches / g.pairs
        )
    };
    for ((from, linked), all) in GROUPS.iter().zip(&linked).zip(&all) {
        println!("from {from:<6} | {} | {}", shares(linked), shares(all));
    }
}

fn trained(list: &lists::List) -> Model {
    let records: Vec<_> = list
        .persons
        .iter()
        .map(panorama_standardize::standardize)
        .collect();
    train(&records, &Model::default(), 1).model
}

fn both_models(name: &str, list: &lists::List) {
    row(name, "shipped", Model::default(), list, 0.0);
    let start = Instant::now();
    let trained = trained(list);
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
        let prepared = engine.prepare(&key.source, panorama_standardize::standardize(person));
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
