//! Training without labels: u from random pairs, the kinds of pairs by EM over blocked pairs, name frequencies by
//! counting.
//!
//! The kinds are told apart by the model one starts from; each is pulled towards it by a few imagined pairs, so a field
//! nobody fills, or a kind nobody is of, keeps its general experience instead of an accident.

mod maximize;
mod names;
mod pairs;
mod report;

pub use report::{ComparisonReport, LevelReport, ThresholdEstimate, TrainingReport};

use crate::model::Model;
use crate::pair_kind::PairKind;
use crate::score::Scorer;
use panorama_standardize::StandardPerson;

/// [`crate::Prior::calibration_bits`] of a trained model: less than of the one that ships, as its probabilities are those
/// of the records themselves.
const TRAINED_CALIBRATION_BITS: f64 = 2.2;

/// What training learned: the model, and how sure it is of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The model.
    pub model: Model,
    /// How it came about.
    pub report: TrainingReport,
}

/// Trains a model on records, without labels, starting from another.
///
/// - Shape: thresholds, rules and limits stay; probabilities, prior and name frequencies become those of the records.
/// - Units: the outcome is the same for the same records in the same order, `start` and `seed`.
/// - Nulls: with fewer than two records, or no two that meet in a block, the probabilities of `start` come back.
/// - Spec: Fellegi and Sunter 1969; EM after Winkler 1988, u from random pairs as in Splink.
pub fn train(records: &[StandardPerson], start: &Model, seed: u64) -> Training {
    let mut model = start.clone();
    model.prior.calibration_bits = 0.0;
    let given = records.iter().flat_map(|r| [r.given.as_str(), r.middle.as_str()]);
    names::learn(&mut model.frequencies.given, given);
    names::learn(
        &mut model.frequencies.family,
        records.iter().map(|r| r.family.as_str()),
    );
    let scorer = Scorer::compile(model.clone());
    let strangers = pairs::random(records, &scorer, seed);
    set_strangers(&mut model, &strangers.shares);
    let blocked = pairs::blocked(records, &Scorer::compile(model.clone()), seed);
    let outcome = maximize::maximize(&mut model, &blocked, pairs::all(records.len()));
    model.prior.calibration_bits = TRAINED_CALIBRATION_BITS;
    model.version = format!("trained-{}-{seed}", records.len());
    let report = report::report(&model, records.len(), &strangers, &blocked, &outcome);
    Training { model, report }
}

fn set_strangers(model: &mut Model, shares: &[Vec<f64>]) {
    for (comparison, shares) in model.comparisons.iter_mut().zip(shares) {
        for (level, share) in comparison.levels.iter_mut().zip(shares) {
            if let Some(slot) = level.probabilities.get_mut(PairKind::Strangers.index()) {
                *slot = probability(*share);
            }
        }
    }
}

/// A share as a model keeps it.
fn probability(share: f64) -> f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a model's probabilities are single"
    )]
    let share = share.clamp(1e-9, 1.0) as f32;
    share
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of records and pairs are far below 2^52"
)]
const fn count(n: usize) -> f64 {
    n as f64
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
            let model = train(&records(600, every), &Model::default(), 1).model;
            model.check().unwrap();
            let family = model
                .comparisons
                .iter()
                .find(|c| c.name == "family_name")
                .unwrap();
            1.0 - family.levels[0].probabilities[0]
        };
        assert!(
            misspelt(2) > misspelt(20) + 0.2,
            "{} {}",
            misspelt(2),
            misspelt(20)
        );
    }

    #[test]
    fn the_report_says_how_sure_it_is_in_a_few_notes() {
        let report = train(&records(600, 5), &Model::default(), 1).report;
        let level = |comparison: &str, level: &str| {
            let mut all = report.comparisons.iter().filter(|c| c.name == comparison);
            all.next()
                .unwrap()
                .levels
                .iter()
                .find(|l| l.name == level)
                .unwrap()
                .clone()
        };
        let (exact, unseen) = (level("family_name", "exact"), level("phone", "exact"));
        assert!(exact.learned && exact.uncertainty_bits < 0.5, "{exact:?}");
        assert!(!unseen.learned && unseen.uncertainty_bits > 1.0, "{unseen:?}");
        assert!(report.levels_learned > 0 && report.levels_learned < report.levels);
        let notes = report.warnings.join("\n");
        assert!(
            report.warnings.len() < report.comparisons.len() / 2 + 1,
            "{notes}"
        );
        assert_eq!(notes.matches("phone").count(), 1, "{notes}");
        assert!(
            notes.contains("hardly any pair of one person has it on both sides"),
            "{notes}"
        );
        assert!(notes.contains("birth_date: too few pairs to learn"), "{notes}");
        // Reports travel as JSON, also those of nothing.
        let nothing = train(&[], &Model::default(), 1).report;
        let text = serde_json::to_string(&nothing).unwrap();
        let read = serde_json::from_str::<TrainingReport>(&text).unwrap();
        // But for the last digit of a fraction, which JSON may round.
        assert_eq!(format!("{read:.9?}"), format!("{nothing:.9?}"));
    }

    #[test]
    fn training_repeats_and_keeps_what_it_never_saw() {
        let records = records(400, 5);
        let (first, again) = (
            train(&records, &Model::default(), 1).model,
            train(&records, &Model::default(), 1).model,
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
        assert!((learned.levels[0].probabilities[0] - known.levels[0].probabilities[0]).abs() < 1e-3);
        let scorer = Scorer::new(first).unwrap();
        assert!(scorer.score(&records[0], &records[1]).weight > MatchWeight::from_bits(6.0));
        assert_eq!(
            train(&[], &Model::default(), 1).model.comparisons.len(),
            Model::default().comparisons.len()
        );
    }
}
