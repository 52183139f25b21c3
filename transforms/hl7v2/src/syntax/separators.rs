//! MSH-1 and MSH-2: the characters a message is delimited by.

/// The delimiters of one message.
///
/// - Spec: HL7 v2.5 2.5.4, v2.7 2.5.5.2 for the truncation character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separators {
    /// MSH-1.
    pub field: u8,
    /// First of MSH-2.
    pub component: u8,
    /// Second of MSH-2.
    pub repetition: u8,
    /// Third of MSH-2, where the sender has one.
    pub escape: Option<u8>,
    /// Fourth of MSH-2, where the sender has one.
    pub subcomponent: Option<u8>,
    /// Fifth of MSH-2 (v2.7).
    pub truncation: Option<u8>,
}

impl Default for Separators {
    /// The recommended ones: `|^~\&`.
    fn default() -> Self {
        Self::STANDARD
    }
}

/// What was odd about MSH-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// Nothing.
    None,
    /// Fewer than three characters: the missing ones are the recommended ones.
    Short,
    /// Letters or digits among them, or one twice: read as the recommended ones.
    Invalid,
}

impl Separators {
    pub(crate) const STANDARD: Self = Self {
        field: b'|',
        component: b'^',
        repetition: b'~',
        escape: Some(b'\\'),
        subcomponent: Some(b'&'),
        truncation: None,
    };

    /// Reads them from a line that starts with `MSH`; `None` where it has no usable MSH-1 or MSH-2 at all.
    pub(crate) fn of_msh(line: &[u8]) -> Option<(Self, Oddity)> {
        let field = *line.get(3)?;
        if !is_delimiter(field) {
            return None;
        }
        let rest = line.get(4..)?;
        let end = memchr::memchr(field, rest).unwrap_or(rest.len());
        let characters = rest.get(..end)?;
        let standard = Self {
            field,
            ..Self::default()
        };
        let twice = characters
            .iter()
            .enumerate()
            .any(|(at, c)| characters.iter().take(at).any(|earlier| earlier == c));
        if characters.is_empty() {
            return None;
        }
        if twice || characters.len() > 5 || !characters.iter().all(|c| is_delimiter(*c)) {
            return Some((standard, Oddity::Invalid));
        }
        Some(Self::of_characters(standard, characters))
    }

    fn of_characters(standard: Self, characters: &[u8]) -> (Self, Oddity) {
        let at = |n: usize| characters.get(n).copied();
        let (escape, subcomponent, oddity) = match (at(2), at(3)) {
            // Some senders leave the escape character out: `^~&`.
            (Some(b'&'), None) => (None, Some(b'&'), Oddity::None),
            (Some(escape), subcomponent) => (Some(escape), subcomponent, Oddity::None),
            (None, _) => (standard.escape, standard.subcomponent, Oddity::Short),
        };
        let separators = Self {
            field: standard.field,
            component: at(0).unwrap_or(standard.component),
            repetition: at(1).unwrap_or(standard.repetition),
            escape,
            subcomponent,
            truncation: at(4),
        };
        (separators, oddity)
    }

    /// MSH-2 as it was written.
    pub fn encoding_characters(&self) -> Vec<u8> {
        let mut characters = vec![self.component, self.repetition];
        characters.extend(self.escape);
        characters.extend(self.subcomponent);
        characters.extend(self.truncation);
        characters
    }
}

const fn is_delimiter(c: u8) -> bool {
    c.is_ascii_punctuation() && c != b'"'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn msh_2_of_every_length() {
        let check = |line: &str, expected: Option<(&str, Oddity)>| {
            let read = Separators::of_msh(line.as_bytes())
                .map(|(s, o)| (String::from_utf8(s.encoding_characters()).unwrap(), o));
            assert_eq!(read.as_ref().map(|(c, o)| (c.as_str(), *o)), expected, "{line}");
        };
        check("MSH|^~\\&|A", Some(("^~\\&", Oddity::None)));
        check("MSH|^~\\&#|A", Some(("^~\\&#", Oddity::None)));
        check("MSH|^~\\|A", Some(("^~\\", Oddity::None)));
        check("MSH|^~&|A", Some(("^~&", Oddity::None)));
        check("MSH@~&#\\@A", Some(("~&#\\", Oddity::None)));
        check("MSH|^~|A", Some(("^~\\&", Oddity::Short)));
        check("MSH|^^^^|A", Some(("^~\\&", Oddity::Invalid)));
        check("MSH|ADT|A", Some(("^~\\&", Oddity::Invalid)));
        check("MSH||A", None);
        check("MSHA", None);
        check("MSH", None);
    }
}
