//! A whole person in one spelling: what identity compares.

use crate::{
    BirthDate, Generation, SocialSecurity, StandardAddress, StandardIdentifier, address, birth_date, email,
    identifier, name, nickname, phone, social_security,
};
use panorama_model::{HumanName, NameUse, Person, Sex, Text};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// What is said of a person besides names and numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PersonFlags {
    /// Made for a test.
    pub test: bool,
    /// Identity unknown or unreliable: never joined by demographics.
    pub unreliable: bool,
    /// Part of a multiple birth.
    pub multiple_birth: bool,
    /// Order within a multiple birth, 0 where not said.
    pub birth_order: u8,
    /// A newborn who has no given name yet.
    pub newborn: bool,
}

/// One person's matching features, each in one spelling. Empty text and empty lists are "not known".
///
/// Millions are kept in memory: only lists that most records have lie in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StandardPerson {
    /// First given name.
    pub given: Text,
    /// The most common formal name for `given`; the same where it is no nickname.
    pub given_canonical: Text,
    /// Further given names, separated by blanks.
    pub middle: Text,
    /// Family name without blanks and hyphens.
    pub family: Text,
    /// Parts of a double family name, previous and maiden names.
    pub other_families: Vec<Text>,
    /// Given names of other names (nickname, alias).
    pub other_givens: Vec<Text>,
    /// Jr, Sr, III.
    pub generation: Option<Generation>,
    /// Birth date.
    pub birth_date: Option<BirthDate>,
    /// Female or male; other codes say nothing for matching.
    pub sex: Option<Sex>,
    /// Social security number.
    pub ssn: Option<SocialSecurity>,
    /// Phone numbers, E.164.
    pub phones: SmallVec<[Text; 1]>,
    /// E-mail addresses.
    pub emails: SmallVec<[Text; 1]>,
    /// Addresses.
    pub addresses: SmallVec<[StandardAddress; 1]>,
    /// Issued identifiers.
    pub identifiers: Vec<StandardIdentifier>,
    /// What else is said.
    pub flags: PersonFlags,
}

impl StandardPerson {
    /// True where nothing but ways to reach somebody is known: such a record attaches to a person, and joins none.
    pub fn is_contact_point(&self) -> bool {
        self.given.is_empty()
            && self.family.is_empty()
            && self.birth_date.is_none()
            && self.ssn.is_none()
            && !self.flags.newborn
    }

    /// The family name and the other families, most current first.
    pub fn families(&self) -> impl Iterator<Item = &Text> {
        std::iter::once(&self.family)
            .filter(|f| !f.is_empty())
            .chain(&self.other_families)
    }
}

/// One spelling of everything a record says of a person.
///
/// - Shape: lists keep their order without repeats; the first name that has a family or given name leads.
/// - Nulls: placeholders are dropped; see the functions of each field.
pub fn standardize(person: &Person) -> StandardPerson {
    let mut scratch = String::with_capacity(48);
    let mut out = StandardPerson {
        birth_date: person
            .birth_date
            .value()
            .copied()
            .and_then(birth_date::standardize),
        sex: person
            .sex
            .value()
            .copied()
            .filter(|sex| matches!(sex, Sex::Female | Sex::Male)),
        ssn: person
            .ssn
            .value()
            .and_then(|ssn| social_security::standardize(ssn)),
        flags: PersonFlags {
            test: person.test.value().copied().unwrap_or(false),
            unreliable: person.identity_unreliable.value().copied().unwrap_or(false),
            multiple_birth: person.multiple_birth.value().copied().unwrap_or(false),
            birth_order: person.birth_order.value().copied().unwrap_or(0),
            newborn: false,
        },
        ..StandardPerson::default()
    };
    for name in person.names.list() {
        add_name(&mut out, name, &mut scratch);
    }
    out.given_canonical = Text::from(nickname::canonical(&out.given));
    add_all(
        &mut out.phones,
        person
            .phones
            .list()
            .iter()
            .filter_map(|p| phone::standardize(&p.number)),
    );
    add_all(
        &mut out.emails,
        person
            .emails
            .list()
            .iter()
            .filter_map(|e| email::standardize(&e.address)),
    );
    add_all(
        &mut out.addresses,
        person.addresses.list().iter().filter_map(address::standardize),
    );
    add_all(
        &mut out.identifiers,
        person
            .identifiers
            .list()
            .iter()
            .filter_map(identifier::standardize),
    );
    out
}

