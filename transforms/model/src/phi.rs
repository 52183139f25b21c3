//! A wrapper that keeps patient data out of logs (INV-8).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Protected health information: no `Display`, a redacted `Debug`, and one visible way out.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value; a reader of the code sees here that patient data leaves its wrapper.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, by move.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
