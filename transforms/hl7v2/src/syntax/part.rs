//! The parts of a segment: field, repetition, component, subcomponent. Each is a borrowed slice; splitting is lazy and
//! decoding happens on asking.

use super::Separators;
use super::delimiters::{places, position, position_of_either};
use super::escape::unescape;
use encoding_rs::{Encoding, UTF_8};
use panorama_model::{Presence, Text};
use std::borrow::Cow;

/// What is needed to read a value of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec {
    pub(crate) separators: Separators,
    pub(crate) charset: &'static Encoding,
    /// The message has an escape character after its header at all.
    pub(crate) escapes: bool,
    /// The repetition separator, where the message has one at all.
    pub(crate) repetition: Option<u8>,
    /// The subcomponent separator, where the message has one at all.
    pub(crate) subcomponent: Option<u8>,
}

impl Codec {
    /// Reads values that may hold every delimiter.
    pub(crate) const fn new(separators: Separators, charset: &'static Encoding) -> Self {
        Self {
            separators,
            charset,
            escapes: true,
            repetition: Some(separators.repetition),
            subcomponent: separators.subcomponent,
        }
    }

    /// Searches no value for a delimiter that the whole text has nowhere but in MSH-2.
    pub(super) fn narrow(&mut self, text: &str, encoding_characters: &str) {
        let occurs = |delimiter: &u8| {
            memchr::memchr_iter(*delimiter, text.as_bytes()).nth(1).is_some()
                || !encoding_characters.as_bytes().contains(delimiter)
        };
        self.escapes = self.separators.escape.is_some_and(|escape| occurs(&escape));
        self.repetition = self.repetition.filter(occurs);
        self.subcomponent = self.subcomponent.filter(occurs);
    }
}

/// `str::trim`, but for the many texts that begin and end with a visible ASCII character, which need none.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

/// Hands over the text of a value without escapes, trimmed, where there is any.
#[inline]
fn plain<R>(raw: &str, take: impl FnOnce(&str) -> R) -> Option<R> {
    let text = trim(raw);
    (!text.is_empty()).then(|| take(text))
}

#[cold]
fn unescaped<R>(raw: &str, codec: &Codec, take: impl FnOnce(&str) -> R) -> Option<R> {
    plain(&unescape(raw, codec), take)
}

/// The delimiters of parts that are of no message.
static NO_CODEC: Codec = Codec::new(Separators::STANDARD, UTF_8);

macro_rules! part {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'m> {
            raw: &'m str,
            codec: &'m Codec,
        }

        #[allow(dead_code, reason = "all kinds of parts can do the same")]
        impl<'m> $name<'m> {
            #[inline]
            pub(crate) const fn new(raw: &'m str, codec: &'m Codec) -> Self {
                Self { raw, codec }
            }

            /// The text as it was sent, escapes and all.
            #[inline]
            pub const fn raw(self) -> &'m str {
                self.raw
            }

            /// Nothing was sent.
            #[inline]
            pub const fn is_empty(self) -> bool {
                self.raw.is_empty()
            }

            /// Said to be none: `""`.
            #[inline]
            pub fn is_null(self) -> bool {
                self.raw == "\"\""
            }

            /// The whole part as one text, escapes decoded.
            ///
            /// - Nulls: empty is `Absent`, `""` is `Null` (v2.5 2.5.3).
            pub fn presence(self) -> Presence<Cow<'m, str>> {
                match self.raw {
                    "" => Presence::Absent,
                    "\"\"" => Presence::Null,
                    raw if self.codec.escapes => Presence::Value(unescape(raw, self.codec)),
                    raw => Presence::Value(Cow::Borrowed(raw)),
                }
            }

            /// The value, trimmed; `None` where there is none or only blanks.
            pub fn value(self) -> Option<Cow<'m, str>> {
                match self.raw {
                    "" | "\"\"" => None,
                    raw if self.codec.escapes => unescaped(raw, self.codec, str::to_owned).map(Cow::Owned),
                    raw => Some(trim(raw)).filter(|text| !text.is_empty()).map(Cow::Borrowed),
                }
            }

            /// As [`Self::value`], empty where there is none.
            pub(crate) fn content(self) -> Cow<'m, str> {
                self.value().unwrap_or_default()
            }

            /// As [`Self::value`], as travelling text.
            #[inline]
            pub fn text(self) -> Option<Text> {
                self.take(panorama_model::text)
            }

            /// As [`Self::value`], handed over while it is there.
            #[inline]
            pub(crate) fn take<R>(self, take: impl FnOnce(&str) -> R) -> Option<R> {
                match self.raw {
                    "" | "\"\"" => None,
                    raw if self.codec.escapes => unescaped(raw, self.codec, take),
                    raw => plain(raw, take),
                }
            }

            /// This part where it has a value, else the other.
            #[inline]
            pub(crate) fn or(self, other: Self) -> Self {
                if self.has_value() { self } else { other }
            }

            /// True where [`Self::value`] is there.
            #[inline]
            pub(crate) fn has_value(self) -> bool {
                self.take(|_| ()).is_some()
            }
        }

        impl Default for $name<'_> {
            /// An empty one.
            fn default() -> Self {
                Self { raw: "", codec: &NO_CODEC }
            }
        }

        impl std::fmt::Debug for $name<'_> {
            /// Length only (INV-8).
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.raw.len())
            }
        }
    };
}

