//! How far stated probabilities are true: pairs by what the model states of them, and what share of each group is one
//! person.

use super::{List, VERSION};
use panorama_identity::{
    Edge, IdentityEngine, IdentityStore, MatchWeight, MemoryStore, Model, RecordNumber, Scorer,
};
use panorama_standardize::{StandardPerson, standardize};
use std::collections::HashMap;
use std::sync::Arc;

/// A pair whose weight reaches even odds.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// What the model states.
    pub weight: MatchWeight,
    /// True where the engine puts the two together.
    pub linked: bool,
    /// True where they are one person.
    pub is_match: bool,
}

/// All pairs that reach even odds, under a model that links from there on: what it would say of each were it to link it.
pub fn judged_pairs(list: &List, model: &Model) -> Vec<Judged> {
    let mut model = model.clone();
    model.thresholds.auto_link_probability = 0.5;
    model.thresholds.review_probability = 0.5;
    let engine = IdentityEngine::new(Arc::new(Scorer::new(model).unwrap()));
    let persons: Vec<StandardPerson> = list.persons.iter().map(standardize).collect();
    let mut store = MemoryStore::new();
    for (key, person) in list.keys.iter().zip(&persons) {
        let prepared = engine.prepare(&key.source, person.clone());
        engine.upsert(&mut store, key, prepared, VERSION);
    }
    let person: HashMap<_, _> = store
        .memberships()
        .map(|(number, _, m)| (number, m.person))
        .collect();
    let truth = |record: RecordNumber| &list.truth[usize::try_from(record.0).unwrap()];
    let standard = |record: RecordNumber| &persons[usize::try_from(record.0).unwrap()];
    let mut pairs = Vec::new();
    let mut edges: Vec<Edge> = Vec::new();
    for number in (0..persons.len() as u64).map(RecordNumber) {
        edges.clear();
        store.edges(number, &mut edges);
        for edge in edges.iter().filter(|edge| edge.other > number) {
            // What looks like twins states no probability: it is held at the review threshold.
            if !engine
                .scorer()
                .score(standard(number), standard(edge.other))
                .twins_suspected
            {
                pairs.push(Judged {
                    weight: edge.weight,
                    linked: person[&number] == person[&edge.other],
                    is_match: truth(number) == truth(edge.other),
                });
            }
        }
    }
    pairs
}

/// Where groups of stated probabilities begin.
pub const GROUPS: [f64; 8] = [0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.995, 0.999];

/// One group of pairs of about one stated probability. Numbers are weighted pairs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Group {
    /// Pairs in it.
    pub pairs: f64,
    /// Pairs in it that are one person.
    pub matches: f64,
    /// What the model states that number to be.
    pub stated: f64,
}

/// Sorts pairs into groups, each pair counted `weight` times.
pub fn sort<'a>(groups: &mut [Group; GROUPS.len()], pairs: impl Iterator<Item = &'a Judged>, weight: f64) {
    for pair in pairs {
        let stated = pair.weight.probability();
        let at = GROUPS.iter().rposition(|from| stated >= *from).unwrap_or(0);
        groups[at].pairs += weight;
        groups[at].matches += if pair.is_match { weight } else { 0.0 };
        groups[at].stated += weight * stated;
    }
}

/// Expected calibration error: by how much the stated share of a group and its true one differ, on average over pairs.
pub fn calibration_error(groups: &[Group]) -> f64 {
    let all: f64 = groups.iter().map(|group| group.pairs).sum();
    groups
        .iter()
        .map(|group| (group.matches - group.stated).abs())
        .sum::<f64>()
        / all.max(1e-9)
}

/// The bits to add to all weights that make stated probabilities most likely, each pair counted so many times.
pub fn fitted_offset(pairs: &[(f64, Judged)]) -> f64 {
    let mut offset = 0.0;
    for _ in 0..60 {
        let (mut slope, mut curve) = (0.0, 1e-9);
        for (times, pair) in pairs {
            let odds = (f64::from(pair.weight.bits()) + offset).exp2();
            let stated = odds / (1.0 + odds);
            slope += times * (f64::from(u8::from(pair.is_match)) - stated);
            curve += times * stated * (1.0 - stated) * std::f64::consts::LN_2;
        }
        offset += (slope / curve).clamp(-1.0, 1.0);
    }
    offset
}
