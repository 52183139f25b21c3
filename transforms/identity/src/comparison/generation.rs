//! Generations (Jr, Sr, III): what parents and children of one name are told apart by. Two that contradict each other
//! forbid the match; one that stands alone is a hint.

use super::{Compared, Comparison, LevelSpec, level, plain};
use panorama_standardize::{Generation, StandardPerson};

/// The comparison.
pub(super) static GENERATION: Comparison = Comparison {
    name: "generation",
    words: "generation",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "same",
        "the same generation",
        [0.004, 0.004, 0.001, 0.004],
        [0.000_1, 0.001, 0.001, 0.005],
    ),
    level(
        "one_sided",
        "a generation on one side only",
        [0.008, 0.008, 0.002, 0.008],
        [0.02, 0.03, 0.02, 0.50],
    ),
    level(
        "none",
        "no generation on either side",
        [0.988, 0.988, 0.997, 0.988],
        [0.979_9, 0.969, 0.979, 0.495],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    level_of(a.generation, b.generation).and_then(plain)
}

/// The level of two generations; `None` where they contradict each other.
pub(crate) fn level_of(a: Option<Generation>, b: Option<Generation>) -> Option<usize> {
    match (a, b) {
        (Some(x), Some(y)) if x.conflicts(y) => None,
        (Some(_), Some(_)) => Some(0),
        (None, None) => Some(2),
        _ => Some(1),
    }
}
