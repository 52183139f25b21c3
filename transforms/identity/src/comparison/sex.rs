//! Administrative sex.

use super::{Compared, Comparison, LevelSpec, level, plain};
use panorama_standardize::StandardPerson;

/// The comparison.
pub(super) static SEX: Comparison = Comparison {
    name: "sex",
    words: "sex",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "same",
        "the same sex",
        [0.985, 0.985, 0.99, 0.97],
        [0.5, 0.42, 0.55, 0.985],
    ),
    level(
        "different",
        "different sex",
        [0.015, 0.015, 0.01, 0.03],
        [0.5, 0.58, 0.45, 0.015],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    plain(usize::from(a.sex? != b.sex?))
}
