//! The match model: everything the outcome depends on besides the records. Versioned, readable, trainable.

use crate::comparison;
use crate::declared::{DeclarationProblem, Declarations};
use crate::error::ModelError;
use crate::frequency::TermFrequencies;
use crate::pair_kind::PAIR_KINDS;
#[cfg(doc)]
use crate::pair_kind::PairKind;
use serde::{Deserialize, Serialize};

/// One level of a comparison and how likely it is in pairs of each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// The level's stable name.
    pub name: String,
    /// Probability of the level in pairs of each kind, in the order of [`PairKind::ALL`]: first the kinds of one person
    /// (m), then strangers (u), then those of one household.
    pub probabilities: [f32; PAIR_KINDS],
}

/// One comparison's levels, in the order of the comparison itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonModel {
    /// The comparison's stable name.
    pub name: String,
    /// Its levels.
    pub levels: Vec<Level>,
}

/// How a candidate pair is found: both records give the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockingRule {
    /// Social security number.
    SocialSecurity,
    /// Issued identifier with its authority.
    Identifier,
    /// E-mail address.
    Email,
    /// Phone number.
    Phone,
    /// A family name and the birth date.
    FamilyBirthDate,
    /// The given name (formal) and the birth date.
    GivenBirthDate,
    /// Both initials, in any order, and the birth date.
    InitialsBirthDate,
    /// Birth date and postal code.
    BirthDatePostalCode,
    /// Birth date and the last four digits of the social security number.
    BirthDateLastFour,
    /// Both names, in any order, and the birth year.
    NamesBirthYear,
    /// Both names, in any order, and the month and day of birth.
    NamesBirthday,
    /// Both names, in any order, and the postal code.
    NamesPostalCode,
    /// Both names, in any order, and the city.
    NamesCity,
    /// The sounds of both names and the birth year.
    SoundsBirthYear,
    /// House, street and the given name's initial.
    AddressInitial,
    /// Both names, in any order.
    Names,
    /// The sounds of both names and the postal code.
    SoundsPostalCode,
    /// Family name, birth year and the given name's initial.
    FamilyInitialBirthYear,
    /// Given name, birth year and the family name's initial.
    GivenInitialBirthYear,
    /// The sounds of both names.
    Sounds,
    /// Half of the social security number and the family name's initial: the number may be mistyped.
    SocialSecurityPart,
    /// Family name and postal code; for records without phone and e-mail.
    UnreachablePostalCode,
    /// Family name and street; for records without phone and e-mail.
    UnreachableStreet,
    /// Birth date alone; for sparse records, as all below: those without number, phone and street.
    SparseBirthDate,
    /// Given name and birth year.
    SparseGivenBirthYear,
    /// Family name and birth year.
    SparseFamilyBirthYear,
    /// Given name and place.
    SparseGivenPlace,
    /// Family name and place.
    SparseFamilyPlace,
    /// The part of an e-mail address before the @.
    SparseEmailLocal,
    /// The part of an e-mail address after the @.
    SparseEmailDomain,
}

impl BlockingRule {
    /// All rules, in the order of their bits.
    pub const ALL: [Self; 30] = [
        Self::SocialSecurity,
        Self::Identifier,
        Self::Email,
        Self::Phone,
        Self::FamilyBirthDate,
        Self::GivenBirthDate,
        Self::InitialsBirthDate,
        Self::BirthDatePostalCode,
        Self::BirthDateLastFour,
        Self::NamesBirthYear,
        Self::NamesBirthday,
        Self::NamesPostalCode,
        Self::NamesCity,
        Self::SoundsBirthYear,
        Self::AddressInitial,
        Self::Names,
        Self::SoundsPostalCode,
        Self::FamilyInitialBirthYear,
        Self::GivenInitialBirthYear,
        Self::Sounds,
        Self::SocialSecurityPart,
        Self::UnreachablePostalCode,
        Self::UnreachableStreet,
        Self::SparseBirthDate,
        Self::SparseGivenBirthYear,
        Self::SparseFamilyBirthYear,
        Self::SparseGivenPlace,
        Self::SparseFamilyPlace,
        Self::SparseEmailLocal,
        Self::SparseEmailDomain,
    ];
}

