//! What training saw and how sure it is.

use super::maximize::Outcome;
use super::pairs::{Blocked, Random};
use crate::model::{Level, Model};
use crate::pair_kind::{PAIR_KINDS, PairKind};
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

/// Expected pairs below which a level says little of one person.
const LEVEL_PAIRS_MIN: f64 = 20.0;

/// How a model came about, and how good it thinks it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Records trained on.
    pub records: usize,
    /// Blocked pairs looked at.
    pub blocked_pairs: usize,
    /// Random pairs looked at.
    pub random_pairs: usize,
    /// Rounds of expectation and maximization.
    pub rounds: usize,
    /// True where the last round moved nothing.
    pub converged: bool,
    /// Probability that two records picked at random are one person.
    pub match_probability: f64,
    /// Pairs of each kind for each pair of one person.
    pub pairs_per_match: Vec<(PairKind, f64)>,
    /// What was learned of each comparison.
    pub comparisons: Vec<ComparisonReport>,
    /// What the model expects of itself at several thresholds, over pairs (not clusters).
    pub thresholds: Vec<ThresholdEstimate>,
    /// Levels whose weight was learned from the records; the others keep mostly the start model's.
    pub levels_learned: usize,
    /// Levels there are.
    pub levels: usize,
    /// Half of the learned weights are surer than this, in bits either way (one standard error); 0 where
    /// none was learned.
    pub uncertainty_bits: f64,
    /// What could not be learned, one note for each comparison at most.
    pub warnings: Vec<String>,
}

/// What was learned of one comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparisonReport {
    /// The comparison's stable name.
    pub name: String,
    /// Its levels.
    pub levels: Vec<LevelReport>,
}

/// What was learned of one level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelReport {
    /// The level's stable name.
    pub name: String,
    /// Probability where both are one person.
    pub m_probability: f64,
    /// Probability where they are strangers.
    pub u_probability: f64,
    /// Probability where they share a household.
    pub household_probability: f64,
    /// log2 of m over u.
    pub weight_bits: f64,
    /// How far off `weight_bits` may be by chance, in bits either way: one standard error, of the pairs seen.
    pub uncertainty_bits: f64,
    /// True where enough pairs of one person were seen to learn from; else the value is mostly the start model's.
    pub learned: bool,
    /// Expected pairs of one person at this level, among those looked at.
    pub observed_matches: f64,
    /// Random pairs at this level.
    pub observed_strangers: f64,
}

/// What the model expects of itself at one threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThresholdEstimate {
    /// The threshold.
    pub probability: f64,
    /// Expected share of pairs at or above it that are one person.
    pub precision: f64,
    /// Expected share of blocked pairs of one person that reach it.
    pub recall: f64,
    /// Pairs at or above it.
    pub pairs: f64,
}

pub(super) fn report(
    model: &Model,
    records: usize,
    strangers: &Random,
    blocked: &Blocked,
    outcome: &Outcome,
) -> TrainingReport {
    let mut out = TrainingReport {
        records,
        blocked_pairs: blocked.pairs,
        random_pairs: strangers.drawn,
        rounds: outcome.rounds,
        converged: outcome.converged,
        match_probability: model.prior.match_probability,
        pairs_per_match: PairKind::ALL
            .into_iter()
            .zip(model.prior.pairs_per_match)
            .collect(),
        thresholds: [0.5, 0.8, 0.9, 0.95, 0.99, 0.999]
            .map(|at| estimate(outcome, model.prior.calibration_bits, at))
            .to_vec(),
        ..TrainingReport::default()
    };
    let counts = outcome.matches.iter().zip(&strangers.counts);
    for (comparison, (matches, chance)) in model.comparisons.iter().zip(counts) {
        let levels = comparison.levels.iter().zip(matches).zip(chance);
        out.comparisons.push(ComparisonReport {
            name: comparison.name.clone(),
            levels: levels
                .map(|((level, m), u)| level_report(model, level, *m, *u))
                .collect(),
        });
    }
    let levels = || out.comparisons.iter().flat_map(|comparison| &comparison.levels);
    let mut uncertain: Vec<f64> = levels()
        .filter(|l| l.learned)
        .map(|l| l.uncertainty_bits)
        .collect();
    uncertain.sort_unstable_by(f64::total_cmp);
    out.levels = levels().count();
    out.levels_learned = uncertain.len();
    out.uncertainty_bits = uncertain.get(uncertain.len() / 2).copied().unwrap_or(0.0);
    out.warnings = notes(&out.comparisons);
    if blocked.patterns.is_empty() {
        out.warnings
            .push("no two records meet in a block; the start model is kept".to_owned());
    } else if !outcome.converged {
        out.warnings
            .push("the last round still moved the model".to_owned());
    }
    out
}

