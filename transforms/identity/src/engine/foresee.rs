//! Many records taken in, in order: the pairs they make with records that are there already are scored before, in parallel.
//! What each changes, and where all end, is as if they had come one by one.

use super::again::in_parallel;
use crate::score::{MatchWeight, Scorer};
use crate::store::{IdentityStore, RecordEntry, RecordNumber};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

/// A pair scored before its record came, seen from the record: the other, and the weight where it reaches review.
pub(super) type Foreseen = (RecordNumber, Option<MatchWeight>);

/// A pair to score: where the newcomer is in the list, and the other.
struct Pair {
    at: usize,
    number: RecordNumber,
    entry: Arc<RecordEntry>,
}

/// The pairs that each newcomer makes with records that are no newcomers themselves: what those say will not change before.
/// Per newcomer a stretch of the pairs, ascending by the other record.
pub(super) fn foresee<S: IdentityStore>(
    scorer: &Scorer,
    store: &mut S,
    newcomers: &[RecordEntry],
    workers: NonZeroUsize,
) -> (Vec<Foreseen>, Vec<Range<usize>>) {
    let max = scorer.model().limits.block_records_max;
    let mut own: Vec<RecordNumber> = newcomers.iter().filter_map(|new| store.find(&new.key)).collect();
    own.sort_unstable();
    let mut pairs: Vec<Pair> = Vec::new();
    let mut stretches = Vec::with_capacity(newcomers.len());
    let mut others = Vec::new();
    for (at, new) in newcomers.iter().enumerate() {
        others.clear();
        store.expect_blocks(&new.blocks);
        for block in &new.blocks {
            // With the newcomer it must still be within the limit.
            if (1..=max).contains(&store.block_len(*block)) {
                store.block_members(*block, max, &mut others);
            }
        }
        others.sort_unstable();
        others.dedup();
        others.retain(|other| own.binary_search(other).is_err());
        store.expect_records(&others);
        let from = pairs.len();
        for number in &others {
            if let Some(entry) = store.record(*number) {
                let number = *number;
                pairs.push(Pair { at, number, entry });
            }
        }
        stretches.push(from..pairs.len());
    }
    let weights = in_parallel(&pairs, workers, |pair| {
        let new = newcomers.get(pair.at)?;
        scorer.weight_from_review(new, &pair.entry)
    });
    let foreseen = pairs
        .iter()
        .zip(weights)
        .map(|(pair, weight)| (pair.number, weight));
    (foreseen.collect(), stretches)
}
