//! CSV registries: cells by the name of their column.

use panorama_model::csv::{self, Cells, Layouts};
use panorama_model::{DecodeContext, Issue, Text, Unreadable};
use std::borrow::Cow;
use std::sync::Arc;

/// The header's columns a format wants, found by name, in the order wanted.
#[derive(Debug)]
pub(crate) struct Layout {
    positions: Vec<Option<usize>>,
    wanted: Wanted,
    columns: usize,
}

/// The columns a format wants, each under any of its names, since registries rename theirs.
pub(crate) type Wanted = Vec<Vec<String>>;

impl Layout {
    fn compile(header: &[u8], wanted: Wanted) -> Self {
        let header = String::from_utf8_lossy(header);
        let names = csv::split(csv::trim_record(&header), b',');
        let position = |name: &String| names.iter().position(|known| known.trim() == name);
        Self {
            positions: wanted
                .iter()
                .map(|names| names.iter().find_map(position))
                .collect(),
            columns: names.len(),
            wanted,
        }
    }
}

/// One record and where its columns are.
pub(crate) struct Record<'a> {
    layout: Arc<Layout>,
    cells: Cells<'a>,
}

impl<'a> Record<'a> {
    /// Splits a record beside its header. `required` columns must stand in the header.
    pub(crate) fn read(
        text: &'a str,
        context: &DecodeContext<'_>,
        layouts: &Layouts<Layout>,
        wanted: fn() -> Wanted,
        required: &[usize],
    ) -> Result<Self, Unreadable> {
        let unreadable = |code, location: Text, reason: Cow<'static, str>| {
            Err(Unreadable {
                code,
                location,
                reason,
            })
        };
        let Some(header) = context.header(csv::HEADER) else {
            return unreadable(
                "header_missing",
                csv::HEADER.into(),
                "no header record travelled with this record; does the file begin with its column names?"
                    .into(),
            );
        };
        let layout = layouts.of(header, |header| Layout::compile(header, wanted()));
        let missing = |column: &&usize| layout.positions.get(**column).is_none_or(Option::is_none);
        if let Some(column) = required.iter().find(missing) {
            let name = layout
                .wanted
                .get(*column)
                .and_then(|names| names.first())
                .map_or("", String::as_str);
            return unreadable(
                "column_missing",
                format!("column {name}").into(),
                format!("the header has no column {name}; is this file of another format?").into(),
            );
        }
        let cells = csv::split(csv::trim_record(text), b',');
        if cells.len() != layout.columns {
            return unreadable(
                "cell_count",
                Text::default(),
                format!(
                    "the record has {} cells, the header {} columns",
                    cells.len(),
                    layout.columns
                )
                .into(),
            );
        }
        Ok(Self { layout, cells })
    }

    /// The cell of a wanted column, trimmed, if it is not blank.
    pub(crate) fn cell(&self, column: usize) -> Option<&str> {
        let position = (*self.layout.positions.get(column)?)?;
        let text = self.cells.get(position)?.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// The record's bytes as text; what is not UTF-8 is replaced, and is an issue.
pub(crate) fn text<'a>(payload: &'a [u8], issues: &mut Vec<Issue>) -> Cow<'a, str> {
    let text = String::from_utf8_lossy(payload);
    if matches!(text, Cow::Owned(_)) {
        issues.push(Issue::warning("encoding_invalid", ""));
    }
    text
}

/// True for a record that says nothing: blank, or the header again (where files were joined).
pub(crate) fn says_nothing(payload: &[u8], context: &DecodeContext<'_>, issues: &mut Vec<Issue>) -> bool {
    let code = if payload.trim_ascii().is_empty() {
        "record_blank"
    } else if context.header(csv::HEADER).map(<[u8]>::trim_ascii) == Some(payload.trim_ascii()) {
        "header_repeated"
    } else {
        return false;
    };
    issues.push(Issue::information(code, ""));
    true
}
