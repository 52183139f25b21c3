//! Phone numbers as E.164.

use panorama_model::Text;

/// A phone number as E.164 (`+14145550123`).
///
/// - Shape: numbers of the North American plan (10 digits, or 11 with the leading 1) are read by hand; numbers that start
///   with `+` or `011` go through libphonenumber's rules. Extensions are dropped.
/// - Nulls: `None` where the number cannot be dialled or is a placeholder (`5555555555`, `0000000000`, `1234567890`).
/// - Spec: ITU-T E.164; NANP area and exchange codes start with 2-9.
pub fn standardize(text: &str) -> Option<Text> {
    let text = text.trim();
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let mut digits = [0u8; 16];
    let count = digits_before_extension(text, &mut digits);
    let digits = digits.get(..count)?;
    let plus = text.starts_with('+');
    match digits {
        [b'1', national @ ..] if national.len() == 10 => north_american(national),
        national if national.len() == 10 && !plus => north_american(national),
        [b'0', b'1', b'1', rest @ ..] if !plus => international(rest),
        rest if plus => international(rest),
        _ => None,
    }
}

/// Copies the digits that come before an extension mark; 16 stands for "too many".
fn digits_before_extension(text: &str, out: &mut [u8; 16]) -> usize {
    let mut count = 0;
    for byte in text.bytes() {
        if byte.is_ascii_digit() {
            let Some(place) = out.get_mut(count) else {
                return 16;
            };
            *place = byte;
            count += 1;
        } else if count >= 7 && matches!(byte, b'x' | b'X' | b'e' | b'E' | b'#' | b';' | b',') {
            break;
        }
    }
    count
}

fn north_american(national: &[u8]) -> Option<Text> {
    let &[area, area2, area3, exchange, ref rest @ ..] = national else {
        return None;
    };
    let dialable = area >= b'2' && exchange >= b'2' && !(area2 == b'1' && area3 == b'1');
    let same = rest.iter().all(|d| *d == exchange);
    let placeholder = same || national == b"2345678901" || national == b"9876543210";
    if !dialable || placeholder {
        return None;
    }
    let mut number = [b'+'; 12];
    *number.get_mut(1)? = b'1';
    number.get_mut(2..)?.copy_from_slice(national);
    std::str::from_utf8(&number).ok().map(Text::from)
}

fn international(digits: &[u8]) -> Option<Text> {
    let digits = std::str::from_utf8(digits).ok()?;
    if !(7..=15).contains(&digits.len()) {
        return None;
    }
    let number = phonenumber::parse(None, format!("+{digits}")).ok()?;
    let constant = digits
        .bytes()
        .skip(2)
        .all(|d| Some(&d) == digits.as_bytes().get(2));
    (!constant && phonenumber::is_valid(&number))
        .then(|| Text::from(number.format().mode(phonenumber::Mode::E164).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(standardize(text).as_deref(), expected, "{text}");
        };
        check("(414) 555-0123", Some("+14145550123"));
        check("1-414-555-0123 x42", Some("+14145550123"));
        check("+14145550123", Some("+14145550123"));
        check("414.555.0123 ext. 9", Some("+14145550123"));
        check("tel:+49 30 901820", Some("+4930901820"));
        check("011 44 20 7946 0958", Some("+442079460958"));
        check("555-0123", None);
        check("5555555555", None);
        check("0000000000", None);
        check("1234567890", None);
        check("4149999999", None);
        check("911", None);
        check("+999123", None);
        check("", None);
        check("12345678901234567890", None);
    }
}
