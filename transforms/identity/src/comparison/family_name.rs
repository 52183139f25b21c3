//! Family names: exact, misspelt, one of a double or previous name.

use super::given_name::is_swapped;
use super::strings::{jaro_winkler, one_edit_apart, sounds};
use super::{Compared, Comparison, LevelSpec, TermKind, level, on_term, plain};
use panorama_standardize::StandardPerson;

/// The comparison.
pub(super) static FAMILY_NAME: Comparison = Comparison {
    name: "family_name",
    words: "family name",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "exact",
        "the same family name",
        [0.84, 0.84, 0.02, 0.5],
        [0.001, 0.72, 0.88, 0.92],
    )
    .on(TermKind::Family),
    level(
        "part",
        "one of the other's family names",
        [0.01, 0.01, 0.18, 0.02],
        [0.000_5, 0.02, 0.01, 0.01],
    )
    .on(TermKind::Family),
    level(
        "near",
        "almost the same family name",
        [0.1, 0.1, 0.02, 0.26],
        [0.002, 0.08, 0.07, 0.06],
    ),
    level(
        "sounds",
        "family names that sound alike",
        [0.015, 0.015, 0.01, 0.02],
        [0.000_8, 0.01, 0.01, 0.005],
    ),
    level(
        "similar",
        "similar family names",
        [0.012, 0.012, 0.02, 0.07],
        [0.015, 0.015, 0.01, 0.004],
    ),
    level(
        "different",
        "different family names",
        [0.038, 0.038, 0.76, 0.15],
        [0.981_5, 0.165, 0.03, 0.006],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    if a.family.is_empty() || b.family.is_empty() {
        return None;
    }
    if a.family == b.family {
        return on_term(0, TermKind::Family, &a.family);
    }
    let shares = |x: &'a StandardPerson, y: &'a StandardPerson| {
        x.families()
            .find(|family| y.families().any(|other| other == *family))
    };
    // The same term whichever side is asked: the lesser of the two answers.
    if let Some(term) = shares(a, b).min(shares(b, a)) {
        return on_term(1, TermKind::Family, term);
    }
    if is_swapped(a, b) {
        // The given names have said it.
        return None;
    }
    let similarity = jaro_winkler(&a.family, &b.family);
    if similarity >= 0.92 || a.family.len().max(b.family.len()) >= 4 && one_edit_apart(&a.family, &b.family) {
        return plain(2);
    }
    if similarity >= 0.6 && sounds(&a.family) == sounds(&b.family) {
        return plain(3);
    }
    plain(if similarity >= 0.82 { 4 } else { 5 })
}
