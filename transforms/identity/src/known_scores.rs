//! Scores of pairs within large components, kept until the components are clustered again: a record that joins one is compared
//! with its members, but they are not compared with each other once more. What is kept changes no outcome.

use crate::score::{MatchWeight, Scorer};
use crate::store::{RecordEntry, RecordNumber};
use hashbrown::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Scores are kept of components of so many records: scoring the pairs of fewer costs less than finding them.
pub(crate) const RECORDS_MIN: usize = 9;
/// Memory that is held (INV-9).
const BYTES_MAX: usize = 32 << 20;
/// What a record is reckoned with that is held: it may be the last to hold it.
const RECORD_BYTES: usize = 1024;

/// What clustering asks of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) weight: MatchWeight,
    /// Something forbids the two to be one person.
    pub(crate) is_forbidden: bool,
}

impl Known {
    /// The score of two records.
    pub(crate) fn of(scorer: &Scorer, x: &RecordEntry, y: &RecordEntry) -> Self {
        let score = scorer.score_records(x, y);
        Self {
            weight: score.weight,
            is_forbidden: score.veto.is_some(),
        }
    }
}

/// One component as it was clustered.
struct Scores {
    /// What its records said then, of those that are scored. As they are held, nothing else comes to lie in their places.
    entries: Vec<Option<Arc<RecordEntry>>>,
    /// The scores of its pairs, where they were asked for.
    pairs: Vec<Option<Known>>,
}

impl Scores {
    const fn bytes(&self) -> usize {
        self.entries.len() * RECORD_BYTES + self.pairs.len() * size_of::<Option<Known>>()
    }
}

/// Where the score of a pair lies; the same for both orders.
const fn place(a: usize, b: usize) -> usize {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high * high.saturating_sub(1) / 2 + low
}

/// A record's component, and its place there.
type Held = (Arc<Scores>, usize);

/// The components that were clustered last, by record.
#[derive(Default)]
struct Kept {
    of: HashMap<RecordNumber, Held>,
    /// Of all components that are held, and of some that no longer are.
    bytes: usize,
}

/// The scores that are kept under an engine's model.
#[derive(Default)]
pub(crate) struct KnownScores(Mutex<Kept>);

impl fmt::Debug for KnownScores {
    /// Records are patients' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownScores").finish_non_exhaustive()
    }
}

/// A component that is being clustered.
pub(crate) struct Clustering<'k> {
    known: &'k KnownScores,
    numbers: Vec<RecordNumber>,
    now: Scores,
    before: Vec<Option<Held>>,
}

impl KnownScores {
    /// Finds again what is known of the records of a component; of none that says something else by now.
    pub(crate) fn clustering<'r>(
        &self,
        records: impl Iterator<Item = (RecordNumber, Option<&'r Arc<RecordEntry>>)>,
    ) -> Clustering<'_> {
        let (numbers, entries): (Vec<_>, Vec<_>) =
            records.map(|(number, entry)| (number, entry.cloned())).unzip();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |(number, entry): (&RecordNumber, &Option<Arc<RecordEntry>>)| {
            let held = kept.of.get(number)?;
            let (scores, at) = held;
            let was = scores.entries.get(*at)?.as_ref()?;
            Arc::ptr_eq(was, entry.as_ref()?).then(|| held.clone())
        };
        let before = numbers.iter().zip(&entries).map(held).collect();
        drop(kept);
        Clustering {
            known: self,
            now: Scores {
                pairs: vec![None; place(0, entries.len())],
                entries,
            },
            numbers,
            before,
        }
    }
}

