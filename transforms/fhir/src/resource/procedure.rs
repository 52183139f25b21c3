//! Procedure.

use super::{Reader, Resource};
use crate::datatype::{concept, set_concept};
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::procedures as column;

pub(super) const READER: Reader = Reader {
    name: "Procedure",
    said_at: &["performedDateTime", "performedPeriod.end", "performedPeriod.start"],
    read,
};

const SYSTEMS: &[&str] = &["http://www.ama-assn.org/go/cpt", "http://www.cms.gov/Medicare/Coding/ICD10"];

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Procedures, resource.id.as_ref());
    let row = &mut fact.row;
    row.set_some(column::ENCOUNTER_ID, resource.encounter("encounter"));
    let code = concept(root.get("code"), SYSTEMS);
    set_concept(row, (column::CODE, column::CODE_SYSTEM, column::DISPLAY), code);
    row.set_some(column::STATUS, resource.text("status"));
    row.set_some(column::PERFORMED_AT, resource.time(&["performedDateTime", "performedPeriod.start"]));
    row.set_some(column::END_AT, resource.time(&["performedPeriod.end"]));
    let performer = root.first("performer").get_if_there("actor");
    row.set_some(column::PERFORMER_NPI, performer.and_then(|actor| resource.npi(actor)));
    let reason = concept(root.first("reasonCode"), &[]).words_or_code();
    let reason = reason.or_else(|| {
        let party = resource.bundle.party(root.first("reasonReference"));
        party.name.or(party.concept.words_or_code())
    });
    row.set_some(column::REASON, reason);
    output.fact(owner, fact);
}
