//! Looking ahead: the pairs of records that are about to be taken in, scored on several threads while nothing changes. What is
//! taken in meanwhile is scored as ever: no outcome depends on what was known ahead.

use super::{IdentityEngine, PreparedPerson};
use crate::blocking::BlockKey;
use crate::outline::Outline;
use crate::parallel::in_parallel;
use crate::score::{MatchWeight, Scorer};
use crate::store::{IdentityStore, IdentityView, RecordEntry, RecordNumber};
use panorama_standardize::StandardPerson;
use smallvec::SmallVec;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What was found of a record that is to be taken in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ahead {
    /// Of what the model sees of it.
    pub(super) outline: Option<Outline>,
    /// The weights of its pairs with those that were there, ascending by the other record; none where they do not reach the
    /// review threshold.
    pub(super) weights: Vec<(RecordNumber, Option<MatchWeight>)>,
    /// The records that had to be read for it, till they are kept at hand.
    read: Vec<(RecordNumber, Arc<RecordEntry>)>,
    /// Its blocks, and how many records each had; those of more than their limit make no pair.
    pub(super) blocks: Vec<(BlockKey, usize)>,
    pub(super) anchors: AnchorsAhead,
}

/// What was found of the anchors of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AnchorsAhead {
    /// Its side of each, and how many records lay there.
    pub(super) sides: SmallVec<[(BlockKey, usize); 4]>,
    /// Those under which no contact point lay.
    pub(super) uncontacted: SmallVec<[BlockKey; 4]>,
}

impl Ahead {
    /// True where it was looked into the blocks of a record.
    pub(super) fn is_of(&self, record: &RecordEntry) -> bool {
        let sides = record.anchors.iter().map(|anchor| record.side_of(*anchor));
        self.blocks.iter().map(|(block, _)| block).eq(&record.blocks)
            && self.anchors.sides.iter().map(|(side, _)| *side).eq(sides)
    }

    /// What is known of a pair: its weight, where that reaches the review threshold.
    pub(super) fn of(&self, other: RecordNumber) -> Option<Option<MatchWeight>> {
        let at = self.weights.binary_search_by_key(&other, |(number, _)| *number);
        at.ok()
            .and_then(|at| self.weights.get(at))
            .map(|(_, weight)| *weight)
    }
}

/// One record whose pairs are looked for.
pub(super) struct Looking<'a> {
    pub(super) source: &'a str,
    pub(super) person: &'a StandardPerson,
    pub(super) blocks: &'a [BlockKey],
    /// The outline of the person, where it is at hand.
    pub(super) outline: Option<Outline>,
}

impl IdentityEngine {
    /// Scores the pairs of records that are to be taken in next, each said by a source, on several threads. What it says holds
    /// until the next call.
    pub fn look_ahead<S: IdentityStore>(
        &self,
        store: &mut S,
        records: &[(&str, &PreparedPerson)],
        workers: NonZeroUsize,
    ) -> Vec<Ahead> {
        let scorer = self.scorer();
        let view = store.begin_view(workers);
        let mut looked = in_parallel(records, workers, |(source, prepared)| {
            let record = prepared.entry();
            let looking = Looking {
                source,
                person: record.matched(),
                blocks: &record.blocks,
                outline: None,
            };
            Ahead {
                anchors: look_at_anchors(scorer, view, record),
                ..look(scorer, view, &looking, |_| true)
            }
        });
        keep(store, &mut looked);
        looked
    }
}

/// How many records lie on a record's side of its anchors, and under which of them no contact point does.
fn look_at_anchors(scorer: &Scorer, view: &dyn IdentityView, record: &RecordEntry) -> AnchorsAhead {
    let both = record
        .anchors
        .iter()
        .flat_map(|anchor| [*anchor, anchor.contact_side()]);
    view.touch_blocks(&both.collect::<SmallVec<[_; 16]>>());
    let max = scorer.model().limits.block_records_max;
    let mut members = Vec::new();
    let mut len_of = |block| {
        members.clear();
        view.block_members(block, max, &mut members)
    };
    let sides = record.anchors.iter().map(|anchor| record.side_of(*anchor));
    let sides = sides.map(|side| (side, len_of(side))).collect();
    let uncontacted = record.anchors.iter().copied();
    AnchorsAhead {
        sides,
        uncontacted: uncontacted
            .filter(|anchor| len_of(anchor.contact_side()) == 0)
            .collect(),
    }
}

/// Ends a view: keeps at hand what was read through it.
pub(super) fn keep<S: IdentityStore>(store: &mut S, looked: &mut [Ahead]) {
    store.end_view();
    for (number, entry) in looked
        .iter_mut()
        .flat_map(|ahead| std::mem::take(&mut ahead.read))
    {
        store.offer_record(number, entry);
    }
}

/// Scores the pairs of a record with those that are wanted of its blocks.
pub(super) fn look(
    scorer: &Scorer,
    view: &dyn IdentityView,
    looking: &Looking<'_>,
    is_wanted: impl Fn(RecordNumber) -> bool,
) -> Ahead {
    let max = scorer.model().limits.block_records_max;
    let mut others = Vec::new();
    view.touch_blocks(looking.blocks);
    let blocks = looking.blocks.iter();
    let blocks = blocks
        .map(|block| (*block, view.block_members(*block, max, &mut others)))
        .collect();
    others.sort_unstable();
    others.dedup();
    others.retain(|other| is_wanted(*other));
    view.touch_outlines(&others);
    let outline = looking.outline.unwrap_or_else(|| Outline::of(looking.person));
    debug_assert!(outline == Outline::of(looking.person), "held of something else");
    let sought = scorer.sought(looking.person, outline);
    let (mut weights, mut read) = (Vec::with_capacity(others.len()), Vec::new());
    for other in others {
        if let Some(outline) = view.outline(other)
            && scorer.tells_apart(&sought, outline)
        {
            weights.push((other, None));
        } else if let Some(entry) = view.record(other) {
            let weight = scorer.weight_with(looking.source, looking.person, &entry);
            weights.push((other, weight));
            read.push((other, entry));
        }
    }
    Ahead {
        outline: Some(outline),
        weights,
        read,
        blocks,
        ..Ahead::default()
    }
}
