//! Immunization.

use super::{Reader, Resource};
use crate::datatype::{concept, quantity, set_concept};
use crate::node::Node;
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::immunizations as column;

pub(super) const READER: Reader = Reader {
    name: "Immunization",
    said_at: &["recorded", "occurrenceDateTime"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("patient") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Immunizations, resource.id.as_ref());
    let row = &mut fact.row;
    row.set_some(column::ENCOUNTER_ID, resource.encounter("encounter"));
    let vaccine = concept(root.get("vaccineCode"), &["http://hl7.org/fhir/sid/cvx"]);
    set_concept(row, (column::CODE, column::CODE_SYSTEM, column::DISPLAY), vaccine);
    row.set_some(column::STATUS, resource.text("status"));
    row.set_some(column::STATUS_REASON, concept(root.get("statusReason"), &[]).words_or_code());
    row.set_some(column::OCCURRED_AT, resource.time(&["occurrenceDateTime"]));
    row.set_some(column::LOT_NUMBER, resource.text("lotNumber"));
    row.set_some(column::EXPIRES_AT, resource.time(&["expirationDate"]));
    row.set_some(column::MANUFACTURER, resource.bundle.party(root.get("manufacturer")).name_or_id());
    let dose = quantity(root.get("doseQuantity"));
    row.set_some(column::DOSE, dose.value);
    row.set_some(column::DOSE_UNIT, dose.unit);
    row.set_some(column::ROUTE, concept(root.get("route"), &[]).code_or_words());
    row.set_some(column::SITE, concept(root.get("site"), &[]).code_or_words());
    let performer = root.first("performer").get_if_there("actor");
    row.set_some(column::PERFORMER_NPI, performer.and_then(|actor| resource.npi(actor)));
    let primary = root.get_if_there("primarySource").and_then(Node::bool);
    row.set_some(column::IS_HISTORICAL, primary.map(|primary| !primary));
    output.fact(owner, fact);
}
