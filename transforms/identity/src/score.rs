//! Fellegi-Sunter scores over several kinds of pairs: one person in four circumstances, strangers, three of one household.

use crate::bound::Bound;
use crate::comparison::{self, Compared, Comparison, TermKind};
use crate::declared::{Ready, ReadyComparison};
use crate::error::ModelError;
use crate::frequency::TermBits;
use crate::glance::{Glance, Sought};
use crate::model::{ComparisonModel, Level, Model};
use crate::outline::Outline;
use crate::pair_kind::{PAIR_KINDS, PairKind};
use crate::store::RecordEntry;
pub(crate) use crate::totals::Totals;
use panorama_model::Sex;
use panorama_standardize::StandardPerson;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::borrow::Cow;

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
pub(crate) type Levels = SmallVec<[u8; 16]>;

/// The outcome of comparing two records.
#[derive(Clone, Debug, PartialEq)]
pub struct PairScore {
    /// log2 odds that they are one person.
    pub weight: MatchWeight,
    /// The level of each comparison of the model, in order; 255 where one side is missing.
    pub levels: SmallVec<[u8; 16]>,
    /// Why they cannot be one person, if so.
    pub veto: Option<Veto>,
    /// True where the weight was held down to the review threshold: the pair looks like twins, and only a number could
    /// tell.
    pub twins_suspected: bool,
}

impl PairScore {
    /// The probability that they are one person.
    pub fn probability(&self) -> f64 {
        self.weight.probability()
    }
}

/// A level ready for use: log2 of its probability in each kind.
pub(crate) type LevelBits = [f32; PAIR_KINDS];

/// One comparison ready for use.
#[derive(Debug)]
pub(crate) struct Compiled {
    rule: Rule,
    pub(crate) bits: Vec<LevelBits>,
}

/// Where a comparison comes from.
#[derive(Debug)]
enum Rule {
    Known(&'static Comparison),
    Declared(ReadyComparison),
}

impl Compiled {
    /// `None` where neither the program nor the model knows the comparison.
    fn new(model: &ComparisonModel, declared: &Ready) -> Option<Self> {
        let known = comparison::ALL.iter().find(|c| c.name == model.name);
        let rule = match known {
            Some(known) => Rule::Known(known),
            None => Rule::Declared(declared.comparison(&model.name)?.clone()),
        };
        let bits = |level: &Level| level.probabilities.map(f32::log2);
        Some(Self {
            rule,
            bits: model.levels.iter().map(bits).collect(),
        })
    }

    /// The comparison's stable name.
    pub(crate) fn name(&self) -> &str {
        match &self.rule {
            Rule::Known(known) => known.name,
            Rule::Declared(declared) => &declared.name,
        }
    }

    /// The stable name of a level, and what it means.
    pub(crate) fn level(&self, at: usize) -> Option<(&str, &str)> {
        match &self.rule {
            Rule::Known(known) => known.levels.get(at).map(|level| (level.name, level.words)),
            Rule::Declared(declared) => declared
                .levels
                .get(at)
                .map(|(name, words)| (name.as_str(), words.as_str())),
        }
    }

    /// Which term pairs of a level agree on, where its frequency adjusts it.
    pub(crate) fn term(&self, at: usize) -> Option<TermKind> {
        match &self.rule {
            Rule::Known(known) => known.levels.get(at)?.term,
            Rule::Declared(_) => None,
        }
    }

    /// Sorts a pair into a level.
    pub(crate) fn compare<'a>(&self, a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
        match &self.rule {
            Rule::Known(known) => (known.compare)(a, b),
            Rule::Declared(declared) => declared.compare(a, b),
        }
    }
}

/// What comparing two records gives before anything is decided.
#[derive(Clone, Debug)]
pub(crate) struct PairLevels {
    pub(crate) levels: Levels,
    pub(crate) totals: Totals,
    /// How many bits rarer the given and family names agreed on are than such names usually are.
    pub(crate) rarer: [f32; 2],
}

/// A comparison's finding, with what its term is worth.
#[derive(Clone, Copy)]
struct Found {
    level: usize,
    term: Option<(TermKind, f32)>,
}

/// The probability from which a pair is linked that looks like twins: a wrong link between them harms two patients. A lower
/// one links twins, a higher one leaves more people to stewards whose given name changed altogether.
const CERTAIN: f64 = 0.999;

