//! The format `csv`: one RFC 4180 record per message, its header record beside it.

use crate::assemble::Record;
use crate::mapping::{Checked, MappingError, PersonMapping};
use crate::plan::Plan;
use crate::{RecordShape, hint};
use panorama_model::csv::{self, Cells, Layouts};
use panorama_model::{Decode, DecodeContext, Decoded, Issue, Reading, Text, Unreadable};
use std::borrow::Cow;

/// Reads the records of a mapped CSV list.
///
/// - Shape: one record per message; the header record, as raw bytes, in the transport header `csv.header`, and, where
///   known, the file's time of change (RFC 3339) in `file.modified`.
/// - Nulls: a blank record and a repeated header record say nothing (`record_blank`, `header_repeated`).
#[derive(Debug)]
pub struct CsvDecoder {
    checked: Checked,
    layouts: Layouts<Result<Layout, Unreadable>>,
}

/// What a header record was compiled to.
#[derive(Debug)]
struct Layout {
    plan: Plan,
    columns: usize,
}

impl CsvDecoder {
    /// Checks the mapping.
    ///
    /// # Errors
    /// [`MappingError`] where the mapping cannot work, whatever the list.
    pub fn new(mapping: PersonMapping) -> Result<Self, MappingError> {
        Ok(Self {
            checked: mapping.check()?,
            layouts: Layouts::new(),
        })
    }

    fn read(&self, payload: &[u8], context: &DecodeContext<'_>) -> Result<Decoded, Unreadable> {
        let header = context.header(csv::HEADER).ok_or(Unreadable {
            code: "header_missing",
            location: Text::new_static("csv.header"),
            reason: Cow::Borrowed(
                "no header record travelled with this record; does the list begin with its column names?",
            ),
        })?;
        let layout = self.layouts.of(header, |header| self.compile(header));
        let layout = layout.as_ref().as_ref().map_err(Clone::clone)?;

        let mut decoded = Decoded {
            kind: Text::new_static(label(self.checked.mapping.record)),
            ..Decoded::default()
        };
        let text = self.text(payload, &mut decoded.issues);
        let record = csv::trim_record(&text);
        if record.trim().is_empty() {
            decoded.issues.push(Issue::information("record_blank", ""));
            return Ok(decoded);
        }
        if payload.trim_ascii() == header.trim_ascii() {
            decoded.issues.push(Issue::information("header_repeated", ""));
            return Ok(decoded);
        }
        let cells = csv::split(record, self.checked.delimiter);
        check_count(&cells, layout.columns, &mut decoded.issues)?;
        Record {
            checked: &self.checked,
            plan: &layout.plan,
            cells: &cells,
            bytes: payload,
            context,
        }
        .read_into(&mut decoded)?;
        Ok(decoded)
    }

    /// The bytes as text. What is no text in the list's encoding is replaced, and is an issue.
    fn text<'a>(&self, bytes: &'a [u8], issues: &mut Vec<Issue>) -> Cow<'a, str> {
        if self.checked.encoding == encoding_rs::UTF_8
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return Cow::Borrowed(text);
        }
        let (text, damaged) = self.checked.encoding.decode_without_bom_handling(bytes);
        if damaged {
            issues.push(Issue::warning("encoding_invalid", ""));
        }
        text
    }

    fn compile(&self, header: &[u8]) -> Result<Layout, Unreadable> {
        let text = self.text(header, &mut Vec::new());
        let names: Vec<_> = csv::split(csv::trim_record(&text), self.checked.delimiter)
            .iter()
            .map(|name| name.trim().to_owned())
            .collect();
        let plan = Plan::compile(&self.checked.mapping, |wanted| {
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == wanted);
            match (found.next(), found.next()) {
                (Some((position, _)), None) => Ok(position),
                (Some(_), Some(_)) => Err(Unreadable {
                    code: "column_ambiguous",
                    location: format!("column {wanted}").into(),
                    reason: format!("the header names the column {wanted} more than once").into(),
                }),
                (None, _) => Err(self.missing(wanted, &names)),
            }
        })?;
        Ok(Layout {
            plan,
            columns: names.len(),
        })
    }

    /// The header's names go into the reason only where the header is one: in a list without a header the first person
    /// would stand there (INV-8).
    fn missing(&self, wanted: &str, names: &[String]) -> Unreadable {
        let mapped = || {
            self.checked
                .mapping
                .columns
                .values()
                .flat_map(|columns| columns.names())
        };
        let is_header = mapped().any(|column| names.contains(column));
        let hint = if is_header {
            hint::hint(wanted, names.iter().map(String::as_str))
        } else {
            "; nor any other mapped column: does the list begin with its column names, and is the delimiter right?".into()
        };
        Unreadable {
            code: "column_missing",
            location: format!("column {wanted}").into(),
            reason: format!("the header has no column {wanted}{hint}").into(),
        }
    }
}

impl Decode for CsvDecoder {
    fn decode(&self, payload: &[u8], context: &DecodeContext<'_>) -> Reading {
        match self.read(payload, context) {
            Ok(decoded) => Reading::Read(decoded),
            Err(reason) => Reading::Unreadable(reason),
        }
    }
}

const fn label(shape: RecordShape) -> &'static str {
    match shape {
        RecordShape::Person => "person",
        RecordShape::Patient => "patient",
        RecordShape::Event => "event",
    }
}

/// A record of another width has its cells in the wrong columns somewhere, so none is believed. Blank cells past the end
/// are the exception: spreadsheets write them.
fn check_count(cells: &Cells<'_>, columns: usize, issues: &mut Vec<Issue>) -> Result<(), Unreadable> {
    if cells.len() == columns {
        return Ok(());
    }
    let beyond_blank = cells.iter().skip(columns).all(|cell| cell.trim().is_empty());
    if cells.len() > columns && beyond_blank {
        issues.push(Issue::information("cell_count", ""));
        return Ok(());
    }
    Err(Unreadable {
        code: "cell_count",
        location: Text::default(),
        reason: format!(
            "the record has {} cells, the header {columns} columns; is a quote missing, or the delimiter another?",
            cells.len()
        )
        .into(),
    })
}

#[cfg(test)]
mod tests;
