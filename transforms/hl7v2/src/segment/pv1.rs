//! PV1: the visit (HL7 v2.5 3.4.3).

use crate::cell::SetPart;
use crate::datatype::{non_empty, provider, upper_case};
use crate::reader::{Reader, number};
use crate::syntax::{Repetition, Segment, Subcomponent};
use panorama_model::{Presence, Row, Timestamp, Value, fact::encounters as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, pv1: Segment<'m>) {
    let [visit_number, alternate] = [19, 50].map(|number| pv1.first(number));
    let id = visit_number.or(alternate).text();
    if id.is_none() && is_placeholder(pv1) {
        return;
    }
    let id = id
        .or_else(|| reader.patient().account.clone())
        .unwrap_or_else(|| reader.message_id());
    let effect = reader.visit;
    let event_at = reader.occurred_at.unwrap_or(reader.version.at);
    let start = reader.time_said(pv1, 44);
    let end = reader.time_said(pv1, 45);
    let has_ended = matches!(end, Presence::Value(_));
    let mut row = Row::with_capacity(table::SCHEMA.columns.len());
    row.set_part(table::VISIT_NUMBER, visit_number);
    let class = class(pv1.first_raw(2));
    row.set_some(table::CLASS, class);
    row.set_said(table::TYPE_CODE, pv1.first(4));
    row.set_part(table::TYPE_DISPLAY, pv1.field(4).component(2));
    let status = effect.status.or(has_ended.then_some("finished"));
    row.set_some(table::STATUS, status);
    row.set_presence(table::START_AT, or_event(start, effect.starts, event_at));
    row.set_presence(
        table::END_AT,
        if effect.reopened {
            Presence::Null
        } else {
            or_event(end, effect.ends, event_at)
        },
    );
    row.set_said(table::SERVICE, pv1.first(10));
    location(&mut row, pv1);
    row.set_said(table::ADMIT_SOURCE, pv1.first(14));
    row.set_said(table::DISCHARGE_DISPOSITION, pv1.first(36));
    clinicians(&mut row, pv1);
    row.set_some(table::LAST_EVENT, non_empty(reader.trigger_event.clone()));
    row.set_some(table::TOTAL_CHARGE, number(pv1.first_raw(47)));
    reader.begin_encounter(id, row, effect.deleted);
}

/// A PV1 that only the message's structure asks for (A28, A31): its class is "not applicable", or it says nothing.
fn is_placeholder(pv1: Segment<'_>) -> bool {
    let class = pv1.first_raw(2);
    class == "N" || (2..=pv1.last_field()).all(|number| pv1.field(number).is_empty())
}

/// The time that was said, else the event's own where the event means just that.
fn or_event(said: Presence<Timestamp>, means: bool, event_at: Timestamp) -> Presence<Value<'static>> {
    match said {
        Presence::Absent if means => Presence::Value(event_at.into()),
        said => said.map(Value::from),
    }
}

/// PV1-2, HL7 table 0004, as HL7 v3 ActCode.
fn class(code: &str) -> Option<&'static str> {
    Some(match &*upper_case(code) {
        "I" | "IP" | "IMP" | "INPATIENT" | "B" => "IMP",
        "O" | "OP" | "AMB" | "OUTPATIENT" | "R" | "C" => "AMB",
        "E" | "ER" | "ED" | "EMER" | "EMERGENCY" => "EMER",
        "P" | "PRE" | "PRENC" => "PRENC",
        "OBS" | "OBSENC" | "OBSERVATION" => "OBSENC",
        "V" | "VR" => "VR",
        _ => return None,
    })
}

/// PV1-3, PL: point of care, room, bed; facility.
fn location(row: &mut Row, pv1: Segment<'_>) {
    let field = pv1.field(3);
    if field.is_null() {
        row.set(table::FACILITY, Value::Null);
        row.set(table::LOCATION, Value::Null);
        return;
    }
    if field.is_empty() {
        return;
    }
    let (facility, place) = place(field.first());
    row.set_part(table::FACILITY, facility);
    row.set_parts(table::LOCATION, place, " ");
}

/// PL: facility, and where in it.
pub(super) fn place(location: Repetition<'_>) -> (Subcomponent<'_>, [Subcomponent<'_>; 3]) {
    let [point_of_care, room, bed, facility] = location.first_components::<4>();
    let place = [point_of_care, room, bed].map(|part| part.subcomponent(1));
    (facility.subcomponent(1), place)
}

fn clinicians(row: &mut Row, pv1: Segment<'_>) {
    let attending = pv1.field(7);
    if attending.is_null() {
        row.set(table::ATTENDING_NPI, Value::Null);
        row.set(table::ATTENDING_NAME, Value::Null);
    } else if !attending.is_empty() {
        let attending = provider(attending);
        row.set_part(table::ATTENDING_NPI, attending.id);
        row.set_parts(table::ATTENDING_NAME, attending.names(), " ");
    }
    for (field, column) in [(8, table::REFERRING_NPI), (17, table::ADMITTING_NPI)] {
        let field = pv1.field(field);
        if field.is_null() {
            row.set(column, Value::Null);
        } else if !field.is_empty() {
            row.set_part(column, provider(field).id);
        }
    }
}
