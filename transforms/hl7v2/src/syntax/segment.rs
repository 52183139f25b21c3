//! One segment: its name and its fields, numbered as the standard does.

use super::Separators;
use super::delimiters::position_in_word;
use super::part::{Codec, Component, Field};

/// One segment of a message.
#[derive(Clone, Copy)]
pub struct Segment<'m> {
    pub(super) text: &'m str,
    /// Where it begins, where each field separator is, where it ends.
    pub(super) bounds: &'m [u32],
    pub(super) codec: &'m Codec,
    pub(super) line: u32,
    pub(super) code: u32,
    /// The number of the field that is first among the bounds, less one.
    pub(super) before: u32,
}

impl<'m> Segment<'m> {
    fn bound(self, at: usize) -> Option<usize> {
        self.bounds.get(at).map(|b| *b as usize)
    }

    /// The name as sent.
    pub fn name(self) -> &'m str {
        let end = self.bound(1).unwrap_or_default();
        self.text
            .get(self.bound(0).unwrap_or_default()..end)
            .unwrap_or_default()
            .trim_end()
    }

    /// The name's letters in upper case, as a number: for looking up in tables.
    pub(crate) const fn code(self) -> u32 {
        self.code
    }

    /// True where the segment has this name, in any case of letters.
    pub fn is(self, name: &str) -> bool {
        self.code == code_of(name)
    }

    /// A field by the number the standard gives it: MSH-1 is the field separator, MSH-2 the encoding characters.
    ///
    /// - Nulls: an empty field where the sender has none.
    #[inline(never)]
    pub fn field(&self, number: usize) -> Field<'m> {
        match self.place(number) {
            Some((start, end)) if start == end => Field::new("", self.codec),
            Some((start, end)) => Field::new(self.text.get(start..end).unwrap_or_default(), self.codec),
            None => self.field_without_place(number),
        }
    }

    #[cold]
    fn field_without_place(&self, number: usize) -> Field<'m> {
        let is_separator = number == 1 && self.before > 0;
        Field::new(if is_separator { self.separator_text() } else { "" }, self.codec)
    }

    /// The first component of a field's first repetition: most fields have no other.
    #[inline(never)]
    pub fn first(&self, number: usize) -> Component<'m> {
        let (start, end) = match self.place(number) {
            Some((start, end)) if start < end => (start, end),
            _ if number == 1 => return self.first_of_long(number),
            _ => return Component::new("", self.codec),
        };
        let Separators {
            component,
            repetition,
            ..
        } = self.codec.separators;
        let following = self.text.as_bytes().get(start..);
        if let Some(word) = following.and_then(|text| text.first_chunk()) {
            // A word may reach into what follows the field.
            let head = position_in_word([component, repetition], *word);
            let first_end = start + head.unwrap_or(word.len());
            if head.is_some() || first_end >= end {
                let raw = self.text.get(start..first_end.min(end)).unwrap_or_default();
                return Component::new(raw, self.codec);
            }
        }
        self.first_of_long(number)
    }

    #[inline(never)]
    fn first_of_long(&self, number: usize) -> Component<'m> {
        self.field(number).component(1)
    }

    /// As [`Self::first`], as it was sent.
    #[inline(never)]
    pub fn first_raw(&self, number: usize) -> &'m str {
        self.first(number).raw()
    }

    /// From where to where a field is in the text.
    #[inline]
    fn place(&self, number: usize) -> Option<(usize, usize)> {
        let at = number.wrapping_sub(self.before as usize);
        match self.bounds.get(at..) {
            Some([start, end, ..]) if at > 0 => Some((*start as usize + 1, *end as usize)),
            _ => None,
        }
    }

    fn separator_text(self) -> &'m str {
        let at = self.bound(1).unwrap_or_default();
        self.text.get(at..at + 1).unwrap_or_default()
    }

    /// The number of the last field sent.
    pub fn last_field(self) -> usize {
        self.bounds.len().saturating_sub(2) + self.before as usize
    }

    /// The whole segment as sent, without its line end.
    pub fn raw(self) -> &'m str {
        let end = self.bounds.last().map_or(0, |b| *b as usize);
        self.text
            .get(self.bound(0).unwrap_or_default()..end)
            .unwrap_or_default()
    }

    /// Its line in the message, from 1.
    pub const fn line(self) -> u32 {
        self.line
    }
}

impl std::fmt::Debug for Segment<'_> {
    /// Name and place only (INV-8).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at line {}", self.name(), self.line)
    }
}

pub(super) const MSH: u32 = code_of("MSH");
const FHS: u32 = code_of("FHS");
const BHS: u32 = code_of("BHS");

/// MSH, FHS and BHS count their own separator as field 1.
#[inline]
pub(super) const fn is_header(code: u32) -> bool {
    code == MSH || code == FHS || code == BHS
}

/// A segment name's letters in upper case, as a number.
pub(crate) const fn code_of(name: &str) -> u32 {
    code_of_bytes(name.as_bytes())
}

pub(super) const fn code_of_bytes(name: &[u8]) -> u32 {
    match name {
        [a, b, c] => u32::from_be_bytes([
            0,
            a.to_ascii_uppercase(),
            b.to_ascii_uppercase(),
            c.to_ascii_uppercase(),
        ]),
        _ => 0,
    }
}
