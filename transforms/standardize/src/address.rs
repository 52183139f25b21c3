//! Postal addresses: house number, street, unit, place.

use crate::address_words::{CITY_WORDS, STATES, STREET_WORDS, UNIT_WORDS};
use crate::text::{fold_letters, is_in, look_up};
use panorama_model::{Address, Text};
use serde::{Deserialize, Serialize};

/// An address in one spelling, upper case. Empty parts are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StandardAddress {
    /// House or box number.
    pub number: Text,
    /// Street with directionals and suffix shortened (`N 77TH CT`), `PO BOX` for a box.
    pub street: Text,
    /// Apartment, suite, lot: the number alone.
    pub unit: Text,
    /// City.
    pub city: Text,
    /// State: two letters in the US.
    pub state: Text,
    /// Postal code: five digits in the US.
    pub postal_code: Text,
}

impl StandardAddress {
    /// True where the street line names a building or a box.
    pub fn has_street(&self) -> bool {
        !self.number.is_empty() && !self.street.is_empty()
    }
}

/// One spelling of an address.
///
/// - Nulls: `None` where nothing of it is left: no street, no city, no postal code.
/// - Spec: USPS Publication 28 for words and order.
pub fn standardize(address: &Address) -> Option<StandardAddress> {
    let mut scratch = String::with_capacity(64);
    let mut out = StandardAddress {
        city: city(&address.city, &mut scratch),
        state: state(&address.state, &mut scratch),
        postal_code: postal_code(&address.postal_code),
        ..StandardAddress::default()
    };
    fold_upper(&address.line, &mut scratch);
    let has_first_line = !scratch.is_empty();
    if has_first_line {
        read_street(&scratch, &mut out);
    }
    fold_upper(&address.line2, &mut scratch);
    if !scratch.is_empty() {
        if has_first_line && out.street.is_empty() {
            // The number stands alone on the first line (`12` / `Main St`).
            let number = out.number.clone();
            read_street(&scratch, &mut out);
            if out.number.is_empty() {
                out.number = number;
            }
        } else if has_first_line {
            read_unit(&scratch, &mut out);
        } else {
            read_street(&scratch, &mut out);
        }
    }
    let empty = out.street.is_empty() && out.city.is_empty() && out.postal_code.is_empty();
    (!empty).then_some(out)
}

/// Upper-case words; `#` becomes the word `UNIT`.
fn fold_upper(text: &str, scratch: &mut String) {
    scratch.clear();
    let mut pieces = text.split('#');
    fold_letters(pieces.next().unwrap_or_default(), scratch);
    for piece in pieces {
        if !scratch.ends_with("unit") {
            scratch.push_str(if scratch.is_empty() { "unit" } else { " unit" });
        }
        scratch.push(' ');
        let before = scratch.len();
        fold_letters(piece, scratch);
        if scratch.len() == before {
            scratch.pop();
        }
    }
    scratch.make_ascii_uppercase();
}

fn read_street(line: &str, out: &mut StandardAddress) {
    if let Some(number) = ["PO BOX ", "P O BOX ", "POBOX ", "BOX "]
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix))
    {
        out.number = Text::from(number.split(' ').next().unwrap_or_default());
        out.street = Text::new_static("PO BOX");
        return;
    }
    let mut street = String::with_capacity(line.len());
    let mut words = line.split(' ').peekable();
    if words
        .peek()
        .is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()) && !is_ordinal(word))
    {
        out.number = words.next().map(Text::from).unwrap_or_default();
    }
    while let Some(word) = words.next() {
        if is_in(UNIT_WORDS, word) && words.peek().is_some() && !street.is_empty() {
            out.unit = words
                .by_ref()
                .filter(|w| !is_in(UNIT_WORDS, w))
                .collect::<String>()
                .into();
            break;
        }
        if !street.is_empty() {
            street.push(' ');
        }
        street.push_str(look_up(STREET_WORDS, word).unwrap_or(word));
    }
    out.street = Text::from(street);
}

