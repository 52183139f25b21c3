//! Addresses: any of one side with any of the other, the best pair counts.

use super::strings::is_similar;
use super::{Compared, Comparison, LevelSpec, level};
use panorama_standardize::{StandardAddress, StandardPerson};

/// The comparison.
pub(super) static ADDRESS: Comparison = Comparison {
    name: "address",
    words: "address",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "exact",
        "the same house or flat",
        [0.86, 0.02, 0.45, 0.45],
        [0.000_01, 0.8, 0.84, 0.72],
    ),
    level(
        "near",
        "almost the same house",
        [0.1, 0.01, 0.06, 0.16],
        [0.000_01, 0.09, 0.08, 0.07],
    ),
    level(
        "postal_code",
        "the same postal code",
        [0.025, 0.07, 0.06, 0.12],
        [0.004, 0.03, 0.02, 0.05],
    ),
    level(
        "city",
        "the same city",
        [0.005, 0.08, 0.05, 0.12],
        [0.008, 0.01, 0.01, 0.02],
    ),
    level(
        "different",
        "different places",
        [0.01, 0.82, 0.38, 0.15],
        [0.978, 0.07, 0.05, 0.14],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    a.addresses
        .iter()
        .flat_map(|x| b.addresses.iter().filter_map(|y| compare_pair(x, y)))
        .min()
        .map(|level| Compared { level, term: None })
}

/// The level of two addresses; `None` where they have no part in common to compare.
fn compare_pair(x: &StandardAddress, y: &StandardAddress) -> Option<usize> {
    let both = |p: &str, q: &str| !p.is_empty() && !q.is_empty();
    let agree = |p: &str, q: &str| both(p, q) && p == q;
    let disagree = |p: &str, q: &str| both(p, q) && p != q;
    let same_code = agree(&x.postal_code, &y.postal_code);
    let same_city = agree(&x.city, &y.city) || both(&x.city, &y.city) && is_similar(&x.city, &y.city, 0.93);
    if x.has_street() && y.has_street() {
        let same_street = x.street == y.street;
        let same_number = x.number == y.number;
        let elsewhere = disagree(&x.postal_code, &y.postal_code) && !same_city;
        if same_street && same_number && !elsewhere {
            return Some(usize::from(disagree(&x.unit, &y.unit)));
        }
        let street_fits = || same_street || is_similar(&x.street, &y.street, 0.9);
        let number_fits = same_number || super::one_edit_apart(&x.number, &y.number);
        if (same_code || same_city) && number_fits && street_fits() {
            return Some(1);
        }
    }
    let comparable = both(&x.postal_code, &y.postal_code) || both(&x.city, &y.city);
    match (same_code, same_city) {
        (true, _) => Some(2),
        (false, true) => Some(3),
        (false, false) => comparable.then_some(4),
    }
}
