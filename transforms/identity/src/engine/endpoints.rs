//! Contact-point records (callers, subscribers, visitors): they attach to the one person who has their phone, e-mail or
//! identifier, and never join two.

use super::changes::MatchMethod;
use super::session::Session;
use crate::blocking::BlockKey;
use crate::decision::Verdict;
use crate::score::Scorer;
use crate::store::{IdentityStore, RecordEntry, RecordNumber};
use panorama_model::PersonId;
use std::collections::BTreeSet;

impl<S: IdentityStore> Session<'_, S> {
    /// Moves a record between anchors. Contact points and full records lie on two sides of the same anchor.
    pub(super) fn move_anchors(
        &mut self,
        number: RecordNumber,
        old: Option<&RecordEntry>,
        new: Option<&RecordEntry>,
    ) {
        let sides = |entry: Option<&RecordEntry>| {
            let contact = entry.is_some_and(|e| e.person.is_contact_point());
            let keys = entry.map(|e| e.anchors.clone()).unwrap_or_default();
            let side = move |key: BlockKey| if contact { key.contact_side() } else { key };
            keys.into_iter().map(|key| (key, side(key))).collect::<Vec<_>>()
        };
        let (before, after) = (sides(old), sides(new));
        for (anchor, side) in before.iter().filter(|pair| !after.contains(pair)) {
            self.store.block_remove(*side, number);
            self.anchors.insert(*anchor);
        }
        for (anchor, side) in after.iter().filter(|pair| !before.contains(pair)) {
            self.store.block_insert(*side, number);
            self.anchors.insert(*anchor);
        }
        if new.is_some_and(|entry| entry.person.is_contact_point()) {
            self.endpoints.insert(number);
        }
    }

    /// Looks again at every contact-point record whose holders moved.
    pub(super) fn recompute_endpoints(&mut self) {
        let moved: Vec<_> = self.moved.keys().copied().collect();
        for record in moved {
            if let Some(entry) = self.store.record(record)
                && !entry.person.is_contact_point()
            {
                self.anchors.extend(entry.anchors.iter().copied());
            }
        }
        let max = self.scorer.model().limits.anchor_records_max;
        let mut found = Vec::new();
        for anchor in std::mem::take(&mut self.anchors) {
            self.store
                .block_members(anchor.contact_side(), max + 1, &mut found);
        }
        self.endpoints.extend(found);
        for endpoint in std::mem::take(&mut self.endpoints) {
            self.attach(endpoint);
        }
    }

    /// Gives a contact-point record the person its anchors name, or its own.
    fn attach(&mut self, endpoint: RecordNumber) {
        let (Some(entry), Some(held)) = (self.store.record(endpoint), self.store.membership(endpoint)) else {
            return;
        };
        let statements = self.store.statements(endpoint);
        let stated = |verdict| {
            let pairs = statements
                .iter()
                .filter(move |p| p.in_force().is_some_and(|s| s.verdict == verdict));
            pairs.map(|p| p.other).collect::<Vec<_>>()
        };
        let decided_by_statement = !stated(Verdict::Match).is_empty();
        if !entry.is_active() || !held.attached || decided_by_statement {
            return;
        }
        let forbidden: BTreeSet<_> = stated(Verdict::NoMatch)
            .into_iter()
            .filter_map(|other| self.store.membership(other).map(|m| m.person))
            .collect();
        let person = self
            .holder(&entry, &forbidden)
            .map_or_else(|| PersonId::of_founder_hash(held.key_hash), |(person, _)| person);
        self.assign(endpoint, held, person);
    }

    /// How a contact-point record came to its person.
    pub(super) fn contact_method(&mut self, endpoint: RecordNumber) -> MatchMethod {
        let strong = self
            .store
            .record(endpoint)
            .and_then(|entry| self.holder(&entry, &BTreeSet::new()))
            .is_some_and(|(_, strong)| strong);
        if strong {
            MatchMethod::ContactIdentifier
        } else {
            MatchMethod::ContactPoint
        }
    }

    /// The one person who holds the record's identifiers, else the one who holds its contact points.
    fn holder(&mut self, entry: &RecordEntry, forbidden: &BTreeSet<PersonId>) -> Option<(PersonId, bool)> {
        let strong: BTreeSet<_> = Scorer::strong_anchors(&entry.person).collect();
        let mut by_identifier = BTreeSet::new();
        let mut by_contact = BTreeSet::new();
        for anchor in &entry.anchors {
            let persons = self.persons_at(*anchor);
            let list = if strong.contains(anchor) {
                &mut by_identifier
            } else {
                &mut by_contact
            };
            list.extend(persons.into_iter().filter(|person| !forbidden.contains(person)));
        }
        let one = |persons: &BTreeSet<PersonId>| persons.first().copied().filter(|_| persons.len() == 1);
        if by_identifier.is_empty() {
            one(&by_contact).map(|person| (person, false))
        } else {
            one(&by_identifier).map(|person| (person, true))
        }
    }

    /// The persons of the full records under an anchor; none where too many records lie under it.
    fn persons_at(&mut self, anchor: BlockKey) -> BTreeSet<PersonId> {
        let max = self.scorer.model().limits.anchor_records_max;
        let crowded = self.store.block_len(anchor) > max || self.store.block_len(anchor.contact_side()) > max;
        if crowded {
            return BTreeSet::new();
        }
        let mut holders = Vec::new();
        self.store.block_members(anchor, max, &mut holders);
        holders
            .into_iter()
            .filter_map(|holder| self.store.membership(holder).map(|m| m.person))
            .collect()
    }
}
