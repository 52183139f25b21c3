//! MedicationDispense: a medication handed out.

use super::dosage::{days, set_dosage, set_drug};
use super::{Reader, Resource};
use crate::datatype::quantity;
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::medications as column;

pub(super) const READER: Reader = Reader {
    name: "MedicationDispense",
    said_at: &["whenHandedOver", "whenPrepared"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Medications, resource.typed_id("MedicationDispense"));
    let row = &mut fact.row;
    row.set_some(column::ENCOUNTER_ID, resource.encounter("context"));
    row.set(column::KIND, "dispense");
    set_drug(row, resource);
    row.set_some(column::STATUS, resource.text("status"));
    let handed_over = resource.time(&["whenHandedOver", "whenPrepared"]);
    row.set_some(column::AUTHORED_AT, handed_over);
    row.set_some(column::START_AT, handed_over);
    set_dosage(row, root.first("dosageInstruction"));
    row.set_some(column::QUANTITY, quantity(root.get("quantity")).value);
    row.set_some(column::DAYS_SUPPLY, days(root.get("daysSupply")));
    output.fact(owner, fact);
}
