//! MedicationRequest: a medication ordered.

use super::dosage::{days, set_dosage, set_drug};
use super::{Reader, Resource};
use crate::datatype::{period, quantity};
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::medications as column;

pub(super) const READER: Reader = Reader {
    name: "MedicationRequest",
    said_at: &["authoredOn"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Medications, resource.id.as_ref());
    let row = &mut fact.row;
    row.set_some(column::ENCOUNTER_ID, resource.encounter("encounter"));
    row.set(column::KIND, "request");
    set_drug(row, resource);
    row.set_some(column::STATUS, resource.text("status"));
    row.set_some(column::INTENT, resource.text("intent"));
    row.set_some(column::AUTHORED_AT, resource.time(&["authoredOn"]));
    row.set_some(column::PRESCRIBER_NPI, resource.npi(root.get("requester")));
    let dosage = root.first("dosageInstruction");
    set_dosage(row, dosage);
    let bounds = period(dosage.path("timing.repeat.boundsPeriod"));
    row.set_some(column::START_AT, bounds.0);
    row.set_some(column::END_AT, bounds.1);
    if let Some(dispense) = root.get_if_there("dispenseRequest") {
        let validity = period(dispense.get("validityPeriod"));
        if bounds.0.is_none() {
            row.set_some(column::START_AT, validity.0);
        }
        row.set_some(column::QUANTITY, quantity(dispense.get("quantity")).value);
        row.set_some(column::DAYS_SUPPLY, days(dispense.get("expectedSupplyDuration")));
        let refills = dispense.get_if_there("numberOfRepeatsAllowed");
        row.set_some(column::REFILLS, refills.and_then(crate::node::Node::int));
    }
    output.fact(owner, fact);
}
