//! Appointment: the patient is one of its participants.

use super::{Reader, Resource};
use crate::datatype::concept;
use crate::node::Node;
use crate::output::{Output, Owner};
use crate::reference::Resolution;
use panorama_model::fact::appointments as column;
use panorama_model::{Fact, FactTable, RecordKind, Row, Severity};

pub(super) const READER: Reader = Reader {
    name: "Appointment",
    said_at: &["created", "start"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let mut row = Row::new();
    let mut patients = Vec::new();
    let mut is_unresolved = false;
    for participant in resource.root.list("participant") {
        let actor = participant.get("actor");
        let type_name = match resource.bundle.resolve(actor) {
            Resolution::Literal {
                type_name: "Patient",
                id,
                ..
            } => {
                patients.push(id);
                continue;
            }
            Resolution::Unresolved | Resolution::Logical { .. } => {
                is_unresolved = true;
                actor.get("type").str_if_text()
            }
            resolution => resolution.type_name(),
        };
        let party = resource.bundle.party(actor);
        match type_name {
            Some("Practitioner" | "PractitionerRole") if row.get(column::PRACTITIONER_NPI).is_none() => {
                row.set_some(column::PRACTITIONER_NPI, party.npi_or_id());
                row.set_some(column::PRACTITIONER_NAME, party.name);
            }
            Some("Location") => row.set_some(column::LOCATION, party.name_or_id()),
            _ => {}
        }
    }
    if patients.is_empty() {
        let code = if is_unresolved { "reference_unresolved" } else { "subject_missing" };
        resource.root.complain_below(code, Severity::Error, "participant");
        return;
    }
    set_columns(&mut row, resource);
    // Sorted, so that the ids of a group's appointments do not depend on the order of participants.
    patients.sort_unstable();
    patients.dedup();
    for (number, id) in (1..).zip(patients) {
        let fact_id = if number == 1 {
            resource.id.to_string()
        } else {
            format!("{}#{number}", resource.id)
        };
        let fact = Fact {
            row: row.clone(),
            ..resource.fact(FactTable::Appointments, fact_id)
        };
        let kind = RecordKind::Patient;
        output.fact(Owner { kind, id }, fact);
    }
}

fn set_columns(row: &mut Row, resource: &Resource<'_>) {
    let root = resource.root;
    for identifier in root.list("identifier") {
        match concept(identifier.get("type"), &[]).code.as_deref() {
            Some("PLAC") => row.set_some(column::PLACER_ID, identifier.get("value").text()),
            Some("FILL") => row.set_some(column::FILLER_ID, identifier.get("value").text()),
            _ => {}
        }
    }
    let (start, end) = (resource.time(&["start"]), resource.time(&["end"]));
    row.set_some(column::START_AT, start);
    row.set_some(column::END_AT, end);
    let minutes = || Some(end?.0.saturating_sub(start?.0) / 60_000_000).filter(|minutes| *minutes >= 0);
    let stated = root.get_if_there("minutesDuration").and_then(Node::int);
    row.set_some(column::DURATION_MIN, stated.or_else(minutes));
    row.set_some(column::BOOKED_AT, resource.time(&["created"]));
    let service = concept(root.first("serviceType").or(root.first("specialty")), &[]);
    row.set_some(column::SERVICE_LINE, service.words_or_code());
    let visit_type = concept(root.get("appointmentType"), &[]);
    row.set_some(column::VISIT_TYPE, visit_type.code_or_words());
    let reason = concept(root.first("reasonCode"), &[]).words_or_code();
    row.set_some(column::REASON, reason.or_else(|| resource.text("description")));
    let cancellation = concept(root.get("cancelationReason"), &[]);
    row.set_some(column::CANCELLATION_REASON, cancellation.words_or_code());
    if let Some(status) = root.get("status").str() {
        row.set(column::STATUS, if status == "checked-in" { "arrived" } else { status });
        row.set(column::STATUS_SOURCE, "status_code");
        // The server's own time of the last change is when the status was set; any other time is not.
        let set_at = resource.has_last_updated.then_some(resource.version.at);
        match status {
            "cancelled" => row.set_some(column::CANCELLED_AT, set_at),
            "noshow" => row.set_some(column::NO_SHOW_AT, set_at),
            _ => {}
        }
    }
}
