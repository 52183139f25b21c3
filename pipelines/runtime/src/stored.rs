//! A state in memory, for tests.

use panorama_api::{Result, Space, StateBatch, StateRead, Visit};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Space and key.
type Place = (&'static str, Vec<u8>);

#[derive(Default)]
pub(crate) struct Stored(Mutex<BTreeMap<Place, Vec<u8>>>);

impl Stored {
    pub(crate) fn commit(&self, batch: &StateBatch) {
        let mut all = self.0.lock().unwrap();
        for (space, key, value) in batch.iter() {
            let key = (space.0, key.to_vec());
            match value {
                Some(value) => all.insert(key, value.to_vec()),
                None => all.remove(&key),
            };
        }
    }
}

impl StateRead for Stored {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(&(space.0, key.to_vec())).cloned())
    }

    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<()> {
        let all = self.0.lock().unwrap();
        let rest = all.range((space.0, from.to_vec())..);
        for ((_, key), value) in rest.take_while(|((name, _), _)| *name == space.0) {
            if to.is_some_and(|to| key.as_slice() >= to) || visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