impl BlockingRule {
    /// The rules of the model that ships: all but those whose pairs others find as well, as each costs time and space.
    fn shipped() -> Vec<Self> {
        let by_others = |rule: &Self| {
            matches!(
                rule,
                Self::Names
                    | Self::NamesBirthYear
                    | Self::NamesBirthday
                    | Self::NamesPostalCode
                    | Self::NamesCity
                    | Self::BirthDateLastFour
            )
        };
        Self::ALL.into_iter().filter(|rule| !by_others(rule)).collect()
    }
}

/// How likely two records are what, before anything is compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// Probability that two records are one person.
    pub match_probability: f64,
    /// Pairs of each kind for each pair of one person, in the order of [`PairKind::ALL`]. The kinds of one person add up
    /// to 1; strangers are all the others, whatever stands in their place.
    pub pairs_per_match: [f64; PAIR_KINDS],
    /// Bits for one person that fields say nothing of: the engine puts a pair together only where no rival and no other
    /// member speaks against it, and agreements are less often chance than independent fields would have it. Chosen
    /// where the truth is known (bench `quality`), so that of links with a stated probability that share is right.
    /// Larger links more, smaller asks stewards more.
    #[serde(default)]
    pub calibration_bits: f64,
}

/// Where scores become decisions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// From here on records are linked.
    pub auto_link_probability: f64,
    /// From here on a steward is asked.
    pub review_probability: f64,
}

/// What is bounded, and where (INV-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Records in one block. A larger block tells nobody apart and is void as a whole; more costs time, fewer loses
    /// people who share a common name and birth year.
    pub block_records_max: usize,
    /// Records in one connected component before its weakest edges are cut.
    pub component_records_max: usize,
    /// Records in one component of which every pair is scored; in larger ones pairs without an edge count as
    /// `absent_pair_bits`.
    pub component_scored_max: usize,
    /// Full records that may hold one contact point before it stops attaching contact-point records.
    pub anchor_records_max: usize,
}

/// The version of the model that ships.
const SHIPPED_VERSION: &str = "default-3";

/// The match model. What a file does not say is that of the model that ships.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Names the model in every decision it takes.
    pub version: String,
    /// How candidate pairs are found.
    pub blocking_rules: Vec<BlockingRule>,
    /// What is compared.
    pub comparisons: Vec<ComparisonModel>,
    /// Before anything is compared.
    pub prior: Prior,
    /// Where scores become decisions.
    pub thresholds: Thresholds,
    /// How common names are.
    pub frequencies: TermFrequencies,
    /// What a pair without a score counts in an average, in bits; as those below, before
    /// [`Prior::calibration_bits`] are added.
    pub absent_pair_bits: f32,
    /// What the average of two clusters' pairs must reach, in bits, for one strong pair to join them.
    pub mean_bits_min: f32,
    /// The most one pair may count in an average, in bits either way: one pair never outvotes all others.
    pub pair_bits_max: f32,
    /// What is bounded.
    pub limits: Limits,
    /// What users declare of their own data.
    #[serde(skip_serializing_if = "Declarations::is_empty")]
    pub declared: Declarations,
}

impl Default for Model {
    /// The model that ships: general experience with US health data, nothing learned from one data set.
    fn default() -> Self {
        Self {
            version: SHIPPED_VERSION.to_owned(),
            blocking_rules: BlockingRule::shipped(),
            comparisons: comparison::ALL.iter().map(|c| c.default_model()).collect(),
            prior: Prior {
                match_probability: 5e-5,
                pairs_per_match: [0.64, 0.22, 0.05, 0.09, 0.0, 0.8, 0.02, 0.02],
                // The lists would bear one more; but then a rare full name alone would link, and join namesakes.
                calibration_bits: 2.5,
            },
            thresholds: Thresholds {
                auto_link_probability: 0.99,
                review_probability: 0.8,
            },
            frequencies: TermFrequencies::default(),
            absent_pair_bits: -3.0,
            mean_bits_min: 0.5,
            pair_bits_max: 20.0,
            limits: Limits {
                block_records_max: 100,
                component_records_max: 1_000,
                component_scored_max: 64,
                anchor_records_max: 50,
            },
            declared: Declarations::default(),
        }
    }
}

