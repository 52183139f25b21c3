//! Contact-point records (callers, subscribers, visitors): they attach to the one person who has their phone, e-mail or
//! identifier, and never join two.

use super::changes::MatchMethod;
use super::component::clusters;
use super::session::Session;
use crate::blocking::BlockKey;
use crate::decision::Verdict;
use crate::score::Scorer;
use crate::store::{IdentityStore, Membership, RecordEntry, RecordNumber};
use panorama_model::PersonId;
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Records that statements make one person, seen from a contact point among them.
#[derive(Default)]
struct Contacts {
    /// All of them, also those deleted or never seen.
    members: Vec<RecordNumber>,
    /// The contact points that take part.
    active: Vec<(RecordNumber, Membership)>,
    /// The person of the full records among them.
    full: Option<PersonId>,
}

impl<S: IdentityStore> Session<'_, S> {
    /// Moves a record between anchors.
    pub(super) fn move_anchors(
        &mut self,
        number: RecordNumber,
        old: Option<&RecordEntry>,
        new: Option<&RecordEntry>,
    ) {
        let sides = |entry: Option<&RecordEntry>| -> SmallVec<[(BlockKey, BlockKey); 4]> {
            let of = |e: &RecordEntry| e.anchors.iter().map(|key| (*key, e.side_of(*key))).collect();
            entry.map(of).unwrap_or_default()
        };
        let (before, after) = (sides(old), sides(new));
        for (anchor, side) in before.iter().filter(|pair| !after.contains(pair)) {
            self.store.block_remove(*side, number);
            self.anchors.push(*anchor);
        }
        let joined = old.is_none() && new.is_some() && self.join_anchors_as_seen(number);
        for (anchor, side) in after.iter().filter(|pair| !before.contains(pair)) {
            if !joined {
                self.store.block_insert(*side, number);
            }
            self.anchors.push(*anchor);
        }
        if new.is_some_and(|entry| entry.matched().is_contact_point()) {
            self.endpoints.insert(number);
        }
    }

    /// Puts a record that lies under no anchor under those that were looked at ahead, where they are as they were but for others
    /// that joined them like it.
    fn join_anchors_as_seen(&mut self, number: RecordNumber) -> bool {
        let Some(ahead) = self.ahead else { return false };
        let max = self.scorer.model().limits.block_records_max;
        let newcomers = self.store.newcomers();
        newcomers.is_some_and(|all| all.join(number, &ahead.anchors.sides, max, &mut Vec::new()))
    }

    /// True where it was seen ahead that no contact point lies under an anchor, and none came since.
    fn has_no_contacts(&mut self, anchor: BlockKey) -> bool {
        let seen = self
            .ahead
            .is_some_and(|ahead| ahead.anchors.uncontacted.contains(&anchor));
        let newcomers = self.store.newcomers().filter(|_| seen);
        newcomers.is_some_and(|all| all.is_as_seen(anchor.contact_side()))
    }

    /// Looks again at every contact-point record whose holders moved.
    pub(super) fn recompute_endpoints(&mut self) {
        let moved: Vec<_> = self.moved.keys().copied().collect();
        for record in moved {
            if let Some(entry) = self.store.record(record)
                && !entry.matched().is_contact_point()
            {
                self.anchors.extend(entry.anchors.iter().copied());
            }
        }
        let max = self.scorer.model().limits.anchor_records_max;
        let mut found = Vec::new();
        self.anchors.sort_unstable();
        self.anchors.dedup();
        for anchor in std::mem::take(&mut self.anchors) {
            if !self.has_no_contacts(anchor) {
                self.store
                    .block_members(anchor.contact_side(), max + 1, &mut found);
            }
        }
        self.endpoints.extend(found);
        for other in std::mem::take(&mut self.apart) {
            let contacts = self.contacts_with(other).active;
            self.endpoints
                .extend(contacts.iter().map(|(contact, _)| *contact));
        }
        let mut endpoints = std::mem::take(&mut self.endpoints);
        for endpoint in endpoints.clone() {
            let contacts = self.contacts_with(endpoint);
            for other in self.apart_from(&contacts.members) {
                let others = self.contacts_with(other).active;
                endpoints.extend(others.iter().map(|(contact, _)| *contact));
            }
        }
        for endpoint in endpoints {
            self.attach(endpoint);
        }
    }

    /// Gives a contact-point record, and those that statements make one with it, the person its anchors name, or its own.
    fn attach(&mut self, endpoint: RecordNumber) {
        let contacts = self.contacts_with(endpoint);
        let Some((_, founder)) = contacts.active.iter().min_by_key(|(_, m)| m.first_seen) else {
            return;
        };
        if contacts.full.is_some() {
            return;
        }
        let own = PersonId::of_founder_hash(founder.key_hash);
        let mut person = self.named_person(&contacts);
        if person.is_some() {
            // Two contact points that are two people cannot both be the one holder: neither is, whoever came first.
            for other in self.apart_from(&contacts.members) {
                let others = self.contacts_with(other);
                if others.full.is_none() && self.named_person(&others) == person {
                    person = None;
                    break;
                }
            }
        }
        for (contact, held) in contacts.active {
            self.assign(contact, held, person.unwrap_or(own));
        }
    }

    /// The person of the full records among them, or whom their anchors name together.
    fn named_person(&mut self, contacts: &Contacts) -> Option<PersonId> {
        if contacts.full.is_some() {
            return contacts.full;
        }
        let (mut anchors, mut strong) = (BTreeSet::new(), BTreeSet::new());
        for (contact, _) in &contacts.active {
            if let Some(entry) = self.store.record(*contact) {
                anchors.extend(entry.anchors.iter().copied());
                strong.extend(Scorer::strong_anchors(entry.matched()));
            }
        }
        let mut forbidden = BTreeSet::new();
        for other in self.apart_from(&contacts.members) {
            forbidden.extend(self.contacts_with(other).full);
        }
        self.holder(&anchors, &strong, &forbidden)
            .map(|(person, _)| person)
    }

    /// What statements make one with a record, itself among them. Of a full record that takes part only its person counts.
    fn contacts_with(&mut self, record: RecordNumber) -> Contacts {
        let active = self.store.record(record).is_some_and(|entry| entry.is_active());
        let held = self.store.membership(record).filter(|_| active);
        let full = held.filter(|m| !m.attached).map(|m| m.person);
        if full.is_some() || self.store.statements(record).is_empty() {
            let contact = held.filter(|m| m.attached);
            return Contacts {
                members: vec![record],
                active: contact.map(|m| (record, m)).into_iter().collect(),
                full,
            };
        }
        let members = self.component_of(record);
        let (clusters, counters) = clusters(self.scorer, self.known, &members);
        self.counters += counters;
        let cluster = clusters.iter().find(|c| c.iter().any(|m| m.number == record));
        let mut contacts = Contacts::default();
        for member in cluster.into_iter().flatten() {
            contacts.members.push(member.number);
            if member.active && member.held.attached {
                contacts.active.push((member.number, member.held));
            } else if member.active {
                contacts.full = Some(member.held.person);
            }
        }
        contacts
    }

    /// The records that statements keep apart from any of these.
    fn apart_from(&mut self, records: &[RecordNumber]) -> Vec<RecordNumber> {
        let mut out = Vec::new();
        for record in records {
            let statements = self.store.statements(*record);
            let apart = statements
                .iter()
                .filter(|p| p.in_force().is_some_and(|s| s.verdict == Verdict::NoMatch));
            out.extend(apart.map(|p| p.other));
        }
        out
    }

    /// How a contact-point record came to its person.
    pub(super) fn contact_method(&mut self, endpoint: RecordNumber) -> MatchMethod {
        let strong = self
            .store
            .record(endpoint)
            .and_then(|entry| {
                let anchors = entry.anchors.iter().copied().collect();
                let strong = Scorer::strong_anchors(entry.matched()).collect();
                self.holder(&anchors, &strong, &BTreeSet::new())
            })
            .is_some_and(|(_, strong)| strong);
        if strong {
            MatchMethod::ContactIdentifier
        } else {
            MatchMethod::ContactPoint
        }
    }

    /// The one person who holds the identifiers (`strong`), else the one who holds the contact points.
    fn holder(
        &mut self,
        anchors: &BTreeSet<BlockKey>,
        strong: &BTreeSet<BlockKey>,
        forbidden: &BTreeSet<PersonId>,
    ) -> Option<(PersonId, bool)> {
        let mut by_identifier = BTreeSet::new();
        let mut by_contact = BTreeSet::new();
        for anchor in anchors {
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
