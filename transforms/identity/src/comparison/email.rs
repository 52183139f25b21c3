//! E-mail addresses: any of one side with any of the other.

use super::strings::jaro_winkler;
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
    level("exact", "an e-mail address in common", 0.75, 0.000_01, 0.35),
    level("near", "almost the same address", 0.06, 0.000_03, 0.006),
    level("local", "the same name before the @", 0.02, 0.000_1, 0.004),
    level("different", "no e-mail address in common", 0.18, 0.999_7, 0.64),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    if a.emails.is_empty() || b.emails.is_empty() {
        return None;
    }
    if a.emails.iter().any(|email| b.emails.contains(email)) {
        return plain(0);
    }
    let any = |test: fn(&str, &str) -> bool| a.emails.iter().any(|x| b.emails.iter().any(|y| test(x, y)));
    if any(|x, y| one_edit_apart(x, y) || jaro_winkler(x, y) >= 0.95) {
        return plain(1);
    }
    plain(if any(|x, y| x.split('@').next() == y.split('@').next()) {
        2
    } else {
        3
    })
}
