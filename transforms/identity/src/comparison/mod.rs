//! What is compared between two persons. One file per comparison, one line in [`ALL`].
//!
//! A comparison sorts a pair into one of its levels, or says nothing where either side is missing. Each level knows how
//! likely it is in pairs of each kind ([`crate::PairKind`]). Household members share family name, address, phone and
//! e-mail: there those agree almost for free, so only what is a person's own (given name, birth date, numbers) can tell
//! housemates apart. That is how shared contact data counts once, not thrice.

mod address;
mod birth_date;
mod email;
mod family_name;
mod generation;
mod given_name;
mod identifiers;
mod middle_name;
mod phone;
mod sex;
mod social_security;
mod strings;

use crate::model::{ComparisonModel, Level};
use crate::pair_kind::PAIR_KINDS;
use panorama_standardize::StandardPerson;

pub(crate) use birth_date::level_of as birth_date_level;
pub(crate) use generation::level_of as generation_level;
pub(crate) use identifiers::{is_findable as is_findable_identifier, is_strong as is_strong_identifier};
pub(crate) use social_security::level_of as ssn_level;
pub(crate) use strings::{jaro_winkler, one_edit_apart, sounds};

/// All comparisons, in the order of scores and explanations.
pub const ALL: &[&Comparison] = &[
    &given_name::GIVEN_NAME,
    &middle_name::MIDDLE_NAME,
    &family_name::FAMILY_NAME,
    &generation::GENERATION,
    &birth_date::BIRTH_DATE,
    &sex::SEX,
    &social_security::SOCIAL_SECURITY,
    &identifiers::IDENTIFIERS,
    &phone::PHONE,
    &email::EMAIL,
    &address::ADDRESS,
];

/// Which frequency table adjusts a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermKind {
    /// Given names.
    Given,
    /// Family names.
    Family,
}

/// One level of a comparison with its default probabilities.
#[derive(Clone, Copy, Debug)]
pub struct LevelSpec {
    /// Stable name.
    pub name: &'static str,
    /// What it means, in words for a steward.
    pub words: &'static str,
    /// Probability in pairs of each kind.
    pub probabilities: [f32; PAIR_KINDS],
    /// Which term pairs agree on, where its frequency adjusts the level.
    pub term: Option<TermKind>,
}

impl LevelSpec {
    /// The level of pairs that agree on a term.
    const fn on(self, term: TermKind) -> Self {
        Self {
            term: Some(term),
            ..self
        }
    }
}

/// A level with its probabilities; keeps the tables of levels one line each.
const fn level(name: &'static str, words: &'static str, one: [f32; 4], two: [f32; 4]) -> LevelSpec {
    let [settled, moved, renamed, garbled] = one;
    let [strangers, housemates, twins, namesakes] = two;
    LevelSpec {
        name,
        words,
        probabilities: [
            settled, moved, renamed, garbled, strangers, housemates, twins, namesakes,
        ],
        term: None,
    }
}

/// Where a pair falls: the level, and the term both agree on where the level is adjusted by its frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared<'a> {
    /// Index into the comparison's levels.
    pub level: usize,
    /// The term agreed on.
    pub term: Option<(TermKind, &'a str)>,
}

/// A pair that falls into `level`, not adjusted by frequency.
pub(crate) const fn plain<'a>(level: usize) -> Option<Compared<'a>> {
    Some(Compared { level, term: None })
}

/// A pair that agrees on `term`.
const fn on_term(level: usize, kind: TermKind, term: &str) -> Option<Compared<'_>> {
    Some(Compared {
        level,
        term: Some((kind, term)),
    })
}

/// Sorts a pair into a level; `None` where either side is missing. Symmetric.
pub type Compare = for<'a> fn(&'a StandardPerson, &'a StandardPerson) -> Option<Compared<'a>>;

/// One comparison.
pub struct Comparison {
    /// Stable name.
    pub name: &'static str,
    /// Its name in words.
    pub words: &'static str,
    /// Its levels with default probabilities.
    pub levels: &'static [LevelSpec],
    /// Sorts a pair into a level.
    pub compare: Compare,
}

impl std::fmt::Debug for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Comparison {
    /// The comparison's part of the default model.
    pub fn default_model(&self) -> ComparisonModel {
        let mut sums = [0.0; PAIR_KINDS];
        for level in self.levels {
            sums.iter_mut()
                .zip(level.probabilities)
                .for_each(|(sum, p)| *sum += p);
        }
        let level = |spec: &LevelSpec| {
            // The tables are rounded; a kind's levels cover all cases.
            let mut probabilities = spec.probabilities;
            probabilities.iter_mut().zip(sums).for_each(|(p, sum)| *p /= sum);
            Level {
                name: spec.name.to_owned(),
                probabilities,
            }
        };
        ComparisonModel {
            name: self.name.to_owned(),
            levels: self.levels.iter().map(level).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
