//! Given names: exact, nickname, misspelt, initial, in the wrong field.

use super::strings::{jaro_winkler, one_edit_apart};
use super::{Compared, Comparison, LevelSpec, TermKind, level, on_term, plain};
use panorama_standardize::{StandardPerson, nickname};

/// The comparison.
pub(super) static GIVEN_NAME: Comparison = Comparison {
    name: "given_name",
    words: "given name",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level("exact", "the same given name", 0.65, 0.004, 0.005),
    level("nickname", "a nickname of the other", 0.05, 0.002, 0.002),
    level("near", "almost the same given name", 0.13, 0.003, 0.005),
    level("similar", "similar given names", 0.035, 0.02, 0.02),
    level("initial", "an initial that fits", 0.05, 0.004, 0.006),
    level(
        "swapped",
        "given and family name exchanged",
        0.015,
        0.000_1,
        0.000_3,
    ),
    level("middle", "the other's middle name", 0.01, 0.003, 0.005),
    level("different", "different given names", 0.06, 0.967, 0.956),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    if a.given.is_empty() || b.given.is_empty() {
        return None;
    }
    let initial = a.given.len() == 1 || b.given.len() == 1;
    if a.given == b.given && !initial {
        return on_term(0, TermKind::Given, &a.given);
    }
    if initial {
        return plain(if a.given.as_bytes().first() == b.given.as_bytes().first() {
            4
        } else {
            7
        });
    }
    let also = |x: &StandardPerson, y: &StandardPerson| x.other_givens.contains(&y.given);
    if nickname::related(&a.given, &b.given) || also(a, b) || also(b, a) {
        return plain(1);
    }
    if is_swapped(a, b) {
        return plain(5);
    }
    let similarity = jaro_winkler(&a.given, &b.given);
    if similarity >= 0.92 || a.given.len().max(b.given.len()) >= 4 && one_edit_apart(&a.given, &b.given) {
        return plain(2);
    }
    if is_word_of(&a.given, &b.middle) || is_word_of(&b.given, &a.middle) {
        return plain(6);
    }
    plain(if similarity >= 0.80 { 3 } else { 7 })
}

fn is_word_of(name: &str, words: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

/// True where one side has given and family name exchanged; misspellings are forgiven.
pub(super) fn is_swapped(a: &StandardPerson, b: &StandardPerson) -> bool {
    let near = |x: &str, y: &str| {
        !x.is_empty() && (x == y || x.len().min(y.len()) >= 4 && jaro_winkler(x, y) >= 0.9)
    };
    a.given != b.given && a.family != b.family && near(&a.given, &b.family) && near(&a.family, &b.given)
}
