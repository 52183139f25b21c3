//! Birth dates: exact, mistyped, day and month exchanged, in part.

use super::{Compared, Comparison, LevelSpec, level, plain};
use panorama_model::PartialDate;
use panorama_standardize::{BirthDate, StandardPerson};

/// The comparison.
pub(super) static BIRTH_DATE: Comparison = Comparison {
    name: "birth_date",
    words: "birth date",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "exact",
        "the same birth date",
        [0.92, 0.92, 0.92, 0.55],
        [0.000_05, 0.000_8, 0.93, 0.000_8],
    ),
    level(
        "weak",
        "the same January 1st",
        [0.01, 0.01, 0.01, 0.01],
        [0.000_1, 0.000_5, 0.01, 0.000_5],
    ),
    level(
        "one_digit",
        "one digit or two neighbours mistyped",
        [0.04, 0.04, 0.04, 0.14],
        [0.001_2, 0.003, 0.035, 0.003],
    ),
    level(
        "swapped",
        "day and month exchanged",
        [0.008, 0.008, 0.008, 0.02],
        [0.000_05, 0.000_3, 0.008, 0.000_3],
    ),
    level(
        "partial",
        "what is known of the date fits",
        [0.003, 0.003, 0.003, 0.005],
        [0.003, 0.004, 0.004, 0.004],
    ),
    level(
        "year_month",
        "birth dates within a month",
        [0.004, 0.004, 0.004, 0.06],
        [0.002, 0.003, 0.004, 0.001],
    ),
    level(
        "birthday",
        "the same day of another year",
        [0.004, 0.004, 0.004, 0.05],
        [0.002_5, 0.003, 0.001, 0.003],
    ),
    level(
        "unreliable",
        "a January 1st against another day",
        [0.005, 0.005, 0.005, 0.01],
        [0.002, 0.001, 0.002, 0.001],
    ),
    level(
        "near_year",
        "birth dates within a year",
        [0.002, 0.002, 0.002, 0.07],
        [0.025, 0.05, 0.002, 0.004],
    ),
    level(
        "different",
        "different birth dates",
        [0.003, 0.003, 0.003, 0.065],
        [0.224, 0.434_4, 0.002, 0.02],
    ),
    level(
        "generations",
        "birth dates a generation apart",
        [0.001, 0.001, 0.001, 0.02],
        [0.740_3, 0.5, 0.002, 0.962_4],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    plain(level_of(a.birth_date?, b.birth_date?))
}

/// The level of two dates.
pub(crate) fn level_of(a: BirthDate, b: BirthDate) -> usize {
    let weak = a.weak || b.weak;
    let (x, y) = (a.date, b.date);
    if x == y {
        return match (weak, x.day) {
            (_, 0) => 4,
            (true, _) => 1,
            (false, _) => 0,
        };
    }
    if x.day == 0 || y.day == 0 {
        let month_fits = x.month == y.month || x.month == 0 || y.month == 0;
        return if x.year == y.year && month_fits {
            4
        } else {
            apart(x, y)
        };
    }
    let default = |d: BirthDate| d.weak && matches!(d.date.year, 1970 | 2000);
    if weak && x.year == y.year || default(a) || default(b) {
        return 7;
    }
    if one_digit_apart(x, y) {
        return 2;
    }
    if x.year == y.year && x.month == y.day && x.day == y.month {
        return 3;
    }
    if within_days(x, y, 31) {
        return 5;
    }
    if (x.month, x.day) == (y.month, y.day) {
        return 6;
    }
    if within_days(x, y, 400) { 8 } else { apart(x, y) }
}

fn within_days(x: PartialDate, y: PartialDate, days_max: u32) -> bool {
    // Counting days costs more than all the rest, and most dates are years apart.
    if u32::from(x.year.abs_diff(y.year)) > days_max / 365 + 1 {
        return false;
    }
    let days = x.to_date().zip(y.to_date()).map(|(x, y)| x.0.abs_diff(y.0));
    days.is_some_and(|days| days <= days_max)
}

/// The level of dates that do not fit: namesakes of two generations are told apart by it.
const fn apart(x: PartialDate, y: PartialDate) -> usize {
    if x.year.abs_diff(y.year) < 14 { 9 } else { 10 }
}

/// True where one of the eight digits differs, or two neighbours are swapped within year, month or day.
fn one_digit_apart(x: PartialDate, y: PartialDate) -> bool {
    let digits = |d: PartialDate| {
        let year = d.year.unsigned_abs();
        let pair = |n: u16| [n / 10 % 10, n % 10];
        let [century, decade] = [pair(year / 100), pair(year)];
        let ([a, b], [c, d]) = (pair(u16::from(d.month)), pair(u16::from(d.day)));
        let ([e, f], [g, h]) = (century, decade);
        [e, f, g, h, a, b, c, d]
    };
    let (x, y) = (digits(x), digits(y));
    let mut differing = x
        .iter()
        .zip(&y)
        .enumerate()
        .filter(|(_, (p, q))| p != q)
        .map(|(at, _)| at);
    match (differing.next(), differing.next(), differing.next()) {
        (Some(_), None, _) => true,
        (Some(first), Some(second), None) => {
            second == first + 1 && x.get(first) == y.get(second) && x.get(second) == y.get(first)
        }
        _ => false,
    }
}
