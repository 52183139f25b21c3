//! One operation of the engine: touches records, recomputes what they touch, tells what changed.

use super::IdentityEngine;
use super::ahead::Ahead;
use super::changes::{
    Changes, Counters, Evidence, IdentityChange, IdentityChangeKind, MatchMethod, Reassignment, Review,
    ReviewStatus,
};
use crate::blocking::BlockKey;
use crate::decision::{Statement, Verdict};
use crate::known_scores::KnownScores;
use crate::outline::Outline;
use crate::score::{MatchWeight, Scorer};
use crate::store::{IdentityStore, Membership, RecordEntry, RecordNumber};
use panorama_model::PersonId;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// A record not seen yet founds nothing before any that was.
const NEVER_SEEN: u64 = u64::MAX;

/// The membership of a record that was not linked to anything yet.
pub(super) fn fresh_membership(entry: &RecordEntry) -> Membership {
    let key_hash = entry.key.hash128();
    Membership {
        key_hash,
        first_seen: NEVER_SEEN,
        person: PersonId::of_founder_hash(key_hash),
        attached: entry.matched().is_contact_point(),
    }
}

/// The working state of one operation.
pub(super) struct Session<'a, S> {
    pub(super) scorer: &'a Scorer,
    pub(super) known: &'a KnownScores,
    pub(super) store: &'a mut S,
    pub(super) counters: Counters,
    /// Threads for what needs no state.
    pub(super) workers: NonZeroUsize,
    /// Components that reach records from here on are clustered later, when those are matched again.
    pub(super) later_from: Option<RecordNumber>,
    /// What is known of the record's pairs ahead.
    pub(super) ahead: Option<&'a Ahead>,
    /// Records whose component must be recomputed.
    pub(super) seeds: Vec<RecordNumber>,
    /// Persons before the operation, of each record that moved; `None` where it was new.
    pub(super) moved: BTreeMap<RecordNumber, Option<PersonId>>,
    /// Weights before, of each pair whose edge changed; what is said of it first is that before the operation.
    pub(super) edges_before: Vec<((RecordNumber, RecordNumber), Option<MatchWeight>)>,
    /// The statement in force before the operation, of the pair of which something was said.
    pub(super) statement_before: Option<((RecordNumber, RecordNumber), Option<Statement>)>,
    /// Contact points and identifiers whose holders changed, some more than once.
    pub(super) anchors: SmallVec<[BlockKey; 16]>,
    /// Contact-point records to look at again.
    pub(super) endpoints: BTreeSet<RecordNumber>,
    /// Records that statements keep apart from members of recomputed components: where those went, these may not be.
    pub(super) apart: BTreeSet<RecordNumber>,
}

impl<'a, S: IdentityStore> Session<'a, S> {
    pub(super) fn new(engine: &'a IdentityEngine, store: &'a mut S) -> Self {
        Self {
            scorer: &engine.scorer,
            known: &engine.known,
            store,
            counters: Counters::default(),
            workers: NonZeroUsize::MIN,
            later_from: None,
            ahead: None,
            seeds: Vec::new(),
            moved: BTreeMap::new(),
            edges_before: Vec::new(),
            statement_before: None,
            anchors: SmallVec::new(),
            endpoints: BTreeSet::new(),
            apart: BTreeSet::new(),
        }
    }

    /// Puts new content in the place of old, and moves blocks, anchors and edges along.
    pub(super) fn replace(
        &mut self,
        number: RecordNumber,
        old: Option<Arc<RecordEntry>>,
        new: Arc<RecordEntry>,
    ) {
        let was_active = old.as_ref().is_some_and(|entry| entry.is_active());
        let is_active = new.is_active();
        let same_content = old.as_ref().is_some_and(|old| {
            was_active == is_active
                && old.person == new.person
                && old.matched == new.matched
                && old.blocks == new.blocks
                && old.anchors == new.anchors
        });
        let membership = self.store.membership(number);
        let mut fresh = membership.unwrap_or_else(|| fresh_membership(&new));
        fresh.attached = new.matched().is_contact_point();
        self.ahead = self.ahead.filter(|ahead| ahead.is_of(&new));
        let outline = self.ahead.and_then(|ahead| ahead.outline);
        let outline = outline.unwrap_or_else(|| Outline::of(new.matched()));
        debug_assert!(
            outline == Outline::of(new.matched()),
            "looked at ahead as something else"
        );
        self.store.put_record(number, Arc::clone(&new), outline);
        if same_content {
            return;
        }
        if is_active && fresh.first_seen == NEVER_SEEN {
            fresh.first_seen = self.store.next_sequence();
        }
        if membership.is_none_or(|held| held != fresh) {
            self.store.put_membership(number, fresh);
        }
        if is_active && !was_active {
            self.moved.insert(number, None);
        }
        self.seeds.push(number);
        if is_active {
            self.expect(&new);
        }
        let old_active = old.filter(|_| was_active);
        self.move_anchors(number, old_active.as_deref(), is_active.then_some(&*new));
        self.move_blocks(number, old_active.as_deref(), is_active.then_some(&*new));
    }

