//! DiagnosticReport: a document; its results are Observations of their own.

use super::document_reference::set_attachment;
use super::{Reader, Resource};
use crate::datatype::concept;
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::documents as column;

pub(super) const READER: Reader = Reader {
    name: "DiagnosticReport",
    said_at: &["issued", "effectiveDateTime", "effectivePeriod.end", "effectivePeriod.start"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Documents, resource.typed_id("DiagnosticReport"));
    let row = &mut fact.row;
    row.set_some(column::ENCOUNTER_ID, resource.encounter("encounter"));
    let kind = concept(root.get("code"), &["http://loinc.org"]);
    row.set_some(column::TYPE_CODE, kind.code);
    row.set_some(column::TYPE_DISPLAY, kind.display);
    let status = resource.text("status");
    let is_error = status.as_deref() == Some("entered-in-error");
    row.set(column::STATUS, if is_error { "entered-in-error" } else { "current" });
    row.set_some(column::DOCUMENT_STATUS, status);
    let created = ["issued", "effectiveDateTime", "effectivePeriod.start"];
    row.set_some(column::CREATED_AT, resource.time(&created));
    let author = root.first("resultsInterpreter").or(root.first("performer"));
    row.set_some(column::AUTHOR_NPI, resource.npi(author));
    set_attachment(row, root.first("presentedForm"));
    output.fact(owner, fact);
}
