//! From a record's cells to the model: the person, and the event where the record is one.

use crate::mapping::{Checked, RecordShape};
use crate::plan::{Place, Plan};
use panorama_model::{
    Address, AddressUse, Column, ColumnType, DecodeContext, Decoded, Email, Fact, FactTable, HumanName,
    Identifier, IdentifierKind, Issue, NameUse, Person, Phone, Presence, RecordKind, Row, Sex, SourceRecord,
    SourceRecordKey, Text, TimeError, Timestamp, Unreadable, Value, Version,
};
use std::borrow::Cow;

/// One record's cells and all that is needed to read them.
pub(crate) struct Record<'a> {
    pub(crate) checked: &'a Checked,
    pub(crate) plan: &'a Plan,
    pub(crate) cells: &'a [Cow<'a, str>],
    /// The record's bytes, which break ties between versions.
    pub(crate) bytes: &'a [u8],
    pub(crate) context: &'a DecodeContext<'a>,
}

impl Record<'_> {
    /// Adds what the record says.
    pub(crate) fn read_into(&self, decoded: &mut Decoded) -> Result<(), Unreadable> {
        if self.checked.mapping.record == RecordShape::Event {
            self.read_event(decoded)
        } else {
            self.read_person(decoded)
        }
    }

    fn read_person(&self, decoded: &mut Decoded) -> Result<(), Unreadable> {
        let patient = self.checked.mapping.record == RecordShape::Patient;
        let (kind, label) = if patient {
            (RecordKind::Patient, "patient")
        } else {
            (RecordKind::Contact, "person")
        };
        decoded.kind = Text::new_static(label);
        let id = self
            .plan
            .source_record_id
            .some(self.cells)
            .ok_or_else(|| Unreadable {
                code: "record_id_missing",
                location: self.plan.source_record_id.location().into(),
                reason:
                    "the record's id (source_record_id) is empty, so its next version could not replace it"
                        .into(),
            })?;
        let version = Version::new(self.updated_at(&mut decoded.issues), 0, self.bytes);
        let mut person = self.person(&mut decoded.issues);
        if !patient {
            let mut identifiers = vec![self.own_id(&id)];
            identifiers.extend(person.identifiers.into_value().unwrap_or_default());
            person.identifiers = Presence::Value(identifiers);
        }
        let mut record = SourceRecord::new(SourceRecordKey::new(self.context.source, kind, id), version);
        record.person = Some(person);
        record.complete = true;
        decoded.records.push(record);
        Ok(())
    }

    fn own_id(&self, id: &Text) -> Identifier {
        Identifier {
            value: id.clone(),
            authority: self.context.source.into(),
            kind: IdentifierKind::Crm,
        }
    }

    /// When the record was last changed: its own word, else the file's, else the beginning of time.
    fn updated_at(&self, issues: &mut Vec<Issue>) -> Timestamp {
        let place = &self.plan.updated_at;
        if let Some(text) = place.some(self.cells) {
            match self.checked.time.read(&text, self.context.zone) {
                Ok(instant) => return instant,
                Err(error) => issues.push(Issue::warning(time_code(error), place.location())),
            }
        }
        self.context
            .header("file.modified")
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .and_then(|text| Timestamp::parse_iso(text, None).ok())
            .unwrap_or_default()
    }

    fn person(&self, issues: &mut Vec<Issue>) -> Person {
        let (plan, cells) = (self.plan, self.cells);
        let mut person = Person {
            names: Presence::from_list(self.names()),
            addresses: Presence::from_list(self.addresses()),
            identifiers: Presence::from_list(self.identifiers()),
            ssn: plan.ssn.some(cells).into(),
            ..Person::default()
        };
        let phones = plan.phone.alternatives(cells);
        person.phones = Presence::from_list(
            phones
                .into_iter()
                .map(|(number, usage)| Phone { number, usage })
                .collect(),
        );
        let emails = plan.email.alternatives(cells);
        person.emails = Presence::from_list(
            emails
                .into_iter()
                .map(|(address, usage)| Email { address, usage })
                .collect(),
        );
        person.birth_date = read(&plan.birth_date, cells, "date_invalid", issues, |text| {
            self.checked.birth_date.read(text)
        });
        person.sex = read(&plan.sex, cells, "sex_unknown", issues, Sex::parse);
        person
    }

    fn names(&self) -> Vec<HumanName> {
        let (plan, cells) = (self.plan, self.cells);
        let name = HumanName {
            family: plan.family_name.text(cells),
            given: plan.given_name.text(cells),
            middle: plan.middle_name.text(cells),
            suffix: plan.name_suffix.text(cells),
            ..HumanName::default()
        };
        let mut names = Vec::new();
        let previous = plan.previous_family_name.some(cells).map(|family| HumanName {
            family,
            given: name.given.clone(),
            usage: NameUse::Old,
            ..HumanName::default()
        });
        if name != HumanName::default() {
            names.push(name);
        }
        names.extend(previous);
        names
    }

    /// Alternatives of the street line share the rest of the address.
    fn addresses(&self) -> Vec<Address> {
        let (plan, cells) = (self.plan, self.cells);
        let rest = Address {
            line: Text::default(),
            line2: plan.address_line2.text(cells),
            city: plan.city.text(cells),
            state: plan.state.text(cells),
            postal_code: plan.postal_code.text(cells),
            country: plan.country.text(cells),
            county: Text::default(),
            usage: AddressUse::Home,
        };
        let lines = plan.address_line.alternatives(cells);
        if lines.is_empty() {
            let empty = rest
                == Address {
                    country: rest.country.clone(),
                    ..Address::default()
                };
            return if empty { Vec::new() } else { vec![rest] };
        }
        lines
            .into_iter()
            .map(|(line, _)| Address { line, ..rest.clone() })
            .collect()
    }

    fn identifiers(&self) -> Vec<Identifier> {
        let (plan, cells) = (self.plan, self.cells);
        let mrn = plan.mrn.some(cells).map(|value| Identifier {
            value,
            authority: plan.mrn_authority.text(cells),
            kind: IdentifierKind::MedicalRecord,
        });
        let member = plan.member_id.some(cells).map(|value| Identifier {
            value,
            authority: Text::default(),
            kind: IdentifierKind::Member,
        });
        mrn.into_iter().chain(member).collect()
    }

    fn read_event(&self, decoded: &mut Decoded) -> Result<(), Unreadable> {
        decoded.kind = Text::new_static("event");
        let mut row = Row::new();
        for (column, place) in &self.plan.event {
            if let Some(text) = place.some(self.cells) {
                match self.value(*column, &text) {
                    Ok(value) => row.set(*column, value),
                    Err(code) => decoded.issues.push(Issue::error(code, place.location())),
                }
            }
        }
        let at = row.time(panorama_model::fact::interactions::EVENT_TIME).ok_or_else(|| Unreadable {
            code: "event_time_missing",
            location: "event_time".into(),
            reason: "the event's time is empty or cannot be read; set time_format, and timezone where times carry none"
                .into(),
        })?;
        let mut person = self.person(&mut decoded.issues);
        let key = self.event_person(&person)?;
        if key.kind == RecordKind::Contact {
            let mut identifiers = vec![self.own_id(&key.id)];
            identifiers.extend(person.identifiers.into_value().unwrap_or_default());
            person.identifiers = Presence::Value(identifiers);
        }
        let version = Version::new(self.event_version(at, &mut decoded.issues), 0, self.bytes);
        let id = self
            .plan
            .event_id
            .some(self.cells)
            .unwrap_or_else(|| Text::from(format!("hash:{:016x}", version.content)));
        decoded.event_key = Some(id.clone());
        let mut fact = Fact::new(FactTable::Interactions, id, version);
        fact.complete = true;
        fact.row = row;
        let mut record = SourceRecord::new(key, version);
        record.person = Some(person);
        record.facts.push(fact);
        decoded.records.push(record);
        Ok(())
    }

    /// An event that changes later says so in `updated_at`; one that does not stands as it happened.
    fn event_version(&self, at: Timestamp, issues: &mut Vec<Issue>) -> Timestamp {
        if self.plan.updated_at.some(self.cells).is_none() {
            return at;
        }
        self.updated_at(issues)
    }

    /// The record an event hangs on: the list's own id of the person, else the contact point.
    fn event_person(&self, person: &Person) -> Result<SourceRecordKey, Unreadable> {
        let key = |kind, id: Text| SourceRecordKey::new(self.context.source, kind, id);
        if let Some(id) = self.plan.source_record_id.some(self.cells) {
            return Ok(key(RecordKind::Contact, id));
        }
        if let Some(phone) = person.phones.list().first() {
            return Ok(key(RecordKind::Caller, phone.number.clone()));
        }
        if let Some(email) = person.emails.list().first() {
            return Ok(key(RecordKind::Subscriber, email.address.to_lowercase().into()));
        }
        if let Some(identifier) = person.identifiers.list().first() {
            return Ok(key(RecordKind::Contact, identifier.value.clone())
                .with_authority(identifier.authority.clone()));
        }
        Err(Unreadable {
            code: "record_id_missing",
            location: self.plan.source_record_id.location().into(),
            reason: "the event names no person: source_record_id, phone, email, mrn and member_id are empty"
                .into(),
        })
    }

    fn value<'v>(&self, column: Column, text: &'v Text) -> Result<Value<'v>, &'static str> {
        match column.ty {
            ColumnType::Time | ColumnType::Date => self
                .checked
                .time
                .read(text, self.context.zone)
                .map(Value::Time)
                .map_err(time_code),
            ColumnType::Float => seconds(text).map(Value::Float).ok_or("number_invalid"),
            ColumnType::Int => text.parse().map(Value::Int).map_err(|_| "number_invalid"),
            ColumnType::Bool => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" => Ok(Value::Bool(true)),
                "false" | "f" | "no" | "n" | "0" => Ok(Value::Bool(false)),
                _ => Err("boolean_invalid"),
            },
            ColumnType::Text | ColumnType::List | ColumnType::Map | ColumnType::Bytes => {
                Ok(Value::Text(text))
            }
        }
    }
}

/// A number, or a duration written `HH:MM:SS` or `MM:SS`, as seconds.
fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    for part in text.split(':') {
        let number: f64 = part.trim().parse().ok()?;
        total = total * 60.0 + number;
    }
    f64::is_finite(total).then_some(total)
}

const fn time_code(error: TimeError) -> &'static str {
    match error {
        TimeError::ZoneMissing => "zone_missing",
        _ => "time_invalid",
    }
}

/// What is said in a way `parse` cannot read is an issue, and not said.
fn read<T>(
    place: &Place,
    cells: &[Cow<'_, str>],
    code: &'static str,
    issues: &mut Vec<Issue>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Presence<T> {
    let Some(text) = place.some(cells) else {
        return Presence::Absent;
    };
    let value = parse(&text);
    if value.is_none() {
        issues.push(Issue::warning(code, place.location()));
    }
    value.into()
}