    /// Says in which blocks a record is about to be looked for, where it was not looked ahead.
    fn expect(&mut self, entry: &RecordEntry) {
        if self.ahead.is_some() {
            return;
        }
        let mut blocks: SmallVec<[BlockKey; 32]> = SmallVec::from_slice(&entry.blocks);
        for anchor in &entry.anchors {
            blocks.extend([*anchor, anchor.contact_side()]);
        }
        self.store.expect_blocks(&blocks);
    }

    /// Another model may see nothing but contact points in a record, or more than that where another did not.
    pub(super) fn renew_attached(&mut self, number: RecordNumber, entry: &RecordEntry) {
        let attached = entry.matched().is_contact_point();
        if let Some(held) = self.store.membership(number)
            && held.attached != attached
        {
            self.store.put_membership(number, Membership { attached, ..held });
            self.endpoints.insert(number);
        }
    }

    /// A statement about a pair changed.
    pub(super) fn statement_changed(&mut self, a: RecordNumber, b: RecordNumber, before: Option<Statement>) {
        self.statement_before = Some(((a.min(b), a.max(b)), before));
        self.seeds.extend([a, b]);
        for record in [a, b] {
            if self.store.membership(record).is_some_and(|m| m.attached) {
                self.endpoints.insert(record);
            }
        }
    }

    /// Recomputes everything touched and tells what changed.
    pub(super) fn finish(mut self) -> Changes {
        self.recompute_components();
        self.recompute_endpoints();
        let reassigned = self.reassignments();
        let events = events_of(&reassigned, |record| {
            self.store.membership(record).map(|m| m.key_hash)
        });
        let reviews = self.reviews();
        Changes {
            reassigned,
            events,
            reviews,
            counters: self.counters,
        }
    }

    /// Moves a record to a person, remembering where it was.
    pub(super) fn assign(&mut self, record: RecordNumber, held: Membership, person: PersonId) {
        if held.person == person {
            return;
        }
        self.moved.entry(record).or_insert(Some(held.person));
        self.store.put_membership(record, Membership { person, ..held });
    }

    fn reassignments(&mut self) -> Vec<Reassignment> {
        let moved: Vec<_> = self.moved.iter().map(|(record, old)| (*record, *old)).collect();
        let mut out = Vec::with_capacity(moved.len());
        for (record, old) in moved {
            let Some(new) = self.store.membership(record).map(|m| m.person) else {
                continue;
            };
            if old != Some(new)
                && let Some(evidence) = self.evidence(record)
            {
                out.push(Reassignment {
                    record,
                    old,
                    new,
                    evidence,
                });
            }
        }
        out
    }

    /// The strongest evidence that holds a record in its person: a statement, a score, or being reachable.
    pub(super) fn evidence(&mut self, record: RecordNumber) -> Option<Evidence> {
        let held = self.store.membership(record)?;
        let stated = self.store.statements(record).into_iter().find_map(|pair| {
            let statement = pair.in_force().filter(|s| s.verdict == Verdict::Match)?;
            let same = self.store.membership(pair.other)?.person == held.person;
            same.then_some((pair.other, statement.kind))
        });
        if let Some((other, kind)) = stated {
            return Some(Evidence {
                method: MatchMethod::Statement(kind),
                other: Some(other),
                weight: None,
            });
        }
        let mut edges = Vec::new();
        self.store.edges(record, &mut edges);
        let strongest = edges
            .into_iter()
            .filter(|edge| {
                self.store
                    .membership(edge.other)
                    .is_some_and(|m| m.person == held.person)
            })
            .max_by_key(|edge| (edge.weight, std::cmp::Reverse(edge.other)));
        if let Some(edge) = strongest {
            return Some(Evidence {
                method: MatchMethod::Score,
                other: Some(edge.other),
                weight: Some(edge.weight),
            });
        }
        let attached = held.attached && held.person != PersonId::of_founder_hash(held.key_hash);
        let method = if attached {
            self.contact_method(record)
        } else {
            MatchMethod::Founder
        };
        Some(Evidence {
            method,
            other: None,
            weight: None,
        })
    }

