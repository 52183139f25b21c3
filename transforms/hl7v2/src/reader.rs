//! The state of reading one message's meaning: whose record the segments speak of, under which visit and order.

use crate::datatype::{Cx, cx, human_name};
use crate::event::{DocumentEffect, VisitEffect};
use crate::order::Order;
use crate::patient::{Again, Patient};
use crate::segment::appointment::Appointment;
use crate::syntax::{Component, Field, Message, Repetition, Segment, trim};
use crate::time::{Hl7Time, Precision};
use panorama_model::{
    DecodeContext, Fact, FactTable, HumanName, IdentityEvent, Issue, Presence, RecordKind, Row, SourceRecord,
    SourceRecordKey, Text, Timestamp, Version, Zone, fact::observations, text,
};

/// Between the parts of a made fact id. Not a default delimiter, so that parts stay told apart.
const ID_SEPARATOR: char = '/';

/// Room for an id of several parts, so that the buffer rarely grows.
const ID_RESERVED: usize = 96;

/// Most facts that room is made for ahead: more than most messages have, and little memory where there are fewer.
const FACTS_RESERVED_MAX: usize = 64;

/// Most repetitions of a list whose entries are compared with each other: more would let one field cost minutes, and no
/// person has as many names or numbers.
const REPETITIONS_MAX: usize = 256;

/// The observation that notes are being read for.
pub(crate) struct Note {
    pub(crate) patient: usize,
    pub(crate) fact: usize,
    pub(crate) text: String,
}

/// Reading one message.
pub(crate) struct Reader<'m> {
    pub(crate) message: &'m Message<'m>,
    pub(crate) message_type: Text,
    pub(crate) trigger_event: Text,
    pub(crate) version: Version,
    /// EVN-6, when the event happened, where said.
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) is_test: bool,
    pub(crate) patients: Vec<Patient>,
    pub(crate) order: Order<'m>,
    pub(crate) visit: VisitEffect,
    pub(crate) document: DocumentEffect,
    pub(crate) appointment: Option<Box<Appointment>>,
    /// RXA is a vaccine, not an administered drug.
    pub(crate) gives_vaccines: bool,
    /// OBR asks for a service.
    pub(crate) requests_services: bool,
    /// The last observation, and the notes on it so far.
    pub(crate) note: Option<Note>,
    /// The fact that the next detail segment speaks of: RXR of a drug, PRD of a referral, OBX of a document.
    pub(crate) detailed: Option<(FactTable, usize)>,
    pub(crate) identity_events: Vec<IdentityEvent>,
    pub(crate) issues: Vec<Issue>,
    source: Text,
    zone: Option<&'m Zone>,
    offset_seconds: Option<i32>,
    zone_missing: bool,
    /// The last time that was read, as sent: the results of a panel repeat theirs.
    last_time: Option<(&'m str, Timestamp)>,
    /// Where ids are put together.
    pub(crate) buffer: String,
}

impl<'m> Reader<'m> {
    pub(crate) fn new(message: &'m Message<'m>, context: &DecodeContext<'m>) -> Self {
        let msh = message.header_segment();
        let mut reader = Self {
            message,
            message_type: Text::default(),
            trigger_event: Text::default(),
            version: Version::default(),
            occurred_at: None,
            is_test: matches!(msh.first_raw(11), "T" | "D"),
            patients: Vec::with_capacity(1),
            order: Order::default(),
            visit: VisitEffect::default(),
            document: DocumentEffect::default(),
            appointment: None,
            gives_vaccines: false,
            requests_services: false,
            note: None,
            detailed: None,
            identity_events: Vec::new(),
            issues: message.issues().collect(),
            source: text(context.source),
            zone: context.zone,
            offset_seconds: None,
            zone_missing: false,
            last_time: None,
            buffer: String::with_capacity(ID_RESERVED),
        };
        // v2.5 2.15.9.7: the zone of MSH-7 serves the whole message.
        reader.offset_seconds = Hl7Time::parse(msh.first_raw(7))
            .ok()
            .and_then(|t| t.offset_seconds);
        reader.name_event(msh);
        reader.date_statement(msh, context.received_at);
        reader
    }

