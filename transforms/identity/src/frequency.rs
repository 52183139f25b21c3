//! How common names are: agreement on a rare name says more than agreement on a common one.

use crate::frequency_names::{FAMILY, GIVEN};
use crate::hashed::Hashed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// Shares of the population that bear a term.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrequencyTable {
    /// The share of a term that is not listed.
    pub unlisted: f32,
    /// The share of each listed term, standardized.
    pub terms: BTreeMap<String, f32>,
}

/// The tables a model has. They come from the model, never from arrivals: order must not matter (INV-6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermFrequencies {
    /// Given names.
    pub given: FrequencyTable,
    /// Family names.
    pub family: FrequencyTable,
}

impl Default for TermFrequencies {
    /// Common names of the United States (census and social security statistics, rounded).
    fn default() -> Self {
        Self {
            given: FrequencyTable::listed(0.000_4, GIVEN),
            family: FrequencyTable::listed(0.000_1, FAMILY),
        }
    }
}

impl FrequencyTable {
    fn listed(unlisted: f32, terms: &[(&str, f32)]) -> Self {
        Self {
            unlisted,
            terms: terms
                .iter()
                .map(|(term, share)| ((*term).to_owned(), *share))
                .collect(),
        }
    }
}

/// A table ready for use: -log2 of the share, by the term's hash: pairs ask for it, and one cache line answers. Two of a
/// hundred thousand terms have the same hash once in thousands of millions of tables.
#[derive(Clone, Debug)]
pub(crate) struct TermBits {
    unlisted: f32,
    terms: Hashed<u64, f32>,
}

impl TermBits {
    pub(crate) fn new(table: &FrequencyTable) -> Self {
        let bits = |share: f32| -share.clamp(f32::MIN_POSITIVE, 1.0).log2();
        Self {
            unlisted: bits(table.unlisted),
            terms: table
                .terms
                .iter()
                .map(|(term, share)| (xxh3_64(term.as_bytes()), bits(*share)))
                .collect(),
        }
    }

    /// The most bits any term has.
    pub(crate) fn most(&self) -> f32 {
        self.terms.values().copied().fold(self.unlisted, f32::max)
    }

    /// The fewest bits any term has.
    pub(crate) fn least(&self) -> f32 {
        self.terms.values().copied().fold(self.unlisted, f32::min)
    }

    /// How many bits agreement on this term is worth against strangers.
    pub(crate) fn bits(&self, term: &str) -> f32 {
        self.terms
            .get(&xxh3_64(term.as_bytes()))
            .copied()
            .unwrap_or(self.unlisted)
    }
}