    /// The doubtful pairs that opened or closed, among pairs of records that moved and pairs whose edge changed.
    fn reviews(&mut self) -> Vec<Review> {
        let mut pairs: Vec<((RecordNumber, RecordNumber), Option<MatchWeight>)> = Vec::new();
        let mut edges = Vec::new();
        let moved: Vec<_> = self.moved.keys().copied().collect();
        for record in moved {
            edges.clear();
            self.store.edges(record, &mut edges);
            pairs.extend(edges.iter().map(|edge| {
                let pair = (record.min(edge.other), record.max(edge.other));
                (pair, Some(edge.weight))
            }));
        }
        let stated = self.statement_before.map(|(pair, _)| pair);
        // In their order, and but the first of each.
        self.edges_before.sort_by_key(|(pair, _)| *pair);
        self.edges_before.dedup_by_key(|(pair, _)| *pair);
        let changed: Vec<_> = self
            .edges_before
            .iter()
            .map(|(pair, _)| *pair)
            .chain(stated)
            .collect();
        for pair in changed {
            // Most pairs are of one person, as they were.
            let (a, b) = pair;
            let moved = self.moved.contains_key(&a) || self.moved.contains_key(&b);
            if !moved && self.person_of(a) == self.person_of(b) {
                continue;
            }
            edges.clear();
            self.store.edges(a, &mut edges);
            let held = edges.binary_search_by_key(&b, |edge| edge.other).ok();
            pairs.push((pair, held.and_then(|at| edges.get(at)).map(|edge| edge.weight)));
        }
        pairs.sort_unstable();
        pairs.dedup_by_key(|(pair, _)| *pair);
        pairs
            .into_iter()
            .filter_map(|(pair, weight)| self.review(pair, weight))
            .collect()
    }

    fn person_of(&mut self, record: RecordNumber) -> Option<PersonId> {
        self.store.membership(record).map(|m| m.person)
    }

    fn review(
        &mut self,
        (a, b): (RecordNumber, RecordNumber),
        weight: Option<MatchWeight>,
    ) -> Option<Review> {
        let changed = self.edges_before.binary_search_by_key(&(a, b), |(pair, _)| *pair);
        let before = changed.ok().and_then(|at| self.edges_before.get(at));
        let before = before.map_or(weight, |(_, before)| *before);
        let (now_a, now_b) = (self.person_of(a), self.person_of(b));
        let was = |session: &Self, record, now: Option<PersonId>| {
            session.moved.get(&record).map_or(now, |old| *old)
        };
        let (was_a, was_b) = (was(self, a, now_a), was(self, b, now_b));
        let stated = super::in_force(self.store, a, b);
        let stated_before = match self.statement_before {
            Some((pair, before)) if pair == (a, b) => before,
            _ => stated,
        };
        let open = weight.is_some() && now_a != now_b && stated.is_none();
        let was_open = before.is_some()
            && was_a.is_some()
            && was_b.is_some()
            && was_a != was_b
            && stated_before.is_none();
        // A pair that stays doubtful is told again where it is another person's by now.
        let is_another = weight != before || (now_a, now_b) != (was_a, was_b);
        let changed = open != was_open || open && is_another;
        changed.then_some(Review {
            a,
            b,
            weight: weight.or(before).unwrap_or_default(),
            status: if open {
                ReviewStatus::Open
            } else {
                ReviewStatus::Closed
            },
        })
    }
}

/// The events that tell a list of reassignments as a story of persons.
fn events_of(
    reassigned: &[Reassignment],
    mut key_hash: impl FnMut(RecordNumber) -> Option<u128>,
) -> Vec<IdentityChange> {
    // A person ends where its founder leaves it.
    let ended: BTreeMap<PersonId, Reassignment> = reassigned
        .iter()
        .filter_map(|r| {
            let own = PersonId::of_founder_hash(key_hash(r.record)?);
            (r.old == Some(own)).then_some((own, *r))
        })
        .collect();
    let mut out: Vec<_> = ended
        .values()
        .map(|r| IdentityChange {
            kind: IdentityChangeKind::Merged,
            person: r.new,
            other_person: r.old,
            record: r.record,
            evidence: r.evidence,
        })
        .collect();
    for r in reassigned {
        let follows_founder = r
            .old
            .is_some_and(|old| ended.get(&old).is_some_and(|e| e.new == r.new));
        if follows_founder {
            continue;
        }
        let own = key_hash(r.record).map(PersonId::of_founder_hash);
        let kind = match r.old {
            None if own == Some(r.new) => IdentityChangeKind::Created,
            Some(_) if own == Some(r.new) => IdentityChangeKind::Split,
            _ => IdentityChangeKind::Linked,
        };
        // Those who follow a founder out of a split are told by the founder's own event.
        out.push(IdentityChange {
            kind,
            person: r.new,
            other_person: r.old,
            record: r.record,
            evidence: r.evidence,
        });
    }
    out
}
