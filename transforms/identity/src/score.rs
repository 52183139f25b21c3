//! Fellegi-Sunter scores with a third explanation: besides "one person" and "two strangers", "two of one household".

use crate::comparison::{self, Comparison, TermKind};
use crate::error::ModelError;
use crate::frequency::TermBits;
use crate::model::{ComparisonModel, Model};
use panorama_model::Sex;
use panorama_standardize::StandardPerson;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// log2 of the odds that two records are one person, in thousandths of a bit: integers add up to the same in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MatchWeight(pub i32);

impl MatchWeight {
    /// The weight of a pair that cannot be one person.
    pub const VETO: Self = Self(-40_000);

    /// A weight of so many bits.
    pub fn from_bits(bits: f32) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "clamped far inside the range")]
        Self((bits.clamp(-1000.0, 1000.0) * 1000.0).round() as i32)
    }

    /// The weight in bits.
    pub fn bits(self) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "weights are small")]
        let thousandths = self.0 as f32;
        thousandths / 1000.0
    }

    /// The weight of a probability.
    pub fn of_probability(probability: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no double")]
        Self::from_bits((probability / (1.0 - probability)).log2() as f32)
    }

    /// The probability of these odds.
    pub fn probability(self) -> f64 {
        let odds = f64::from(self.bits()).exp2();
        odds / (1.0 + odds)
    }
}

/// Why two records cannot be one person, whatever their score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Veto {
    /// Junior and Senior.
    Generation,
    /// Two children of one multiple birth.
    MultipleBirth,
    /// One is a test record, the other is not.
    Test,
    /// The identity of one is unreliable and no issued identifier joins them.
    Unreliable,
}

/// The levels a pair falls into, by comparison; 255 where missing.
pub(crate) type Levels = SmallVec<[u8; 12]>;

/// The outcome of comparing two records.
#[derive(Clone, Debug, PartialEq)]
pub struct PairScore {
    /// log2 odds that they are one person.
    pub weight: MatchWeight,
    /// The level of each comparison of the model, in order; 255 where one side is missing.
    pub levels: SmallVec<[u8; 12]>,
    /// Why they cannot be one person, if so.
    pub veto: Option<Veto>,
    /// True where the weight was held down to review: the pair looks like twins, and only a number could tell.
    pub twins_suspected: bool,
}

impl PairScore {
    /// The probability that they are one person.
    pub fn probability(&self) -> f64 {
        self.weight.probability()
    }
}

/// A level ready for use: log2 of m/u, of m/h, and of m.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LevelBits {
    pub(crate) against_strangers: f32,
    pub(crate) against_household: f32,
    pub(crate) m: f32,
}

/// One comparison ready for use.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) comparison: &'static Comparison,
    pub(crate) bits: Vec<LevelBits>,
}

impl Compiled {
    fn new(comparison: &'static Comparison, model: &ComparisonModel) -> Self {
        let bits = |l: &crate::model::Level| LevelBits {
            against_strangers: (l.m_probability / l.u_probability).log2(),
            against_household: (l.m_probability / l.household_probability).log2(),
            m: l.m_probability.log2(),
        };
        Self {
            comparison,
            bits: model.levels.iter().map(bits).collect(),
        }
    }
}

/// Running totals of one pair: odds against strangers, and against members of one household.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    pub(crate) strangers: f32,
    pub(crate) household: f32,
}

impl Totals {
    /// The odds against both rival explanations together: the stronger rival decides.
    pub(crate) fn combined(self) -> f32 {
        let (low, high) = if self.strangers < self.household {
            (self.strangers, self.household)
        } else {
            (self.household, self.strangers)
        };
        low - (1.0 + (low - high).exp2()).log2()
    }
}

/// A model made ready to compare pairs. Pure and shareable between threads.
#[derive(Debug)]
pub struct Scorer {
    pub(crate) model: Model,
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) given: TermBits,
    pub(crate) family: TermBits,
    pub(crate) prior: Totals,
    pub(crate) auto_link: MatchWeight,
    pub(crate) review: MatchWeight,
}

impl Scorer {
    /// Makes a model ready.
    ///
    /// # Errors
    /// As [`Model::check`].
    pub fn new(model: Model) -> Result<Self, ModelError> {
        model.check()?;
        Ok(Self::compile(model))
    }

    /// The scorer of the model that ships.
    pub fn shipped() -> Self {
        Self::compile(Model::default())
    }