part! {
    /// One field: its repetitions.
    Field
}
part! {
    /// One repetition of a field: its components.
    Repetition
}
part! {
    /// One component: its subcomponents.
    Component
}
part! {
    /// One subcomponent: a value.
    Subcomponent
}

macro_rules! value_of {
    ($($name:ident)*) => {
        $(impl<'m> From<$name<'m>> for Subcomponent<'m> {
            /// The whole part as one value.
            #[inline]
            fn from($name { raw, codec }: $name<'m>) -> Self {
                Self { raw, codec }
            }
        })*
    };
}
value_of!(Field Repetition Component);

/// Splits at an ASCII delimiter, or not at all.
pub(crate) struct Split<'m> {
    rest: Option<&'m str>,
    at: Option<u8>,
}

impl<'m> Split<'m> {
    pub(crate) const fn new(text: &'m str, at: Option<u8>) -> Self {
        Self { rest: Some(text), at }
    }
}

impl<'m> Iterator for Split<'m> {
    type Item = &'m str;

    #[inline]
    fn next(&mut self) -> Option<&'m str> {
        let rest = self.rest.take()?;
        let cut = self.at.and_then(|delimiter| position(delimiter, rest.as_bytes()));
        match cut.and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?))) {
            Some((head, tail)) => {
                self.rest = Some(tail);
                Some(head)
            }
            None => Some(rest),
        }
    }
}

/// What stands before the first delimiter.
#[inline]
fn head(text: &str, delimiter: Option<u8>) -> &str {
    match delimiter.and_then(|delimiter| position(delimiter, text.as_bytes())) {
        Some(end) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

impl<'m> Field<'m> {
    /// The repetitions; one empty repetition where the field is empty.
    pub fn repetitions(self) -> impl Iterator<Item = Repetition<'m>> {
        let codec = self.codec;
        Split::new(self.raw, codec.repetition).map(move |raw| Repetition { raw, codec })
    }

    /// The first repetition.
    #[inline]
    pub fn first(self) -> Repetition<'m> {
        Repetition {
            raw: head(self.raw, self.codec.repetition),
            codec: self.codec,
        }
    }

    /// A component of the first repetition, counted from 1.
    #[inline]
    pub fn component(self, number: usize) -> Component<'m> {
        if number != 1 {
            return self.first().component(number);
        }
        if self.raw.is_empty() {
            let (raw, codec) = ("", self.codec);
            return Component { raw, codec };
        }
        let separators = &self.codec.separators;
        let bytes = self.raw.as_bytes();
        let end = position_of_either([separators.component, separators.repetition], bytes);
        Component {
            raw: end.map_or(self.raw, |end| self.raw.get(..end).unwrap_or_default()),
            codec: self.codec,
        }
    }

    /// True where there are several repetitions.
    #[inline]
    pub(crate) fn repeats(self) -> bool {
        let separator = self.codec.repetition;
        separator.is_some_and(|separator| position(separator, self.raw.as_bytes()).is_some())
    }
}

impl<'m> Repetition<'m> {
    /// The components.
    pub fn components(self) -> impl Iterator<Item = Component<'m>> {
        let codec = self.codec;
        Split::new(self.raw, Some(codec.separators.component)).map(move |raw| Component { raw, codec })
    }

    /// A component, counted from 1; empty where the sender has none.
    pub fn component(self, number: usize) -> Component<'m> {
        let codec = self.codec;
        self.components()
            .nth(number.wrapping_sub(1))
            .unwrap_or(Component { raw: "", codec })
    }

    /// The first `N` components in one pass; empty where the sender has none.
    #[inline]
    pub fn first_components<const N: usize>(self) -> [Component<'m>; N] {
        let mut found = [Component {
            raw: "",
            codec: self.codec,
        }; N];
        if !self.raw.is_empty() {
            self.fill(&mut found);
        }
        found
    }

    /// Apart, so that the counts of components share their code.
    #[inline(never)]
    fn fill(self, found: &mut [Component<'m>]) {
        if self.raw.len() > 64 {
            for (part, component) in found.iter_mut().zip(self.components()) {
                *part = component;
            }
            return;
        }
        let mut ends = places(self.codec.separators.component, self.raw.as_bytes());
        let mut start = 0;
        for part in found {
            if ends == 0 {
                part.raw = self.raw.get(start..).unwrap_or_default();
                break;
            }
            let end = ends.trailing_zeros() as usize;
            if end > start {
                part.raw = self.raw.get(start..end).unwrap_or_default();
            }
            start = end + 1;
            ends &= ends - 1;
        }
    }
}

impl<'m> Component<'m> {
    /// The subcomponents.
    pub fn subcomponents(self) -> impl Iterator<Item = Subcomponent<'m>> {
        let codec = self.codec;
        Split::new(self.raw, codec.subcomponent).map(move |raw| Subcomponent { raw, codec })
    }

    /// A subcomponent, counted from 1; empty where the sender has none.
    #[inline]
    pub fn subcomponent(self, number: usize) -> Subcomponent<'m> {
        let codec = self.codec;
        if number == 1 {
            let raw = head(self.raw, codec.subcomponent);
            return Subcomponent { raw, codec };
        }
        self.subcomponents()
            .nth(number.wrapping_sub(1))
            .unwrap_or(Subcomponent { raw: "", codec })
    }
}
