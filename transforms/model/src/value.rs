//! Typed cells: what a fact holds and what a table column is.

use crate::{Date, Presence, Text, Timestamp};
use serde::{Deserialize, Serialize};

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

/// One cell.
#[derive(Clone, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Value {
    /// Said to be none.
    Null,
    /// UTF-8 text.
    Text(Text),
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
    List(Vec<Text>),
    /// Map of text to text, sorted by key.
    Map(Vec<(Text, Text)>),
    /// Raw bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The instant, if it is one; a date is its midnight UTC.
    pub fn as_time(&self) -> Option<Timestamp> {
        match self {
            Self::Time(at) => Some(*at),
            Self::Date(date) => Some(date.at_midnight_utc()),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The integer, if it is one.
    pub const fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self {
            Some(*value)
        } else {
            None
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for Value {
            #[inline]
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}
value_from!(Text => Text, &str => Text, String => Text, i64 => Int, f64 => Float, bool => Bool, Timestamp => Time,
    Date => Date, Vec<Text> => List);

/// The cells a source spoke of, by column index, ascending. A column that is missing was not spoken of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row(Vec<(u8, Value)>);

impl Row {
    /// An empty row.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty row with room for `cells` cells.
    pub fn with_capacity(cells: usize) -> Self {
        Self(Vec::with_capacity(cells))
    }

    /// Sets a column; the last word holds.
    #[inline]
    pub fn set(&mut self, column: Column, value: impl Into<Value>) {
        // Readers mostly speak of columns in their order.
        if self.0.last().is_none_or(|(last, _)| *last < column.index) {
            self.0.push((column.index, value.into()));
        } else {
            self.set_within(column, value.into());
        }
    }

    fn set_within(&mut self, column: Column, value: Value) {
        match self.0.binary_search_by_key(&column.index, |(index, _)| *index) {
            Ok(at) => {
                if let Some(cell) = self.0.get_mut(at) {
                    cell.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (column.index, value)),
        }
    }

    /// Sets a column where there is a value.
    #[inline]
    pub fn set_some(&mut self, column: Column, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(column, value);
        }
    }

    /// Sets a column as the source spoke of it: a value, none, or not at all.
    #[inline]
    pub fn set_presence(&mut self, column: Column, value: Presence<impl Into<Value>>) {
        match value {
            Presence::Absent => {}
            Presence::Null => self.set(column, Value::Null),
            Presence::Value(value) => self.set(column, value),
        }
    }

    /// The cell of a column, if it was spoken of.
    pub fn get(&self, column: Column) -> Option<&Value> {
        self.get_index(column.index)
    }

    /// The cell at a column index, if it was spoken of.
    pub fn get_index(&self, index: u8) -> Option<&Value> {
        self.0
            .binary_search_by_key(&index, |(i, _)| *i)
            .ok()
            .and_then(|at| self.0.get(at))
            .map(|(_, value)| value)
    }

    /// The text of a column.
    pub fn text(&self, column: Column) -> Option<&str> {
        self.get(column).and_then(Value::as_text)
    }

    /// The instant of a column.
    pub fn time(&self, column: Column) -> Option<Timestamp> {
        self.get(column).and_then(Value::as_time)
    }

    /// The cells, by column index, ascending.
    pub fn cells(&self) -> &[(u8, Value)] {
        &self.0
    }

    pub(crate) fn cells_mut(&mut self) -> &mut Vec<(u8, Value)> {
        &mut self.0
    }
}