    pub(crate) fn compile(model: Model) -> Self {
        let compiled = model
            .comparisons
            .iter()
            .filter_map(|m| {
                let comparison = comparison::ALL.iter().find(|c| c.name == m.name)?;
                Some(Compiled::new(comparison, m))
            })
            .collect();
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no double")]
        let bits = |odds: f64| odds.log2() as f32;
        let p = model.prior.match_probability;
        Self {
            compiled,
            given: TermBits::new(&model.frequencies.given),
            family: TermBits::new(&model.frequencies.family),
            prior: Totals {
                strangers: bits(p / (1.0 - p)),
                household: bits(1.0 / model.prior.household_pairs_per_match),
            },
            auto_link: MatchWeight::of_probability(model.thresholds.auto_link_probability),
            review: MatchWeight::of_probability(model.thresholds.review_probability),
            model,
        }
    }

    /// The model.
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// The weight from which records are linked.
    pub const fn auto_link_weight(&self) -> MatchWeight {
        self.auto_link
    }

    /// The weight from which a steward is asked.
    pub const fn review_weight(&self) -> MatchWeight {
        self.review
    }

    /// Compares two records. Symmetric.
    ///
    /// - Units: log2 odds, [`MatchWeight::VETO`] where something forbids them to be one person.
    /// - Nulls: a comparison that misses a side weighs nothing.
    /// - Spec: Fellegi and Sunter 1969, with term frequencies (Winkler 2000) and a household explanation.
    pub fn score(&self, a: &StandardPerson, b: &StandardPerson) -> PairScore {
        let mut levels = Levels::new();
        let mut totals = self.prior;
        for compiled in &self.compiled {
            let Some(compared) = (compiled.comparison.compare)(a, b) else {
                levels.push(u8::MAX);
                continue;
            };
            levels.push(u8::try_from(compared.level).unwrap_or(u8::MAX));
            if let Some(bits) = compiled.bits.get(compared.level) {
                totals.strangers += self.stranger_bits(bits, compared.term);
                totals.household += bits.against_household;
            }
        }
        let veto = veto(a, b, || self.has_identifier_match(&levels));
        let mut weight = MatchWeight::from_bits(totals.combined().clamp(-30.0, 60.0));
        let twins_suspected = weight > self.review && self.looks_like_twins(&levels);
        if twins_suspected {
            weight = self.review;
        }
        if veto.is_some() {
            weight = MatchWeight::VETO;
        }
        PairScore {
            weight,
            levels,
            veto,
            twins_suspected,
        }
    }

    /// Different given names and the same birth date, with no number in common: twins share all else, and a wrong link
    /// between them harms two patients. A steward decides.
    fn looks_like_twins(&self, levels: &[u8]) -> bool {
        let is = |comparison: &str, name: &str| {
            self.compiled.iter().zip(levels).any(|(compiled, level)| {
                let found = compiled.comparison.levels.get(usize::from(*level));
                compiled.comparison.name == comparison && found.is_some_and(|l| l.name == name)
            })
        };
        is("given_name", "different") && is("birth_date", "exact") && !self.has_identifier_match(levels)
    }

    /// m/u of a level in bits, u being the term's own frequency where the pair agrees on a term.
    pub(crate) fn stranger_bits(&self, bits: &LevelBits, term: Option<(TermKind, &str)>) -> f32 {
        match term {
            Some((TermKind::Given, term)) => bits.m + self.given.bits(term),
            Some((TermKind::Family, term)) => bits.m + self.family.bits(term),
            None => bits.against_strangers,
        }
    }

    fn has_identifier_match(&self, levels: &[u8]) -> bool {
        self.compiled
            .iter()
            .zip(levels)
            .any(|(compiled, level)| *level == 0 && matches!(compiled.comparison.name, "identifiers" | "ssn"))
    }
}

/// What forbids two records to be one person.
fn veto(a: &StandardPerson, b: &StandardPerson, has_identifier_match: impl Fn() -> bool) -> Option<Veto> {
    if a.flags.test != b.flags.test {
        return Some(Veto::Test);
    }
    if let (Some(x), Some(y)) = (a.generation, b.generation)
        && x.conflicts(y)
    {
        return Some(Veto::Generation);
    }
    let (x, y) = (a.flags.birth_order, b.flags.birth_order);
    if a.birth_date == b.birth_date && x > 0 && y > 0 && x != y {
        return Some(Veto::MultipleBirth);
    }
    let unnamed_twin = (a.flags.newborn || b.flags.newborn)
        && (a.flags.multiple_birth || b.flags.multiple_birth)
        && a.sex.zip(b.sex).is_some_and(|(x, y): (Sex, Sex)| x != y);
    if unnamed_twin {
        return Some(Veto::MultipleBirth);
    }
    if (a.flags.unreliable || b.flags.unreliable) && !has_identifier_match() {
        return Some(Veto::Unreliable);
    }
    None
}

#[cfg(test)]
mod tests;
