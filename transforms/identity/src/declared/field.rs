//! The fields of a standardized person by the names under which rules and comparisons are declared.

use crate::blocking::soundex;
use panorama_model::{Sex, Text};
use panorama_standardize::{StandardAddress, StandardPerson};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::borrow::Cow;

/// A field, or a function of one. A record may have several values of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The first given name.
    GivenName,
    /// The formal name it stands for (`bill`: `william`).
    GivenNameFormal,
    /// Its first letter.
    GivenNameInitial,
    /// The Soundex code of the formal name.
    GivenNameSound,
    /// Further given names.
    MiddleName,
    /// Their first letter.
    MiddleNameInitial,
    /// The family name, parts of a double one, former ones.
    FamilyName,
    /// The first letter of the current family name.
    FamilyNameInitial,
    /// The Soundex codes of the family names.
    FamilyNameSound,
    /// The whole birth date.
    BirthDate,
    /// Its year.
    BirthYear,
    /// Its month and day.
    Birthday,
    /// Female or male.
    Sex,
    /// All nine digits.
    SocialSecurity,
    /// The last four.
    SocialSecurityLastFour,
    /// Phone numbers.
    Phone,
    /// Phone numbers without country and area.
    PhoneLastSeven,
    /// E-mail addresses.
    Email,
    /// What stands before the @.
    EmailLocal,
    /// What stands after it.
    EmailDomain,
    /// The number of the house or box.
    HouseNumber,
    /// The street without the number.
    Street,
    /// Apartment, suite, lot.
    Unit,
    /// The city.
    City,
    /// The state.
    State,
    /// The postal code.
    PostalCode,
    /// Its first three characters.
    PostalCodeArea,
    /// The identifiers that one authority issued, whatever they are.
    IdentifierOf(Text),
}

/// The values of a field in one record.
pub(super) type Values<'a> = SmallVec<[Cow<'a, str>; 4]>;

impl Field {
    /// True where the value belongs to an address: several such fields of one rule are read from the same address.
    pub(super) const fn is_of_address(&self) -> bool {
        matches!(
            self,
            Self::HouseNumber
                | Self::Street
                | Self::Unit
                | Self::City
                | Self::State
                | Self::PostalCode
                | Self::PostalCodeArea
        )
    }

    /// True where so many people share each value that it finds nobody by itself.
    pub(super) const fn is_coarse(&self) -> bool {
        matches!(
            self,
            Self::Sex
                | Self::State
                | Self::GivenNameInitial
                | Self::MiddleNameInitial
                | Self::FamilyNameInitial
                | Self::BirthYear
        )
    }

    /// True where a value is a number of which a difference means something.
    pub(super) const fn is_number(&self) -> bool {
        matches!(
            self,
            Self::BirthYear | Self::HouseNumber | Self::PostalCode | Self::IdentifierOf(_)
        )
    }

    /// The values of a record, in the order in which it holds them.
    pub(super) fn values<'a>(&self, person: &'a StandardPerson) -> Values<'a> {
        if self.is_of_address() {
            let all = person.addresses.iter().flat_map(|a| self.value_in(a));
            return all.collect();
        }
        let mut out = Values::new();
        match self {
            Self::GivenName => add(&mut out, &person.given),
            Self::GivenNameFormal => add(&mut out, &person.given_canonical),
            Self::GivenNameInitial => add(&mut out, head(&person.given_canonical, 1)),
            Self::GivenNameSound => add_sound(&mut out, &person.given_canonical),
            Self::MiddleName => add(&mut out, &person.middle),
            Self::MiddleNameInitial => add(&mut out, head(&person.middle, 1)),
            Self::FamilyName => person.families().for_each(|family| add(&mut out, family)),
            Self::FamilyNameInitial => add(&mut out, head(&person.family, 1)),
            Self::FamilyNameSound => person.families().for_each(|family| add_sound(&mut out, family)),
            Self::BirthDate | Self::BirthYear | Self::Birthday => {
                out.extend(self.of_birth(person).map(Cow::Owned));
            }
            Self::Sex => match person.sex {
                Some(Sex::Female) => add(&mut out, "female"),
                Some(Sex::Male) => add(&mut out, "male"),
                _ => {}
            },
            Self::SocialSecurity => {
                let whole = person.ssn.and_then(|ssn| ssn.whole());
                out.extend(whole.map(|number| Cow::Owned(format!("{number:09}"))));
            }
            Self::SocialSecurityLastFour => {
                let serial = person.ssn.map(|ssn| ssn.last_four());
                out.extend(serial.map(|serial| Cow::Owned(format!("{serial:04}"))));
            }
            Self::Phone => person.phones.iter().for_each(|phone| add(&mut out, phone)),
            Self::PhoneLastSeven => person
                .phones
                .iter()
                .for_each(|phone| add(&mut out, tail(phone, 7))),
            Self::Email => person.emails.iter().for_each(|email| add(&mut out, email)),
            Self::EmailLocal => emails(person).for_each(|(local, _)| add(&mut out, local)),
            Self::EmailDomain => emails(person).for_each(|(_, domain)| add(&mut out, domain)),
            Self::IdentifierOf(authority) => {
                let issued = person.identifiers.iter().filter(|i| i.authority == *authority);
                issued.for_each(|i| add(&mut out, &i.value));
            }
            _ => {}
        }
        out
    }

    /// The value of one address; `None` for other fields.
    pub(super) fn value_in<'a>(&self, address: &'a StandardAddress) -> Option<Cow<'a, str>> {
        let value = match self {
            Self::HouseNumber => &address.number,
            Self::Street => &address.street,
            Self::Unit => &address.unit,
            Self::City => &address.city,
            Self::State => &address.state,
            Self::PostalCode => &address.postal_code,
            Self::PostalCodeArea => head(&address.postal_code, 3),
            _ => "",
        };
        (!value.is_empty()).then_some(Cow::Borrowed(value))
    }

    /// The birth date, or a part of it, where that is known.
    fn of_birth(&self, person: &StandardPerson) -> Option<String> {
        let date = person.birth_date?.date;
        match self {
            Self::BirthYear => Some(format!("{:04}", date.year)),
            _ if date.day == 0 => None,
            Self::BirthDate => Some(format!("{:04}{:02}{:02}", date.year, date.month, date.day)),
            _ => Some(format!("{:02}{:02}", date.month, date.day)),
        }
    }
}

fn add<'a>(out: &mut Values<'a>, value: &'a str) {
    if !value.is_empty() {
        out.push(Cow::Borrowed(value));
    }
}

fn add_sound(out: &mut Values<'_>, name: &str) {
    if !name.is_empty() {
        out.push(Cow::Owned(soundex(name).iter().map(|c| char::from(*c)).collect()));
    }
}

fn emails(person: &StandardPerson) -> impl Iterator<Item = (&str, &str)> {
    person.emails.iter().filter_map(|email| email.split_once('@'))
}

/// The first characters; all where there are fewer.
fn head(text: &str, characters: usize) -> &str {
    let end = text
        .char_indices()
        .nth(characters)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// The last bytes; all where there are fewer.
fn tail(text: &str, bytes: usize) -> &str {
    text.get(text.len().saturating_sub(bytes)..).unwrap_or(text)
}
