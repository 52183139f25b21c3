//! The golden record: field-by-field survivorship over the members, with provenance.
//!
//! - Rule: for each field, of the members that speak of it the one of the most trusted kind survives (a clinical record
//!   before a CRM list before a contact point), among equals the newest statement, among those the smallest key. Lists
//!   (phones, e-mails, identifiers) are unions in that same order.

use crate::{MemberSummary, Summary};
use panorama_model::{
    Address, AddressUse, HumanName, Identifier, IdentifierKind, NameUse, PartialDate, Person, Presence,
    RecordKind, Sex, SourceRecordKey, Text, Timestamp,
};

/// Most values kept of a list field: a person with more contact points than this is a shared endpoint, not a person.
const LIST_VALUES_MAX: usize = 20;

/// One person's best-known demographics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GoldenRecord {
    /// A clinical system knows the person.
    pub is_patient: bool,
    /// `active` or `deceased`.
    pub deceased: bool,
    /// Surviving name.
    pub name: HumanName,
    /// Surviving birth date.
    pub birth_date: Option<PartialDate>,
    /// When the person died.
    pub death_at: Option<Timestamp>,
    /// Surviving sex.
    pub sex: Option<Sex>,
    /// Race code or text.
    pub race: Option<Text>,
    /// Ethnicity code or text.
    pub ethnicity: Option<Text>,
    /// Preferred language.
    pub language: Option<Text>,
    /// Marital status.
    pub marital_status: Option<Text>,
    /// Phone numbers, best first.
    pub phones: Vec<Text>,
    /// E-mail addresses, best first.
    pub emails: Vec<Text>,
    /// Surviving address.
    pub address: Option<Address>,
    /// Medical record numbers and other issued ids, best first.
    pub identifiers: Vec<Identifier>,
    /// The sources that know the person.
    pub sources: Vec<Text>,
    /// Source records.
    pub record_count: i64,
    /// Least probability of the links that hold the records together; 1 for a single record.
    pub identity_confidence: f64,
    /// When the person was first heard of.
    pub first_seen_at: Option<Timestamp>,
    /// Field -> `source/kind/id` of the record it survives from, by field name.
    pub provenance: Vec<(Text, Text)>,
}

/// The survivors of a person's records.
pub fn golden_record(summary: &Summary) -> GoldenRecord {
    let mut ranked: Vec<(&SourceRecordKey, &MemberSummary)> = summary.members.iter().collect();
    ranked.sort_by(|(a_key, a), (b_key, b)| {
        let trust = |key: &SourceRecordKey, m: &MemberSummary| {
            (m.person.inactive.value() == Some(&true), distrust(key.kind))
        };
        trust(a_key, a)
            .cmp(&trust(b_key, b))
            .then(b.version.cmp(&a.version))
            .then(a_key.cmp(b_key))
    });
    let mut provenance = Vec::new();
    let mut pick = Picker {
        ranked: &ranked,
        provenance: &mut provenance,
    };
    let mut golden = GoldenRecord {
        is_patient: ranked.iter().any(|(key, _)| key.kind == RecordKind::Patient),
        name: pick.best("name", best_name).unwrap_or_default(),
        birth_date: pick.best("birth_date", |p| p.birth_date.value().copied()),
        death_at: pick.best("death_date", |p| p.death_at.value().copied()),
        deceased: pick
            .best("deceased", |p| p.deceased.value().copied())
            .unwrap_or(false),
        sex: pick.best("sex", |p| p.sex.value().copied().filter(|s| *s != Sex::Unknown)),
        race: pick.text("race", |p| &p.race),
        ethnicity: pick.text("ethnicity", |p| &p.ethnicity),
        language: pick.text("language", |p| &p.language),
        marital_status: pick.text("marital_status", |p| &p.marital_status),
        address: pick.best("address", best_address),
        phones: pick.list("phones", |p| {
            p.phones.list().iter().map(|x| x.number.clone()).collect()
        }),
        emails: pick.list("emails", |p| {
            p.emails.list().iter().map(|x| x.address.clone()).collect()
        }),
        identifiers: pick.list("identifiers", |p| {
            p.identifiers
                .list()
                .iter()
                .filter(|i| names_a_person(i))
                .cloned()
                .collect()
        }),
        record_count: i64::try_from(ranked.len()).unwrap_or(i64::MAX),
        identity_confidence: ranked.iter().map(|(_, m)| m.link_probability).fold(1.0, f64::min),
        first_seen_at: ranked.iter().map(|(_, m)| m.first_seen_at).min(),
        ..GoldenRecord::default()
    };
    golden.deceased |= golden.death_at.is_some();
    golden.sources = ranked.iter().map(|(key, _)| key.source.clone()).collect();
    golden.sources.sort();
    golden.sources.dedup();
    provenance.sort();
    golden.provenance = provenance;
    golden
}

