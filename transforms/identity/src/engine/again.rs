//! Many records matched again under a model that is new to them: each pair is scored once, in parallel, and each component
//! clustered once.

use super::ahead::{Ahead, Looking, keep, look};
use super::session::Session;
use crate::blocking::{BlockKey, Indexed};
use crate::outline::Outline;
use crate::parallel::in_parallel;
use crate::score::MatchWeight;
use crate::store::{Edge, IdentityStore, RecordEntry, RecordNumber};
use std::ops::Range;
use std::sync::Arc;

/// One record that is matched again.
struct Again {
    number: RecordNumber,
    entry: Arc<RecordEntry>,
    /// Whether it met those that were matched before it where it lies now.
    stays: bool,
    /// Its edges under the new model.
    edges: Vec<Edge>,
}

impl<S: IdentityStore> Session<'_, S> {
    /// Puts records in their own places, with the blocks and edges of another model.
    pub(super) fn replace_anew(&mut self, numbers: Range<RecordNumber>) {
        let (workers, first) = (self.workers, numbers.start);
        self.store.expect_range(numbers.clone(), workers);
        let entries: Vec<_> = (numbers.start.0..numbers.end.0)
            .map(RecordNumber)
            .filter_map(|number| Some((number, self.store.record(number)?)))
            .collect();
        let scorer = self.scorer;
        let indexed = in_parallel(&entries, workers, |(_, entry)| {
            scorer.indexed(&entry.key.source, &entry.person)
        });
        let mut crossed = Vec::new();
        let mut records = Vec::with_capacity(entries.len());
        for ((number, old), indexed) in entries.into_iter().zip(indexed) {
            let entry = self.move_anew(number, &old, indexed, &mut crossed);
            // Statements may reach others through one that is gone, or was never seen.
            if entry.is_active() || !self.store.statements(number).is_empty() {
                self.seeds.push(number);
            }
            if entry.is_active() {
                records.push(Again {
                    number,
                    stays: Arc::ptr_eq(&old, &entry),
                    entry,
                    edges: Vec::new(),
                });
            }
            if self.store.membership(number).is_some_and(|m| m.attached) {
                self.endpoints.insert(number);
            }
        }
        self.pairs_of(&mut records, first);
        let is_among = |number: RecordNumber| place_in(&records, number).is_some();
        for record in &records {
            self.put_edges_of(record.number, &record.edges, is_among);
        }
        self.cross(crossed);
    }

    /// Moves a record to its blocks and anchors; returns what it says, indexed as it is now.
    fn move_anew(
        &mut self,
        number: RecordNumber,
        old: &Arc<RecordEntry>,
        Indexed {
            matched,
            blocks,
            anchors,
        }: Indexed,
        crossed: &mut Vec<BlockKey>,
    ) -> Arc<RecordEntry> {
        if old.matched == matched && old.blocks == blocks && old.anchors == anchors {
            return Arc::clone(old);
        }
        let new = Arc::new(RecordEntry {
            matched,
            blocks,
            anchors,
            ..RecordEntry::clone(old)
        });
        self.store
            .put_record(number, Arc::clone(&new), Outline::of(new.matched()));
        self.renew_attached(number, &new);
        if new.is_active() {
            let max = self.scorer.model().limits.block_records_max;
            self.move_anchors(number, Some(old), Some(&new));
            for block in old.blocks.iter().filter(|b| new.blocks.binary_search(b).is_err()) {
                if self.store.block_remove(*block, number) == max {
                    crossed.push(*block);
                }
            }
            for block in new.blocks.iter().filter(|b| old.blocks.binary_search(b).is_err()) {
                if self.store.block_insert(*block, number) == max + 1 {
                    crossed.push(*block);
                }
            }
        }
        new
    }

    /// Gives these records their edges: each pair in which one of them meets another in a block is scored once. A pair of one
    /// that stays where it was and one before the first of them is, since that one was matched again.
    fn pairs_of(&mut self, records: &mut [Again], first: RecordNumber) {
        let scorer = self.scorer;
        let view = self.store.begin_view(self.workers);
        let list = &*records;
        let mut looked = in_parallel(&(0..list.len()).collect::<Vec<_>>(), self.workers, |at| {
            let Some(record) = list.get(*at) else {
                return Ahead::default();
            };
            let looking = Looking {
                source: &record.entry.key.source,
                person: record.entry.matched(),
                blocks: &record.entry.blocks,
                outline: view.outline(record.number).copied(),
            };
            // A pair within the list is its first record's.
            let is_wanted = |other| match place_in(list, other) {
                Some(other_at) => other_at > *at,
                None => !record.stays || other >= first,
            };
            look(scorer, view, &looking, is_wanted)
        });
        keep(self.store, &mut looked);
        for (at, ahead) in looked.into_iter().enumerate() {
            self.counters.pairs_scored += ahead.weights.len() as u64;
            for (other, weight) in ahead.weights {
                if let Some(weight) = weight {
                    add_edge(records, at, other, weight);
                }
            }
        }
        let mut held = Vec::new();
        for record in records {
            if record.stays {
                held.clear();
                self.store.edges(record.number, &mut held);
                record.edges.extend(held.iter().filter(|edge| edge.other < first));
            }
            record.edges.sort_unstable_by_key(|edge| edge.other);
        }
    }

    /// Blocks that passed their limit, or fell back to it, on the way: what holds at its end counts.
    fn cross(&mut self, mut crossed: Vec<BlockKey>) {
        crossed.sort_unstable();
        crossed.dedup();
        let max = self.scorer.model().limits.block_records_max;
        for block in crossed {
            if self.store.block_len(block) > max {
                self.void(block, None);
            } else {
                self.revive(block);
            }
        }
    }
}

/// Where a record is in the list. Most are not near it.
fn place_in(records: &[Again], number: RecordNumber) -> Option<usize> {
    let (first, last) = (records.first()?.number, records.last()?.number);
    if !(first..=last).contains(&number) {
        return None;
    }
    records.binary_search_by_key(&number, |r| r.number).ok()
}

/// Gives a record of the list an edge, and the other one too where that is in it.
fn add_edge(records: &mut [Again], at: usize, other: RecordNumber, weight: MatchWeight) {
    let Some(first) = records.get_mut(at) else { return };
    let number = first.number;
    first.edges.push(Edge { other, weight });
    if let Some(other) = place_in(records, other).and_then(|at| records.get_mut(at)) {
        other.edges.push(Edge {
            other: number,
            weight,
        });
    }
}
