//! Free attributes - call flow attributes, custom arguments, traits - read as demographics and identifiers.
//!
//! Who fills such attributes chooses their names. The names people choose are few; they stand in one table here, for every
//! format that has attributes.

use crate::json::{Node, squeeze};
use crate::{
    Address, ContactUse, Email, HumanName, Identifier, IdentifierKind, Issue, PartialDate, Person, Phone,
    Presence, Sex, Text,
};
use smallvec::SmallVec;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attribute {
    FullName,
    GivenName,
    MiddleName,
    FamilyName,
    Suffix,
    BirthDate,
    Sex,
    Language,
    Email,
    Phone(ContactUse),
    Address,
    Line,
    Line2,
    City,
    State,
    PostalCode,
    Country,
    RecordAuthority,
    Identifier(IdentifierKind),
}

/// Squeezed names (lower case, no separators) and what they mean.
const NAMES: &[(&str, Attribute)] = &[
    ("name", Attribute::FullName),
    ("fullname", Attribute::FullName),
    ("patientname", Attribute::FullName),
    ("customername", Attribute::FullName),
    ("firstname", Attribute::GivenName),
    ("givenname", Attribute::GivenName),
    ("patientfirstname", Attribute::GivenName),
    ("middlename", Attribute::MiddleName),
    ("lastname", Attribute::FamilyName),
    ("familyname", Attribute::FamilyName),
    ("surname", Attribute::FamilyName),
    ("patientlastname", Attribute::FamilyName),
    ("suffix", Attribute::Suffix),
    ("namesuffix", Attribute::Suffix),
    ("dob", Attribute::BirthDate),
    ("birthdate", Attribute::BirthDate),
    ("birthday", Attribute::BirthDate),
    ("dateofbirth", Attribute::BirthDate),
    ("patientdob", Attribute::BirthDate),
    ("sex", Attribute::Sex),
    ("gender", Attribute::Sex),
    ("language", Attribute::Language),
    ("preferredlanguage", Attribute::Language),
    ("email", Attribute::Email),
    ("emailaddress", Attribute::Email),
    ("phone", Attribute::Phone(ContactUse::Home)),
    ("phonenumber", Attribute::Phone(ContactUse::Home)),
    ("homephone", Attribute::Phone(ContactUse::Home)),
    ("mobile", Attribute::Phone(ContactUse::Mobile)),
    ("mobilephone", Attribute::Phone(ContactUse::Mobile)),
    ("cellphone", Attribute::Phone(ContactUse::Mobile)),
    ("workphone", Attribute::Phone(ContactUse::Work)),
    ("address", Attribute::Address),
    ("street", Attribute::Line),
    ("streetaddress", Attribute::Line),
    ("addressline", Attribute::Line),
    ("addressline1", Attribute::Line),
    ("addressline2", Attribute::Line2),
    ("city", Attribute::City),
    ("state", Attribute::State),
    ("zip", Attribute::PostalCode),
    ("zipcode", Attribute::PostalCode),
    ("postalcode", Attribute::PostalCode),
    ("country", Attribute::Country),
    ("mrnauthority", Attribute::RecordAuthority),
    ("assigningauthority", Attribute::RecordAuthority),
    ("mrn", Attribute::Identifier(IdentifierKind::MedicalRecord)),
    ("patientmrn", Attribute::Identifier(IdentifierKind::MedicalRecord)),
    (
        "medicalrecordnumber",
        Attribute::Identifier(IdentifierKind::MedicalRecord),
    ),
    ("patientid", Attribute::Identifier(IdentifierKind::Patient)),
    ("memberid", Attribute::Identifier(IdentifierKind::Member)),
    (
        "healthplanmemberid",
        Attribute::Identifier(IdentifierKind::Member),
    ),
    ("contactid", Attribute::Identifier(IdentifierKind::Crm)),
    ("crmid", Attribute::Identifier(IdentifierKind::Crm)),
    ("crmcontactid", Attribute::Identifier(IdentifierKind::Crm)),
    ("contactkey", Attribute::Identifier(IdentifierKind::Crm)),
    ("subscriberkey", Attribute::Identifier(IdentifierKind::Crm)),
    ("salesforcecontactid", Attribute::Identifier(IdentifierKind::Crm)),
];

fn meaning(name: &str) -> Option<Attribute> {
    NAMES
        .iter()
        .find(|(known, _)| squeeze(name).eq(known.bytes()))
        .map(|(_, attribute)| *attribute)
}

/// What an identifier of this name is (`mrn`, `Member_ID`), if it is one.
pub fn identifier_kind(name: &str) -> Option<IdentifierKind> {
    match meaning(name)? {
        Attribute::Identifier(kind) => Some(kind),
        _ => None,
    }
}

/// Reads the members of an object that name demographics or identifiers; all others stay unread.
///
/// - Shape: at most one name and one address; lists follow the order of the members' names.
/// - Nulls: blank and null members are not spoken of.
/// - Units: a date is read as ISO 8601, `YYYYMMDD`, or `MM/DD/YYYY`; anything else is the issue `date_invalid` at
///   `location.member`.
pub fn read(members: Node<'_>, location: &str, issues: &mut Vec<Issue>) -> Person {
    let mut known: SmallVec<[_; 16]> = members
        .members()
        .filter_map(|(name, node)| Some((name, node, meaning(name)?)))
        .collect();
    known.sort_unstable_by_key(|(name, ..)| *name);
    let mut draft = Draft::default();
    for (name, node, attribute) in known {
        draft.take(attribute, node, &mut || {
            issues.push(Issue::warning("date_invalid", format!("{location}.{name}")));
        });
    }
    draft.into_person()
}

