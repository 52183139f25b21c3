//! Organization: a provider where it has an NPI; others are known by name to those who refer to them.

use super::practitioner::{npi, push, set_contact};
use super::{Reader, Resource};
use crate::output::Output;
use panorama_model::Row;
use panorama_model::fact::providers as column;

pub(super) const READER: Reader = Reader {
    name: "Organization",
    said_at: &[],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(npi) = npi(resource) else { return };
    let mut row = Row::new();
    row.set(column::ENTITY_TYPE, "organization");
    row.set(column::DIRECTORY_ID, resource.id.as_ref());
    row.set_some(column::ORGANIZATION_NAME, resource.text("name"));
    set_contact(&mut row, resource);
    push(resource, &npi, row, output);
}
