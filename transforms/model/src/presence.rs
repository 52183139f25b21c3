//! Three-valued fields: a source may say nothing, say "none", or say a value.

use serde::{Deserialize, Serialize};

/// What a source says of one field.
///
/// - Spec: HL7 v2.5 2.5.3: an empty field keeps what was known, `""` deletes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Presence<T> {
    /// Nothing was said: what was known stays.
    #[default]
    Absent,
    /// Said to be none: what was known goes.
    Null,
    /// Said to be this.
    Value(T),
}

impl<T> Presence<T> {
    /// True where the source said nothing.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, if one was given.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The value, if one was given, by move.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Applies `f` to a value; nothing and none stay what they are.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Presence<U> {
        match self {
            Self::Absent => Presence::Absent,
            Self::Null => Presence::Null,
            Self::Value(value) => Presence::Value(f(value)),
        }
    }

    /// As `map`, but a value that `f` cannot use counts as not said.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Option<U>) -> Presence<U> {
        match self {
            Self::Absent => Presence::Absent,
            Self::Null => Presence::Null,
            Self::Value(value) => f(value).map_or(Presence::Absent, Presence::Value),
        }
    }

    /// Borrows the value.
    pub const fn as_ref(&self) -> Presence<&T> {
        match self {
            Self::Absent => Presence::Absent,
            Self::Null => Presence::Null,
            Self::Value(value) => Presence::Value(value),
        }
    }
}

impl<T> From<Option<T>> for Presence<T> {
    /// `None` is "nothing said".
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

impl<T> Presence<Vec<T>> {
    /// The list, empty where nothing or none was said.
    pub fn list(&self) -> &[T] {
        self.value().map_or(&[], Vec::as_slice)
    }

    /// A list that was said, or nothing where it is empty.
    pub fn from_list(list: Vec<T>) -> Self {
        if list.is_empty() {
            Self::Absent
        } else {
            Self::Value(list)
        }
    }
}