/// A model made ready to compare pairs. Pure and shareable between threads.
#[derive(Debug)]
pub struct Scorer {
    pub(crate) model: Model,
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) declared: Ready,
    pub(crate) given: TermBits,
    pub(crate) family: TermBits,
    pub(crate) prior: Totals,
    pub(crate) bound: Bound,
    pub(crate) glance: Glance,
    pub(crate) auto_link: MatchWeight,
    pub(crate) review: MatchWeight,
    /// From here on even those who look like twins are linked.
    pub(crate) certain: MatchWeight,
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
        let model = model.completed();
        let declared = Ready::new(&model.declared);
        let compiled: Vec<_> = model
            .comparisons
            .iter()
            .filter_map(|m| Compiled::new(m, &declared))
            .collect();
        let (given, family) = (
            TermBits::new(&model.frequencies.given),
            TermBits::new(&model.frequencies.family),
        );
        let prior = Totals::of_prior(&model.prior);
        Self {
            bound: Bound::new(&compiled, prior, &given, &family),
            glance: Glance::new(&compiled, prior, &given, &family),
            compiled,
            declared,
            given,
            family,
            prior,
            auto_link: MatchWeight::of_probability(model.thresholds.auto_link_probability),
            certain: MatchWeight::of_probability(CERTAIN),
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

    /// The weight of so many bits that fields say, calibrated as scores are.
    pub(crate) fn calibrated(&self, bits: f32) -> MatchWeight {
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no double")]
        let calibration = self.model.prior.calibration_bits as f32;
        MatchWeight::from_bits(bits + calibration)
    }

    /// Compares two records. Symmetric.
    ///
    /// - Units: log2 odds, [`MatchWeight::VETO`] where something forbids them to be one person.
    /// - Nulls: a comparison that misses a side weighs nothing.
    /// - Spec: Fellegi and Sunter 1969, with term frequencies (Winkler 2000), over latent kinds of pairs.
    pub fn score(&self, a: &StandardPerson, b: &StandardPerson) -> PairScore {
        self.weigh(a, b, self.compare(a, b))
    }

    /// What the model sees of what a record of this source says: without what is declared to be no evidence, identifiers
    /// as they are declared.
    pub fn matched<'a>(&self, source: &str, person: &'a StandardPerson) -> Cow<'a, StandardPerson> {
        match self.declared.matched(source, person) {
            Some(matched) => Cow::Owned(*matched),
            None => Cow::Borrowed(person),
        }
    }

    /// Compares two records of the engine: as [`Scorer::score`] does what the model sees of them, and no higher than their
    /// sources are believed.
    pub(crate) fn score_records(&self, a: &RecordEntry, b: &RecordEntry) -> PairScore {
        let score = self.score(a.matched(), b.matched());
        let (weight, _) = self
            .declared
            .trusted(score.weight, [&a.key.source, &b.key.source]);
        PairScore { weight, ..score }
    }

    /// The weight of two records, where it reaches the review threshold: as [`Scorer::score_records`], at less cost where
    /// it does not.
    pub(crate) fn weight_from_review(&self, a: &RecordEntry, b: &RecordEntry) -> Option<MatchWeight> {
        self.weight_with(&a.key.source, a.matched(), b)
    }

    /// As [`Scorer::weight_from_review`], of what the model sees of a record of some source.
    pub(crate) fn weight_with(
        &self,
        source: &str,
        person: &StandardPerson,
        b: &RecordEntry,
    ) -> Option<MatchWeight> {
        let weight = self.persons_from_review(person, b.matched())?;
        let (weight, _) = self.declared.trusted(weight, [source, &b.key.source]);
        (weight >= self.review).then_some(weight)
    }

    /// Makes what the model sees of a record ready to be held to the outlines of others.
    pub(crate) fn sought(&self, person: &StandardPerson, outline: Outline) -> Sought {
        self.glance.sought(person, outline, &self.given, &self.family)
    }

    /// True where a glance says that the pair does not reach the review threshold.
    pub(crate) fn tells_apart(&self, sought: &Sought, other: &Outline) -> bool {
        self.glance.tells_apart(sought, other, self.review)
    }

    fn persons_from_review(&self, a: &StandardPerson, b: &StandardPerson) -> Option<MatchWeight> {
        let compared = self.compare_for(a, b, self.review)?;
        let weight = self.weigh(a, b, compared).weight;
        (weight >= self.review).then_some(weight)
    }

    fn weigh(&self, a: &StandardPerson, b: &StandardPerson, compared: PairLevels) -> PairScore {
        let PairLevels { levels, totals, .. } = compared;
        let veto = self.veto(a, b, &levels);
        let mut weight = MatchWeight::from_bits(totals.combined().clamp(-30.0, 60.0));
        let twins_suspected = weight > self.review && weight < self.certain && self.looks_like_twins(&levels);
        if twins_suspected {
            weight = weight.min(self.review);
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

    /// Sorts a pair into levels and adds up what they say.
    pub(crate) fn compare(&self, a: &StandardPerson, b: &StandardPerson) -> PairLevels {
        self.add_up(self.compiled.iter().map(|c| self.found(c, a, b)))
    }

    fn found(&self, compiled: &Compiled, a: &StandardPerson, b: &StandardPerson) -> Option<Found> {
        let Compared { level, term } = compiled.compare(a, b)?;
        let term = term.map(|(kind, term)| (kind, kind.table(&self.given, &self.family).bits(term)));
        Some(Found { level, term })
    }

    /// Compares two records as [`Scorer::compare`] does, but gives up as soon as they cannot have the weight.
    fn compare_for(&self, a: &StandardPerson, b: &StandardPerson, weight: MatchWeight) -> Option<PairLevels> {
        let mut reach = self.bound.start();
        let mut found: SmallVec<[Option<Found>; 16]> = smallvec::smallvec![None; self.compiled.len()];
        for at in self.bound.order.iter().copied() {
            let (Some(compiled), Some(slot)) = (self.compiled.get(at), found.get_mut(at)) else {
                continue;
            };
            *slot = self.found(compiled, a, b);
            let said = slot.and_then(|c| {
                let term = c.term.map(|(_, bits)| bits);
                Some((compiled.bits.get(c.level)?, term))
            });
            self.bound.learn(&mut reach, at, said);
            if reach.misses(weight) {
                return None;
            }
        }
        Some(self.add_up(found.into_iter()))
    }

    /// Adds up what comparisons say, always in the order of the model: sums of floats depend on it.
    fn add_up(&self, found: impl Iterator<Item = Option<Found>>) -> PairLevels {
        let mut out = PairLevels {
            levels: Levels::new(),
            totals: self.prior,
            rarer: [0.0; 2],
        };
        for (compiled, found) in self.compiled.iter().zip(found) {
            let Some(found) = found else {
                out.levels.push(u8::MAX);
                continue;
            };
            out.levels.push(u8::try_from(found.level).unwrap_or(u8::MAX));
            if let Some(bits) = compiled.bits.get(found.level) {
                out.totals.add(bits);
                if let Some((kind, term)) = found.term {
                    let rarer = rarer_bits(bits, term);
                    if let Some(slot) = out.rarer.get_mut(kind as usize) {
                        *slot += rarer;
                    }
                }
            }
        }
        out.totals.rarer(out.rarer);
        out
    }

    /// What forbids two records to be one person, if anything.
    pub(crate) fn veto(&self, a: &StandardPerson, b: &StandardPerson, levels: &[u8]) -> Option<Veto> {
        veto(a, b, || self.has_identifier_match(levels))
    }

    /// Different given names, one family name and birth date, with no number in common: twins share all else, and a wrong link
    /// between them harms two patients. A steward decides.
    fn looks_like_twins(&self, levels: &[u8]) -> bool {
        let is = |comparison: &str, name: &str| {
            self.compiled.iter().zip(levels).any(|(compiled, level)| {
                let found = compiled.level(usize::from(*level));
                compiled.name() == comparison && found.is_some_and(|(level, _)| level == name)
            })
        };
        is("given_name", "different")
            && is("birth_date", "exact")
            && !is("family_name", "different")
            && !self.has_identifier_match(levels)
    }

    fn has_identifier_match(&self, levels: &[u8]) -> bool {
        self.compiled
            .iter()
            .zip(levels)
            .any(|(compiled, level)| *level == 0 && matches!(compiled.name(), "identifiers" | "ssn"))
    }
}

/// How many bits rarer a term is than terms agreed on at this level usually are.
pub(crate) fn rarer_bits(bits: &LevelBits, term: f32) -> f32 {
    term + bits.get(PairKind::Strangers.index()).copied().unwrap_or(0.0)
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
