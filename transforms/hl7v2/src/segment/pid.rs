//! PID: who the patient is (HL7 v2.5 3.4.2).

use crate::datatype::{Telecom, address, cx, human_name, telecom, upper_case};
use crate::reader::{Reader, names, said};
use crate::syntax::{Component, Field, Segment};
use crate::time::Hl7Time;
use panorama_model::{
    ContactUse, Email, HumanName, Identifier, IdentifierKind, NameUse, PartialDate, Person, Phone, Presence,
    Sex, Text,
};
use std::borrow::Cow;

pub(super) fn read<'m>(reader: &mut Reader<'m>, pid: Segment<'m>) {
    let mut person = Person {
        names: person_names(pid),
        birth_date: birth_date(reader, pid),
        sex: sex(reader, pid),
        addresses: addresses(pid.field(11)),
        race: coded_said(pid.field(10)),
        ethnicity: coded_said(pid.field(22)),
        language: coded_said(pid.field(15)),
        marital_status: coded_said(pid.field(16)),
        religion: coded_said(pid.field(17)),
        mother_maiden_name: mother_maiden_name(pid.field(6)),
        multiple_birth: flag(pid.field(24)),
        birth_order: said(pid.first(25)).and_then(|n| n.parse().ok()),
        identity_unreliable: unreliable(pid),
        ..Person::default()
    };
    person.death_at = reader.time_said(pid, 29);
    person.deceased = match (flag(pid.field(30)), &person.death_at) {
        (Presence::Absent, Presence::Value(_)) => Presence::Value(true),
        (said, _) => said,
    };
    telecoms(reader, &mut person, pid);
    identifiers(reader, &mut person, pid);
    if reader.is_test {
        person.test = Presence::Value(true);
    }
    let record = &mut reader.begin_patient(pid).record;
    if let Some(provider) = record.person.take().map(|p| p.primary_care_npi) {
        // PD1 stood before its PID.
        person.primary_care_npi = provider;
    }
    record.person = Some(person);
}

/// PID-5, the names in use first, and the aliases of PID-9.
fn person_names(pid: Segment<'_>) -> Presence<Vec<HumanName>> {
    let field = pid.field(5);
    if field.is_null() {
        return Presence::Null;
    }
    let mut list: Vec<HumanName> = names(field).collect();
    let aliases = pid.field(9);
    if !aliases.is_empty() {
        list.extend(names(aliases).map(|name| HumanName {
            usage: match name.usage {
                NameUse::Official => NameUse::Alias,
                said => said,
            },
            ..name
        }));
    }
    if list.len() > 1 {
        list.sort_by_key(|name| name.usage != NameUse::Official);
    }
    Presence::from_list(list)
}

fn birth_date(reader: &mut Reader<'_>, pid: Segment<'_>) -> Presence<PartialDate> {
    match value_said(pid.field(7)) {
        Presence::Value(text) if text.bytes().all(|b| b == b'0') => Presence::Absent,
        Presence::Value(text) => match Hl7Time::parse(&text) {
            Ok(time) => Presence::Value(time.partial_date()),
            Err(_) => {
                reader.complain("date_invalid", pid, 7);
                Presence::Absent
            }
        },
        Presence::Null => Presence::Null,
        Presence::Absent => Presence::Absent,
    }
}

/// PID-8, HL7 table 0001.
fn sex(reader: &mut Reader<'_>, pid: Segment<'_>) -> Presence<Sex> {
    let code = value_said(pid.field(8));
    let known = |code: Cow<'_, str>| {
        Some(match &*upper_case(&code) {
            "F" | "FEMALE" => Sex::Female,
            "M" | "MALE" => Sex::Male,
            "O" | "A" | "N" | "X" | "OTHER" => Sex::Other,
            "U" | "UNKNOWN" | "UNK" => Sex::Unknown,
            _ => return None,
        })
    };
    let spoke = matches!(code, Presence::Value(_));
    let sex = code.and_then(known);
    if spoke && sex.is_absent() {
        reader.complain("code_unknown", pid, 8);
    }
    sex
}

fn addresses(field: Field<'_>) -> Presence<Vec<panorama_model::Address>> {
    if field.is_null() {
        return Presence::Null;
    }
    Presence::from_list(field.repetitions().filter_map(address).collect())
}

