//! Birth dates, with those that stand for "not known" told apart.

use panorama_model::PartialDate;
use serde::{Deserialize, Serialize};

/// A birth date that may be trusted, or weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BirthDate {
    /// The date, whole or in part.
    pub date: PartialDate,
    /// A favourite of those who do not know the date (January 1st): agreement says little, conflict says little.
    pub weak: bool,
}

/// Tells a birth date from a placeholder.
///
/// - Nulls: `None` for dates that stand for "not known": 1900-01-01, 9999-12-31, years no living record has.
pub fn standardize(date: PartialDate) -> Option<BirthDate> {
    let first_of_year = (date.month, date.day) == (1, 1);
    let placeholder = !(1880..=2200).contains(&date.year)
        || (first_of_year && matches!(date.year, 1900 | 1901))
        || (date.year == 1899 && date.month == 12 && date.day >= 30);
    (!placeholder).then_some(BirthDate {
        date,
        weak: first_of_year,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_weak_dates() {
        let check = |text: &str, expected: Option<bool>| {
            let date = PartialDate::parse(text).unwrap();
            assert_eq!(standardize(date).map(|d| d.weak), expected, "{text}");
        };
        check("1980-02-29", Some(false));
        check("1980-01-01", Some(true));
        check("1900-01-01", None);
        check("1899-12-30", None);
        check("1900", Some(false));
        check("9999-12-31", None);
        check("1962-07", Some(false));
    }
}