fn read_unit(line: &str, out: &mut StandardAddress) {
    let unit: String = line.split(' ').filter(|word| !is_in(UNIT_WORDS, word)).collect();
    if out.unit.is_empty() && !unit.is_empty() {
        out.unit = Text::from(unit);
    }
}

fn is_ordinal(word: &str) -> bool {
    let letters = word.trim_start_matches(|c: char| c.is_ascii_digit());
    letters.len() < word.len() && matches!(letters, "ST" | "ND" | "RD" | "TH")
}

fn city(text: &str, scratch: &mut String) -> Text {
    fold_upper(text, scratch);
    if !scratch.split(' ').any(|word| look_up(CITY_WORDS, word).is_some()) {
        return Text::from(scratch.as_str());
    }
    let words: Vec<_> = scratch
        .split(' ')
        .map(|word| look_up(CITY_WORDS, word).unwrap_or(word))
        .collect();
    Text::from(words.join(" "))
}

fn state(text: &str, scratch: &mut String) -> Text {
    fold_upper(text, scratch);
    look_up(STATES, scratch).map_or_else(|| Text::from(scratch.as_str()), Text::new_static)
}

/// Five digits of a US ZIP code; other codes in upper case without blanks; zeros only are none.
fn postal_code(text: &str) -> Text {
    let mut code = [0u8; 10];
    let mut length = 0;
    for byte in text.bytes().filter(u8::is_ascii_alphanumeric) {
        if let Some(place) = code.get_mut(length) {
            *place = byte.to_ascii_uppercase();
            length += 1;
        }
    }
    let code = code.get(..length).unwrap_or_default();
    let code = match code {
        nine if length == 9 && nine.iter().all(u8::is_ascii_digit) => nine.get(..5).unwrap_or_default(),
        other => other,
    };
    if code.iter().all(|b| *b == b'0') || code == b"99999" {
        return Text::default();
    }
    std::str::from_utf8(code).map(Text::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, line2: &str) -> StandardAddress {
        standardize(&Address {
            line: line.into(),
            line2: line2.into(),
            city: "Saint  Paul".into(),
            state: "Minnesota".into(),
            postal_code: "55101-1234".into(),
            ..Address::default()
        })
        .unwrap()
    }

    #[test]
    fn streets() {
        let check = |line: &str, line2: &str, expected: (&str, &str, &str)| {
            let out = read(line, line2);
            assert_eq!(
                (out.number.as_str(), out.street.as_str(), out.unit.as_str()),
                expected,
                "{line} / {line2}"
            );
        };
        check("216 North 77th Court", "", ("216", "N 77TH CT", ""));
        check("216 n. 77th ct", "#12", ("216", "N 77TH CT", "12"));
        check("5376 Chavez Drive, Apt 354", "", ("5376", "CHAVEZ DR", "354"));
        check("5376 Chavez Dr", "Apt. 354", ("5376", "CHAVEZ DR", "354"));
        check("5376 Chavez Dr #354", "", ("5376", "CHAVEZ DR", "354"));
        check("12 First Street", "Suite 4 B", ("12", "1ST ST", "4B"));
        check("P.O. Box 42", "", ("42", "PO BOX", ""));
        check("77th Street", "", ("", "77TH ST", ""));
        check("12", "Main Street", ("12", "MAIN ST", ""));
        check("", "9 Elm Ave", ("9", "ELM AVE", ""));
    }

    #[test]
    fn places() {
        let out = read("1 A St", "");
        assert_eq!(
            (out.city.as_str(), out.state.as_str(), out.postal_code.as_str()),
            ("ST PAUL", "MN", "55101")
        );
        assert_eq!(postal_code("k1a 0b1"), "K1A0B1");
        assert_eq!(postal_code("00000"), "");
        assert_eq!(standardize(&Address::default()), None);
    }

    #[test]
    fn tables_are_sorted() {
        assert!(
            STREET_WORDS.is_sorted()
                && UNIT_WORDS.is_sorted()
                && STATES.is_sorted()
                && CITY_WORDS.is_sorted()
        );
    }
}
