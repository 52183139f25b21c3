//! Gathers what a payload says, per source record, whatever the order of its entries (INV-6).

use panorama_model::{
    Decoded, Fact, IdentityEvent, Issue, Person, RecordKind, SourceRecord, SourceRecordKey, Text, Version,
};
use serde::Serialize;
use std::collections::HashMap;

/// Whose record a fact hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner<'t> {
    pub(crate) kind: RecordKind,
    pub(crate) id: &'t str,
}

/// What one payload says, growing.
#[derive(Debug, Default)]
pub(crate) struct Output {
    source: Text,
    groups: Vec<Group>,
    patients: HashMap<Text, usize>,
    related: HashMap<Text, usize>,
    providers: HashMap<Text, usize>,
    latest: usize,
    /// Memory to use again.
    bytes: Vec<u8>,
    pub(crate) identity_events: Vec<IdentityEvent>,
    pub(crate) issues: Vec<Issue>,
}

#[derive(Debug)]
struct Group {
    key: SourceRecordKey,
    persons: Vec<(Version, Person)>,
    facts: Vec<Fact>,
}

impl Output {
    pub(crate) fn new(source: &str) -> Self {
        Self {
            source: source.into(),
            ..Self::default()
        }
    }

    /// The key of a record of this source.
    pub(crate) fn key(&self, owner: Owner<'_>) -> SourceRecordKey {
        SourceRecordKey::new(self.source.clone(), owner.kind, owner.id)
    }

    /// The version of a statement that says this.
    ///
    /// What is said depends on the resource and on those it refers to, if the payload holds them. Two statements of one
    /// instant must differ in their versions if they differ in anything, or their order of arrival would decide (INV-6);
    /// and one that differs in its narrative only is the same.
    fn version_of(&mut self, version: Version, content: &impl Serialize) -> Version {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        match postcard::to_extend(content, bytes) {
            Ok(bytes) => {
                let version = Version::new(version.at, version.sequence, &bytes);
                self.bytes = bytes;
                version
            }
            // The version by the resource's own bytes is the next best.
            Err(_) => version,
        }
    }

    /// Adds what is said of a person.
    pub(crate) fn person(&mut self, owner: Owner<'_>, version: Version, person: Person) {
        let version = self.version_of(version, &person);
        if let Some(group) = self.group(owner) {
            group.persons.push((version, person));
        }
    }

    /// Adds a fact.
    pub(crate) fn fact(&mut self, owner: Owner<'_>, mut fact: Fact) {
        fact.version = self.version_of(fact.version, &(fact.deleted, &fact.row));
        if let Some(group) = self.group(owner) {
            group.facts.push(fact);
        }
    }

    fn group(&mut self, owner: Owner<'_>) -> Option<&mut Group> {
        let is_latest = |g: &Group| g.key.kind == owner.kind && g.key.id == owner.id;
        if !self.groups.get(self.latest).is_some_and(is_latest) {
            let index = match owner.kind {
                RecordKind::Provider => &mut self.providers,
                RecordKind::RelatedPerson => &mut self.related,
                _ => &mut self.patients,
            };
            self.latest = match index.get(owner.id) {
                Some(at) => *at,
                None => {
                    index.insert(owner.id.into(), self.groups.len());
                    self.groups.push(Group {
                        key: SourceRecordKey::new(self.source.clone(), owner.kind, owner.id),
                        persons: Vec::new(),
                        facts: Vec::new(),
                    });
                    self.groups.len() - 1
                }
            };
        }
        self.groups.get_mut(self.latest)
    }

    /// Everything said. The facts of a record go with the newest statement about its person.
    pub(crate) fn finish(self, kind: &'static str) -> Decoded {
        let mut records = Vec::with_capacity(self.groups.len());
        for mut group in self.groups {
            group.persons.sort_by_key(|(version, _)| *version);
            let newest = group.persons.pop();
            for (version, person) in group.persons {
                records.push(record(group.key.clone(), version, Some(person), Vec::new()));
            }
            let (version, person) = match newest {
                Some((version, person)) => (version, Some(person)),
                None => {
                    let newest = group.facts.iter().map(|fact| fact.version).max();
                    (newest.unwrap_or_default(), None)
                }
            };
            records.push(record(group.key, version, person, group.facts));
        }
        Decoded {
            kind: Text::new_static(kind),
            records,
            identity_events: self.identity_events,
            issues: self.issues,
            ..Decoded::default()
        }
    }
}

fn record(key: SourceRecordKey, version: Version, person: Option<Person>, facts: Vec<Fact>) -> SourceRecord {
    SourceRecord {
        complete: person.is_some(),
        key,
        version,
        person,
        facts,
    }
}