fn add_name(out: &mut StandardPerson, source: &HumanName, scratch: &mut String) {
    let family = name::family(&source.family, scratch);
    let given = name::given(&source.given, scratch);
    out.generation = out
        .generation
        .or_else(|| name::generation(&source.suffix, scratch))
        .or(family.generation)
        .or(given.generation);
    out.flags.newborn |= given.newborn;
    let previous = matches!(source.usage, NameUse::Old | NameUse::Maiden | NameUse::Alias);
    if !family.whole.is_empty() {
        if out.family.is_empty() && !previous {
            out.family = family.whole;
        } else if family.whole != out.family {
            add(&mut out.other_families, family.whole);
        }
        add_all(&mut out.other_families, family.parts.into_iter());
    }
    if out.given.is_empty() && !(previous || source.usage == NameUse::Nickname) {
        out.middle = name::middle(&source.middle, scratch);
        if out.middle.is_empty() {
            out.middle = given.rest;
        }
        out.given = given.first;
    } else if !given.first.is_empty() && given.first != out.given {
        add(&mut out.other_givens, given.first);
    }
}

/// Adds a value that is not there yet.
fn add<T: PartialEq>(list: &mut (impl Extend<T> + AsRef<[T]>), value: T) {
    if !list.as_ref().contains(&value) {
        list.extend([value]);
    }
}

fn add_all<T: PartialEq>(list: &mut (impl Extend<T> + AsRef<[T]>), values: impl Iterator<Item = T>) {
    for value in values {
        add(list, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_model::{Address, Email, PartialDate, Phone, Presence};
    use proptest::prelude::*;

    fn person(given: &str, family: &str) -> Person {
        Person {
            names: Presence::Value(vec![HumanName {
                family: family.into(),
                given: given.into(),
                ..HumanName::default()
            }]),
            ..Person::default()
        }
    }

    #[test]
    fn names_lead_and_follow() {
        let mut source = person("Bill", "Ruiz-Ortega");
        if let Presence::Value(names) = &mut source.names {
            names.push(HumanName {
                family: "Keller".into(),
                usage: NameUse::Maiden,
                ..HumanName::default()
            });
        }
        let out = standardize(&source);
        assert_eq!(out.given_canonical, "william");
        assert_eq!(out.family, "ruizortega");
        assert_eq!(out.other_families.as_slice(), ["ruiz", "ortega", "keller"]);
        assert!(!out.is_contact_point());
    }

    #[test]
    fn contact_points_and_newborns() {
        let caller = Person {
            phones: Presence::Value(vec![Phone {
                number: "414-555-0123".into(),
                ..Phone::default()
            }]),
            ..Person::default()
        };
        assert!(standardize(&caller).is_contact_point());
        let newborn = standardize(&person("BABYGIRL", ""));
        assert!(newborn.flags.newborn && !newborn.is_contact_point());
    }

    proptest! {
        #[test]
        fn standardizing_twice_changes_nothing(
            given in "\\PC{0,12}", family in "\\PC{0,16}", middle in "\\PC{0,8}",
            line in "[0-9a-zA-Z#. ]{0,24}", city in "\\PC{0,10}", phone in "[+0-9() x-]{0,16}", mail in "[a-zA-Z.+@]{0,20}",
            ssn in "[0-9-]{0,11}",
        ) {
            let mut source = person(&given, &family);
            if let Presence::Value(names) = &mut source.names {
                names[0].middle = middle.as_str().into();
            }
            source.addresses = Presence::Value(vec![Address { line: line.as_str().into(), city: city.as_str().into(), ..Address::default() }]);
            source.phones = Presence::Value(vec![Phone { number: phone.as_str().into(), ..Phone::default() }]);
            source.emails = Presence::Value(vec![Email { address: mail.as_str().into(), ..Email::default() }]);
            source.ssn = Presence::Value(ssn.as_str().into());
            source.birth_date = Presence::Value(PartialDate { year: 1980, month: 2, day: 0 });
            let once = standardize(&source);
            let mut again = person(&once.given, &once.family);
            if let Presence::Value(names) = &mut again.names {
                names[0].middle = once.middle.clone();
            }
            again.addresses = Presence::from_list(once.addresses.iter().map(|a| Address {
                line: Text::from(format!("{} {}", a.number, a.street)), line2: a.unit.clone(),
                city: a.city.clone(), ..Address::default()
            }).collect());
            again.phones = Presence::Value(once.phones.iter().map(|n| Phone { number: n.clone(), ..Phone::default() }).collect());
            again.emails = Presence::Value(once.emails.iter().map(|e| Email { address: e.clone(), ..Email::default() }).collect());
            let twice = standardize(&again);
            // A word that is a name before another (`Na Young`) may be none alone.
            prop_assert!(once.given == twice.given || once.given == name::PLACEHOLDER_OR_NAME);
            prop_assert_eq!(&once.family, &twice.family);
            prop_assert_eq!(&once.phones, &twice.phones);
            prop_assert_eq!(&once.emails, &twice.emails);
            prop_assert_eq!(once.addresses.first().map(|a| &a.city), twice.addresses.first().map(|a| &a.city));
        }
    }
}
