//! AllergyIntolerance.

use super::{Reader, Resource};
use crate::datatype::{concept, joined, set_concept};
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::allergies as column;

pub(super) const READER: Reader = Reader {
    name: "AllergyIntolerance",
    said_at: &["recordedDate", "lastOccurrence", "onsetDateTime"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("patient") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Allergies, resource.id.as_ref());
    let row = &mut fact.row;
    set_concept(row, (column::CODE, column::CODE_SYSTEM, column::DISPLAY), concept(root.get("code"), &[]));
    row.set_some(column::CATEGORY, root.first("category").text());
    row.set_some(column::CRITICALITY, resource.text("criticality"));
    let severities = root.list("reaction").filter_map(|r| r.get("severity").str());
    let severity = severities.max_by_key(|severity| match *severity {
        "severe" => 3,
        "moderate" => 2,
        "mild" => 1,
        _ => 0,
    });
    row.set_some(column::SEVERITY, severity);
    let manifestations = root.list("reaction").flat_map(|reaction| reaction.list("manifestation"));
    let reactions = joined(manifestations.filter_map(|m| concept(m, &[]).words_or_code()), "; ");
    row.set_some(column::REACTION, Some(reactions).filter(|text| !text.is_empty()));
    let clinical = concept(root.get("clinicalStatus"), &[]);
    row.set_some(column::CLINICAL_STATUS, clinical.code_or_words());
    let verification = concept(root.get("verificationStatus"), &[]).code_or_words();
    fact.deleted |= verification.as_deref() == Some("entered-in-error");
    row.set_some(column::VERIFICATION_STATUS, verification);
    row.set_some(column::ONSET_AT, resource.time(&["onsetDateTime", "onsetPeriod.start"]));
    row.set_some(column::RECORDED_AT, resource.time(&["recordedDate"]));
    output.fact(owner, fact);
}