#[derive(Default)]
struct Draft {
    name: HumanName,
    address: Address,
    authority: Text,
    person: Person,
    emails: Vec<Email>,
    phones: Vec<Phone>,
    identifiers: Vec<Identifier>,
}

impl Draft {
    fn take(&mut self, attribute: Attribute, node: Node<'_>, bad_date: &mut dyn FnMut()) {
        if attribute == Attribute::Address && node.is_object() {
            for (name, part) in node.members() {
                if let Some(
                    found @ (Attribute::Line
                    | Attribute::Line2
                    | Attribute::City
                    | Attribute::State
                    | Attribute::PostalCode
                    | Attribute::Country),
                ) = meaning(name)
                {
                    self.take(found, part, bad_date);
                }
            }
            return;
        }
        let Some(text) = node.text() else { return };
        match attribute {
            Attribute::FullName => self.take_full_name(&text),
            Attribute::GivenName => self.name.given = text,
            Attribute::MiddleName => self.name.middle = text,
            Attribute::FamilyName => self.name.family = text,
            Attribute::Suffix => self.name.suffix = text,
            Attribute::BirthDate => match PartialDate::parse_any(&text) {
                Some(date) => self.person.birth_date = Presence::Value(date),
                None => bad_date(),
            },
            Attribute::Sex => self.person.sex = Sex::parse(&text).into(),
            Attribute::Language => self.person.language = Presence::Value(text),
            Attribute::Email => self.emails.push(Email {
                address: text,
                usage: ContactUse::Home,
            }),
            Attribute::Phone(usage) => self.phones.push(Phone { number: text, usage }),
            Attribute::Address | Attribute::Line => self.address.line = text,
            Attribute::Line2 => self.address.line2 = text,
            Attribute::City => self.address.city = text,
            Attribute::State => self.address.state = text,
            Attribute::PostalCode => self.address.postal_code = text,
            Attribute::Country => self.address.country = text,
            Attribute::RecordAuthority => self.authority = text,
            Attribute::Identifier(kind) => self.identifiers.push(Identifier {
                value: text,
                authority: Text::default(),
                kind,
            }),
        }
    }

    /// A whole name gives way to its parts where the source has both.
    fn take_full_name(&mut self, text: &str) {
        let name = HumanName::from_full(text);
        if self.name.family.is_empty() && self.name.given.is_empty() {
            self.name = name;
        }
    }

    fn into_person(mut self) -> Person {
        for identifier in &mut self.identifiers {
            if identifier.kind == IdentifierKind::MedicalRecord {
                identifier.authority = self.authority.clone();
            }
        }
        let said = |empty: bool| !empty;
        let mut person = self.person;
        if said(self.name == HumanName::default()) {
            person.names = Presence::Value(vec![self.name]);
        }
        if said(self.address == Address::default()) {
            person.addresses = Presence::Value(vec![self.address]);
        }
        person.emails = Presence::from_list(self.emails);
        person.phones = Presence::from_list(self.phones);
        person.identifiers = Presence::from_list(self.identifiers);
        person
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;
    use serde_json::json;

    #[test]
    fn attributes_of_any_spelling_become_a_person() {
        let mut issues = Vec::new();
        let text = json!({
            "Patient_MRN": "M-1", "mrnAuthority": "NORTH", "member-id": 77, "firstName": "Ada", "last_name": "Moss",
            "name": "Ada B Moss", "DOB": "02/29/1980", "gender": "F", "email": "a@example.org", "mobile": "+12025550101",
            "address": {"street": "1 Elm St", "city": "Salem", "postalCode": "01970"}, "plan": "premium"
        })
        .to_string();
        let value = parse(text.as_bytes()).unwrap();
        let person = read(Node::from(&value), "traits", &mut issues);
        assert!(issues.is_empty());
        let name = &person.names.list()[0];
        assert_eq!((name.given.as_str(), name.family.as_str()), ("Ada", "Moss"));
        assert_eq!(person.birth_date.value().unwrap().to_string(), "1980-02-29");
        assert_eq!(person.sex, Presence::Value(Sex::Female));
        assert_eq!(person.addresses.list()[0].city, "Salem");
        assert_eq!(person.phones.list()[0].usage, ContactUse::Mobile);
        let kinds: Vec<_> = person
            .identifiers
            .list()
            .iter()
            .map(|i| (i.kind, i.value.as_str(), i.authority.as_str()))
            .collect();
        assert_eq!(
            kinds,
            [
                (IdentifierKind::MedicalRecord, "M-1", "NORTH"),
                (IdentifierKind::Member, "77", "")
            ]
        );
    }

    #[test]
    fn a_bad_date_is_an_issue_and_the_rest_is_read() {
        let mut issues = Vec::new();
        let value = parse(br#"{"dob": "31/31/1980", "phone": "1"}"#).unwrap();
        let person = read(Node::from(&value), "Attributes", &mut issues);
        assert!(person.birth_date.is_absent());
        assert_eq!(person.phones.list().len(), 1);
        assert_eq!(issues, [Issue::warning("date_invalid", "Attributes.dob")]);
    }
}
