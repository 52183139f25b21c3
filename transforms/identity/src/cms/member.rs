//! Identifiers of the proposal, told apart by their form: Medicare, taxpayer and plan member numbers.

use panorama_model::Text;

/// The value of a Medicare beneficiary identifier without hyphens, where it has the form of one.
///
/// - Spec: CMS, Medicare Beneficiary Identifier format: eleven characters, `1-9 A X 9 A X 9 A A 9 9`, where A is a letter
///   and X a letter or digit; S, L, O, I, B and Z are not used.
pub(super) fn medicare_id(value: &str) -> Option<Text> {
    let bare: String = value.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let letter = |c: u8| c.is_ascii_uppercase() && !matches!(c, b'S' | b'L' | b'O' | b'I' | b'B' | b'Z');
    let digit = |c: u8| c.is_ascii_digit();
    let fits = |(place, c): (usize, u8)| match place {
        0 => (b'1'..=b'9').contains(&c),
        1 | 4 | 7 | 8 => letter(c),
        2 | 5 => letter(c) || digit(c),
        _ => digit(c),
    };
    (bare.len() == 11 && bare.bytes().enumerate().all(fits)).then(|| Text::from(bare))
}

/// The last four digits of an individual taxpayer identification number: nine digits from 900-70-0000 up, or the four.
///
/// - Spec: IRS, ITIN: first digit 9, fourth and fifth 50-65, 70-88, 90-92 or 94-99.
pub(super) fn taxpayer_last_four(authority: &str, value: &str) -> Option<u16> {
    if !authority.contains("ITIN") {
        return None;
    }
    let bare: String = value.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let number: u32 = bare.parse().ok()?;
    let group = number / 10_000 % 100;
    let whole = bare.len() == 9
        && number / 100_000_000 == 9
        && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
    let serial = u16::try_from(number % 10_000).ok()?;
    (whole || bare.len() == 4).then_some(serial)
}

/// A plan member number and its dependent suffix, where one of one or two digits is written apart (`W123-01`).
pub(super) fn dependent_suffix(value: &str) -> (&str, Option<&str>) {
    let parts = value.rsplit_once(['-', ' ']);
    let is_suffix =
        |suffix: &str| matches!(suffix.len(), 1 | 2) && suffix.bytes().all(|c| c.is_ascii_digit());
    match parts {
        Some((number, suffix)) if is_suffix(suffix) && number.len() >= 4 => (number.trim_end(), Some(suffix)),
        _ => (value, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(medicare_id("1EG4-TE5-MK73").as_deref(), Some("1EG4TE5MK73"));
        assert_eq!(medicare_id("0EG4TE5MK73"), None, "starts with zero");
        assert_eq!(medicare_id("1SG4TE5MK73"), None, "S is not used");
        assert_eq!(medicare_id("1EG4TE5MK7"), None);
        assert_eq!(taxpayer_last_four("IRS ITIN", "912-71-1234"), Some(1234));
        assert_eq!(taxpayer_last_four("ITIN", "1234"), Some(1234));
        assert_eq!(taxpayer_last_four("ITIN", "912-69-1234"), None);
        assert_eq!(taxpayer_last_four("SSA", "912-71-1234"), None);
        assert_eq!(dependent_suffix("W12345-01"), ("W12345", Some("01")));
        assert_eq!(dependent_suffix("W12345"), ("W12345", None));
        assert_eq!(dependent_suffix("555-1234"), ("555-1234", None));
        assert_eq!(dependent_suffix("12-01"), ("12-01", None));
    }
}
