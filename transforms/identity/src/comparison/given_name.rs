//! Given names: exact, nickname, misspelt, initial, in the wrong field.

use super::strings::{is_similar, jaro_winkler, one_edit_apart, sounds};
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
    level(
        "exact",
        "the same given name",
        [0.72, 0.72, 0.74, 0.45],
        [0.004, 0.006, 0.004, 0.93],
    )
    .on(TermKind::Given),
    level(
        "nickname",
        "a nickname of the other",
        [0.06, 0.06, 0.06, 0.04],
        [0.002, 0.002, 0.002, 0.01],
    ),
    level(
        "near",
        "almost the same given name",
        [0.11, 0.11, 0.1, 0.22],
        [0.003, 0.004, 0.004, 0.025],
    ),
    level(
        "nickname_near",
        "almost a nickname of the other",
        [0.012, 0.012, 0.012, 0.02],
        [0.001_5, 0.001_5, 0.001_5, 0.002],
    ),
    level(
        "sounds",
        "given names that sound alike",
        [0.012, 0.012, 0.012, 0.02],
        [0.001, 0.001, 0.001, 0.002],
    ),
    level(
        "similar",
        "similar given names",
        [0.02, 0.02, 0.02, 0.1],
        [0.02, 0.02, 0.025, 0.005],
    ),
    level(
        "initial",
        "an initial that fits",
        [0.05, 0.05, 0.05, 0.05],
        [0.004, 0.006, 0.006, 0.01],
    ),
    level(
        "swapped",
        "given and family name exchanged",
        [0.008, 0.008, 0.002, 0.04],
        [0.000_002, 0.000_03, 0.000_03, 0.000_05],
    ),
    level(
        "middle",
        "the other's middle name",
        [0.008, 0.008, 0.008, 0.01],
        [0.003, 0.005, 0.005, 0.003],
    ),
    level(
        "middle_initial",
        "the initial of the other's middle name",
        [0.006, 0.006, 0.006, 0.01],
        [0.03, 0.03, 0.03, 0.002],
    ),
    level(
        "different",
        "different given names",
        [0.03, 0.03, 0.03, 0.06],
        [0.932_4, 0.925_2, 0.925_2, 0.012_5],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    if a.given.is_empty() || b.given.is_empty() {
        return None;
    }
    let initial = a.given.len() == 1 || b.given.len() == 1;
    if a.given == b.given && !initial {
        return on_term(0, TermKind::Given, &a.given);
    }
    if is_swapped(a, b) {
        return plain(7);
    }
    if initial {
        return plain(if a.given.as_bytes().first() == b.given.as_bytes().first() {
            6
        } else {
            10
        });
    }
    let also = |x: &StandardPerson, y: &StandardPerson| x.other_givens.contains(&y.given);
    if nickname::related(&a.given, &b.given) || also(a, b) || also(b, a) {
        return plain(1);
    }
    let similarity = jaro_winkler(&a.given, &b.given);
    if similarity >= 0.92 || a.given.len().max(b.given.len()) >= 4 && one_edit_apart(&a.given, &b.given) {
        return plain(2);
    }
    if is_by_middle(a, b) {
        return plain(8);
    }
    if similarity >= 0.6 && sounds(&a.given) == sounds(&b.given) {
        return plain(4);
    }
    let initial_fits = starts_alike(&a.given, &b.middle) || starts_alike(&b.given, &a.middle);
    if similarity < 0.80 && initial_fits {
        return plain(9);
    }
    if similarity < 0.80 && !is_near_relative(&a.given, &b.given) && !is_near_relative(&b.given, &a.given) {
        return plain(10);
    }
    plain(if similarity >= 0.80 { 5 } else { 3 })
}

/// True where `name` is a misspelt nickname, or formal name, of the other.
fn is_near_relative(name: &str, other: &str) -> bool {
    name.len() >= 4
        && nickname::relatives(other)
            .iter()
            .any(|relative| relative.len() >= 4 && one_edit_apart(name, relative))
}

/// True where one side goes by the middle name: it stands in full as the other's given name, or the initials of both
/// are exchanged.
pub(super) fn is_by_middle(a: &StandardPerson, b: &StandardPerson) -> bool {
    a.given != b.given
        && (is_word_of(&a.given, &b.middle)
            || is_word_of(&b.given, &a.middle)
            || starts_alike(&a.given, &b.middle) && starts_alike(&b.given, &a.middle))
}

fn starts_alike(name: &str, middle: &str) -> bool {
    match (name.as_bytes().first(), middle.as_bytes().first()) {
        (Some(x), Some(y)) => x == y && (name.len() == 1 || middle.len() == 1),
        _ => false,
    }
}

fn is_word_of(name: &str, words: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

/// True where one side has given and family name exchanged; misspellings, initials and double names are forgiven.
pub(super) fn is_swapped(a: &StandardPerson, b: &StandardPerson) -> bool {
    a.given != b.given && a.family != b.family && {
        let (there, back) = (fit(&a.given, b), fit(&b.given, a));
        // One of the two must fit in full: two initials prove nothing.
        matches!((there, back), (Some(x), Some(y)) if x || y)
    }
}

/// How a given name fits the other's family names: in full (true), by its initial only (false), or not at all.
fn fit(given: &str, other: &StandardPerson) -> Option<bool> {
    if given.len() == 1 {
        return other.family.starts_with(given).then_some(false);
    }
    let near = |family: &str| {
        given == family || given.len().min(family.len()) >= 4 && is_similar(given, family, 0.9)
    };
    other.families().any(|family| near(family)).then_some(true)
}
