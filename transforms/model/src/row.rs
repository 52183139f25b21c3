//! One row as its source told it: the cells it spoke of.

use crate::{Column, Date, Presence, Text, Timestamp, ToValue, Value};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Bytes of text that room is made for ahead, per cell: about as long as most codes and words are.
const TEXT_RESERVED: usize = 8;

/// The cells a source spoke of, by column index, ascending. A column that is missing was not spoken of.
///
/// - Shape: the texts of all cells stand in one buffer. A message makes a hundred of them: each as a text of its own
///   would cost several times more to make, to move and to drop.
#[derive(Clone, Default)]
pub struct Row {
    cells: Vec<Cell>,
    /// The texts of the cells and nothing else, in any order.
    text: String,
    /// What few cells hold. A cell keeps its place, whatever it holds later.
    rare: Vec<Rare>,
}

/// Kept small, and without anything to drop.
#[derive(Clone, Copy)]
struct Cell {
    index: u8,
    kind: Kind,
    /// Where its text begins, or its place among the rare values.
    at: u32,
    /// Its number, or how long its text is.
    bits: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    Int,
    Float,
    Bool,
    Time,
    Date,
    Rare,
}

#[derive(Clone)]
enum Rare {
    List(Vec<Text>),
    Map(Vec<(Text, Text)>),
    Bytes(Vec<u8>),
    /// For which the row's text has no room.
    Text(String),
}

impl Row {
    /// An empty row.
    pub const fn new() -> Self {
        Self {
            cells: Vec::new(),
            text: String::new(),
            rare: Vec::new(),
        }
    }

    /// An empty row with room for `cells` cells.
    pub fn with_capacity(cells: usize) -> Self {
        Self {
            cells: Vec::with_capacity(cells),
            text: String::with_capacity(cells * TEXT_RESERVED),
            rare: Vec::new(),
        }
    }

    /// Sets a column; the last word holds.
    #[inline(always)]
    pub fn set(&mut self, column: Column, value: impl ToValue) {
        self.set_index(column.index, value.to_value());
    }

    /// Sets a column where there is a value.
    #[inline]
    pub fn set_some(&mut self, column: Column, value: Option<impl ToValue>) {
        if let Some(value) = value {
            self.set(column, value);
        }
    }

    /// Sets a column as the source spoke of it: a value, none, or not at all.
    #[inline]
    pub fn set_presence(&mut self, column: Column, value: Presence<impl ToValue>) {
        match value {
            Presence::Absent => {}
            Presence::Null => self.set(column, Value::Null),
            Presence::Value(value) => self.set(column, value),
        }
    }