    /// MSH-9; old versions say the trigger event in EVN-1, or in the structure's name.
    fn name_event(&mut self, msh: Segment<'m>) {
        let [message_type, trigger, structure] = msh.field(9).first().first_components::<3>();
        self.message_type = message_type.text().unwrap_or_default();
        let of_structure = || {
            structure
                .text()
                .or_else(|| message_type.text())
                .and_then(|s| s.split_once('_').map(|(_, event)| Text::new(event)))
        };
        let of_evn = || self.message.first("EVN").and_then(|evn| evn.field(1).text());
        self.trigger_event = trigger
            .text()
            .or_else(of_evn)
            .or_else(of_structure)
            .unwrap_or_default();
        if let Some((kind, _)) = self.message_type.split_once('_') {
            self.message_type = Text::new(kind);
        }
    }

    /// When the statement was made: EVN-2, else MSH-7, else when it came in.
    fn date_statement(&mut self, msh: Segment<'m>, received_at: Timestamp) {
        let evn = self.message.first("EVN");
        let recorded = evn.and_then(|evn| self.time(evn, 2));
        self.occurred_at = evn.and_then(|evn| self.time(evn, 6));
        let at = recorded.or_else(|| self.time(msh, 7)).unwrap_or_else(|| {
            self.issues.push(Issue::warning("time_missing", "MSH-7"));
            received_at
        });
        let sequence = msh.field(13).text().and_then(|n| n.parse().ok());
        let sequence = sequence.unwrap_or_else(|| trailing_number(msh.field(10).raw()));
        self.version = Version::new(at, sequence, self.message.as_text().as_bytes());
    }

    /// A field's time; what is not one becomes an issue.
    pub(crate) fn time(&mut self, segment: Segment<'m>, field: usize) -> Option<Timestamp> {
        let sent = segment.field(field);
        if sent.is_empty() {
            return None;
        }
        match self.last_time {
            Some((last, at)) if last == sent.raw() => Some(at),
            _ => self.time_of(sent.component(1), segment, field),
        }
    }

    /// As the source speaks of it: a time, none, or nothing.
    pub(crate) fn time_said(&mut self, segment: Segment<'m>, field: usize) -> Presence<Timestamp> {
        if segment.field(field).is_null() {
            return Presence::Null;
        }
        self.time(segment, field).into()
    }

    /// The time a component of a field holds.
    pub(crate) fn time_of(
        &mut self,
        component: Component<'m>,
        segment: Segment<'m>,
        field: usize,
    ) -> Option<Timestamp> {
        let raw = component.raw();
        if raw == "\"\"" || raw.bytes().all(|b| b == b'0' || b == b' ') {
            return None;
        }
        let read = Hl7Time::parse(raw).and_then(|mut time| {
            time.offset_seconds = time.offset_seconds.or(self.offset_seconds);
            if time.offset_seconds.is_none() && self.zone.is_none() {
                self.zone_missing |= time.precision > Precision::Day;
                time.offset_seconds = Some(0);
            }
            time.instant(self.zone)
        });
        match read {
            Ok(at) => {
                self.last_time = Some((raw, at));
                Some(at)
            }
            Err(_) => {
                self.complain("date_invalid", segment, field);
                None
            }
        }
    }

    /// Adds a warning about a field.
    pub(crate) fn complain(&mut self, code: &'static str, segment: Segment<'_>, field: usize) {
        let location = Text::from(format!("{}-{field}", segment.name()));
        self.issues.push(Issue::warning(code, location));
    }

    /// The key of a patient record of this source.
    pub(crate) fn key(&self, cx: &Cx<'_>) -> SourceRecordKey {
        SourceRecordKey::new(self.source.clone(), RecordKind::Patient, cx.value.clone())
            .with_authority(cx.authority.clone())
    }

    /// The key of the record an identifier list names: its `MR` identifier, else its first.
    pub(crate) fn key_of_list(&self, list: Field<'m>) -> Option<SourceRecordKey> {
        let mut first = None;
        for identifier in list.repetitions().filter_map(cx) {
            if identifier.is_medical_record() {
                return Some(self.key(&identifier));
            }
            first.get_or_insert(identifier);
        }
        first.map(|identifier| self.key(&identifier))
    }

