//! ServiceRequest: a referral or an order for a service.

use super::{Reader, Resource};
use crate::datatype::{concept, set_concept};
use crate::output::Output;
use crate::reference::Resolution;
use panorama_model::FactTable;
use panorama_model::fact::referrals as column;

pub(super) const READER: Reader = Reader {
    name: "ServiceRequest",
    said_at: &["authoredOn", "occurrenceDateTime"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Referrals, resource.id.as_ref());
    let row = &mut fact.row;
    row.set_some(column::EXTERNAL_ID, root.first("identifier").get("value").text());
    row.set_some(column::REFERRING_NPI, resource.npi(root.get("requester")));
    for performer in root.list("performer") {
        let type_name = match resource.bundle.resolve(performer) {
            Resolution::Literal { type_name, .. } => Some(type_name),
            _ => performer.get("type").str_if_text(),
        };
        let party = resource.bundle.party(performer);
        if matches!(type_name, Some("Organization" | "HealthcareService")) {
            row.set_some(column::REFERRED_TO_ORG, party.name_or_id());
        } else {
            row.set_some(column::REFERRED_TO_NPI, party.npi_or_id());
        }
    }
    let specialty = concept(root.get("performerType"), &[]).words_or_code();
    row.set_some(column::SERVICE_LINE, specialty);
    let code = concept(root.get("code"), &[]);
    set_concept(row, (column::CODE, column::CODE_SYSTEM, column::DISPLAY), code);
    row.set_some(column::PRIORITY, resource.text("priority"));
    row.set_some(column::STATUS, resource.text("status"));
    row.set_some(column::CATEGORY, concept(root.first("category"), &[]).words_or_code());
    let reason = concept(root.first("reasonCode"), &[]).words_or_code();
    let reason = reason.or_else(|| {
        let party = resource.bundle.party(root.first("reasonReference"));
        party.name.or(party.concept.words_or_code())
    });
    row.set_some(column::REASON, reason);
    row.set_some(column::ORDERED_AT, resource.time(&["authoredOn"]));
    row.set_some(column::EXPIRES_AT, resource.time(&["occurrencePeriod.end"]));
    output.fact(owner, fact);
}
