//! The National Provider Identifier and its check digit.

/// True for ten digits whose last is the check digit. (All issued so far begin with 1 or 2; the standard keeps the rest.)
///
/// - Spec: 45 CFR 162.406; ISO/IEC 7812-1 Luhn check over `80840` and the NPI.
pub fn is_npi(text: &str) -> bool {
    /// What the digits of the prefix `80840` add to the Luhn sum.
    const PREFIX_SUM: u32 = 24;
    let bytes = text.as_bytes();
    if bytes.len() != 10 || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = bytes
        .iter()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            match at % 2 {
                0 => digit,
                _ => digit * 2 / 10 + digit * 2 % 10,
            }
        })
        .sum();
    (sum + PREFIX_SUM).is_multiple_of(10)
}

/// An NPI made from nine digits, for fixtures.
#[cfg(test)]
pub(crate) fn with_check_digit(nine: &str) -> String {
    (0..10)
        .map(|digit| format!("{nine}{digit}"))
        .find(|npi| is_npi(npi))
        .unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_counts() {
        let check = |text: &str, expected: bool| assert_eq!(is_npi(text), expected, "{text}");
        // The worked example of the NPI check digit standard.
        check("1234567893", true);
        check("1234567890", false);
        check("1243567893", false);
        check("0000000000", false);
        check(&with_check_digit("323456789"), true);
        check("123456789", false);
        check("12345678931", false);
        check("12345 7893", false);
        check("", false);
        assert_eq!(with_check_digit("123456789"), "1234567893");
    }
}
