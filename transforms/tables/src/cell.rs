//! A cell, borrowed from wherever the value lives.

use panorama_model::{Date, Text, Timestamp, Value};

/// One cell, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// UTF-8 text.
    Text(&'a str),
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
    List(&'a [Text]),
    /// Map of text to text.
    Map(&'a [(Text, Text)]),
    /// Raw bytes.
    Bytes(&'a [u8]),
}

impl<'a> From<Value<'a>> for Cell<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Text(text) => Self::Text(text),
            Value::Int(number) => Self::Int(number),
            Value::Float(number) => Self::Float(number),
            Value::Bool(truth) => Self::Bool(truth),
            Value::Time(at) => Self::Time(at),
            Value::Date(date) => Self::Date(date),
            Value::List(items) => Self::List(items),
            Value::Map(entries) => Self::Map(entries),
            Value::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! cell_from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl<'a> From<$from> for Cell<'a> {
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        })*
    };
}
cell_from!(&'a str => Text, i64 => Int, f64 => Float, bool => Bool, Timestamp => Time, Date => Date,
    &'a [Text] => List, &'a [(Text, Text)] => Map, &'a [u8] => Bytes);
