//! Whether the process lives and whether it is ready: `/healthz`, `/readyz`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Why a process is not ready, by component.
#[derive(Debug)]
pub struct Health {
    reasons: Mutex<BTreeMap<String, String>>,
}

/// Ready, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// All parts are up.
    Ready,
    /// Component and reason, in order of component.
    NotReady(Vec<(String, String)>),
}

impl Default for Health {
    /// A process begins as `starting`.
    fn default() -> Self {
        Self {
            reasons: Mutex::new([("process".to_owned(), "starting".to_owned())].into()),
        }
    }
}

impl Health {
    /// Says that a component is not ready, and why. Never patient data.
    pub fn not_ready(&self, component: &str, reason: impl Into<String>) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.insert(component.to_owned(), reason.into());
    }

    /// Says that a component is ready.
    pub fn ready(&self, component: &str) {
        self.reasons
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(component);
    }

    /// Ready, or why not.
    pub fn readiness(&self) -> Readiness {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.is_empty() {
            return Readiness::Ready;
        }
        Readiness::NotReady(
            reasons
                .iter()
                .map(|(component, why)| (component.clone(), why.clone()))
                .collect(),
        )
    }
}
