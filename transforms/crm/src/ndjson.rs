//! The format `ndjson`: one JSON object per message, its members mapped by dotted paths.

use crate::assemble::Record;
use crate::mapping::{Checked, MappingError, PersonMapping};
use crate::plan::Plan;
use panorama_model::json::{self, Node};
use panorama_model::{Decode, DecodeContext, Decoded, Issue, Reading, Text, Unreadable};
use std::borrow::Cow;

/// Reads the objects of a mapped NDJSON list, or an array of such objects.
///
/// - Shape: a column is a dotted path (`address.city`, `phones.0`); of an array the first item counts.
/// - Nulls: a path that leads nowhere, null and blank text are not spoken of.
#[derive(Debug)]
pub struct NdjsonDecoder {
    checked: Checked,
    plan: Plan,
    paths: Vec<String>,
}

impl NdjsonDecoder {
    /// Checks the mapping.
    ///
    /// # Errors
    /// [`MappingError`] where the mapping cannot work, whatever the list.
    pub fn new(mapping: PersonMapping) -> Result<Self, MappingError> {
        let checked = mapping.check()?;
        let mut paths: Vec<String> = Vec::new();
        let plan = Plan::compile::<MappingError>(&checked.mapping, |path| {
            let known = paths.iter().position(|known| known == path);
            Ok(known.unwrap_or_else(|| {
                paths.push(path.to_owned());
                paths.len() - 1
            }))
        })?;
        Ok(Self { checked, plan, paths })
    }

    fn read_object(
        &self,
        object: Node<'_>,
        bytes: &[u8],
        context: &DecodeContext<'_>,
        decoded: &mut Decoded,
    ) -> Result<(), Unreadable> {
        if !object.is_object() {
            return Err(Unreadable {
                code: "object_missing",
                location: Text::default(),
                reason: Cow::Borrowed("a record is a JSON object; this is another value"),
            });
        }
        let cells: Vec<_> = self.paths.iter().map(|path| cell(object.at(path))).collect();
        Record {
            checked: &self.checked,
            plan: &self.plan,
            cells: &cells,
            bytes,
            context,
        }
        .read_into(decoded)
    }
}

fn cell(node: Node<'_>) -> Cow<'_, str> {
    let node = node.items().next().unwrap_or(node);
    match node.str() {
        Some(text) => Cow::Borrowed(text),
        None => node
            .text()
            .map_or(Cow::Borrowed(""), |text| Cow::Owned(text.to_string())),
    }
}

impl Decode for NdjsonDecoder {
    fn decode(&self, payload: &[u8], context: &DecodeContext<'_>) -> Reading {
        let value = match json::parse(payload) {
            Ok(value) => value,
            Err(reading) => return reading,
        };
        if !value.is_array() {
            let mut decoded = Decoded::default();
            return match self.read_object(Node::from(&value), payload, context, &mut decoded) {
                Ok(()) => Reading::Read(decoded),
                Err(reason) => Reading::Unreadable(reason),
            };
        }
        let mut decoded = Decoded::default();
        let mut unread = None;
        for (at, object) in Node::from(&value).items().enumerate() {
            if let Err(mut reason) = self.read_object(object, &object.to_bytes(), context, &mut decoded) {
                reason.location = format!("[{at}] {}", reason.location).trim_end().into();
                decoded
                    .issues
                    .push(Issue::error(reason.code, reason.location.clone()));
                unread.get_or_insert(reason);
            }
        }
        decoded.kind = Text::new_static("batch");
        decoded.event_key = None;
        match unread {
            Some(reason) if decoded.records.is_empty() => Reading::Unreadable(reason),
            _ => Reading::Read(decoded),
        }
    }
}

#[cfg(test)]
mod tests;
