//! Most messages repeat of a patient what is known: what was said lately is remembered by its hash, so that repetitions
//! are told before they cost anything.

use panorama_model::{Person, SourceRecordKey};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::Xxh3;

/// Records remembered, 8 bytes each (INV-9). Of two that share a place, the one that spoke last stays.
const PLACES: usize = 1 << 19;

/// What records said lately, on any core. It may forget, never invent: who is told of no repetition does the work again.
pub(crate) struct LatelySaid(Box<[AtomicU64]>);

impl LatelySaid {
    pub(crate) fn new() -> Self {
        Self((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }

    /// Notes what a record says; false where that is known to be what it said before.
    #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is a hash")]
    pub(crate) fn note(&self, key: &SourceRecordKey, content: u128) -> bool {
        let record = key.hash128();
        let said = (record as u64 ^ content as u64).max(1);
        let place = (record >> 64) as usize % PLACES;
        self.0
            .get(place)
            .is_none_or(|last| last.swap(said, Ordering::Relaxed) != said)
    }
}

/// 128 bits that stand for what is said of a person.
pub(crate) fn content_hash(person: &Person) -> u128 {
    let mut hasher = Xxh3::new();
    person.hash(&mut hasher);
    hasher.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_model::{Presence, RecordKind, Sex};

    #[test]
    fn only_what_a_record_said_last_is_a_repetition() {
        let [one, other] = ["1", "2"].map(|id| SourceRecordKey::new("s", RecordKind::Patient, id));
        let said = |sex| {
            content_hash(&Person {
                sex: Presence::Value(sex),
                ..Person::default()
            })
        };
        let lately = LatelySaid::new();
        let news = [
            (&one, Sex::Female, true),
            (&one, Sex::Female, false),
            (&other, Sex::Female, true),
            (&one, Sex::Male, true),
            (&one, Sex::Female, true),
            (&other, Sex::Female, false),
        ];
        for (at, (key, sex, is_new)) in news.into_iter().enumerate() {
            assert_eq!(lately.note(key, said(sex)), is_new, "{at}");
        }
    }
}
