//! Social security numbers.

use super::{Compared, Comparison, LevelSpec, level, plain};
use panorama_standardize::{SocialSecurity, StandardPerson};

/// The comparison.
pub(super) static SOCIAL_SECURITY: Comparison = Comparison {
    name: "ssn",
    words: "social security number",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "exact",
        "the same number",
        [0.9, 0.9, 0.9, 0.72],
        [0.000_000_1, 0.002, 0.003, 0.003],
    ),
    level(
        "one_digit",
        "one digit or two neighbours mistyped",
        [0.06, 0.06, 0.06, 0.14],
        [0.000_000_5, 0.001, 0.002, 0.001],
    ),
    level(
        "last_four",
        "the same last four digits",
        [0.01, 0.01, 0.01, 0.03],
        [0.000_1, 0.001, 0.001, 0.001],
    ),
    level(
        "different",
        "different numbers",
        [0.03, 0.03, 0.03, 0.11],
        [0.999_8, 0.996, 0.994, 0.995],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    plain(level_of(a.ssn?, b.ssn?))
}

/// The level of two numbers.
pub(crate) fn level_of(x: SocialSecurity, y: SocialSecurity) -> usize {
    match (x.whole(), y.whole()) {
        (Some(x), Some(y)) if x == y => 0,
        (Some(x), Some(y)) if one_digit_apart(x, y) => 1,
        _ if x.last_four() == y.last_four() => 2,
        _ => 3,
    }
}

/// True where one of nine digits differs or two neighbours are swapped.
fn one_digit_apart(mut x: u32, mut y: u32) -> bool {
    while x % 10 == y % 10 && x != y {
        (x, y) = (x / 10, y / 10);
    }
    if x / 10 == y / 10 {
        return true;
    }
    x / 100 == y / 100 && x % 10 == y / 10 % 10 && y % 10 == x / 10 % 10
}
