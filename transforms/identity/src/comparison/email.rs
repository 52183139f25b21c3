//! E-mail addresses: any of one side with any of the other.

use super::{Compared, Comparison, LevelSpec, level, one_edit_apart, plain};
use panorama_standardize::StandardPerson;

/// The comparison.
pub(super) static EMAIL: Comparison = Comparison {
    name: "email",
    words: "e-mail",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level("exact", "an e-mail address in common", 0.60, 0.000_01, 0.20),
    level("near", "almost the same address", 0.05, 0.000_02, 0.003),
    level("local", "the same name before the @", 0.03, 0.000_2, 0.005),
    level("different", "no e-mail address in common", 0.32, 0.999_7, 0.79),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    if a.emails.is_empty() || b.emails.is_empty() {
        return None;
    }
    if a.emails.iter().any(|email| b.emails.contains(email)) {
        return plain(0);
    }
    let any = |test: fn(&str, &str) -> bool| a.emails.iter().any(|x| b.emails.iter().any(|y| test(x, y)));
    if any(one_edit_apart) {
        return plain(1);
    }
    plain(if any(|x, y| x.split('@').next() == y.split('@').next()) {
        2
    } else {
        3
    })
}
