//! A place in a resource that may be missing, and the lenient ways to read what stands there.
//!
//! Every reading method answers for a missing value with nothing; for a value of another type with nothing and an issue
//! `type_invalid` (error), or, where the meaning is plain, with the value and an issue `type_coerced` (warning).

use crate::document::{Content, Document, Slot};
use panorama_model::{Severity, Text};

/// A value of a resource, or nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'t> {
    document: &'t Document<'t>,
    at: u32,
}

const MISSING: u32 = u32::MAX;

impl<'t> Node<'t> {
    /// The resource itself.
    pub(crate) const fn root(document: &'t Document<'t>) -> Self {
        Self { document, at: 0 }
    }

    const fn at(self, at: u32) -> Self {
        Self { at, ..self }
    }

    pub(crate) const fn document(self) -> &'t Document<'t> {
        self.document
    }

    fn slot(self) -> Option<&'t Slot<'t>> {
        self.document.slot(self.at)
    }

    /// True where there is a value.
    pub(crate) const fn exists(self) -> bool {
        self.at != MISSING
    }

    /// This value, or the other where it is missing.
    pub(crate) const fn or(self, other: Self) -> Self {
        if self.exists() { self } else { other }
    }

    /// Complains about this value.
    pub(crate) fn complain(self, code: &'static str, severity: Severity) {
        self.complain_below(code, severity, "");
    }

    /// Complains about a property of this value, there or not.
    pub(crate) fn complain_below(self, code: &'static str, severity: Severity, property: &str) {
        let at = if self.exists() { self.at } else { 0 };
        self.document.complain(code, severity, at, property);
    }

    /// The value of a property; the first, where there is a list of them.
    pub(crate) fn get(self, key: &str) -> Self {
        let child = self.raw(key);
        if matches!(child.slot().map(|s| &s.content), Some(Content::List)) {
            child.complain("type_coerced", Severity::Warning);
            return child.children().next().unwrap_or(self.at(MISSING));
        }
        child
    }

    /// The value of a property, if it is there.
    pub(crate) fn get_if_there(self, key: &str) -> Option<Self> {
        let child = self.get(key);
        child.exists().then_some(child)
    }

    /// The value of a dotted path of properties.
    pub(crate) fn path(self, path: &str) -> Self {
        path.split('.')
            .fold(self, |node, key| node.raw(key).first_of_list())
    }

    fn first_of_list(self) -> Self {
        if matches!(self.slot().map(|s| &s.content), Some(Content::List)) {
            return self.children().next().unwrap_or(self.at(MISSING));
        }
        self
    }

    /// The elements of a list property; a single value counts as a list of one.
    pub(crate) fn list(self, key: &str) -> Children<'t> {
        let child = self.raw(key);
        match child.slot().map(|s| &s.content) {
            None => Children::empty(self),
            Some(Content::List) => child.children(),
            Some(_) => {
                child.complain("type_coerced", Severity::Warning);
                Children {
                    end: child.slot().map_or(0, |s| s.end),
                    node: child,
                }
            }
        }
    }

    /// The first element of a list property.
    pub(crate) fn first(self, key: &str) -> Self {
        self.list(key).next().unwrap_or(self.at(MISSING))
    }

    fn raw(self, key: &str) -> Self {
        let missing = self.at(MISSING);
        let Some(slot) = self.slot() else { return missing };
        if !matches!(slot.content, Content::Object) {
            self.complain("type_invalid", Severity::Error);
            return missing;
        }
        let mut child = self.at + 1;
        while child < slot.end {
            let Some(candidate) = self.document.slot(child) else {
                break;
            };
            if candidate.key == key {
                return match candidate.content {
                    Content::Null => missing,
                    _ => self.at(child),
                };
            }
            child = candidate.end;
        }
        missing
    }

    fn children(self) -> Children<'t> {
        Children {
            end: self.slot().map_or(0, |s| s.end),
            node: self.at(self.at.saturating_add(1)),
        }
    }

    /// The text of a string value, trimmed; an empty one is none.
    pub(crate) fn str(self) -> Option<&'t str> {
        match &self.slot()?.content {
            Content::Text(text) => Some(text.trim()).filter(|t| !t.is_empty()),
            _ => {
                self.complain("type_invalid", Severity::Error);
                None
            }
        }
    }

    /// The text of a string value without complaint about other types.
    pub(crate) fn str_if_text(self) -> Option<&'t str> {
        match &self.slot()?.content {
            Content::Text(text) => Some(text.trim()).filter(|t| !t.is_empty()),
            _ => None,
        }
    }

    /// The text of a string; numbers and booleans in place of it are written out.
    pub(crate) fn text(self) -> Option<Text> {
        let written = match &self.slot()?.content {
            Content::Number(number) => number.to_string(),
            Content::Bool(value) => value.to_string(),
            _ => return self.str().map(Text::new),
        };
        self.complain("type_coerced", Severity::Warning);
        Some(written.into())
    }

    /// A number; a string that holds one counts.
    pub(crate) fn number(self) -> Option<f64> {
        match &self.slot()?.content {
            Content::Number(number) => Some(*number),
            Content::Text(text) => {
                let number = text.trim().parse().ok().filter(|n: &f64| n.is_finite());
                match number {
                    Some(_) => self.complain("type_coerced", Severity::Warning),
                    None => self.complain("type_invalid", Severity::Error),
                }
                number
            }
            _ => {
                self.complain("type_invalid", Severity::Error);
                None
            }
        }
    }

    /// A whole number.
    pub(crate) fn int(self) -> Option<i64> {
        let number = self.number()?;
        // Beyond 2^53 a double is no whole number anybody meant.
        if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
            return Some(number as i64);
        }
        self.complain("type_invalid", Severity::Error);
        None
    }

    /// A boolean; the strings `true` and `false` count.
    pub(crate) fn bool(self) -> Option<bool> {
        match &self.slot()?.content {
            Content::Bool(value) => Some(*value),
            Content::Text(text) if matches!(text.as_ref(), "true" | "false") => {
                self.complain("type_coerced", Severity::Warning);
                Some(text == "true")
            }
            _ => {
                self.complain("type_invalid", Severity::Error);
                None
            }
        }
    }

    /// True for a string value.
    pub(crate) fn is_text(self) -> bool {
        matches!(self.slot().map(|s| &s.content), Some(Content::Text(_)))
    }
}

/// The elements of a list, nulls left out.
pub(crate) struct Children<'t> {
    node: Node<'t>,
    end: u32,
}

impl<'t> Children<'t> {
    const fn empty(node: Node<'t>) -> Self {
        Self { node, end: 0 }
    }
}

impl<'t> Iterator for Children<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        while self.node.at < self.end {
            let current = self.node;
            let slot = current.slot()?;
            self.node = current.at(slot.end);
            if !matches!(slot.content, Content::Null) {
                return Some(current);
            }
        }
        None
    }
}