    /// Sets a column to texts with something between them, where they say anything.
    pub fn set_joined(
        &mut self,
        column: Column,
        texts: impl IntoIterator<Item = impl AsRef<str>>,
        between: &str,
    ) {
        let from = self.text.len();
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                self.text.push_str(between);
            }
            self.text.push_str(text.as_ref());
        }
        let length = self.text.len() - from;
        match u32::try_from(from) {
            _ if length == 0 => {}
            Ok(at) => self.put_at(column.index, Kind::Text, at, length as u64),
            Err(_) => {
                let text = self.text.split_off(from);
                self.put_rare(column.index, Rare::Text(text));
            }
        }
    }

    /// The cell of a column, if it was spoken of.
    pub fn get(&self, column: Column) -> Option<Value<'_>> {
        self.get_index(column.index)
    }

    /// The cell at a column index, if it was spoken of.
    pub fn get_index(&self, index: u8) -> Option<Value<'_>> {
        let at = self.find(index).ok()?;
        self.cells.get(at).map(|cell| self.value(cell))
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
    pub fn cells(&self) -> impl ExactSizeIterator<Item = (u8, Value<'_>)> {
        self.cells.iter().map(|cell| (cell.index, self.value(cell)))
    }

    /// Sets the column of an index.
    #[inline(always)]
    pub fn set_index(&mut self, index: u8, value: Value<'_>) {
        match value {
            Value::Text(text) => self.set_text(index, text),
            Value::Null => self.put(index, Kind::Null, 0),
            Value::Int(number) => self.put(index, Kind::Int, number.cast_unsigned()),
            Value::Float(number) => self.put(index, Kind::Float, number.to_bits()),
            Value::Bool(truth) => self.put(index, Kind::Bool, u64::from(truth)),
            Value::Time(at) => self.put(index, Kind::Time, at.0.cast_unsigned()),
            Value::Date(date) => self.put(index, Kind::Date, u64::from(date.0.cast_unsigned())),
            Value::List(list) => self.put_rare(index, Rare::List(list.to_vec())),
            Value::Map(map) => self.put_rare(index, Rare::Map(map.to_vec())),
            Value::Bytes(bytes) => self.put_rare(index, Rare::Bytes(bytes.to_vec())),
        }
    }

    #[inline(never)]
    fn set_text(&mut self, index: u8, text: &str) {
        let Ok(at) = u32::try_from(self.text.len()) else {
            return self.put_rare(index, Rare::Text(text.to_owned()));
        };
        self.text.push_str(text);
        self.put_at(index, Kind::Text, at, text.len() as u64);
    }

    #[inline(never)]
    fn put(&mut self, index: u8, kind: Kind, bits: u64) {
        self.put_at(index, kind, 0, bits);
    }

    #[cold]
    fn put_rare(&mut self, index: u8, rare: Rare) {
        let before = self.find(index).ok().and_then(|at| self.cells.get(at));
        let at = before.filter(|cell| cell.kind == Kind::Rare).map(|cell| cell.at);
        match at.and_then(|at| self.rare.get_mut(at as usize)) {
            Some(place) => *place = rare,
            None => {
                // A row has at most as many as there are columns.
                let at = self.rare.len() as u32;
                self.rare.push(rare);
                self.put_at(index, Kind::Rare, at, 0);
            }
        }
    }

    #[inline(always)]
    fn put_at(&mut self, index: u8, kind: Kind, at: u32, bits: u64) {
        // Readers mostly speak of columns in their order. The cell is made where it stays: copied, it would first have to
        // arrive in memory, part by part.
        if self.cells.last().is_none_or(|last| last.index < index) {
            self.cells.push(Cell {
                index,
                kind,
                at,
                bits,
            });
        } else {
            self.put_within(index, kind, at, bits);
        }
    }

    #[inline(never)]
    fn put_within(&mut self, index: u8, kind: Kind, at: u32, bits: u64) {
        let cell = Cell {
            index,
            kind,
            at,
            bits,
        };
        match self.find(index) {
            Ok(at) => {
                let before = self.cells.get_mut(at).map(|place| std::mem::replace(place, cell));
                if let Some(before) = before.filter(|before| before.kind == Kind::Text) {
                    self.cut_text(before);
                }
            }
            Err(at) => self.cells.insert(at, cell),
        }
    }

    /// Takes a text out of the buffer that no cell holds any more.
    fn cut_text(&mut self, before: Cell) {
        let from = before.at as usize;
        self.text.replace_range(from..from + before.bits as usize, "");
        for cell in self.cells.iter_mut().filter(|cell| cell.kind == Kind::Text) {
            if cell.at > before.at {
                cell.at -= before.bits as u32;
            }
        }
    }

    /// Keeps the cells that `keep` says yes to.
    pub(crate) fn retain(&mut self, keep: impl Fn(u8, Value<'_>) -> bool) {
        if self.cells().all(|(index, value)| keep(index, value)) {
            return;
        }
        let mut kept = Self {
            cells: Vec::with_capacity(self.cells.len()),
            text: String::with_capacity(self.text.len()),
            rare: Vec::new(),
        };
        for (index, value) in self.cells().filter(|(index, value)| keep(*index, *value)) {
            kept.set_index(index, value);
        }
        *self = kept;
    }

    /// This row with the cells of an older one where it has none.
    pub(crate) fn over(&self, older: &Self) -> Self {
        let mut whole = Self {
            cells: Vec::with_capacity(self.cells.len() + older.cells.len()),
            text: String::with_capacity(self.text.len() + older.text.len()),
            rare: Vec::new(),
        };
        let mut newer = self.cells().peekable();
        for (index, value) in older.cells() {
            while let Some((index, value)) = newer.next_if(|(newer, _)| *newer < index) {
                whole.set_index(index, value);
            }
            let (index, value) = newer
                .next_if(|(newer, _)| *newer == index)
                .unwrap_or((index, value));
            whole.set_index(index, value);
        }
        for (index, value) in newer {
            whole.set_index(index, value);
        }
        whole
    }

    fn find(&self, index: u8) -> Result<usize, usize> {
        self.cells.binary_search_by_key(&index, |cell| cell.index)
    }

    #[inline]
    fn value(&self, cell: &Cell) -> Value<'_> {
        let (at, bits) = (cell.at as usize, cell.bits);
        match cell.kind {
            Kind::Null => Value::Null,
            Kind::Text => Value::Text(self.text.get(at..at + bits as usize).unwrap_or_default()),
            Kind::Int => Value::Int(bits.cast_signed()),
            Kind::Float => Value::Float(f64::from_bits(bits)),
            Kind::Bool => Value::Bool(bits != 0),
            Kind::Time => Value::Time(Timestamp(bits.cast_signed())),
            Kind::Date => Value::Date(Date((bits as u32).cast_signed())),
            Kind::Rare => match self.rare.get(at) {
                Some(Rare::List(list)) => Value::List(list),
                Some(Rare::Map(map)) => Value::Map(map),
                Some(Rare::Bytes(bytes)) => Value::Bytes(bytes),
                Some(Rare::Text(text)) => Value::Text(text),
                None => Value::Null,
            },
        }
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.cells().eq(other.cells())
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.cells()).finish()
    }
}

impl Serialize for Row {
    /// As a list of index and value.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.cells())
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Cells)
    }
}

/// A value as it is read back.
#[derive(Deserialize)]
#[serde(rename = "Value")]
enum Stored<'s> {
    Null,
    Text(#[serde(borrow)] Cow<'s, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(Timestamp),
    Date(Date),
    List(Vec<Text>),
    Map(Vec<(Text, Text)>),
    Bytes(Vec<u8>),
}

struct Cells;

impl<'de> Visitor<'de> for Cells {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of column index and value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<Row, A::Error> {
        /// More columns than any table has: a length that lies must not take memory.
        const CELLS_RESERVED_MAX: usize = 64;
        let mut row = Row::with_capacity(cells.size_hint().unwrap_or(0).min(CELLS_RESERVED_MAX));
        while let Some((index, value)) = cells.next_element::<(u8, Stored<'de>)>()? {
            match value {
                Stored::Null => row.set_index(index, Value::Null),
                Stored::Text(text) => row.set_text(index, &text),
                Stored::Int(number) => row.set_index(index, Value::Int(number)),
                Stored::Float(number) => row.set_index(index, Value::Float(number)),
                Stored::Bool(truth) => row.set_index(index, Value::Bool(truth)),
                Stored::Time(at) => row.set_index(index, Value::Time(at)),
                Stored::Date(date) => row.set_index(index, Value::Date(date)),
                Stored::List(list) => row.put_rare(index, Rare::List(list)),
                Stored::Map(map) => row.put_rare(index, Rare::Map(map)),
                Stored::Bytes(bytes) => row.put_rare(index, Rare::Bytes(bytes)),
            }
        }
        Ok(row)
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
