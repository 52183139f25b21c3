//! Middle names, of which an initial is often all there is.

use super::{Compared, Comparison, LevelSpec, TermKind, level, on_term, plain};
use panorama_standardize::StandardPerson;

/// The comparison.
pub(super) static MIDDLE_NAME: Comparison = Comparison {
    name: "middle_name",
    words: "middle name",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "exact",
        "the same middle name",
        [0.42, 0.42, 0.4, 0.3],
        [0.005, 0.03, 0.02, 0.2],
    )
    .on(TermKind::Given),
    level(
        "initial",
        "an initial that fits",
        [0.48, 0.48, 0.48, 0.48],
        [0.07, 0.09, 0.09, 0.2],
    ),
    level(
        "different",
        "different middle names",
        [0.1, 0.1, 0.12, 0.22],
        [0.925, 0.88, 0.89, 0.6],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    if super::given_name::is_by_middle(a, b) {
        // The given names have said it.
        return None;
    }
    let (first_a, first_b) = (a.middle.as_bytes().first()?, b.middle.as_bytes().first()?);
    if a.middle == b.middle && a.middle.len() > 1 {
        return on_term(0, TermKind::Given, &a.middle);
    }
    let initial = a.middle.len() == 1 || b.middle.len() == 1;
    let misspelt = || super::strings::is_similar(&a.middle, &b.middle, 0.92);
    plain(if first_a == first_b && (initial || misspelt()) {
        1
    } else {
        2
    })
}