impl Model {
    /// Reads a model from JSON and checks it.
    ///
    /// - Units: probabilities in (0, 1]; weights follow as log2 Bayes factors.
    ///
    /// # Errors
    /// Any [`ModelError`]: not a model, a level missing, a probability outside (0, 1].
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let model: Self = serde_json::from_str(text)?;
        model.check()?;
        Ok(model.completed())
    }

    /// The model as JSON, for reading and keeping.
    ///
    /// # Errors
    /// [`ModelError::Unreadable`] where a number cannot be written.
    pub fn to_json(&self) -> Result<String, ModelError> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// The model with the declared comparisons among the others: as learned where they were, as declared where not.
    #[must_use]
    pub fn completed(mut self) -> Self {
        for declared in &self.declared.comparisons {
            if !self.comparisons.iter().any(|c| c.name == declared.name) {
                self.comparisons.push(declared.model());
            }
        }
        self
    }

    /// Checks that the model fits the comparisons of this version.
    ///
    /// # Errors
    /// As [`Model::from_json`].
    pub fn check(&self) -> Result<(), ModelError> {
        self.check_declared()?;
        for (at, model) in self.comparisons.iter().enumerate() {
            self.check_comparison(model)?;
            if self
                .comparisons
                .iter()
                .skip(at + 1)
                .any(|other| other.name == model.name)
            {
                return Err(ModelError::RepeatedComparison {
                    comparison: model.name.clone(),
                });
            }
        }
        let Thresholds {
            auto_link_probability: auto,
            review_probability: review,
        } = self.thresholds;
        if !(review > 0.0 && review <= auto && auto < 1.0) {
            return Err(ModelError::Thresholds);
        }
        Ok(())
    }

    fn check_declared(&self) -> Result<(), ModelError> {
        let mut problems = self.declared.problems();
        if !self.declared.is_empty() && self.version == SHIPPED_VERSION {
            problems.push(DeclarationProblem {
                place: "version".to_owned(),
                message: format!("{SHIPPED_VERSION} is the model that ships, which declares nothing"),
                hint: "name the version of your own; every decision is kept with it".to_owned(),
            });
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ModelError::Declared(problems))
        }
    }

    fn check_comparison(&self, model: &ComparisonModel) -> Result<(), ModelError> {
        let comparison = || model.name.clone();
        let known = comparison::ALL.iter().find(|c| c.name == model.name);
        let declared = self.declared.comparisons.iter().find(|c| c.name == model.name);
        let names: Vec<&str> = match (known, declared) {
            (Some(known), _) => known.levels.iter().map(|l| l.name).collect(),
            (None, Some(declared)) => declared.levels.iter().map(|l| l.name.as_str()).collect(),
            (None, None) => {
                return Err(ModelError::UnknownComparison {
                    comparison: comparison(),
                });
            }
        };
        if !model
            .levels
            .iter()
            .map(|l| l.name.as_str())
            .eq(names.iter().copied())
        {
            return Err(ModelError::Levels {
                comparison: comparison(),
                expected: names.join(", "),
            });
        }
        for level in &model.levels {
            if !level.probabilities.iter().all(|p| *p > 0.0 && *p <= 1.0) {
                return Err(ModelError::Probability {
                    comparison: comparison(),
                    level: level.name.clone(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_survives_json_and_checks() {
        let model = Model::default();
        assert_eq!(Model::from_json(&model.to_json().unwrap()).unwrap(), model);
    }

    #[test]
    fn broken_models_are_told() {
        let check = |change: fn(&mut Model), expected: &str| {
            let mut model = Model::default();
            change(&mut model);
            assert!(
                model.check().unwrap_err().to_string().contains(expected),
                "{expected}"
            );
        };
        check(
            |m| m.comparisons[0].levels[0].probabilities[4] = 0.0,
            "outside (0, 1]",
        );
        check(|m| m.comparisons[0].name = "shoe_size".into(), "shoe_size");
        check(
            |m| m.comparisons.push(m.comparisons[0].clone()),
            "given_name twice",
        );
        check(|m| drop(m.comparisons[0].levels.pop()), "must have the levels");
        check(|m| m.thresholds.review_probability = 0.999, "thresholds");
    }
}
