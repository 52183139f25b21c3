//! What is wrong, where, and what to do.

use std::fmt;

/// One problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The value it is about: `sources[2].timezone`.
    pub path: String,
    /// Its line, from 1; 0 where it stands in no file (`--set`, or missing altogether).
    pub line: usize,
    /// Its column, from 1.
    pub column: usize,
    /// What is wrong. Never a secret.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

impl ConfigProblem {
    pub(crate) fn new(path: &str, place: Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: place.line,
            column: place.column,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// A problem that has no place in the configuration's file.
    pub fn unplaced(path: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(path, Place::default(), message, hint)
    }

    /// The problem in one line, as editors and compilers read it: `panorama.yaml:12:5: sources[2].timezone: ...`.
    pub fn in_file(&self, file_name: &str) -> String {
        let place = match self.line {
            0 => file_name.to_owned(),
            _ => format!("{file_name}:{}:{}", self.line, self.column),
        };
        format!("{place}: {self}")
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

/// A place in the file; line 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// `key` under `path`.
pub(crate) fn child(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The candidate nearest to what was written, if it is near enough to be meant.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.into_iter().map(|c| (distance(written, c), c)).min()?;
    (near.0 <= (written.chars().count() / 3).max(1)).then_some(near.1)
}

/// A hint: the nearest candidate, or all of them.
pub(crate) fn suggestion(written: &str, candidates: &[&str]) -> String {
    match nearest(written, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", candidates.join(", ")),
    }
}

/// Edits between two words: insert, delete, replace, swap neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (at(&row, j) + usize::from(x != y))
                .min(at(&row, j + 1) + 1)
                .min(at(&next, j) + 1);
            let swaps = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swaps {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested() {
        let names = ["listen", "timezone", "format", "path"];
        let check = |written: &str, expected: Option<&str>| {
            assert_eq!(nearest(written, names), expected, "{written}")
        };
        check("lsiten", Some("listen"));
        check("time_zone", Some("timezone"));
        check("Format", Some("format"));
        check("paths", Some("path"));
        check("columns", None);
        check("x", None);
    }
}
