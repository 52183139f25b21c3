//! Blocked values: what stands for "we have none" in the user's own data.

use panorama_model::{Address, HumanName, Identifier, IdentifierKind, Person, Presence, Text};
use panorama_standardize::{
    StandardAddress, StandardPerson, address, email, identifier, phone, social_security, standardize,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Values that are never evidence, spelled as sources spell them. What Panorama knows as placeholders needs no mention.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlockedValues {
    /// Phone numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Text>,
    /// E-mail addresses; `@example.org` blocks all of a domain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Text>,
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<BlockedAddress>,
    /// Issued identifiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<BlockedIdentifier>,
    /// Social security numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub social_security: Vec<Text>,
    /// Names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<BlockedName>,
}

/// A blocked address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockedAddress {
    /// House number and street.
    pub line: Text,
    /// The postal code; the line is blocked everywhere where it is not said.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub postal_code: Text,
}

/// A blocked identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockedIdentifier {
    /// The number.
    pub value: Text,
    /// Who issued it; everybody's where not said.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub authority: Text,
}

/// A blocked name: the given name, the family name, or the two together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockedName {
    /// The given name.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub given: Text,
    /// The family name.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub family: Text,
}

impl BlockedValues {
    /// True where nothing is blocked.
    pub const fn is_empty(&self) -> bool {
        self.phones.is_empty()
            && self.emails.is_empty()
            && self.addresses.is_empty()
            && self.identifiers.is_empty()
            && self.social_security.is_empty()
            && self.names.is_empty()
    }
}

impl BlockedAddress {
    /// In one spelling.
    pub(super) fn standard(&self) -> Option<StandardAddress> {
        let address = Address {
            line: self.line.clone(),
            postal_code: self.postal_code.clone(),
            ..Address::default()
        };
        address::standardize(&address).filter(StandardAddress::has_street)
    }
}

impl BlockedIdentifier {
    /// Value and authority in one spelling; `None` where it is a placeholder anyway.
    pub(super) fn standard(&self) -> Option<(Text, Text)> {
        let identifier = Identifier {
            value: self.value.clone(),
            authority: self.authority.clone(),
            kind: IdentifierKind::Other,
        };
        identifier::standardize(&identifier).map(|i| (i.value, i.authority))
    }
}

impl BlockedName {
    /// Given and family name in one spelling, empty where not said; `None` where it is a placeholder anyway.
    pub(super) fn standard(&self) -> Option<(Text, Text)> {
        let name = HumanName {
            given: self.given.clone(),
            family: self.family.clone(),
            ..HumanName::default()
        };
        let person = standardize(&Person {
            names: Presence::Value(vec![name]),
            ..Person::default()
        });
        let is_whole = person.given.is_empty() == self.given.is_empty()
            && person.family.is_empty() == self.family.is_empty();
        is_whole.then_some((person.given, person.family))
    }
}

/// Blocked values ready for use.
#[derive(Debug, Default)]
pub(super) struct ReadyBlocked {
    phones: HashSet<Text>,
    emails: HashSet<Text>,
    /// Domains, without the @.
    domains: HashSet<Text>,
    addresses: Vec<StandardAddress>,
    /// Value and authority; everybody's where that is empty.
    identifiers: HashSet<(Text, Text)>,
    social_security: HashSet<u32>,
    names: Vec<(Text, Text)>,
}

impl ReadyBlocked {
    /// `canonical` gives the name under which an authority is known.
    pub(super) fn new(values: &BlockedValues, canonical: impl Fn(&Text) -> Text) -> Self {
        let domain = |email: &Text| {
            email
                .trim()
                .strip_prefix('@')
                .map(|d| Text::from(d.to_lowercase()))
        };
        Self {
            phones: values
                .phones
                .iter()
                .filter_map(|p| phone::standardize(p))
                .collect(),
            emails: values
                .emails
                .iter()
                .filter_map(|e| email::standardize(e))
                .collect(),
            domains: values.emails.iter().filter_map(domain).collect(),
            addresses: values
                .addresses
                .iter()
                .filter_map(BlockedAddress::standard)
                .collect(),
            identifiers: values
                .identifiers
                .iter()
                .filter_map(BlockedIdentifier::standard)
                .map(|(value, authority)| (value, canonical(&authority)))
                .collect(),
            social_security: values
                .social_security
                .iter()
                .filter_map(|ssn| social_security::standardize(ssn)?.whole())
                .collect(),
            names: values.names.iter().filter_map(BlockedName::standard).collect(),
        }
    }

    /// Takes blocked values away.
    pub(super) fn take_from(&self, person: &mut StandardPerson) {
        person.phones.retain(|phone| !self.phones.contains(phone));
        person.emails.retain(|email| {
            let domain = email.split_once('@').map_or("", |(_, domain)| domain);
            !self.emails.contains(email) && !self.domains.contains(domain)
        });
        person
            .addresses
            .retain(|a| !self.addresses.iter().any(|blocked| is_at(a, blocked)));
        person.identifiers.retain(|i| {
            let everybodys = (i.value.clone(), Text::default());
            let issued = (i.value.clone(), i.authority.clone());
            !self.identifiers.contains(&everybodys) && !self.identifiers.contains(&issued)
        });
        let whole = person.ssn.and_then(|ssn| ssn.whole());
        if whole.is_some_and(|number| self.social_security.contains(&number)) {
            person.ssn = None;
        }
        for (given, family) in &self.names {
            take_name(person, given, family);
        }
    }
}

fn is_at(address: &StandardAddress, blocked: &StandardAddress) -> bool {
    address.number == blocked.number
        && address.street == blocked.street
        && (blocked.postal_code.is_empty() || address.postal_code == blocked.postal_code)
}

/// Takes a name away where both parts that are said agree.
fn take_name(person: &mut StandardPerson, given: &Text, family: &Text) {
    let both = !given.is_empty() && !family.is_empty();
    if both && (person.given != *given || person.family != *family) {
        return;
    }
    if !given.is_empty() {
        person.other_givens.retain(|other| other != given);
        if person.given == *given {
            person.given = Text::default();
            person.given_canonical = Text::default();
            person.middle = Text::default();
        }
    }
    if !family.is_empty() {
        person.other_families.retain(|other| other != family);
        if person.family == *family {
            person.family = Text::default();
        }
    }
}
