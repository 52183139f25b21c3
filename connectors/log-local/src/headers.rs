//! Header sets read lately, decoded once and shared: a CSV header of kilobytes travels with every row of its file.

use panorama_model::Headers;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A bounded cache of two generations: what is used moves to the young one, and when that is full the old one goes.
pub(crate) struct HeadersCache {
    generations: Mutex<Generations>,
    bytes_max: usize,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u128, Arc<Headers>>,
    old: HashMap<u128, Arc<Headers>>,
    young_bytes: usize,
}

impl HeadersCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            generations: Mutex::default(),
            bytes_max,
        }
    }

    pub(crate) fn get(&self, hash: u128) -> Option<Arc<Headers>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(headers) = generations.young.get(&hash) {
            return Some(Arc::clone(headers));
        }
        let headers = generations.old.remove(&hash)?;
        self.insert_into(&mut generations, hash, &headers);
        Some(headers)
    }

    pub(crate) fn insert(&self, hash: u128, headers: &Arc<Headers>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        self.insert_into(&mut generations, hash, headers);
    }

    fn insert_into(&self, generations: &mut Generations, hash: u128, headers: &Arc<Headers>) {
        let bytes = bytes_of(headers);
        if generations.young_bytes.saturating_add(bytes) > self.bytes_max / 2 {
            generations.old = std::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
        if generations.young.insert(hash, Arc::clone(headers)).is_none() {
            generations.young_bytes = generations.young_bytes.saturating_add(bytes);
        }
    }
}

fn bytes_of(headers: &Headers) -> usize {
    let pairs: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 64)
        .sum();
    pairs + 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let cache = HeadersCache::new(20_000);
        let set = |n: usize| Arc::new(vec![("csv.header".into(), vec![n as u8; 1000])]);
        cache.insert(0, &set(0));
        for n in 1..1000 {
            cache.insert(n as u128, &set(n));
            assert!(cache.get(0).is_some(), "used each time, so it stays");
        }
        let generations = cache.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() < 20);
        drop(generations);
        assert!(cache.get(1).is_none());
    }
}
