//! Training without labels: u from random pairs, m and household probabilities by EM over blocked pairs, name
//! frequencies by counting.
//!
//! The three explanations of a pair are told apart by the model one starts from; each level is pulled towards it by a
//! few imagined pairs, so a field nobody fills keeps its general experience instead of an accident.

use crate::blocking::BlockKey;
use crate::frequency::FrequencyTable;
use crate::model::{ComparisonModel, Level, Model};
use crate::score::{Levels, Scorer};
use panorama_standardize::StandardPerson;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds of expectation and maximization. Patterns settle within about ten; more only cost time.
const ROUNDS: usize = 25;
/// Random pairs for u. Fewer leave rare agreements unseen, more only cost time.
const RANDOM_PAIRS: usize = 400_000;
/// Blocked pairs for EM: bounds time and memory on large data.
const BLOCKED_PAIRS_MAX: usize = 2_000_000;
/// Imagined pairs by which the first model speaks. m has many real pairs; household pairs are fewer, and blocks show
/// those that agree too often.
const IMAGINED_MATCHES: f64 = 50.0;
const IMAGINED_HOUSEHOLDS: f64 = 400.0;
/// A term borne by fewer records tells nothing by its count.
const TERM_RECORDS_MIN: usize = 5;

/// What housemates share: learned from all blocked pairs, the rest from those who met by contact.
const CONTACTS: [&str; 3] = ["phone", "email", "address"];

/// Matches, household pairs, strangers that share a block.
const CLASSES: usize = 3;

/// Probability of each level of one comparison.
type Shares = Vec<f64>;

/// Trains a model on records, without labels, starting from another.
///
/// - Shape: thresholds, rules and limits stay; probabilities, prior and name frequencies become those of the records.
/// - Units: the outcome is the same for the same records in the same order, `start` and `seed`.
/// - Nulls: with fewer than two records the start model comes back unchanged.
/// - Spec: Fellegi and Sunter 1969; EM after Winkler 1988, u from random pairs as in Splink.
pub fn train(records: &[StandardPerson], start: &Model, seed: u64) -> Model {
    if records.len() < 2 {
        return start.clone();
    }
    let mut model = start.clone();
    model.frequencies.given = frequencies(records.iter().map(|r| r.given.as_str()), &start.frequencies.given);
    model.frequencies.family = frequencies(
        records.iter().map(|r| r.family.as_str()),
        &start.frequencies.family,
    );
    let scorer = Scorer::compile(start.clone());
    let strangers = random_shares(records, &scorer, seed);
    let patterns = patterns(records, &scorer);
    let blocked: f64 = patterns.values().sum();
    if blocked < 1.0 {
        return model;
    }
    let (classes, weights) = expectation_maximization(&patterns, &scorer, &strangers);
    let [matches, households, _] = &classes;
    for (at, comparison) in model.comparisons.iter_mut().enumerate() {
        for (level, l) in comparison.levels.iter_mut().enumerate() {
            let share = |shares: &[Shares]| shares.get(at).and_then(|s| s.get(level)).copied();
            set(&mut l.m_probability, share(matches));
            set(&mut l.household_probability, share(households));
            set(&mut l.u_probability, share(&strangers));
        }
    }
    let pairs = count(records.len()) * count(records.len() - 1) / 2.0;
    let [match_share, household_share, _] = weights;
    model.prior.match_probability = (match_share * blocked / pairs).clamp(1e-9, 0.1);
    model.prior.household_pairs_per_match = (household_share / match_share.max(1e-9)).clamp(0.05, 5.0);
    model.version = format!("trained-{}-{seed}", records.len());
    model
}

fn set(slot: &mut f32, share: Option<f64>) {
    if let Some(share) = share {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a model's probabilities are single"
        )]
        let share = share.clamp(1e-9, 1.0) as f32;
        *slot = share;
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of records and pairs are far below 2^52"
)]
const fn count(n: usize) -> f64 {
    n as f64
}

/// How the levels fall for random pairs.
fn random_shares(records: &[StandardPerson], scorer: &Scorer, seed: u64) -> Vec<Shares> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut draw = || {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % records.len() as u64).unwrap_or(0)
    };
    let mut sums = empty(&scorer.model.comparisons);
    for _ in 0..RANDOM_PAIRS {
        let (a, b) = (draw(), draw());
        if let (Some(x), Some(y)) = (records.get(a), records.get(b))
            && a != b
        {
            let score = scorer.score(x, y);
            // The few of them who are one person say nothing of strangers.
            if score.weight.0 < 0 {
                add(&mut sums, &score.levels, 1.0);
            }
        }
    }
    // A level that chance never met is rarer than one pair in those drawn, whatever the first model thought.
    smooth(
        sums,
        &scorer.model.comparisons,
        |level| f64::from(level.u_probability),
        200.0,
    )
}

