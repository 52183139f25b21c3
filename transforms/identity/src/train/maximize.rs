//! Expectation and maximization over the patterns of blocked pairs.

use super::pairs::{Blocked, Pattern};
use super::probability;
use crate::model::{Level, Model};
use crate::pair_kind::{PAIR_KINDS, PairKind};
use crate::score::{Scorer, Totals};

/// Rounds at most. Patterns settle within about ten; more only cost time.
const ROUNDS_MAX: usize = 30;
/// Settled where no share of a kind moves by more than this.
const SETTLED: f64 = 3e-4;
/// Imagined pairs by which the first model speaks of one person: real ones are many.
const IMAGINED_MATCHES: f64 = 60.0;
/// The same as a share of the real ones: what defines a kind of one person must not fade in large data.
const IMAGINED_SHARE: f64 = 0.01;
/// Imagined pairs by which it speaks of housemates: blocks show those that agree too often.
const IMAGINED_HOUSEMATES: f64 = 400.0;
/// Imagined pairs by which it speaks of how many there are of each kind.
const IMAGINED_KINDS: f64 = 30.0;

/// What housemates share: those who met by it say nothing of how often they do.
const CONTACTS: [&str; 3] = ["phone", "email", "address"];

/// Expected pairs by kind, comparison and level.
pub(super) struct Outcome {
    /// Rounds done.
    pub(super) rounds: usize,
    /// True where nothing moved any more.
    pub(super) converged: bool,
    /// Expected pairs of one person, by comparison and level.
    pub(super) matches: Vec<Vec<f64>>,
    /// How likely each pattern is one person, and how many pairs have it.
    pub(super) probabilities: Vec<(f64, f64)>,
}

type Sums = Vec<Vec<[f64; PAIR_KINDS]>>;

/// Fits the kinds of one person and housemates, and how many there are of each.
pub(super) fn maximize(model: &mut Model, blocked: &Blocked, all_pairs: f64) -> Outcome {
    let start = model.clone();
    let (mut rounds, mut converged) = (0, false);
    while rounds < ROUNDS_MAX && !converged && !blocked.patterns.is_empty() {
        rounds += 1;
        let expected = expect(model, blocked);
        set_levels(model, &start, &expected);
        converged = set_prior(model, &start, &expected, blocked.scale, all_pairs) < SETTLED;
    }
    let expected = expect(model, blocked);
    let one = |slots: &[f64; PAIR_KINDS]| -> f64 {
        PairKind::ALL
            .iter()
            .zip(slots)
            .filter(|(kind, _)| kind.is_one_person())
            .map(|(_, n)| n)
            .sum()
    };
    Outcome {
        rounds,
        converged,
        matches: expected
            .sums
            .iter()
            .map(|levels| levels.iter().map(one).collect())
            .collect(),
        probabilities: expected.probabilities,
    }
}

struct Expected {
    sums: Sums,
    /// The same for pairs that share a phone number or an e-mail address.
    by_contact: Sums,
    totals: [f64; PAIR_KINDS],
    probabilities: Vec<(f64, f64)>,
}

fn expect(model: &Model, blocked: &Blocked) -> Expected {
    let scorer = Scorer::compile(model.clone());
    let empty = || -> Sums {
        model
            .comparisons
            .iter()
            .map(|c| vec![[0.0; PAIR_KINDS]; c.levels.len()])
            .collect()
    };
    let mut out = Expected {
        sums: empty(),
        by_contact: empty(),
        totals: [0.0; PAIR_KINDS],
        probabilities: Vec::with_capacity(blocked.patterns.len()),
    };
    let contact: Vec<bool> = model
        .comparisons
        .iter()
        .map(|c| matches!(c.name.as_str(), "phone" | "email"))
        .collect();
    for (pattern, times) in &blocked.patterns {
        let totals = totals_of(&scorer, pattern);
        let shares = totals.shares();
        out.probabilities.push((f64::from(totals.combined()), *times));
        let met_by_contact = contact
            .iter()
            .zip(&pattern.levels)
            .any(|(is, level)| *is && *level < 2);
        add(&mut out.sums, pattern, &shares, *times);
        if met_by_contact {
            add(&mut out.by_contact, pattern, &shares, *times);
        }
        for (total, share) in out.totals.iter_mut().zip(shares) {
            *total += f64::from(share) * times;
        }
    }
    out
}

