//! CSV records as they travel: one record is one message, its header record a transport header (`Framing::Csv`).
//!
//! Cells borrow from the record wherever quoting lets them. Layouts made from a header record are kept per distinct
//! header, because a file repeats its header with every record.

use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

/// The transport header that carries the header record.
pub const HEADER: &str = "csv.header";

/// The cells of one record.
pub type Cells<'a> = SmallVec<[Cow<'a, str>; 24]>;

/// The record's bytes as text, without byte order mark and final line end. `None` where they are not UTF-8.
pub fn text(record: &[u8]) -> Option<&str> {
    std::str::from_utf8(record).ok().map(trim_record)
}

/// A record without byte order mark and final line end.
pub fn trim_record(record: &str) -> &str {
    let record = record.strip_prefix('\u{feff}').unwrap_or(record);
    let record = record.strip_suffix('\n').unwrap_or(record);
    record.strip_suffix('\r').unwrap_or(record)
}

/// Splits one record into its cells.
///
/// - Shape: an empty record is one empty cell. A quoted cell may hold the delimiter, line ends and `""` for a quote; text
///   after a closing quote still belongs to its cell, a quote that never closes ends with the record.
/// - Spec: RFC 4180 section 2, with `delimiter` in the place of the comma.
pub fn split(record: &str, delimiter: u8) -> Cells<'_> {
    let mut cells = Cells::new();
    let mut rest = Some(record);
    while let Some(text) = rest {
        let (cell, after) = if text.starts_with('"') {
            quoted_cell(text, delimiter)
        } else {
            let (cell, after) = split_at_delimiter(text, delimiter);
            (Cow::Borrowed(cell), after)
        };
        cells.push(cell);
        rest = after;
    }
    cells
}

fn split_at_delimiter(text: &str, delimiter: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == delimiter) {
        Some(at) => (text.get(..at).unwrap_or(""), text.get(at + 1..)),
        None => (text, None),
    }
}

fn quoted_cell(text: &str, delimiter: u8) -> (Cow<'_, str>, Option<&str>) {
    let mut inside = text.get(1..).unwrap_or("");
    let mut cell = Cow::Borrowed("");
    loop {
        let Some((before, after)) = inside.split_once('"') else {
            append(&mut cell, inside);
            return (cell, None);
        };
        append(&mut cell, before);
        if let Some(more) = after.strip_prefix('"') {
            cell.to_mut().push('"');
            inside = more;
            continue;
        }
        let (tail, rest) = split_at_delimiter(after, delimiter);
        append(&mut cell, tail);
        return (cell, rest);
    }
}

fn append<'a>(cell: &mut Cow<'a, str>, text: &'a str) {
    if cell.is_empty() {
        *cell = Cow::Borrowed(text);
    } else if !text.is_empty() {
        cell.to_mut().push_str(text);
    }
}

/// How many distinct headers are remembered. A source has one or two; a source with more pays a compilation each time
/// an old one returns.
const LAYOUTS_MAX: usize = 16;

type Remembered<T> = Vec<(Box<[u8]>, Arc<T>)>;

/// What was compiled from a header record, remembered per distinct header.
#[derive(Debug)]
pub struct Layouts<T>(RwLock<Remembered<T>>);

impl<T> Default for Layouts<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Layouts<T> {
    /// Nothing remembered yet.
    pub const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// What `compile` makes of `header`, made at its first sight. `compile` must be a function of its argument.
    pub fn of(&self, header: &[u8], compile: impl FnOnce(&[u8]) -> T) -> Arc<T> {
        let known = |layouts: &Remembered<T>| {
            layouts
                .iter()
                .find(|(bytes, _)| **bytes == *header)
                .map(|(_, layout)| Arc::clone(layout))
        };
        if let Some(layout) = known(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return layout;
        }
        let layout = Arc::new(compile(header));
        let mut layouts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = known(&layouts) {
            return layout;
        }
        if layouts.len() >= LAYOUTS_MAX {
            layouts.remove(0);
        }
        layouts.push((header.into(), Arc::clone(&layout)));
        layout
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(record: &str, expected: &[&str]) {
        assert_eq!(
            split(trim_record(record), b',').as_slice(),
            expected,
            "{record:?}"
        );
    }

    #[test]
    fn cells_follow_rfc_4180() {
        check("a,b,c", &["a", "b", "c"]);
        check("a,,\r\n", &["a", "", ""]);
        check("", &[""]);
        check("\u{feff}a,b\n", &["a", "b"]);
        check("\"a,b\",c", &["a,b", "c"]);
        check("\"say \"\"hi\"\"\",x", &["say \"hi\"", "x"]);
        check("\"two\nlines\",x", &["two\nlines", "x"]);
        check("\"\",\"\"", &["", ""]);
        check("\"\"\"\"", &["\""]);
        check("\"a\"tail,b", &["atail", "b"]);
        check("\"never closed,b", &["never closed,b"]);
        check("a\"b,c", &["a\"b", "c"]);
        assert_eq!(split("a|b", b'|').as_slice(), ["a", "b"]);
    }

    #[test]
    fn plain_quoted_cells_are_not_copied() {
        assert!(
            split("\"a\",b", b',')
                .iter()
                .all(|cell| matches!(cell, Cow::Borrowed(_)))
        );
    }

    #[test]
    fn a_layout_is_compiled_once_per_header() {
        let layouts = Layouts::new();
        let first = layouts.of(b"a,b", <[u8]>::len);
        let again = layouts.of(b"a,b", |_| unreachable!("compiled before"));
        assert!(Arc::ptr_eq(&first, &again));
        for number in 0..100 {
            assert_eq!(*layouts.of(format!("{number:03}").as_bytes(), <[u8]>::len), 3);
        }
    }

    proptest! {
        #[test]
        fn what_was_quoted_comes_back(cells in prop::collection::vec("[a\",\n x]{0,6}", 1..6)) {
            let record = cells.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
            let read = split(&record, b',');
            prop_assert_eq!(read.as_slice(), cells.as_slice());
        }
    }
}
