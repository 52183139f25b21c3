//! MedicationAdministration: a medication given.

use super::dosage::set_drug;
use super::{Reader, Resource};
use crate::datatype::{concept, quantity};
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::medications as column;

pub(super) const READER: Reader = Reader {
    name: "MedicationAdministration",
    said_at: &["effectiveDateTime", "effectivePeriod.end", "effectivePeriod.start"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Medications, resource.typed_id("MedicationAdministration"));
    let row = &mut fact.row;
    row.set_some(column::ENCOUNTER_ID, resource.encounter("context"));
    row.set(column::KIND, "administration");
    set_drug(row, resource);
    row.set_some(column::STATUS, resource.text("status"));
    let given = resource.time(&["effectiveDateTime", "effectivePeriod.start"]);
    row.set_some(column::AUTHORED_AT, given);
    row.set_some(column::START_AT, given);
    row.set_some(column::END_AT, resource.time(&["effectivePeriod.end"]));
    if let Some(dosage) = root.get_if_there("dosage") {
        row.set_some(column::DOSE_TEXT, dosage.get("text").text());
        let dose = quantity(dosage.get("dose"));
        row.set_some(column::DOSE, dose.value);
        row.set_some(column::DOSE_UNIT, dose.unit);
        row.set_some(column::ROUTE, concept(dosage.get("route"), &[]).words_or_code());
    }
    output.fact(owner, fact);
}
