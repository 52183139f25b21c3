//! The bytes all connections together may hold (INV-9).
//!
//! Connections that each hold a part of a message and wait for the rest of the budget would wait for each other. So one
//! of those that wait has the turn: it may go beyond the budget until its message is complete. Memory stays below the
//! budget and one message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Permits are counted in units of this many bytes, so that any budget fits the semaphore's `u32` requests.
const UNIT_BYTES: usize = 1024;

/// The shared budget.
#[derive(Clone)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    turn: Arc<Mutex<()>>,
    held: Arc<AtomicU64>,
}

/// What one connection holds of the budget. Given back when dropped.
pub(crate) struct Share {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
    /// Where this connection may hold more than its permit.
    turn: Option<OwnedMutexGuard<()>>,
    /// Units held, within the permit or beyond it.
    held: usize,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT_BYTES;
        Self {
            units: Arc::new(Semaphore::new(units.clamp(1, Semaphore::MAX_PERMITS))),
            turn: Arc::default(),
            held: Arc::default(),
        }
    }

    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            permit: None,
            turn: None,
            held: 0,
        }
    }

    /// Bytes held now, by all.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held.load(Ordering::Relaxed) * UNIT_BYTES as u64
    }
}

impl Share {
    /// Makes this share hold at least `bytes`, if the budget has them now.
    pub(crate) fn try_grow_to(&mut self, bytes: usize) -> bool {
        let Some(more) = self.lacks(bytes) else {
            return true;
        };
        match self.budget.units.clone().try_acquire_many_owned(more) {
            Ok(permit) => self.add(permit),
            Err(_) => return false,
        }
        self.hold(bytes.div_ceil(UNIT_BYTES).max(self.held));
        true
    }

    /// Waits until this share may hold `bytes`: until the budget has them, or until it has the turn. Cancel-safe.
    pub(crate) async fn grow_to(&mut self, bytes: usize) {
        if self.try_grow_to(bytes) {
            return;
        }
        if let (None, Some(more)) = (&self.turn, self.lacks(bytes)) {
            tokio::select! {
                biased;
                // The semaphore is never closed, so the only outcome is a permit.
                Ok(permit) = self.budget.units.clone().acquire_many_owned(more) => self.add(permit),
                turn = self.budget.turn.clone().lock_owned() => self.turn = Some(turn),
            }
        }
        self.hold(bytes.div_ceil(UNIT_BYTES).max(self.held));
    }

    /// Gives back all but `bytes`, and the turn once they are within the budget.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let keep = bytes.div_ceil(UNIT_BYTES);
        self.hold(keep.min(self.held));
        let surplus = self.permitted().checked_sub(keep);
        if let Some(surplus) = surplus {
            drop(self.permit.as_mut().and_then(|permit| permit.split(surplus)));
            self.turn = None;
        }
    }

    fn permitted(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Units missing for `bytes`, where any are.
    fn lacks(&self, bytes: usize) -> Option<u32> {
        let more = bytes.div_ceil(UNIT_BYTES).checked_sub(self.permitted())?;
        u32::try_from(more).ok().filter(|more| *more > 0)
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
    }

    fn hold(&mut self, units: usize) {
        let (before, now) = (self.held as u64, units as u64);
        // Wraps around where fewer are held than before.
        self.budget
            .held
            .fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        self.held = units;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;

    const KIB: usize = 1024;

    /// Polls once.
    async fn has_room(share: &mut Share, bytes: usize) -> bool {
        tokio::select! {
            biased;
            () = share.grow_to(bytes) => true,
            () = ready(()) => false,
        }
    }

    #[tokio::test]
    async fn one_of_those_that_wait_for_each_other_goes_on() {
        let budget = Budget::new(8 * KIB as u64);
        let (mut a, mut b, mut c) = (budget.share(), budget.share(), budget.share());
        assert!(a.try_grow_to(4 * KIB) && b.try_grow_to(4 * KIB) && !c.try_grow_to(1));
        assert!(has_room(&mut a, 6 * KIB).await, "the first has the turn");
        assert!(!has_room(&mut b, 6 * KIB).await && !has_room(&mut c, 1).await);
        assert!(
            has_room(&mut a, 100 * KIB).await,
            "and keeps it, whatever its message takes"
        );
        assert_eq!(budget.held_bytes(), 104 * KIB as u64);
        a.shrink_to(5 * KIB);
        assert!(!has_room(&mut b, 6 * KIB).await, "while it is beyond its part");
        a.shrink_to(4 * KIB);
        assert!(has_room(&mut b, 6 * KIB).await, "then it is the next one's");
        assert_eq!(budget.held_bytes(), 10 * KIB as u64);
        drop((a, b));
        assert!(c.try_grow_to(8 * KIB), "all was given back");
        assert_eq!(budget.held_bytes(), 8 * KIB as u64);
    }
}
