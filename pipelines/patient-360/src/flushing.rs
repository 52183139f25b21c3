//! Writes what an epoch changed into its batch, kind by kind, on several threads.

use panorama_api::{Result, StateBatch};
use std::sync::{Mutex, PoisonError};

/// Writes the changes of one kind.
pub(crate) type Flush<'a> = Box<dyn FnOnce(&mut StateBatch) -> Result<()> + Send + 'a>;

/// Writes all into the batch on `threads` threads: each takes the next as it gets on, so the largest come first.
pub(crate) fn flush_all(flushes: Vec<Flush<'_>>, threads: usize, batch: &mut StateBatch) -> Result<()> {
    let flushes = Mutex::new(flushes.into_iter());
    let next = || flushes.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = |batch: &mut StateBatch| {
        while let Some(flush) = next() {
            flush(batch)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let beside = |_| {
            let mut beside = batch.beside();
            scope.spawn(move || work(&mut beside).map(|()| beside))
        };
        let others: Vec<_> = (1..threads).map(beside).collect();
        let mut done = work(batch);
        for other in others {
            match other.join() {
                Ok(Ok(other)) => batch.append(other),
                Ok(Err(error)) => done = done.and(Err(error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_api::{ConnectorError, Space};

    const SPACE: Space = Space("test");

    fn flushes(count: u8, fails: Option<u8>) -> Vec<Flush<'static>> {
        let one = |key: u8| -> Flush<'static> {
            Box::new(move |batch| {
                batch.put(SPACE, [key], [key]);
                if fails == Some(key) {
                    return Err(ConnectorError::fatal("encode", "test", "it fails"));
                }
                Ok(())
            })
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn all_is_written_whatever_the_threads() {
        for threads in [0, 1, 2, 3, 9] {
            let mut batch = StateBatch::default();
            flush_all(flushes(5, None), threads, &mut batch).unwrap();
            let mut keys: Vec<u8> = batch.iter().map(|(_, key, _)| key[0]).collect();
            keys.sort_unstable();
            assert_eq!(keys, [0, 1, 2, 3, 4]);
        }
    }

    #[test]
    fn one_that_fails_fails_all() {
        for (threads, fails) in [(1, 0), (2, 1), (3, 4), (9, 2)] {
            let failed = flush_all(flushes(5, Some(fails)), threads, &mut StateBatch::default());
            assert!(failed.is_err());
        }
    }
}
