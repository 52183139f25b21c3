//! SCH, TQ1, AIS, AIG, AIL, AIP: one appointment (HL7 v2.5 10.6), collected over its segments.

use super::pv1::place;
use crate::cell::SetPart;
use crate::datatype::{coded, join, non_empty, provider};
use crate::event::status_of_code;
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::{Field, Segment, Subcomponent};
use panorama_model::{Fact, FactTable, Text, Timestamp, fact::appointments as table, fact::medications};

/// What the segments said so far.
#[derive(Default)]
pub(crate) struct Appointment {
    /// What the trigger event makes of it.
    pub(crate) status: Option<&'static str>,
    /// What a status code made of it; a no-show outranks the others.
    coded_status: Option<&'static str>,
    placer: Option<Text>,
    filler: Option<Text>,
    start_at: Option<Timestamp>,
    end_at: Option<Timestamp>,
    minutes: Option<i64>,
    location: Option<Text>,
    practitioner: Option<Text>,
    practitioner_name: Option<Text>,
    service: Option<Text>,
    visit_type: Option<Text>,
    reason: Option<Text>,
    event_reason: Option<Text>,
    present: bool,
}

impl Appointment {
    fn note_status(&mut self, field: Field<'_>) {
        let status = field.component(1).text().as_deref().and_then(status_of_code);
        if self.coded_status != Some("noshow") {
            self.coded_status = status.filter(|s| *s == "noshow").or(self.coded_status).or(status);
        }
    }

    fn note_duration(&mut self, duration: Field<'_>, unit: Field<'_>) {
        let number = duration.component(1).text().and_then(|n| n.parse::<f64>().ok());
        let unit = unit.component(1).text().unwrap_or_default().to_ascii_lowercase();
        let minutes = number.map(|n| match unit.as_str() {
            "s" | "sec" | "seconds" => n / 60.0,
            "h" | "hr" | "hour" | "hours" => n * 60.0,
            "d" | "day" | "days" => n * 1440.0,
            _ => n,
        });
        let minutes = minutes
            .filter(|m| (0.0..1e6).contains(m))
            .map(|m| m.round() as i64);
        self.minutes = self.minutes.or(minutes);
    }
}

pub(super) fn sch<'m>(reader: &mut Reader<'m>, sch: Segment<'m>) {
    // SCH-11 is TQ: its fourth and fifth components are start and end.
    let timing = sch.field(11).first();
    let start_at = reader.time_of(timing.component(4), sch, 11);
    let end_at = reader.time_of(timing.component(5), sch, 11);
    let appointment = reader.appointment.get_or_insert_default();
    appointment.present = true;
    appointment.placer = sch.first(1).text();
    appointment.filler = sch.first(2).text();
    appointment.event_reason = coded(sch.field(6).first(), "").display_or_code().text();
    appointment.reason = coded(sch.field(7).first(), "").display_or_code().text();
    appointment.visit_type = coded(sch.field(8).first(), "").display_or_code().text();
    appointment.note_duration(sch.field(9), sch.field(10));
    appointment.start_at = appointment.start_at.or(start_at);
    appointment.end_at = appointment.end_at.or(end_at);
    appointment.note_status(sch.field(25));
}

/// The time of the appointment, or the timing of the drug before it.
pub(super) fn tq1<'m>(reader: &mut Reader<'m>, tq1: Segment<'m>) {
    let (start_at, end_at) = (reader.time(tq1, 7), reader.time(tq1, 8));
    if let Some((FactTable::Medications, at)) = reader.detailed {
        let pattern = tq1.first(3).subcomponent(1);
        if let Some(row) = reader.fact_row(at) {
            row.set_some(medications::START_AT, start_at);
            row.set_some(medications::END_AT, end_at);
            row.set_part(medications::FREQUENCY, pattern);
        }
    } else if let Some(appointment) = &mut reader.appointment {
        // TQ1 outranks the TQ of SCH-11, which it replaced in v2.5.
        appointment.start_at = start_at.or(appointment.start_at);
        appointment.end_at = end_at.or(appointment.end_at);
    }
}

pub(super) fn ais<'m>(reader: &mut Reader<'m>, ais: Segment<'m>) {
    let start_at = reader.time(ais, 4);
    if let Some(appointment) = &mut reader.appointment {
        appointment.service = appointment
            .service
            .take()
            .or_else(|| coded(ais.field(3).first(), "").display_or_code().text());
        appointment.start_at = appointment.start_at.or(start_at);
        appointment.note_duration(ais.field(7), ais.field(8));
        appointment.note_status(ais.field(10));
    }
}