    /// Begins the record of a PID segment; facts read before the first PID are of its patient.
    pub(crate) fn begin_patient(&mut self, pid: Segment<'m>) -> &mut Patient {
        let adopted = matches!(self.patients.as_slice(), [only] if !only.named);
        if !adopted {
            let patient = self.new_patient(Some(pid));
            self.patients.push(patient);
            self.order = Order::default();
            self.end_note();
        }
        let patient = self.patient();
        patient.named = true;
        patient
    }

    /// The patient that segments speak of now.
    pub(crate) fn patient(&mut self) -> &mut Patient {
        if self.patients.is_empty() {
            let pid = self.message.first("PID");
            let patient = self.new_patient(pid);
            self.patients.push(patient);
        }
        let last = self.patients.len() - 1;
        // The list was filled above.
        #[expect(clippy::indexing_slicing, reason = "the list is not empty")]
        &mut self.patients[last]
    }

    fn new_patient(&mut self, pid: Option<Segment<'m>>) -> Patient {
        let ids = pid.map(|pid| [3, 2, 4].map(|field| pid.field(field)));
        let listed = ids.and_then(|ids| ids.into_iter().find_map(|list| self.key_of_list(list)));
        let account = pid.and_then(|pid| cx(pid.field(18).first()));
        let key = listed.unwrap_or_else(|| {
            self.issues.push(Issue::warning("patient_id_missing", "PID-3"));
            match &account {
                Some(account) => self.key(account),
                None => SourceRecordKey::new(self.source.clone(), RecordKind::Patient, self.message_id()),
            }
        });
        let mut record = SourceRecord::new(key, self.version);
        // Most facts come of one segment each: room for them all, within reason.
        record
            .facts
            .reserve(self.message.segments().size_hint().0.min(FACTS_RESERVED_MAX));
        Patient {
            account: account.map(|a| a.value),
            external: pid
                .and_then(|pid| cx(pid.field(2).first()))
                .map(|id| self.key(&id)),
            named: false,
            ..Patient::of_record(record)
        }
    }

    /// An id made from the message's own: for what the sender gives no id.
    pub(crate) fn message_id(&self) -> Text {
        match self.message.header_segment().field(10).text() {
            Some(id) => Text::from(format!("msh10:{id}")),
            None => Text::from(format!("msh10:{:016x}", self.version.content)),
        }
    }

    /// An id made of parts, the patient's own id first.
    pub(crate) fn patient_scoped_id(&mut self, parts: &[&str]) -> Text {
        let mut buffer = std::mem::take(&mut self.buffer);
        let key = &self.patient().record.key;
        let owner = [key.authority.as_str(), key.id.as_str()];
        let owner = owner.into_iter().filter(|p| !p.is_empty());
        let id = join_id(&mut buffer, owner.chain(parts.iter().copied()));
        self.buffer = buffer;
        id
    }

    /// An id made of parts, the visit's first, else the patient's.
    pub(crate) fn visit_scoped_id(&mut self, parts: &[&str]) -> Text {
        let encounter = self.patients.last().and_then(|patient| patient.encounters.last());
        match encounter {
            Some((_, id)) => join_id(
                &mut self.buffer,
                std::iter::once(id.as_str()).chain(parts.iter().copied()),
            ),
            None => self.patient_scoped_id(parts),
        }
    }

    /// Begins an encounter: what follows happened in it.
    pub(crate) fn begin_encounter(&mut self, id: Text, row: Row, deleted: bool) {
        let mut fact = Fact::new(FactTable::Encounters, id.clone(), self.version);
        fact.row = row;
        fact.deleted = deleted;
        let at = self.add(fact, Again::Same);
        self.patient().encounters.push((at, id));
    }

    /// The row of the encounter that segments speak of now.
    pub(crate) fn encounter_row(&mut self) -> Option<&mut Row> {
        let patient = self.patients.last_mut()?;
        let at = patient.encounters.last()?.0;
        patient.record.facts.get_mut(at).map(|fact| &mut fact.row)
    }

    /// Adds a fact to the current patient's record; returns its place.
    pub(crate) fn add(&mut self, fact: Fact, again: Again) -> usize {
        self.patient().add(fact, again)
    }

