//! Located complaints about what a source said. Never patient data (INV-8).

use crate::Text;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Odd, understood all the same.
    Information,
    /// Something was left out or guessed.
    Warning,
    /// A part could not be read; the rest was.
    Error,
}

/// A complaint about one place of one message.
///
/// - Shape: `code` is stable and snake_case (`date_invalid`, `segment_unknown`), for counting; `location` is a path in the
///   format's own words (`PID-3[2].4`, `entry[3].resource.birthDate`, `column dob`).
/// - Nulls: `location` is empty where the whole message is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Stable, snake_case name of the complaint.
    pub code: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// The place, in the format's own words.
    pub location: Text,
}

impl Issue {
    /// An issue of severity `Error`: a part could not be read.
    pub fn error(code: &'static str, location: impl Into<Text>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity: Severity::Error,
            location: location.into(),
        }
    }

    /// An issue of severity `Warning`: a part was left out or guessed.
    pub fn warning(code: &'static str, location: impl Into<Text>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity: Severity::Warning,
            location: location.into(),
        }
    }

    /// An issue of severity `Information`.
    pub fn information(code: &'static str, location: impl Into<Text>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity: Severity::Information,
            location: location.into(),
        }
    }
}