pub(super) fn aig<'m>(reader: &mut Reader<'m>, aig: Segment<'m>) {
    let start_at = reader.time(aig, 8);
    if let Some(appointment) = &mut reader.appointment {
        appointment.start_at = appointment.start_at.or(start_at);
        appointment.note_duration(aig.field(11), aig.field(12));
        appointment.note_status(aig.field(14));
    }
}

pub(super) fn ail<'m>(reader: &mut Reader<'m>, ail: Segment<'m>) {
    let start_at = reader.time(ail, 6);
    if let Some(appointment) = &mut reader.appointment {
        let (facility, within) = place(ail.field(3).first());
        let within = || non_empty(join(within.into_iter().filter_map(Subcomponent::text), " "));
        let location = appointment.location.take().or_else(within);
        appointment.location = location.or_else(|| facility.text());
        appointment.start_at = appointment.start_at.or(start_at);
        appointment.note_duration(ail.field(9), ail.field(10));
        appointment.note_status(ail.field(12));
    }
}

pub(super) fn aip<'m>(reader: &mut Reader<'m>, aip: Segment<'m>) {
    let start_at = reader.time(aip, 6);
    if let Some(appointment) = &mut reader.appointment {
        if appointment.practitioner.is_none() {
            let who = provider(aip.field(3));
            appointment.practitioner = who.id.text();
            appointment.practitioner_name = who.name();
        }
        appointment.start_at = appointment.start_at.or(start_at);
        appointment.note_duration(aip.field(9), aip.field(10));
        appointment.note_status(aip.field(12));
    }
}

/// Files the appointment with the first patient of the message.
pub(crate) fn finish(reader: &mut Reader<'_>) {
    let Some(appointment) = reader.appointment.take().filter(|a| a.present) else {
        return;
    };
    let event = reader.trigger_event.clone();
    let at = reader.version.at;
    let (status, status_source) = final_status(&appointment, &event);
    let id = appointment.filler.clone().or_else(|| appointment.placer.clone());
    let id = id.unwrap_or_else(|| reader.message_id());
    let mut fact = Fact::new(FactTable::Appointments, id, reader.version);
    fact.deleted = status == Some("entered-in-error");
    let row = &mut fact.row;
    row.set_some(table::PLACER_ID, appointment.placer);
    row.set_some(table::FILLER_ID, appointment.filler);
    row.set_some(table::START_AT, appointment.start_at);
    let minutes = appointment.minutes.filter(|m| *m > 0);
    let computed_end = appointment
        .start_at
        .zip(minutes)
        .map(|(start, m)| start.plus_seconds(m * 60));
    row.set_some(table::END_AT, appointment.end_at.or(computed_end));
    row.set_some(table::DURATION_MIN, minutes);
    row.set_some(table::BOOKED_AT, (event == "S12").then_some(at));
    row.set_some(table::LOCATION, appointment.location);
    row.set_some(table::PRACTITIONER_NPI, appointment.practitioner);
    row.set_some(table::PRACTITIONER_NAME, appointment.practitioner_name);
    row.set_some(table::SERVICE_LINE, appointment.service);
    row.set_some(table::VISIT_TYPE, appointment.visit_type);
    row.set_some(table::REASON, appointment.reason);
    row.set_some(table::STATUS, status);
    row.set_some(table::STATUS_SOURCE, status_source);
    if status == Some("cancelled") {
        row.set(table::CANCELLED_AT, at);
        row.set_some(table::CANCELLATION_REASON, appointment.event_reason);
    }
    row.set_some(table::NO_SHOW_AT, (status == Some("noshow")).then_some(at));
    row.set(table::LAST_EVENT, event);
    match reader.patients.first_mut() {
        Some(patient) => patient.record.facts.push(fact),
        None => {
            reader.add(fact, Again::Same);
        }
    }
}

/// S26 is a no-show; else a no-show code; else what the event says; else another code.
fn final_status(appointment: &Appointment, event: &str) -> (Option<&'static str>, Option<&'static str>) {
    let of_event = appointment.status;
    match (event, appointment.coded_status) {
        ("S26", _) => (Some("noshow"), Some("S26")),
        (_, Some("noshow")) => (Some("noshow"), Some("status_code")),
        ("S15" | "S16" | "S17", _) => (of_event, Some("event")),
        (_, Some(code)) => (Some(code), Some("status_code")),
        (_, None) => (of_event, of_event.map(|_| "event")),
    }
}
