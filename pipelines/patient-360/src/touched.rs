//! Persons whose rows have to be made again, and how a restart knows of them: each epoch lists those it touched first, and
//! the lists go when the rows of all are made.

use crate::spaces;
use hashbrown::HashSet;
use panorama_api::{Result, StateBatch, StateRead};
use panorama_model::PersonId;
use std::ops::{ControlFlow, Range};

const ID_BYTES: usize = 16;

/// The persons, and the lists of them in state.
pub(crate) struct Touched {
    persons: HashSet<PersonId>,
    /// Those whose rows are being made, descending: what neighbours read lies together.
    taken: Vec<PersonId>,
    /// Those in no list yet.
    unlisted: Vec<PersonId>,
    lists: Range<u64>,
}

impl Touched {
    /// What a stop left to be done.
    pub(crate) fn recover(state: &dyn StateRead) -> Result<Self> {
        let mut touched = Self {
            persons: HashSet::new(),
            taken: Vec::new(),
            unlisted: Vec::new(),
            lists: 0..0,
        };
        state.scan(spaces::TOUCHED_PERSONS, &[], None, &mut |key, list| {
            let number = key.try_into().map_or(0, u64::from_be_bytes);
            if touched.lists.is_empty() {
                touched.lists.start = number;
            }
            touched.lists.end = number + 1;
            let ids = list.as_chunks::<ID_BYTES>().0.iter();
            touched
                .persons
                .extend(ids.map(|id| PersonId(u128::from_be_bytes(*id))));
            ControlFlow::Continue(())
        })?;
        Ok(touched)
    }

    /// Notes a person.
    pub(crate) fn insert(&mut self, person: PersonId) {
        if self.persons.insert(person) {
            self.unlisted.push(person);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.persons.is_empty() && self.taken.is_empty()
    }

    /// Takes at most `max` persons, whose rows go with the next epoch's batch.
    pub(crate) fn take(&mut self, max: usize) -> Vec<PersonId> {
        if self.taken.is_empty() {
            self.taken = self.persons.drain().collect();
            self.taken.sort_unstable_by(|a, b| b.cmp(a));
        }
        let first = self.taken.len().saturating_sub(max);
        self.taken.split_off(first)
    }

    /// Lists what is new in the epoch's batch, or deletes all lists where nothing is left of them.
    pub(crate) fn flush(&mut self, batch: &mut StateBatch) {
        if self.is_empty() {
            for list in self.lists.by_ref() {
                batch.delete(spaces::TOUCHED_PERSONS, list.to_be_bytes());
            }
        } else if !self.unlisted.is_empty() {
            let ids: Vec<[u8; ID_BYTES]> = self.unlisted.iter().map(|id| id.0.to_be_bytes()).collect();
            batch.put(
                spaces::TOUCHED_PERSONS,
                self.lists.end.to_be_bytes(),
                ids.as_flattened(),
            );
            self.lists.end += 1;
        }
        self.unlisted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_api::StateStore;
    use panorama_log_local::{LocalLog, LocalLogOptions};

    #[test]
    fn a_restart_finds_whose_rows_were_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let log = LocalLog::open(dir.path(), LocalLogOptions::default(), spaces::ALL).unwrap();
        let mut touched = Touched::recover(&log).unwrap();
        let check = |touched: &mut Touched, expected: &[u128]| {
            let mut batch = StateBatch::default();
            touched.flush(&mut batch);
            log.commit(batch).unwrap();
            let mut again = Touched::recover(&log).unwrap();
            let mut found: Vec<u128> = again.take(usize::MAX).into_iter().map(|id| id.0).collect();
            found.sort_unstable();
            assert_eq!(found, expected);
        };
        check(&mut touched, &[]);
        [3, 1, 3]
            .map(PersonId)
            .into_iter()
            .for_each(|id| touched.insert(id));
        check(&mut touched, &[1, 3]);
        touched.insert(PersonId(7));
        check(&mut touched, &[1, 3, 7]);
        // While some are left, all are found.
        assert_eq!(touched.take(2).len(), 2);
        check(&mut touched, &[1, 3, 7]);
        // One that is touched meanwhile is as well.
        touched.insert(PersonId(4));
        check(&mut touched, &[1, 3, 4, 7]);
        assert_eq!(touched.take(2), [PersonId(7)]);
        assert_eq!(touched.take(2), [PersonId(4)]);
        check(&mut touched, &[]);
        // Touched and made within one epoch.
        touched.insert(PersonId(9));
        touched.take(1);
        check(&mut touched, &[]);
        touched.insert(PersonId(5));
        check(&mut touched, &[5]);
    }
}
