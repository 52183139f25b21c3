//! The bytes all connections together may hold (INV-9).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits are counted in units of this many bytes, so that any budget fits the semaphore's `u32` requests.
const UNIT_BYTES: usize = 1024;

/// The shared budget.
#[derive(Clone)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    held: Arc<AtomicU64>,
}

/// What one connection holds of the budget. Given back when dropped.
pub(crate) struct Share {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT_BYTES;
        Self {
            units: Arc::new(Semaphore::new(units.clamp(1, Semaphore::MAX_PERMITS))),
            held: Arc::default(),
        }
    }

    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            permit: None,
        }
    }

    /// Bytes held now, by all.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held.load(Ordering::Relaxed) * UNIT_BYTES as u64
    }
}

impl Share {
    /// Waits until this share holds at least `bytes`. Cancel-safe.
    pub(crate) async fn grow_to(&mut self, bytes: usize) {
        let wanted = bytes.div_ceil(UNIT_BYTES);
        let have = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(wanted.saturating_sub(have)) else {
            return;
        };
        if more == 0 {
            return;
        }
        // The semaphore is never closed, so the only outcome is a permit.
        if let Ok(permit) = self.budget.units.clone().acquire_many_owned(more).await {
            self.budget.held.fetch_add(u64::from(more), Ordering::Relaxed);
            match &mut self.permit {
                Some(held) => held.merge(permit),
                None => self.permit = Some(permit),
            }
        }
    }

    /// Gives back all but `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let keep = bytes.div_ceil(UNIT_BYTES);
        if let Some(held) = &mut self.permit {
            let surplus = held.num_permits().saturating_sub(keep);
            if let Some(given_back) = held.split(surplus) {
                self.budget.held.fetch_sub(surplus as u64, Ordering::Relaxed);
                drop(given_back);
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}