/// A code, or its words.
fn coded_said(field: Field<'_>) -> Presence<Text> {
    if field.is_empty() {
        return Presence::Absent;
    }
    match said(field.component(1)) {
        Presence::Absent => said(field.component(2)),
        code => code,
    }
}

fn mother_maiden_name(field: Field<'_>) -> Presence<Text> {
    if field.is_null() {
        return Presence::Null;
    }
    let family = human_name(field.first()).map(|name| name.family);
    family.filter(|family| !family.is_empty()).into()
}

/// A field's first component as the source speaks of it, to be looked at only.
fn value_said(field: Field<'_>) -> Presence<Cow<'_, str>> {
    let component = field.component(1);
    match component.value() {
        Some(value) => Presence::Value(value),
        None if component.raw() == "\"\"" => Presence::Null,
        None => Presence::Absent,
    }
}

/// Y or N.
fn flag(field: Field<'_>) -> Presence<bool> {
    value_said(field).and_then(|code| match &*upper_case(&code) {
        "Y" | "YES" | "TRUE" | "1" => Some(true),
        "N" | "NO" | "FALSE" | "0" => Some(false),
        _ => None,
    })
}

/// PID-31 says it, or PID-32 (HL7 table 0445) names an alias or a default.
fn unreliable(pid: Segment<'_>) -> Presence<bool> {
    let doubtful = |code: Component<'_>| matches!(code.raw(), "AL" | "UA" | "UD" | "US");
    let reasons = pid.field(32);
    if reasons.repetitions().any(|r| doubtful(r.component(1))) {
        return Presence::Value(true);
    }
    match flag(pid.field(31)) {
        Presence::Absent if reasons.is_null() => Presence::Null,
        said => said,
    }
}

/// PID-13, 14 and 40: one list each of phones and e-mail addresses.
fn telecoms<'m>(reader: &mut Reader<'m>, person: &mut Person, pid: Segment<'m>) {
    let mut phones: Vec<Phone> = Vec::new();
    let mut emails: Vec<Email> = Vec::new();
    let mut null = false;
    for (number, usage) in [
        (13, ContactUse::Home),
        (14, ContactUse::Work),
        (40, ContactUse::Home),
    ] {
        let field = pid.field(number);
        if field.is_empty() {
            continue;
        }
        null |= field.is_null();
        for found in reader.limited(pid, number).filter_map(|r| telecom(r, usage)) {
            match found {
                Telecom::Phone(phone) if !phones.contains(&phone) => phones.push(phone),
                Telecom::Email(email) if !emails.contains(&email) => emails.push(email),
                _ => {}
            }
        }
    }
    let none = null && phones.is_empty() && emails.is_empty();
    if none {
        person.phones = Presence::Null;
        person.emails = Presence::Null;
    } else {
        person.phones = Presence::from_list(phones);
        person.emails = Presence::from_list(emails);
    }
}

/// PID-3, 2 and 4 with their authorities, PID-20; PID-19 and what is typed SS is the social security number.
fn identifiers<'m>(reader: &mut Reader<'m>, person: &mut Person, pid: Segment<'m>) {
    let mut list: Vec<Identifier> = Vec::new();
    let mut ssn = said(pid.first(19));
    for field in [3, 2, 4] {
        for identifier in reader.limited(pid, field).filter_map(cx) {
            let is_ssn = identifier.is_ssn();
            if is_ssn && matches!(&ssn, Presence::Absent | Presence::Null) {
                ssn = Presence::Value(identifier.value);
                continue;
            }
            if is_ssn && ssn.value() == Some(&identifier.value) {
                continue;
            }
            let mut identifier = identifier.identifier();
            if field == 2 && identifier.kind == IdentifierKind::Other {
                identifier.kind = IdentifierKind::Patient;
            }
            if !list.contains(&identifier) {
                list.push(identifier);
            }
        }
    }
    let [number, state] = pid.field(20).first().first_components::<2>();
    if let Some(value) = number.text() {
        list.push(Identifier {
            value,
            authority: state.text().unwrap_or_default(),
            kind: IdentifierKind::DriverLicense,
        });
    }
    person.ssn = ssn;
    person.identifiers = Presence::from_list(list);
}