fn totals_of(scorer: &Scorer, pattern: &Pattern) -> Totals {
    let mut totals = scorer.prior;
    for (compiled, level) in scorer.compiled.iter().zip(&pattern.levels) {
        if let Some(bits) = compiled.bits.get(usize::from(*level)) {
            totals.add(bits);
        }
    }
    totals.rarer(pattern.rarer.map(f32::from));
    totals
}

fn add(sums: &mut Sums, pattern: &Pattern, shares: &[f32; PAIR_KINDS], times: f64) {
    for (levels, level) in sums.iter_mut().zip(&pattern.levels) {
        if let Some(slots) = levels.get_mut(usize::from(*level)) {
            for (slot, share) in slots.iter_mut().zip(shares) {
                *slot += f64::from(*share) * times;
            }
        }
    }
}

fn set_levels(model: &mut Model, start: &Model, expected: &Expected) {
    let of_kinds = PairKind::ALL.iter().zip(expected.totals);
    let matches: f64 = of_kinds
        .filter(|(kind, _)| kind.is_one_person())
        .map(|(_, n)| n)
        .sum();
    let comparisons = model.comparisons.iter_mut().zip(&start.comparisons);
    for ((comparison, first), (sums, by_contact)) in
        comparisons.zip(expected.sums.iter().zip(&expected.by_contact))
    {
        let is_contact = CONTACTS.contains(&comparison.name.as_str());
        for kind in PairKind::ALL {
            let (counts, imagined) = match kind {
                kind if kind.is_one_person() => (sums, IMAGINED_MATCHES + IMAGINED_SHARE * matches),
                PairKind::Housemates if !is_contact => (by_contact, IMAGINED_HOUSEMATES),
                _ => continue,
            };
            let at = kind.index();
            let of = |slots: &[f64; PAIR_KINDS]| slots.get(at).copied().unwrap_or(0.0);
            let first_of = |level: &Level| level.probabilities.get(at).map_or(0.0, |p| f64::from(*p));
            let all = counts.iter().map(of).sum::<f64>() + imagined;
            for ((level, first), counts) in comparison.levels.iter_mut().zip(&first.levels).zip(counts) {
                if let Some(slot) = level.probabilities.get_mut(at) {
                    *slot = probability((of(counts) + imagined * first_of(first)) / all);
                }
            }
        }
    }
}

/// Sets how many pairs there are of each kind; returns by how much the largest share moved.
fn set_prior(model: &mut Model, start: &Model, expected: &Expected, scale: f64, all_pairs: f64) -> f64 {
    let one = PairKind::ALL
        .iter()
        .zip(expected.totals)
        .filter(|(kind, _)| kind.is_one_person());
    let matches: f64 = one.map(|(_, n)| n).sum();
    let before = model.prior;
    model.prior.match_probability = ((matches * scale + 0.5) / all_pairs).clamp(1e-12, 0.2);
    let slots = model
        .prior
        .pairs_per_match
        .iter_mut()
        .zip(start.prior.pairs_per_match);
    for ((slot, first), n) in slots.zip(expected.totals) {
        *slot = (n + IMAGINED_KINDS * first) / (matches + IMAGINED_KINDS);
    }
    let pairs = model.prior.pairs_per_match.iter().zip(before.pairs_per_match);
    let moved = pairs
        .zip(PairKind::ALL)
        .filter(|(_, kind)| *kind != PairKind::Strangers);
    moved
        .map(|((now, then), _)| (now - then).abs())
        .fold(0.0, f64::max)
}
