//! Phone numbers: any of one side with any of the other.

use super::{Compared, Comparison, LevelSpec, level, one_edit_apart, plain};
use panorama_standardize::StandardPerson;

/// The comparison.
pub(super) static PHONE: Comparison = Comparison {
    name: "phone",
    words: "phone",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "exact",
        "a phone number in common",
        [0.7, 0.4, 0.6, 0.55],
        [0.000_02, 0.5, 0.6, 0.45],
    ),
    level(
        "one_digit",
        "one digit or two neighbours mistyped",
        [0.05, 0.04, 0.05, 0.12],
        [0.000_1, 0.02, 0.03, 0.02],
    ),
    level(
        "different",
        "no phone number in common",
        [0.25, 0.56, 0.35, 0.33],
        [0.999_8, 0.48, 0.37, 0.53],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    if a.phones.is_empty() || b.phones.is_empty() {
        return None;
    }
    if a.phones.iter().any(|phone| b.phones.contains(phone)) {
        return plain(0);
    }
    let near = a.phones.iter().any(|x| {
        b.phones
            .iter()
            .any(|y| x.len() == y.len() && one_edit_apart(x, y))
    });
    plain(if near { 1 } else { 2 })
}
