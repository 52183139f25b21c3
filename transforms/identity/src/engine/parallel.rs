//! Several threads for what needs no state.

use std::num::NonZeroUsize;

/// Fewer items are computed before a thread has started.
const ITEMS_MIN: usize = 64;

/// Computes something of each item on several threads; the answers keep the order of the items.
pub(super) fn in_parallel<'a, T: Sync, U: Send>(
    items: &'a [T],
    workers: NonZeroUsize,
    compute: impl Fn(&'a T) -> U + Sync,
) -> Vec<U> {
    if workers.get() == 1 || items.len() < ITEMS_MIN {
        return items.iter().map(compute).collect();
    }
    let share = items.len().div_ceil(workers.get()).max(1);
    let compute = &compute;
    std::thread::scope(|scope| {
        let mut shares = items.chunks(share);
        let own = shares.next().unwrap_or_default();
        let others: Vec<_> = shares
            .map(|share| scope.spawn(move || share.iter().map(compute).collect::<Vec<_>>()))
            .collect();
        let mut out: Vec<U> = own.iter().map(compute).collect();
        for other in others {
            match other.join() {
                Ok(answers) => out.extend(answers),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        out
    })
}
