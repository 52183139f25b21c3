//! Issued identifiers: one spelling, and none that stands for "no number".

use crate::text::{is_in, upper_trimmed};
use panorama_model::{Identifier, IdentifierKind, Text};
use serde::{Deserialize, Serialize};

/// Values that stand for "no number". Sorted.
const PLACEHOLDERS: &[&str] = &[
    "-1",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "ABC",
    "DECLINED",
    "MISSING",
    "N/A",
    "NA",
    "NIL",
    "NONE",
    "NOT AVAILABLE",
    "NOT PROVIDED",
    "NULL",
    "PENDING",
    "REFUSED",
    "SELF",
    "TBD",
    "TEMP",
    "TEST",
    "UNK",
    "UNKNOWN",
];

/// An identifier in one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StandardIdentifier {
    /// Who issued it, in upper case; empty where not said.
    pub authority: Text,
    /// The value, in upper case.
    pub value: Text,
    /// What it is.
    pub kind: IdentifierKind,
}

/// One spelling of an identifier.
///
/// - Nulls: `None` where the value is empty, all zeros or nines, or a word for "none".
pub fn standardize(identifier: &Identifier) -> Option<StandardIdentifier> {
    let value = upper_trimmed(&identifier.value);
    let repeats = |digit: u8| value.bytes().all(|b| b == digit || b == b'-');
    let blocked =
        value.is_empty() || repeats(b'0') || value.len() > 3 && repeats(b'9') || is_in(PLACEHOLDERS, &value);
    (!blocked).then(|| StandardIdentifier {
        authority: upper_trimmed(&identifier.authority),
        value,
        kind: identifier.kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let check = |value: &str, expected: Option<&str>| {
            let identifier = Identifier {
                value: value.into(),
                authority: " hosp ".into(),
                kind: IdentifierKind::MedicalRecord,
            };
            assert_eq!(
                standardize(&identifier).map(|i| i.value).as_deref(),
                expected,
                "{value}"
            );
        };
        check(" a123 ", Some("A123"));
        check("0000", None);
        check("999999", None);
        check("999", Some("999"));
        check("Unknown", None);
        check("-1", None);
        check("", None);
    }

    #[test]
    fn placeholders_are_sorted() {
        assert!(PLACEHOLDERS.is_sorted());
    }
}