/// How often each pattern of levels is met among blocked pairs.
fn patterns(records: &[StandardPerson], scorer: &Scorer) -> BTreeMap<Levels, f64> {
    let mut blocks: BTreeMap<BlockKey, Vec<usize>> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        for key in scorer.blocking_keys(record) {
            blocks.entry(key).or_default().push(at);
        }
    }
    let mut pairs = BTreeSet::new();
    'blocks: for block in blocks
        .values()
        .filter(|b| b.len() <= scorer.model.limits.block_records_max)
    {
        for (at, a) in block.iter().enumerate() {
            pairs.extend(block.iter().skip(at + 1).map(|b| (*a, *b)));
            if pairs.len() > BLOCKED_PAIRS_MAX {
                break 'blocks;
            }
        }
    }
    let mut patterns = BTreeMap::new();
    for (a, b) in pairs {
        if let (Some(x), Some(y)) = (records.get(a), records.get(b)) {
            *patterns.entry(scorer.score(x, y).levels).or_insert(0.0) += 1.0;
        }
    }
    patterns
}

fn expectation_maximization(
    patterns: &BTreeMap<Levels, f64>,
    scorer: &Scorer,
    strangers: &[Shares],
) -> ([Vec<Shares>; CLASSES], [f64; CLASSES]) {
    let comparisons = &scorer.model.comparisons;
    let of = |probability: fn(&Level) -> f64| -> Vec<Shares> {
        comparisons
            .iter()
            .map(|c| c.levels.iter().map(probability).collect())
            .collect()
    };
    let m = |level: &Level| f64::from(level.m_probability);
    let h = |level: &Level| f64::from(level.household_probability);
    let mut classes = [of(m), of(h), strangers.to_vec()];
    let mut weights = [0.6, 0.2, 0.2];
    for _ in 0..ROUNDS {
        let mut sums = [empty(comparisons), empty(comparisons), empty(comparisons)];
        let mut met_by_contact = empty(comparisons);
        let mut totals = [0.0; CLASSES];
        for (levels, times) in patterns {
            let shares = responsibilities(levels, &classes, &weights);
            for ((sum, total), share) in sums.iter_mut().zip(&mut totals).zip(shares) {
                add(sum, levels, times * share);
                *total += times * share;
            }
            if shares_contact(comparisons, levels) {
                let [_, household, _] = shares;
                add(&mut met_by_contact, levels, times * household);
            }
        }
        let [matches, mut households, others] = sums;
        for ((comparison, sum), unbiased) in comparisons.iter().zip(&mut households).zip(met_by_contact) {
            if !CONTACTS.contains(&comparison.name.as_str()) {
                *sum = unbiased;
            }
        }
        classes = [
            smooth(matches, comparisons, m, IMAGINED_MATCHES),
            smooth(households, comparisons, h, IMAGINED_HOUSEHOLDS),
            smooth(others, comparisons, |level| f64::from(level.u_probability), 1.0),
        ];
        let all: f64 = totals.iter().sum();
        weights = totals.map(|total| (total / all).max(1e-6));
    }
    (classes, weights)
}

/// True where the pair would have met by phone or e-mail alone. Housemates who met by a common birth date say nothing
/// of how often housemates have one.
fn shares_contact(comparisons: &[ComparisonModel], levels: &Levels) -> bool {
    comparisons
        .iter()
        .zip(levels)
        .any(|(comparison, level)| *level == 0 && matches!(comparison.name.as_str(), "phone" | "email"))
}

/// How likely each explanation is for one pattern.
fn responsibilities(
    levels: &Levels,
    classes: &[Vec<Shares>; CLASSES],
    weights: &[f64; CLASSES],
) -> [f64; CLASSES] {
    let mut odds = *weights;
    for (odd, class) in odds.iter_mut().zip(classes) {
        for (shares, level) in class.iter().zip(levels) {
            *odd *= shares.get(usize::from(*level)).copied().unwrap_or(1.0);
        }
    }
    let all: f64 = odds.iter().sum();
    odds.map(|odd| {
        if all > 0.0 {
            odd / all
        } else {
            1.0 / count(CLASSES)
        }
    })
}