fn level_report(model: &Model, level: &Level, matches: f64, chance: f64) -> LevelReport {
    let share = |wanted: fn(PairKind) -> bool| share(model, &level.probabilities, wanted);
    let m = share(PairKind::is_one_person);
    let u = share(|kind| kind == PairKind::Strangers);
    LevelReport {
        name: level.name.clone(),
        m_probability: m,
        u_probability: u,
        household_probability: share(PairKind::is_household),
        weight_bits: (m / u).log2(),
        // The logarithm of a share of n pairs is off by about one over the root of n.
        uncertainty_bits: (1.0 / (matches + 1.0) + 1.0 / (chance + 1.0)).sqrt() / LN_2,
        learned: matches >= LEVEL_PAIRS_MIN,
        observed_matches: matches,
        observed_strangers: chance,
    }
}

/// What could not be learned: the comparisons that hardly any pair has in one note, the levels of another in one each.
fn notes(comparisons: &[ComparisonReport]) -> Vec<String> {
    let seen = |c: &ComparisonReport| c.levels.iter().map(|level| level.observed_matches).sum::<f64>();
    let (unseen, seen): (Vec<_>, Vec<_>) = comparisons.iter().partition(|c| seen(c) < LEVEL_PAIRS_MIN);
    let mut out = Vec::new();
    if !unseen.is_empty() {
        let names: Vec<&str> = unseen.iter().map(|c| c.name.as_str()).collect();
        out.push(format!(
            "{}: hardly any pair of one person has it on both sides, the start model's values are kept",
            names.join(", ")
        ));
    }
    for comparison in seen {
        let few = comparison.levels.iter().filter(|level| !level.learned);
        let names: Vec<&str> = few.map(|level| level.name.as_str()).collect();
        if !names.is_empty() {
            out.push(format!(
                "{}: too few pairs to learn {} of {} levels ({}), they are mostly the start model's",
                comparison.name,
                names.len(),
                comparison.levels.len(),
                names.join(", ")
            ));
        }
    }
    out
}

/// The probability of a level over several kinds, each counted by its share.
fn share(model: &Model, probabilities: &[f32; PAIR_KINDS], wanted: fn(PairKind) -> bool) -> f64 {
    let (mut sum, mut all) = (0.0, 0.0);
    for ((kind, p), per_match) in PairKind::ALL
        .into_iter()
        .zip(probabilities)
        .zip(model.prior.pairs_per_match)
    {
        if wanted(kind) {
            let per_match = per_match.max(1e-12);
            sum += f64::from(*p) * per_match;
            all += per_match;
        }
    }
    sum / all
}

fn estimate(outcome: &Outcome, calibration_bits: f64, at: f64) -> ThresholdEstimate {
    let (mut found, mut right, mut all) = (0.0, 0.0, 0.0);
    for (bits, times) in &outcome.probabilities {
        let odds = (bits + calibration_bits).exp2();
        let probability = odds / (1.0 + odds);
        all += probability * times;
        if probability >= at {
            found += times;
            right += probability * times;
        }
    }
    ThresholdEstimate {
        probability: at,
        precision: if found > 0.0 { right / found } else { 1.0 },
        recall: if all > 0.0 { right / all } else { 1.0 },
        pairs: found,
    }
}
