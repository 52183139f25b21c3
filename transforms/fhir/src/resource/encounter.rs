//! Encounter: a visit, a stay.

use super::{Reader, Resource};
use crate::datatype::{concept, period};
use crate::node::Node;
use crate::output::Output;
use panorama_model::fact::encounters as column;
use panorama_model::{FactTable, Row, Text};

pub(super) const READER: Reader = Reader {
    name: "Encounter",
    said_at: &["period.end", "period.start"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Encounters, resource.id.as_ref());
    let row = &mut fact.row;
    row.set_some(column::VISIT_NUMBER, visit_number(root));
    row.set_some(column::CLASS, concept(root.get("class"), &[]).code_or_words());
    let kind = concept(root.first("type"), &[]);
    row.set_some(column::TYPE_CODE, kind.code);
    row.set_some(column::TYPE_DISPLAY, kind.display);
    row.set_some(column::STATUS, resource.text("status"));
    let (start, end) = period(root.get("period"));
    row.set_some(column::START_AT, start);
    row.set_some(column::END_AT, end);
    row.set_some(column::SERVICE, concept(root.get("serviceType"), &[]).words_or_code());
    row.set_some(column::FACILITY, resource.bundle.party(root.get("serviceProvider")).name_or_id());
    let location = root.first("location").get_if_there("location");
    row.set_some(column::LOCATION, location.and_then(|node| resource.bundle.party(node).name_or_id()));
    if let Some(stay) = root.get_if_there("hospitalization") {
        let admit_source = concept(stay.get("admitSource"), &[]);
        row.set_some(column::ADMIT_SOURCE, admit_source.code_or_words());
        let disposition = concept(stay.get("dischargeDisposition"), &[]);
        row.set_some(column::DISCHARGE_DISPOSITION, disposition.code_or_words());
    }
    set_participants(row, resource);
    set_diagnosis(row, resource);
    let reason = concept(root.first("reasonCode"), &[]).words_or_code();
    let reason = reason.or_else(|| resource.bundle.party(root.first("reasonReference")).name);
    row.set_some(column::REASON, reason);
    output.fact(owner, fact);
}

/// The visit number (type VN), else an account number, else the first identifier.
fn visit_number(root: Node<'_>) -> Option<Text> {
    let best = root.list("identifier").min_by_key(|identifier| {
        let kind = identifier.get_if_there("type").map(|kind| concept(kind, &[]));
        match kind.and_then(|k| k.code).as_deref() {
            Some("VN") => 0,
            Some("AN") => 1,
            _ => 2,
        }
    });
    best?.get("value").text()
}

/// - Spec: HL7 v3 ParticipationType; the primary performer stands in where nobody is said to attend.
fn set_participants(row: &mut Row, resource: &Resource<'_>) {
    let mut attending: Option<(u8, Node<'_>)> = None;
    for participant in resource.root.list("participant") {
        let Some(individual) = participant.get_if_there("individual") else {
            continue;
        };
        let mut rank = 3;
        for kind in participant.list("type") {
            match concept(kind, &[]).code.as_deref() {
                Some("ATND") => rank = 0,
                Some("PPRF") => rank = rank.min(1),
                Some("REF") => {
                    row.set_some(column::REFERRING_NPI, resource.npi(individual));
                    rank = rank.min(9);
                }
                Some("ADM") => {
                    row.set_some(column::ADMITTING_NPI, resource.npi(individual));
                    rank = rank.min(4);
                }
                _ => {}
            }
        }
        let is_untyped = participant.first("type").exists();
        let rank = if rank == 3 && is_untyped { 9 } else { rank };
        if rank < 3 || (rank == 3 && !is_related(individual)) {
            attending = match attending {
                Some((other, kept)) if other <= rank => Some((other, kept)),
                _ => Some((rank, individual)),
            };
        }
    }
    if let Some((_, individual)) = attending {
        let party = resource.bundle.party(individual);
        row.set_some(column::ATTENDING_NPI, party.npi_or_id());
        row.set_some(column::ATTENDING_NAME, party.name);
    }
}

fn is_related(individual: Node<'_>) -> bool {
    individual
        .get("reference")
        .str_if_text()
        .is_some_and(|text| text.contains("RelatedPerson"))
}

/// The diagnosis of rank 1, else the first; its code is told by the Condition, if this payload holds it.
fn set_diagnosis(row: &mut Row, resource: &Resource<'_>) {
    let diagnoses = resource.root.list("diagnosis");
    let first = diagnoses.min_by_key(|d| d.get_if_there("rank").and_then(Node::int).unwrap_or(i64::MAX));
    let condition = first.and_then(|d| d.get_if_there("condition"));
    if let Some(condition) = condition {
        let concept = resource.bundle.party(condition).concept;
        row.set_some(column::PRIMARY_DX_CODE, concept.code);
        row.set_some(column::PRIMARY_DX_SYSTEM, concept.system);
    }
}