fn empty(comparisons: &[ComparisonModel]) -> Vec<Shares> {
    comparisons.iter().map(|c| vec![0.0; c.levels.len()]).collect()
}

fn add(sums: &mut [Shares], levels: &Levels, times: f64) {
    for (sum, level) in sums.iter_mut().zip(levels) {
        if let Some(slot) = sum.get_mut(usize::from(*level)) {
            *slot += times;
        }
    }
}

/// Counts to shares, with `imagined` pairs that fall as the first model says.
fn smooth(
    sums: Vec<Shares>,
    comparisons: &[ComparisonModel],
    first: impl Fn(&Level) -> f64,
    imagined: f64,
) -> Vec<Shares> {
    let one = |(sum, comparison): (Shares, &ComparisonModel)| {
        let all = sum.iter().sum::<f64>() + imagined;
        let share = |(n, level): (f64, &Level)| ((n + imagined * first(level)) / all).clamp(1e-9, 1.0);
        sum.into_iter().zip(&comparison.levels).map(share).collect()
    };
    sums.into_iter().zip(comparisons).map(one).collect()
}

/// How common each name is among the records; what is rare here keeps the share of an unlisted name.
fn frequencies<'a>(names: impl Iterator<Item = &'a str>, start: &FrequencyTable) -> FrequencyTable {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all = 0;
    for name in names.filter(|name| !name.is_empty()) {
        *counts.entry(name).or_default() += 1;
        all += 1;
    }
    if all < 1000 {
        return start.clone();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a model's shares are single")]
    let share = |n: usize| (count(n) / count(all)) as f32;
    let terms: BTreeMap<String, f32> = counts
        .iter()
        .filter(|(_, n)| **n >= TERM_RECORDS_MIN)
        .map(|(name, n)| ((*name).to_owned(), share(*n)))
        .collect();
    FrequencyTable {
        // Between one record and the rarest listed name.
        unlisted: share(TERM_RECORDS_MIN / 2).min(start.unlisted),
        terms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::MatchWeight;
    use panorama_model::PartialDate;
    use panorama_standardize::BirthDate;

    /// Two records for each of so many people; the second misspells its family name in one of `every`.
    fn records(people: u16, every: u16) -> Vec<StandardPerson> {
        let person = |n: u16, copy: bool| {
            let letter = |k: u16| char::from(b'a' + u8::try_from(k % 26).unwrap());
            let given: String = [n, n / 26, n * 7, n * 3].map(letter).iter().collect();
            let mut family: String = [n * 5, n / 7, n * 11, n / 3, n].map(letter).iter().collect();
            if copy && n.is_multiple_of(every) {
                family.push('q');
            }
            StandardPerson {
                given: given.as_str().into(),
                given_canonical: given.as_str().into(),
                family: family.as_str().into(),
                birth_date: PartialDate::from_ymd(
                    1930 + i16::try_from(n % 80).unwrap(),
                    u8::try_from(n / 3 % 12 + 1).unwrap(),
                    u8::try_from(n % 28 + 1).unwrap(),
                )
                .map(|date| BirthDate { date, weak: false }),
                ..StandardPerson::default()
            }
        };
        (0..people)
            .flat_map(|n| [person(n, false), person(n, true)])
            .collect()
    }

    #[test]
    fn training_learns_how_often_names_are_misspelt() {
        let misspelt = |every: u16| {
            let model = train(&records(600, every), &Model::default(), 1);
            model.check().unwrap();
            let family = model
                .comparisons
                .iter()
                .find(|c| c.name == "family_name")
                .unwrap();
            1.0 - family.levels[0].m_probability
        };
        assert!(
            misspelt(2) > misspelt(20) + 0.2,
            "{} {}",
            misspelt(2),
            misspelt(20)
        );
    }

    #[test]
    fn training_repeats_and_keeps_what_it_never_saw() {
        let records = records(400, 5);
        let (first, again) = (
            train(&records, &Model::default(), 1),
            train(&records, &Model::default(), 1),
        );
        assert_eq!(first, again);
        let phone = |model: &Model| {
            model
                .comparisons
                .iter()
                .find(|c| c.name == "phone")
                .unwrap()
                .clone()
        };
        let (learned, known) = (phone(&first), phone(&Model::default()));
        assert!((learned.levels[0].m_probability - known.levels[0].m_probability).abs() < 1e-3);
        let scorer = Scorer::new(first).unwrap();
        assert!(scorer.score(&records[0], &records[1]).weight > MatchWeight::from_bits(6.0));
        assert_eq!(train(&[], &Model::default(), 1), Model::default());
    }
}
