//! RelatedPerson: a person of their own, never the patient.

use super::{Reader, Resource};
use crate::output::{Output, Owner};
use panorama_model::RecordKind;

pub(super) const READER: Reader = Reader {
    name: "RelatedPerson",
    said_at: &["period.start"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let person = super::patient::demographics(resource.root, resource.version.at);
    let owner = Owner {
        kind: RecordKind::RelatedPerson,
        id: &resource.id,
    };
    output.person(owner, resource.version, person);
}
