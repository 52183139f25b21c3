//! MedicationStatement: a medication the patient is said to take.

use super::dosage::{set_dosage, set_drug};
use super::{Reader, Resource};
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::medications as column;

pub(super) const READER: Reader = Reader {
    name: "MedicationStatement",
    said_at: &["dateAsserted", "effectivePeriod.end", "effectivePeriod.start", "effectiveDateTime"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let mut fact = resource.fact(FactTable::Medications, resource.typed_id("MedicationStatement"));
    let row = &mut fact.row;
    row.set_some(column::ENCOUNTER_ID, resource.encounter("context"));
    row.set(column::KIND, "statement");
    set_drug(row, resource);
    row.set_some(column::STATUS, resource.text("status"));
    let start = resource.time(&["effectivePeriod.start", "effectiveDateTime"]);
    row.set_some(column::AUTHORED_AT, resource.time(&["dateAsserted"]).or(start));
    row.set_some(column::START_AT, start);
    row.set_some(column::END_AT, resource.time(&["effectivePeriod.end"]));
    set_dosage(row, resource.root.first("dosage"));
    output.fact(owner, fact);
}
