//! US social security numbers.

use serde::{Deserialize, Serialize};

/// A social security number, whole or its last four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SocialSecurity {
    /// All nine digits as a number.
    Whole(u32),
    /// The serial only: what is left of `***-**-1234`.
    LastFour(u16),
}

impl SocialSecurity {
    /// The last four digits.
    pub const fn last_four(self) -> u16 {
        match self {
            Self::Whole(number) => (number % 10_000) as u16,
            Self::LastFour(serial) => serial,
        }
    }

    /// The nine digits, if all are known.
    pub const fn whole(self) -> Option<u32> {
        match self {
            Self::Whole(number) => Some(number),
            Self::LastFour(_) => None,
        }
    }
}

/// Numbers that were printed on sample cards or are typed to get past a form. Sorted.
const PLACEHOLDERS: &[u32] = &[
    2_281_852,
    42_103_580,
    62_360_749,
    78_051_120,
    95_073_645,
    111_111_111,
    111_223_333,
    123_121_234,
    123_123_123,
    123_456_789,
    128_036_045,
    135_016_629,
    141_186_941,
    165_167_999,
    189_092_294,
    212_097_694,
    219_099_999,
    222_222_222,
    306_302_348,
    308_125_070,
    333_333_333,
    444_444_444,
    457_555_462,
    468_288_779,
    549_241_889,
    555_555_555,
    777_777_777,
    888_888_888,
];

/// Reads a social security number.
///
/// - Shape: seven or eight digits count as nine whose leading zeros a spreadsheet ate; masked digits leave the last four.
/// - Nulls: `None` for impossible areas (000, 666, 900-999), groups (00), serials (0000) and well-known placeholders.
/// - Spec: SSA, randomization rules since 2011.
pub fn standardize(text: &str) -> Option<SocialSecurity> {
    let (mut number, mut digits, mut masked) = (0u32, 0, false);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits < 9 => {
                number = number * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'0'..=b'9' => return None,
            b'x' | b'X' | b'*' | b'#' if digits == 0 => masked = true,
            b' ' | b'-' | b'.' => {}
            _ => return None,
        }
    }
    let serial = number % 10_000;
    if serial == 0 && matches!(digits, 4 | 9) {
        return None;
    }
    match digits {
        4 => u16::try_from(serial).ok().map(SocialSecurity::LastFour),
        7..=9 if !masked => {
            let (area, group) = (number / 1_000_000, number / 10_000 % 100);
            // Shorter numbers may be another country's: the rules of US numbers do not hold for them.
            let impossible = digits == 9 && (area == 0 || area == 666 || area >= 900 || group == 0);
            (!impossible && PLACEHOLDERS.binary_search(&number).is_err())
                .then_some(SocialSecurity::Whole(number))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let check =
            |text: &str, expected: Option<SocialSecurity>| assert_eq!(standardize(text), expected, "{text}");
        check("412-34-5678", Some(SocialSecurity::Whole(412_345_678)));
        check("1234567", Some(SocialSecurity::Whole(1_234_567)));
        check("***-**-5678", Some(SocialSecurity::LastFour(5678)));
        check("5678", Some(SocialSecurity::LastFour(5678)));
        check("000-12-3456", None);
        check("666123456", None);
        check("912345678", None);
        check("412-00-5678", None);
        check("412-34-0000", None);
        check("123-45-6789", None);
        check("078-05-1120", None);
        check("unknown", None);
        check("4123456789", None);
        check("", None);
    }

    #[test]
    fn placeholders_are_sorted() {
        assert!(PLACEHOLDERS.is_sorted());
    }
}
