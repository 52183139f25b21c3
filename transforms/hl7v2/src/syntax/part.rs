//! The parts of a segment: field, repetition, component, subcomponent. Each is a borrowed slice; splitting is lazy and
//! decoding happens on asking.

use super::Separators;
use super::delimiters::{position, position_of_either};
use super::escape::unescape;
use encoding_rs::Encoding;
use panorama_model::{Presence, Text};
use std::borrow::Cow;

/// What is needed to read a value of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec {
    pub(crate) separators: Separators,
    pub(crate) charset: &'static Encoding,
    /// The message has an escape character after its header at all.
    pub(crate) escapes: bool,
}

/// `str::trim`, but for the many texts that begin and end with a visible ASCII character, which need none.
#[inline]
fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

macro_rules! part {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'m> {
            raw: &'m str,
            codec: &'m Codec,
        }

        impl<'m> $name<'m> {
            /// The text as it was sent, escapes and all.
            pub const fn raw(self) -> &'m str {
                self.raw
            }

            /// Nothing was sent.
            pub const fn is_empty(self) -> bool {
                self.raw.is_empty()
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
                match self.presence().into_value()? {
                    Cow::Borrowed(text) => Some(trim(text)).filter(|t| !t.is_empty()).map(Cow::Borrowed),
                    Cow::Owned(text) => {
                        let trimmed = trim(&text);
                        (!trimmed.is_empty()).then(|| Cow::Owned(trimmed.to_owned()))
                    }
                }
            }

            /// As [`Self::value`], as travelling text.
            pub fn text(self) -> Option<Text> {
                self.value().map(Text::new)
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

impl<'m> Field<'m> {
    #[inline]
    pub(crate) const fn new(raw: &'m str, codec: &'m Codec) -> Self {
        Self { raw, codec }
    }

    /// The repetitions; one empty repetition where the field is empty.
    pub fn repetitions(self) -> impl Iterator<Item = Repetition<'m>> {
        let codec = self.codec;
        Split::new(self.raw, Some(codec.separators.repetition)).map(move |raw| Repetition { raw, codec })
    }

    /// The first repetition.
    pub fn first(self) -> Repetition<'m> {
        let raw = Split::new(self.raw, Some(self.codec.separators.repetition)).next();
        Repetition {
            raw: raw.unwrap_or_default(),
            codec: self.codec,
        }
    }

    /// A component of the first repetition, counted from 1.
    pub fn component(self, number: usize) -> Component<'m> {
        if number != 1 {
            return self.first().component(number);
        }
        let separators = &self.codec.separators;
        let bytes = self.raw.as_bytes();
        let end = position_of_either([separators.component, separators.repetition], bytes);
        Component {
            raw: end.map_or(self.raw, |end| self.raw.get(..end).unwrap_or_default()),
            codec: self.codec,
        }
    }

    /// Said to be none: `""`.
    pub fn is_null(self) -> bool {
        self.raw == "\"\""
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
    pub fn first_components<const N: usize>(self) -> [Component<'m>; N] {
        let codec = self.codec;
        let mut split = self.components();
        std::array::from_fn(|_| split.next().unwrap_or(Component { raw: "", codec }))
    }
}

impl<'m> Component<'m> {
    /// The subcomponents.
    pub fn subcomponents(self) -> impl Iterator<Item = Subcomponent<'m>> {
        let codec = self.codec;
        Split::new(self.raw, codec.separators.subcomponent).map(move |raw| Subcomponent { raw, codec })
    }

    /// A subcomponent, counted from 1; empty where the sender has none.
    pub fn subcomponent(self, number: usize) -> Subcomponent<'m> {
        let codec = self.codec;
        self.subcomponents()
            .nth(number.wrapping_sub(1))
            .unwrap_or(Subcomponent { raw: "", codec })
    }
}