    /// Files the note that is being read; what follows is of something else.
    pub(crate) fn end_note(&mut self) {
        if let Some(note) = self.note.take().filter(|note| !note.text.is_empty()) {
            let patient = self.patients.get_mut(note.patient);
            if let Some(fact) = patient.and_then(|p| p.record.facts.get_mut(note.fact)) {
                fact.row.set(observations::NOTE, note.text);
            }
        }
    }

    /// The repetitions of a field that will be compared with each other, up to a limit (INV-9).
    pub(crate) fn limited(
        &mut self,
        segment: Segment<'m>,
        field: usize,
    ) -> impl Iterator<Item = Repetition<'m>> {
        let repetitions = segment.field(field);
        // Each repetition but the last has a delimiter.
        let may_exceed = repetitions.raw().len() >= REPETITIONS_MAX;
        if may_exceed && repetitions.repetitions().nth(REPETITIONS_MAX).is_some() {
            self.complain("repetitions_over_limit", segment, field);
        }
        repetitions.repetitions().take(REPETITIONS_MAX)
    }

    /// A fact of the current patient by its place.
    pub(crate) fn fact_row(&mut self, at: usize) -> Option<&mut Row> {
        self.patients
            .last_mut()?
            .record
            .facts
            .get_mut(at)
            .map(|fact| &mut fact.row)
    }

    /// Hands over what was read.
    pub(crate) fn finish(mut self) -> (Vec<SourceRecord>, Vec<IdentityEvent>, Vec<Issue>) {
        self.end_note();
        if self.zone_missing {
            self.issues.push(Issue::warning("zone_missing", "MSH-7"));
        }
        // A list of its own: collecting would keep, and then shrink, the larger one of the patients.
        let mut records = Vec::with_capacity(self.patients.len());
        for mut patient in self.patients {
            patient.link_facts_to_encounters();
            records.push(patient.record);
        }
        (records, self.identity_events, self.issues)
    }
}

/// A component as the source speaks of it: text, none, or nothing.
pub(crate) fn said(component: Component<'_>) -> Presence<Text> {
    match component.text() {
        Some(text) => Presence::Value(text),
        None if component.raw() == "\"\"" => Presence::Null,
        None => Presence::Absent,
    }
}

/// A number, where the text is one.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain = trim(text);
    if let Some(number) = plain_number(plain) {
        return Some(number);
    }
    let numeric = plain
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if numeric {
        plain.parse().ok().filter(|n: &f64| n.is_finite())
    } else {
        None
    }
}

/// A number of at most 15 digits, with a point or without: as a quotient of two exact ones it is exact.
fn plain_number(text: &str) -> Option<f64> {
    const DIGITS_MAX: usize = 15;
    const TENS: [f64; DIGITS_MAX + 1] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    if text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    let mut digits = 0u64;
    let mut point = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => digits = digits * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() && text.len() > 1 => point = Some(at),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |at| text.len() - at - 1);
    TENS.get(decimals).map(|tens| digits as f64 / tens)
}

/// The names of a field's repetitions.
pub(crate) fn names(field: Field<'_>) -> impl Iterator<Item = HumanName> {
    field.repetitions().filter_map(human_name)
}

/// An id made of parts, put together in a buffer that serves all ids of the message.
pub(crate) fn join_id<'t>(buffer: &mut String, parts: impl Iterator<Item = &'t str>) -> Text {
    join_in(buffer, parts, ID_SEPARATOR)
}

/// Texts with a character between, put together in a buffer.
pub(crate) fn join_in<'t>(buffer: &mut String, parts: impl Iterator<Item = &'t str>, between: char) -> Text {
    buffer.clear();
    for (at, part) in parts.enumerate() {
        if at > 0 {
            buffer.push(between);
        }
        buffer.push_str(part);
    }
    text(buffer)
}

/// The digits a control id ends in, as a number; they order the messages of one instant.
fn trailing_number(control_id: &str) -> u64 {
    let digits = control_id.bytes().rev().take_while(u8::is_ascii_digit).count();
    let number = control_id.bytes().skip(control_id.len() - digits);
    number.fold(0, |n: u64, d| {
        n.wrapping_mul(10).wrapping_add(u64::from(d - b'0'))
    })
}