/// The order of trust between kinds of record, most trusted first.
const fn distrust(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Patient => 0,
        RecordKind::Contact => 1,
        RecordKind::Visitor => 2,
        RecordKind::Subscriber => 3,
        RecordKind::Caller => 4,
        RecordKind::RelatedPerson | RecordKind::Provider => 5,
    }
}

struct Picker<'a> {
    ranked: &'a [(&'a SourceRecordKey, &'a MemberSummary)],
    provenance: &'a mut Vec<(Text, Text)>,
}

impl Picker<'_> {
    fn best<T>(&mut self, field: &'static str, of: impl Fn(&Person) -> Option<T>) -> Option<T> {
        let (key, value) = self
            .ranked
            .iter()
            .find_map(|(key, member)| Some((key, of(&member.person)?)))?;
        self.provenance.push((field.into(), record_name(key)));
        Some(value)
    }

    fn text(&mut self, field: &'static str, of: impl Fn(&Person) -> &Presence<Text>) -> Option<Text> {
        self.best(field, |person| {
            of(person).value().filter(|t| !t.is_empty()).cloned()
        })
    }

    fn list<T: PartialEq>(&mut self, field: &'static str, of: impl Fn(&Person) -> Vec<T>) -> Vec<T> {
        let mut union: Vec<T> = Vec::new();
        for (key, member) in self.ranked {
            for value in of(&member.person) {
                if union.len() < LIST_VALUES_MAX && !union.contains(&value) {
                    if union.is_empty() {
                        self.provenance.push((field.into(), record_name(key)));
                    }
                    union.push(value);
                }
            }
        }
        union
    }
}

/// `source/kind/authority/id`, as provenance and reviews name a record.
pub fn record_name(key: &SourceRecordKey) -> Text {
    let mut name = format!("{}/{}/", key.source, key.kind.name());
    if !key.authority.is_empty() {
        name.push_str(&key.authority);
        name.push('/');
    }
    name.push_str(&key.id);
    name.into()
}

fn best_name(person: &Person) -> Option<HumanName> {
    let names = person.names.list();
    let said = |n: &&HumanName| !n.family.is_empty() || !n.given.is_empty();
    names
        .iter()
        .filter(said)
        .find(|n| n.usage == NameUse::Official)
        .or_else(|| names.iter().find(said))
        .cloned()
}

fn best_address(person: &Person) -> Option<Address> {
    let addresses = person.addresses.list();
    let said = |a: &&Address| !a.line.is_empty() || !a.city.is_empty() || !a.postal_code.is_empty();
    addresses
        .iter()
        .filter(said)
        .find(|a| a.usage == AddressUse::Home)
        .or_else(|| addresses.iter().find(said))
        .cloned()
}

const fn names_a_person(identifier: &Identifier) -> bool {
    !matches!(
        identifier.kind,
        IdentifierKind::Account | IdentifierKind::Device | IdentifierKind::Npi
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_model::{Phone, Version};

    fn member(
        kind: RecordKind,
        id: &str,
        at: i64,
        family: &str,
        phone: &str,
    ) -> (SourceRecordKey, MemberSummary) {
        let person = Person {
            names: Presence::Value(vec![HumanName {
                family: family.into(),
                ..HumanName::default()
            }]),
            phones: Presence::Value(vec![Phone {
                number: phone.into(),
                ..Phone::default()
            }]),
            ..Person::default()
        };
        let version = Version {
            at: Timestamp(at),
            sequence: 0,
            content: 0,
        };
        let member = MemberSummary {
            person,
            version,
            first_seen_at: Timestamp(at),
            link_probability: 0.99,
        };
        (SourceRecordKey::new("s", kind, id), member)
    }

    #[test]
    fn a_newer_clinical_record_outranks_an_older_one_and_any_list() {
        let members = [
            member(RecordKind::Patient, "1", 10, "Old", "1"),
            member(RecordKind::Patient, "2", 20, "New", "2"),
            member(RecordKind::Contact, "3", 30, "List", "3"),
        ];
        let summary = Summary {
            members: members.into(),
            ..Summary::default()
        };
        let golden = golden_record(&summary);
        assert_eq!(golden.name.family, "New");
        assert_eq!(golden.phones, ["2", "1", "3"]);
        assert_eq!(golden.record_count, 3);
        assert!(golden.provenance.contains(&("name".into(), "s/patient/2".into())));
        assert!((golden.identity_confidence - 0.99).abs() < 1e-9);
    }
}
