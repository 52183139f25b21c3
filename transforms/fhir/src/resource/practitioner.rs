//! Practitioner: evidence about a provider, under its NPI.

use super::{Reader, Resource};
use crate::bundle::npi_of;
use crate::datatype::{addresses, concept, contact_points, human_names, sex};
use crate::node::Node;
use crate::output::{Output, Owner};
use panorama_model::fact::providers as column;
use panorama_model::{ContactUse, FactTable, RecordKind, Row, Severity, Text};

pub(super) const READER: Reader = Reader {
    name: "Practitioner",
    said_at: &[],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(npi) = npi(resource) else { return };
    let root = resource.root;
    let mut row = Row::new();
    row.set(column::ENTITY_TYPE, "individual");
    row.set(column::DIRECTORY_ID, resource.id.as_ref());
    let names = human_names(root, resource.version.at);
    if let Some(name) = names.into_iter().next() {
        let said = |text: Text| (!text.is_empty()).then_some(text);
        row.set_some(column::FAMILY_NAME, said(name.family));
        row.set_some(column::GIVEN_NAME, said(name.given));
        row.set_some(column::MIDDLE_NAME, said(name.middle));
        row.set_some(column::NAME_SUFFIX, said(name.suffix));
    }
    set_qualifications(&mut row, root);
    set_contact(&mut row, resource);
    let sex = root.get("gender").str().and_then(sex);
    row.set_some(column::SEX, sex.map(panorama_model::Sex::code));
    push(resource, &npi, row, output);
}

/// The NPI; where there is none, an information says so: the table has no other key.
pub(super) fn npi(resource: &Resource<'_>) -> Option<Text> {
    let npi = npi_of(resource.root);
    if npi.is_none() {
        resource.root.complain("npi_missing", Severity::Information);
    }
    npi
}

/// Adds a provider row. Not complete: directory, role and registry each say a part.
pub(super) fn push(resource: &Resource<'_>, npi: &str, row: Row, output: &mut Output) {
    let mut fact = resource.fact(FactTable::Providers, npi);
    fact.complete = false;
    fact.row = row;
    let kind = RecordKind::Provider;
    output.fact(Owner { kind, id: npi }, fact);
}

/// Practice address (work before home) and phone.
pub(super) fn set_contact(row: &mut Row, resource: &Resource<'_>) {
    let said_at = resource.version.at;
    let mut addresses = addresses(resource.root, said_at);
    addresses.sort_by_key(|address| address.usage != panorama_model::AddressUse::Work);
    if let Some(address) = addresses.into_iter().next() {
        let said = |text: Text| (!text.is_empty()).then_some(text);
        row.set_some(column::PRACTICE_LINE, said(address.line));
        row.set_some(column::PRACTICE_CITY, said(address.city));
        row.set_some(column::PRACTICE_STATE, said(address.state));
        row.set_some(column::PRACTICE_POSTAL_CODE, said(address.postal_code));
    }
    let (mut phones, _) = contact_points(resource.root, said_at);
    phones.sort_by_key(|phone| phone.usage != ContactUse::Work);
    row.set_some(column::PRACTICE_PHONE, phones.into_iter().next().map(|phone| phone.number));
}

/// Credential (HL7 table 0360: MD, DO, NP) and licence of the qualifications.
fn set_qualifications(row: &mut Row, root: Node<'_>) {
    for qualification in root.list("qualification") {
        let code = qualification.get("code");
        if row.get(column::CREDENTIAL).is_none() {
            row.set_some(column::CREDENTIAL, concept(code, &[]).code_or_words());
        }
        if row.get(column::LICENSE_NUMBER).is_none() {
            let licence = qualification.first("identifier").get("value").text();
            row.set_some(column::LICENSE_NUMBER, licence);
        }
    }
}
