//! Several threads for what needs no state.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Items that a thread takes at a time. Threads take them as they get on: one that the machine holds up makes the others wait
/// for so many at most.
const ITEMS_AT_ONCE: usize = 32;

/// Computes something of each item on several threads; the answers keep the order of the items.
pub(super) fn in_parallel<'a, T: Sync, U: Send>(
    items: &'a [T],
    workers: NonZeroUsize,
    compute: impl Fn(&'a T) -> U + Sync,
) -> Vec<U> {
    let parts = items.len().div_ceil(ITEMS_AT_ONCE);
    let workers = workers.get().min(parts);
    if workers <= 1 {
        return items.iter().map(compute).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::with_capacity(parts.div_ceil(workers));
        loop {
            // Nothing but the number is shared.
            let part = next.fetch_add(1, Ordering::Relaxed);
            let Some(some) = items.chunks(ITEMS_AT_ONCE).nth(part) else {
                return done;
            };
            done.push((part, some.iter().map(&compute).collect::<Vec<_>>()));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(answers) => done.extend(answers),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(part, _)| *part);
    done.into_iter().flat_map(|(_, answers)| answers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_keep_the_order_of_the_items() {
        for len in [0, 1, 31, 32, 33, 64, 1000] {
            let items: Vec<usize> = (0..len).collect();
            for workers in 1..5 {
                let workers = NonZeroUsize::new(workers).unwrap();
                let answers = in_parallel(&items, workers, |item| item * 2);
                assert!(answers.iter().enumerate().all(|(at, answer)| *answer == at * 2));
                assert_eq!(answers.len(), len);
            }
        }
    }
}
