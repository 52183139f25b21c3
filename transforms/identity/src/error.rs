//! What can be wrong with a match model.

use crate::declared::DeclarationProblem;
use thiserror::Error;

/// A match model that cannot be used. Never caused by patient data.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The text is not a model.
    #[error("cannot read the match model")]
    Unreadable(#[from] serde_json::Error),
    /// The model speaks of a comparison this version does not know.
    #[error("match model names the unknown comparison {comparison}")]
    UnknownComparison {
        /// Its name.
        comparison: String,
    },
    /// The model has a comparison twice.
    #[error("match model has the comparison {comparison} twice")]
    RepeatedComparison {
        /// Its name.
        comparison: String,
    },
    /// The model lacks a level of a comparison, or has one too many.
    #[error("match model comparison {comparison} must have the levels {expected}")]
    Levels {
        /// The comparison.
        comparison: String,
        /// The levels it must have, in order.
        expected: String,
    },
    /// A probability is outside (0, 1].
    #[error("match model comparison {comparison}, level {level}: a probability is outside (0, 1]")]
    Probability {
        /// The comparison.
        comparison: String,
        /// The level.
        level: String,
    },
    /// The thresholds are not 0 < review <= auto link < 1.
    #[error("match model thresholds must be 0 < review <= auto link < 1")]
    Thresholds,
    /// What is declared cannot be. Never empty.
    #[error("match model, {}", list(.0))]
    Declared(Vec<DeclarationProblem>),
}

fn list(problems: &[DeclarationProblem]) -> String {
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    all.join("; ")
}