impl Clustering<'_> {
    /// The score of two of its records, by their places; computed where it is not known.
    pub(crate) fn score(&mut self, a: usize, b: usize, compute: impl FnOnce() -> Known) -> Known {
        let known = self.before(a, b).unwrap_or_else(compute);
        if let Some(slot) = self.now.pairs.get_mut(place(a, b)) {
            *slot = Some(known);
        }
        known
    }

    fn before(&self, a: usize, b: usize) -> Option<Known> {
        let ((scores, a), (other, b)) = (self.before.get(a)?.as_ref()?, self.before.get(b)?.as_ref()?);
        if !Arc::ptr_eq(scores, other) {
            return None;
        }
        *scores.pairs.get(place(*a, *b))?
    }

    /// Keeps the scores for the next time.
    pub(crate) fn keep(self) {
        let Self {
            known,
            numbers,
            now,
            before,
        } = self;
        drop(before);
        if now.bytes() > BYTES_MAX {
            return;
        }
        let now = Arc::new(now);
        // Freed once nobody waits for it.
        let (mut all, mut some) = (Kept::default(), Vec::new());
        let mut kept = known.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.bytes + now.bytes() > BYTES_MAX {
            all = std::mem::take(&mut *kept);
        }
        kept.bytes += now.bytes();
        for (at, number) in numbers.into_iter().enumerate() {
            let held = kept.of.insert(number, (Arc::clone(&now), at));
            if let Some(scores) = held.and_then(|(scores, _)| Arc::into_inner(scores)) {
                kept.bytes -= scores.bytes();
                some.push(scores);
            }
        }
        drop(kept);
        drop((all, some));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocking::{AnchorKeys, BlockKeys};
    use panorama_model::{RecordKind, SourceRecordKey};
    use panorama_standardize::StandardPerson;

    fn entry() -> Arc<RecordEntry> {
        Arc::new(RecordEntry {
            key: SourceRecordKey::new("test", RecordKind::Patient, "1"),
            person: StandardPerson::default(),
            matched: None,
            blocks: BlockKeys::default(),
            anchors: AnchorKeys::default(),
            version: None,
            deleted_at: None,
        })
    }

    fn known(weight: i32) -> Known {
        Known {
            weight: MatchWeight(weight),
            is_forbidden: weight % 2 == 1,
        }
    }

    type Records = Vec<(RecordNumber, Arc<RecordEntry>)>;

    fn records(numbers: std::ops::Range<u64>) -> Records {
        numbers.map(|number| (RecordNumber(number), entry())).collect()
    }

    /// Clusters a component; returns how many of its pairs had to be scored.
    fn scored(all: &KnownScores, records: &Records) -> usize {
        let mut clustering = all.clustering(records.iter().map(|(number, entry)| (*number, Some(entry))));
        let mut count = 0;
        for (b, (y, _)) in records.iter().enumerate() {
            for (a, (x, _)) in records.iter().enumerate().take(b) {
                let of_pair = known(i32::try_from(x.0.min(y.0) * 100 + x.0.max(y.0)).unwrap());
                let told = clustering.score(a, b, || {
                    count += 1;
                    of_pair
                });
                assert_eq!(told, of_pair);
            }
        }
        clustering.keep();
        count
    }

    #[test]
    fn only_what_is_new_is_scored() {
        let (all, mut some) = (KnownScores::default(), records(0..5));
        assert_eq!(scored(&all, &some), 10);
        assert_eq!(scored(&all, &some), 0);
        some.reverse();
        assert_eq!(scored(&all, &some), 0);
        some.insert(2, (RecordNumber(9), entry()));
        assert_eq!(scored(&all, &some), 5, "one that joins");
        some[0].1 = entry();
        assert_eq!(scored(&all, &some), 5, "one that says something else");
        some.remove(3);
        assert_eq!(scored(&all, &some), 0, "one that left");
        let mut others = records(20..23);
        assert_eq!(scored(&all, &others), 3);
        others.append(&mut some);
        assert_eq!(scored(&all, &others), 3 * 5, "two that became one");
    }

    /// What is held, component by component.
    fn bytes(all: &KnownScores) -> usize {
        let kept = all.0.lock().unwrap();
        let mut held: Vec<_> = kept.of.values().map(|(scores, _)| scores).collect();
        held.sort_by_key(|scores| Arc::as_ptr(scores));
        held.dedup_by_key(|scores| Arc::as_ptr(scores));
        let bytes = held.iter().map(|scores| scores.bytes()).sum();
        assert!(bytes <= kept.bytes, "more is held than is known");
        bytes
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let (all, mut hub) = (KnownScores::default(), records(0..40));
        let keep = |some: &Records| {
            all.clustering(some.iter().map(|(number, entry)| (*number, Some(entry))))
                .keep();
        };
        let mut most = 0;
        for number in 100..2_000 {
            // It leaves the hub as soon as it has joined it, and nobody asks for it any more.
            hub.push((RecordNumber(number), entry()));
            keep(&hub);
            hub.pop();
            keep(&hub);
            most = most.max(bytes(&all));
        }
        assert!((BYTES_MAX / 2..=BYTES_MAX).contains(&most), "{most}");
    }
}
