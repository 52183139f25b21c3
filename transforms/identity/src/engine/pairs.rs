//! Blocks and edges: which pairs are scored, and what happens when a block grows past its limit.
//!
//! A block that holds too many records tells nobody apart, and is void as a whole: whether a pair is scored through it
//! must not depend on who came first (INV-6).

use super::session::Session;
use crate::blocking::BlockKey;
use crate::score::MatchWeight;
use crate::store::{Edge, IdentityStore, RecordEntry, RecordNumber};
use std::sync::Arc;

impl<S: IdentityStore> Session<'_, S> {
    /// Moves a record from its old blocks to its new ones and scores it anew.
    pub(super) fn move_blocks(
        &mut self,
        number: RecordNumber,
        old: Option<&RecordEntry>,
        new: Option<&RecordEntry>,
    ) {
        if old.is_none()
            && let Some(new) = new
            && self.join_as_seen(number, new)
        {
            return;
        }
        let max = self.scorer.model().limits.block_records_max;
        let old_blocks = old.map_or(&[] as &[_], |entry| entry.blocks.as_slice());
        let new_blocks = new.map_or(&[] as &[_], |entry| entry.blocks.as_slice());
        let (mut voided, mut revived) = (Vec::new(), Vec::new());
        for block in old_blocks.iter().filter(|b| new_blocks.binary_search(b).is_err()) {
            if self.store.block_remove(*block, number) == max {
                revived.push(*block);
            }
        }
        let mut candidates = Vec::new();
        for block in new_blocks {
            let added = old_blocks.binary_search(block).is_err();
            let len = if added {
                self.store.block_insert(*block, number)
            } else {
                self.store.block_len(*block)
            };
            if len <= max {
                if len > 1 {
                    self.store.block_members(*block, max, &mut candidates);
                }
            } else if added && len == max + 1 {
                voided.push(*block);
            }
        }
        for block in voided {
            self.void(block, Some(number));
        }
        for block in revived {
            self.revive(block);
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|other| *other != number);
        let mut edges = Vec::new();
        if let Some(new) = new {
            self.take_seen(&mut candidates, &mut edges);
            self.glance_at(number, new, &mut candidates);
        }
        self.score_candidates(number, new, &candidates, edges);
    }

    /// Puts a record that lies in no block into those that were looked at ahead, where they are as they were but for others
    /// that joined them like it: these, and those that were seen, are its candidates.
    fn join_as_seen(&mut self, number: RecordNumber, new: &RecordEntry) -> bool {
        let Some(ahead) = self.ahead else { return false };
        let max = self.scorer.model().limits.block_records_max;
        let mut candidates = Vec::new();
        let newcomers = self.store.newcomers();
        if !newcomers.is_some_and(|all| all.join(number, &ahead.blocks, max, &mut candidates)) {
            return false;
        }
        let mut edges = Vec::new();
        for (other, weight) in &ahead.weights {
            if !self.store.is_as_viewed(*other) {
                candidates.push(*other);
                continue;
            }
            self.counters.pairs_scored += 1;
            edges.extend(weight.map(|weight| Edge {
                other: *other,
                weight,
            }));
        }
        candidates.sort_unstable();
        candidates.dedup();
        self.glance_at(number, new, &mut candidates);
        self.score_candidates(number, Some(new), &candidates, edges);
        true
    }

    /// Takes the weights that are known ahead, and drops their candidates.
    fn take_seen(&mut self, candidates: &mut Vec<RecordNumber>, edges: &mut Vec<Edge>) {
        let Some(ahead) = self.ahead else { return };
        let found = candidates.len();
        candidates.retain(|other| match ahead.of(*other) {
            Some(weight) if self.store.is_as_viewed(*other) => {
                edges.extend(weight.map(|weight| Edge {
                    other: *other,
                    weight,
                }));
                false
            }
            _ => true,
        });
        self.counters.pairs_scored += (found - candidates.len()) as u64;
    }

    /// Drops the candidates whose outlines say enough.
    fn glance_at(&mut self, number: RecordNumber, entry: &RecordEntry, candidates: &mut Vec<RecordNumber>) {
        if candidates.is_empty() {
            return;
        }
        let scorer = self.scorer;
        let Some(outline) = self.store.outline(number) else {
            return;
        };
        let sought = scorer.sought(entry.matched(), *outline);
        self.store.expect_outlines(candidates);
        let found = candidates.len();
        candidates.retain(|other| {
            let outline = self.store.outline(*other);
            outline.is_none_or(|outline| !scorer.tells_apart(&sought, outline))
        });
        self.counters.pairs_scored += (found - candidates.len()) as u64;
    }

    /// Scores a record with its candidates, and replaces its edges by these and those that are known.
    fn score_candidates(
        &mut self,
        number: RecordNumber,
        entry: Option<&RecordEntry>,
        candidates: &[RecordNumber],
        mut edges: Vec<Edge>,
    ) {
        if let Some(entry) = entry {
            self.store.expect_records(candidates);
            for other in candidates {
                let weight = self
                    .store
                    .record(*other)
                    .and_then(|o| self.edge_weight(entry, &o));
                if let Some(weight) = weight {
                    edges.push(Edge {
                        other: *other,
                        weight,
                    });
                }
            }
            edges.sort_unstable_by_key(|edge| edge.other);
        }
        self.put_edges_of(number, &edges, |_| false);
    }

    /// Replaces a record's edges. The other side of each follows, but for those records that put theirs themselves.
    pub(super) fn put_edges_of(
        &mut self,
        number: RecordNumber,
        edges: &[Edge],
        puts_own: impl Fn(RecordNumber) -> bool,
    ) {
        let mut before = Vec::new();
        self.store.edges(number, &mut before);
        for edge in &before {
            if edges.binary_search_by_key(&edge.other, |e| e.other).is_err() {
                if !puts_own(edge.other) {
                    self.put_edge_side(edge.other, number, None);
                }
                self.note_edge(number, edge.other, Some(edge.weight));
                self.seeds.push(edge.other);
            }
        }
        for edge in edges {
            let held = before.iter().find(|e| e.other == edge.other).map(|e| e.weight);
            if held != Some(edge.weight) {
                if !puts_own(edge.other) {
                    self.put_edge_side(edge.other, number, Some(edge.weight));
                }
                self.note_edge(number, edge.other, held);
                self.seeds.push(edge.other);
            }
        }
        if before != edges {
            self.store.put_edges(number, edges);
        }
    }

    /// The weight of a pair, where it reaches the review threshold.
    fn edge_weight(&mut self, a: &RecordEntry, b: &RecordEntry) -> Option<MatchWeight> {
        self.counters.pairs_scored += 1;
        self.scorer.weight_from_review(a, b)
    }

    /// A block passed its limit: pairs that met only in it are no pairs any more.
    /// The edges of a newcomer are its own to replace.
    pub(super) fn void(&mut self, block: BlockKey, newcomer: Option<RecordNumber>) {
        self.counters.blocks_voided += 1;
        let (mut members, mut edges) = (Vec::new(), Vec::new());
        let all = self.store.block_len(block);
        self.store.block_members(block, all, &mut members);
        members.sort_unstable();
        for number in members.iter().filter(|number| Some(**number) != newcomer) {
            edges.clear();
            self.store.edges(*number, &mut edges);
            let met = edges.iter().map(|edge| edge.other).filter(|other| {
                other > number && Some(*other) != newcomer && members.binary_search(other).is_ok()
            });
            for other in met {
                let both = (self.store.record(*number), self.store.record(other));
                if let (Some(a), Some(b)) = both
                    && !self.share_live_block(&a, &b)
                {
                    self.set_edge(*number, other, None);
                }
            }
        }
    }

    /// A block fell back to its limit: its pairs count again.
    pub(super) fn revive(&mut self, block: BlockKey) {
        self.counters.blocks_revived += 1;
        let members = self.members_of(block);
        for (at, (number, entry)) in members.iter().enumerate() {
            let mut edges = Vec::new();
            self.store.edges(*number, &mut edges);
            for (other, other_entry) in members.iter().skip(at + 1) {
                let known = edges.binary_search_by_key(other, |e| e.other).is_ok();
                if !known && let Some(weight) = self.edge_weight(entry, other_entry) {
                    self.set_edge(*number, *other, Some(weight));
                }
            }
        }
    }

    fn members_of(&mut self, block: BlockKey) -> Vec<(RecordNumber, Arc<RecordEntry>)> {
        let max = self.scorer.model().limits.block_records_max;
        let mut members = Vec::new();
        self.store.block_members(block, max + 1, &mut members);
        members.sort_unstable();
        members
            .into_iter()
            .filter_map(|number| self.store.record(number).map(|entry| (number, entry)))
            .collect()
    }

    fn share_live_block(&mut self, a: &RecordEntry, b: &RecordEntry) -> bool {
        let max = self.scorer.model().limits.block_records_max;
        let mut shared = a
            .blocks
            .iter()
            .filter(|block| b.blocks.binary_search(block).is_ok());
        shared.any(|block| self.store.block_len(*block) <= max)
    }

    fn set_edge(&mut self, a: RecordNumber, b: RecordNumber, weight: Option<MatchWeight>) {
        let before = self.put_edge_side(a, b, weight);
        self.put_edge_side(b, a, weight);
        self.note_edge(a, b, before);
        self.seeds.extend([a, b]);
    }

    /// Writes one side of an edge; returns what it was.
    fn put_edge_side(
        &mut self,
        of: RecordNumber,
        other: RecordNumber,
        weight: Option<MatchWeight>,
    ) -> Option<MatchWeight> {
        let mut edges = Vec::new();
        self.store.edges(of, &mut edges);
        let place = edges.binary_search_by_key(&other, |edge| edge.other);
        let before = place.ok().and_then(|at| edges.get(at)).map(|edge| edge.weight);
        match (place, weight) {
            (Ok(at), Some(weight)) => {
                if let Some(edge) = edges.get_mut(at) {
                    edge.weight = weight;
                }
            }
            (Ok(at), None) => drop(edges.remove(at)),
            (Err(at), Some(weight)) => edges.insert(at, Edge { other, weight }),
            (Err(_), None) => return None,
        }
        self.store.put_edges(of, &edges);
        before
    }

    fn note_edge(&mut self, a: RecordNumber, b: RecordNumber, before: Option<MatchWeight>) {
        self.edges_before.push(((a.min(b), a.max(b)), before));
    }
}
