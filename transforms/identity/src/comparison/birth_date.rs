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
    level("exact", "the same birth date", 0.89, 0.000_05, 0.01),
    level("weak", "the same January 1st", 0.01, 0.000_1, 0.000_7),
    level(
        "one_digit",
        "one digit or two neighbours mistyped",
        0.05,
        0.001_2,
        0.003,
    ),
    level("swapped", "day and month exchanged", 0.01, 0.000_05, 0.000_3),
    level("partial", "what is known of the date fits", 0.005, 0.003, 0.004),
    level("year_month", "birth dates within a month", 0.006, 0.002, 0.002),
    level("birthday", "the same day of another year", 0.006, 0.002, 0.003),
    level(
        "unreliable",
        "a January 1st against another day",
        0.01,
        0.002,
        0.001,
    ),
    level("different", "different birth dates", 0.014, 0.24, 0.47),
    level("generations", "birth dates a generation apart", 0.004, 0.75, 0.50),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    let (a, b): (BirthDate, BirthDate) = (a.birth_date?, b.birth_date?);
    let weak = a.weak || b.weak;
    let (x, y) = (a.date, b.date);
    if x == y {
        return plain(match (weak, x.day) {
            (_, 0) => 4,
            (true, _) => 1,
            (false, _) => 0,
        });
    }
    if x.day == 0 || y.day == 0 {
        let month_fits = x.month == y.month || x.month == 0 || y.month == 0;
        return plain(if x.year == y.year && month_fits {
            4
        } else {
            apart(x, y)
        });
    }
    if weak && x.year == y.year {
        return plain(7);
    }
    if one_digit_apart(x, y) {
        return plain(2);
    }
    if x.year == y.year && x.month == y.day && x.day == y.month {
        return plain(3);
    }
    if within_a_month(x, y) {
        return plain(5);
    }
    let birthday = (x.month, x.day) == (y.month, y.day);
    plain(if birthday { 6 } else { apart(x, y) })
}

fn within_a_month(x: PartialDate, y: PartialDate) -> bool {
    let days = x.to_date().zip(y.to_date()).map(|(x, y)| x.0.abs_diff(y.0));
    days.is_some_and(|days| days <= 31)
}

/// The level of dates that do not fit: namesakes of two generations are told apart by it.
const fn apart(x: PartialDate, y: PartialDate) -> usize {
    if x.year.abs_diff(y.year) < 14 { 8 } else { 9 }
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
