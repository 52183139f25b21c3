//! The suite every implementation of the contracts passes.
//!
//! A rule is a plain function that returns what was broken. An implementation's own tests hand the suite a way to open
//! it: opening again after the last handle is dropped must find what was stored. Each rule uses a topic of its own, so
//! all of them can run on one store.

mod append;
mod bus;
mod duplicates;
mod state;

use crate::{Bus, ConnectorError, StateStore};
use std::sync::Arc;

pub use bus::{BUS_TOPICS, bus};
pub use state::{STATE_SPACES, state};

/// Opens the bus under test, again and again.
pub type OpenBus<'a> = &'a (dyn Fn() -> crate::Result<Arc<dyn Bus>> + Sync);

/// Opens the state store under test with the spaces of [`STATE_SPACES`], again and again.
pub type OpenState<'a> = &'a (dyn Fn() -> crate::Result<Arc<dyn StateStore>> + Sync);

/// A rule of the contract that was broken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// What was seen is not what the rule says.
    #[error("{rule}: {detail}")]
    Broken {
        /// The rule.
        rule: &'static str,
        /// What was seen.
        detail: String,
    },
    /// A call failed that must not.
    #[error("{rule}: a call failed")]
    Failed {
        /// The rule.
        rule: &'static str,
        /// The failure.
        #[source]
        cause: ConnectorError,
    },
}

/// The outcome of a rule.
pub type Outcome = Result<(), Violation>;

/// One rule being checked.
#[derive(Clone, Copy)]
struct Rule(&'static str);

impl Rule {
    fn that(self, holds: bool, detail: impl FnOnce() -> String) -> Outcome {
        if holds {
            return Ok(());
        }
        Err(Violation::Broken {
            rule: self.0,
            detail: detail(),
        })
    }

    fn equal<T: PartialEq + std::fmt::Debug>(self, what: &str, seen: T, expected: T) -> Outcome {
        self.that(seen == expected, || {
            format!("{what} is {seen:?}, not {expected:?}")
        })
    }

    fn ok<T>(self, result: crate::Result<T>) -> Result<T, Violation> {
        result.map_err(|cause| Violation::Failed { rule: self.0, cause })
    }

    fn fails<T>(self, what: &str, result: crate::Result<T>) -> Outcome {
        self.that(result.is_err(), || format!("{what} did not fail"))
    }
}
