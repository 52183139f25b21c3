//! PractitionerRole: specialty and organization of a provider, under the practitioner's NPI.

use super::practitioner::push;
use super::{Reader, Resource};
use crate::datatype::concept;
use crate::output::Output;
use panorama_model::fact::providers as column;
use panorama_model::{Row, Severity};

pub(super) const READER: Reader = Reader {
    name: "PractitionerRole",
    said_at: &["period.start"],
    read,
};

const NUCC: &[&str] = &["http://nucc.org/provider-taxonomy"];

fn read(resource: &Resource<'_>, output: &mut Output) {
    let root = resource.root;
    let practitioner = resource.bundle.party(root.get("practitioner"));
    let Some(npi) = practitioner.npi.or_else(|| crate::bundle::npi_of(root)) else {
        root.complain("npi_missing", Severity::Information);
        return;
    };
    let mut row = Row::new();
    let specialty = concept(root.first("specialty").or(root.first("code")), NUCC);
    if specialty.system.as_deref() == NUCC.first().copied() {
        row.set_some(column::TAXONOMY_CODE, specialty.code.clone());
    }
    row.set_some(column::SPECIALTY, specialty.words_or_code());
    let organization = resource.bundle.party(root.get("organization"));
    row.set_some(column::ORGANIZATION, organization.name_or_id());
    push(resource, &npi, row, output);
}
