//! What users declare of their own data, beside the weights: more rules and comparisons, values that are never evidence,
//! what identifiers mean, how far a source is believed. The section `declared` of a model file; no Rust needed.
//!
//! Blocking rules and comparisons add to those of the model. All else changes what the model sees of a record
//! (`Ready::matched`), not what is kept of it: under a model without the declaration it counts again as it was said.
//! Everything here is a function of one record, or of a pair, so order still does not matter (INV-6).

mod blocked;
mod blocking;
mod check;
mod comparison;
mod field;
mod identifiers;
mod ready;
mod sources;

pub use blocked::{BlockedAddress, BlockedIdentifier, BlockedName, BlockedValues};
pub use blocking::DeclaredBlocking;
pub use check::DeclarationProblem;
pub use comparison::{DeclaredComparison, DeclaredLevel, LevelTest};
pub use field::Field;
pub use identifiers::{DeclaredIdentifier, Identifies};
pub use sources::{Ignored, SourceTrust};

pub(crate) use comparison::ReadyComparison;
pub(crate) use ready::Ready;

use serde::{Deserialize, Serialize};

/// The declarations of a model. Empty unless a user wrote them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Declarations {
    /// More ways in which candidate pairs meet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocking: Vec<DeclaredBlocking>,
    /// More comparisons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<DeclaredComparison>,
    /// Values that are never evidence.
    #[serde(skip_serializing_if = "BlockedValues::is_empty")]
    pub blocked: BlockedValues,
    /// What identifiers mean, by who issued them and what they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<DeclaredIdentifier>,
    /// How far sources are believed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceTrust>,
}

impl Declarations {
    /// True where nothing is declared.
    pub const fn is_empty(&self) -> bool {
        self.blocking.is_empty()
            && self.comparisons.is_empty()
            && self.blocked.is_empty()
            && self.identifiers.is_empty()
            && self.sources.is_empty()
    }
}

#[cfg(test)]
mod tests;
