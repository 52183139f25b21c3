//! Several threads for what does not depend on what the others do.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Items that a thread takes at a time. Threads take them as they get on: one that the machine holds up makes the others wait
/// for so many at most.
const ITEMS_AT_ONCE: usize = 32;

/// Computes something of each item on several threads; the answers keep the order of the items.
pub(crate) fn in_parallel<'a, T: Sync, U: Send>(
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
    let mut all = Vec::with_capacity(items.len());
    done.into_iter().for_each(|(_, answers)| all.extend(answers));
    all
}

/// Does something with each item on several threads.
pub(crate) fn each_in_parallel<T: Send>(items: Vec<T>, workers: NonZeroUsize, work: impl Fn(T) + Sync) {
    let workers = workers.get().min(items.len());
    if workers <= 1 {
        return items.into_iter().for_each(work);
    }
    let left = Mutex::new(items.into_iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(item) = next() {
            work(item);
        }
    };
    std::thread::scope(|scope| {
        (1..workers).for_each(|_| drop(scope.spawn(work)));
        work();
    });
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

    #[test]
    fn each_is_worked_on_once() {
        for workers in 1..5 {
            let mut done = [0; 50];
            let items = done.iter_mut().collect();
            each_in_parallel(items, NonZeroUsize::new(workers).unwrap(), |item| *item += 1);
            assert_eq!(done, [1; 50]);
        }
    }
}
