//! Condition: a diagnosis or problem.

use super::{Reader, Resource};
use crate::datatype::{concept, set_concept};
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::conditions as column;

pub(super) const READER: Reader = Reader {
    name: "Condition",
    said_at: &["recordedDate", "abatementDateTime", "onsetDateTime", "onsetPeriod.start"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Conditions, resource.id.as_ref());
    let row = &mut fact.row;
    row.set_some(column::ENCOUNTER_ID, resource.encounter("encounter"));
    let code = concept(root.get("code"), &["http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct"]);
    set_concept(row, (column::CODE, column::CODE_SYSTEM, column::DISPLAY), code);
    row.set_some(column::CATEGORY, concept(root.first("category"), &[]).code_or_words());
    let clinical = concept(root.get("clinicalStatus"), &[]);
    row.set_some(column::CLINICAL_STATUS, clinical.code_or_words());
    let verification = concept(root.get("verificationStatus"), &[]).code_or_words();
    fact.deleted |= verification.as_deref() == Some("entered-in-error");
    row.set_some(column::VERIFICATION_STATUS, verification);
    row.set_some(column::ONSET_AT, resource.time(&["onsetDateTime", "onsetPeriod.start"]));
    row.set_some(column::RECORDED_AT, resource.time(&["recordedDate"]));
    row.set_some(column::ABATEMENT_AT, resource.time(&["abatementDateTime", "abatementPeriod.start"]));
    row.set_some(column::RECORDER_NPI, resource.npi(root.get("recorder").or(root.get("asserter"))));
    output.fact(owner, fact);
}
