//! Typed cells: what a fact holds and what a table column is.

use crate::{Date, Text, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The type of a table column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// 64-bit integer.
    Int,
    /// Double.
    Float,
    /// Boolean.
    Bool,
    /// UTC microseconds.
    Time,
    /// Calendar day.
    Date,
    /// List of text.
    List,
    /// Map of text to text.
    Map,
    /// Raw bytes.
    Bytes,
}

/// One column: its place in the schema, its name, its type, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Place in the table's own columns, from 0.
    pub index: u8,
    /// snake_case name.
    pub name: &'static str,
    /// Type.
    pub ty: ColumnType,
    /// What it means, its unit, its code system; becomes the column's comment.
    pub doc: &'static str,
    /// Holds data that identifies a person: no statistics are written for it (INV-8).
    pub identifying: bool,
}

/// One cell, borrowed from where it lives.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub enum Value<'v> {
    /// Said to be none.
    Null,
    /// UTF-8 text.
    Text(&'v str),
    /// Integer.
    Int(i64),
    /// Double.
    Float(f64),
    /// Boolean.
    Bool(bool),
    /// Instant.
    Time(Timestamp),
    /// Day.
    Date(Date),
    /// List of text.
    List(&'v [Text]),
    /// Map of text to text, sorted by key.
    Map(&'v [(Text, Text)]),
    /// Raw bytes.
    Bytes(&'v [u8]),
}

impl<'v> Value<'v> {
    /// The text, if it is one.
    pub const fn as_text(self) -> Option<&'v str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The instant, if it is one; a date is its midnight UTC.
    pub const fn as_time(self) -> Option<Timestamp> {
        match self {
            Self::Time(at) => Some(at),
            Self::Date(date) => Some(date.at_midnight_utc()),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub const fn as_bool(self) -> Option<bool> {
        if let Self::Bool(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The integer, if it is one.
    pub const fn as_int(self) -> Option<i64> {
        if let Self::Int(value) = self {
            Some(value)
        } else {
            None
        }
    }
}

/// What can be a cell's value.
pub trait ToValue {
    /// The value.
    fn to_value(&self) -> Value<'_>;
}

impl ToValue for Value<'_> {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    #[inline]
    fn to_value(&self) -> Value<'_> {
        (*self).to_value()
    }
}

macro_rules! to_value {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl ToValue for $from {
            #[inline]
            fn to_value(&self) -> Value<'_> {
                Value::$variant(self)
            }
        })*
    };
    (copied $($from:ty => $variant:ident),* $(,)?) => {
        $(impl ToValue for $from {
            #[inline]
            fn to_value(&self) -> Value<'_> {
                Value::$variant(*self)
            }
        }

        impl From<$from> for Value<'_> {
            #[inline]
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        })*
    };
}
to_value!(str => Text, String => Text, Text => Text, Cow<'_, str> => Text, Vec<Text> => List);
to_value!(copied i64 => Int, f64 => Float, bool => Bool, Timestamp => Time, Date => Date);

impl<'v> From<&'v str> for Value<'v> {
    #[inline]
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}
