//! Communication: a message to or from a patient, as a touchpoint.

use super::{Reader, Resource};
use crate::datatype::concept;
use crate::output::{Output, Owner};
use crate::reference::Resolution;
use panorama_model::fact::interactions as column;
use panorama_model::{FactTable, RecordKind, Severity};

pub(super) const READER: Reader = Reader {
    name: "Communication",
    said_at: &["received", "sent"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let root = resource.root;
    let is_from_patient = matches!(
        resource.bundle.resolve(root.get("sender")).type_name(),
        Some("Patient" | "RelatedPerson")
    );
    let Some(owner) = owner(resource) else { return };
    let mut fact = resource.fact(FactTable::Interactions, resource.id.as_ref());
    let row = &mut fact.row;
    let (sent, received) = (resource.time(&["sent"]), resource.time(&["received"]));
    row.set_some(column::EVENT_TIME, sent.or(received));
    let medium = concept(root.first("medium"), &[]).code_or_words();
    row.set_some(column::CHANNEL, medium.as_deref().and_then(channel));
    row.set(column::DIRECTION, if is_from_patient { "in" } else { "out" });
    let status = resource.text("status");
    row.set_some(
        column::EVENT_TYPE,
        match status.as_deref() {
            Some("not-done" | "stopped") => Some("dropped"),
            Some("completed") if received.is_some() && !is_from_patient => Some("delivered"),
            Some("completed") => Some("sent"),
            other => other,
        },
    );
    row.set_some(column::OUTCOME, status.clone());
    row.set_some(column::MESSAGE_ID, root.first("identifier").get("value").text());
    let related = root.first("inResponseTo").or(root.first("partOf"));
    row.set_some(column::RELATED_ID, resource.bundle.id_of(related));
    let colleague = if is_from_patient { root.first("recipient") } else { root.get("sender") };
    row.set_some(column::PROVIDER_NPI, resource.bundle.party(colleague).npi);
    row.set_some(column::AGENT_ID, resource.bundle.id_of(colleague));
    row.set_some(column::DISPOSITION, concept(root.get("statusReason"), &[]).words_or_code());
    let topic = concept(root.get("topic"), &[]).words_or_code();
    let topic = topic.or_else(|| concept(root.first("category"), &[]).words_or_code());
    row.set_some(column::TOPIC, topic);
    output.fact(owner, fact);
}

/// The patient it is about; where no subject is said, the one who sends or receives it.
fn owner<'t>(resource: &'t Resource<'t>) -> Option<Owner<'t>> {
    let root = resource.root;
    if root.get("subject").exists() {
        return resource.patient("subject");
    }
    let parties = root.list("recipient").chain(std::iter::once(root.get("sender")));
    let patient = parties
        .filter_map(|party| match resource.bundle.resolve(party) {
            Resolution::Literal {
                type_name: "Patient",
                id,
                ..
            } => Some(id),
            _ => None,
        })
        .min();
    if patient.is_none() {
        root.complain_below("subject_missing", Severity::Error, "subject");
    }
    let kind = RecordKind::Patient;
    Some(Owner { kind, id: patient? })
}

/// - Spec: HL7 v3 ParticipationMode.
fn channel(medium: &str) -> Option<&'static str> {
    Some(match medium {
        "PHONE" | "VIDEOCONF" | "REMOTE" => "call",
        "EMAILWRIT" => "email",
        "SMSWRIT" => "sms",
        "MAILWRIT" | "FAXWRIT" | "WRITTEN" => "mail",
        "FACE" | "PHYSICAL" | "VERBAL" => "in_person",
        "ONLINEWRIT" | "ELECTRONIC" => "portal",
        _ => return None,
    })
}
