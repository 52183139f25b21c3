//! Person: says which Patient and RelatedPerson records are one person; a directory entry otherwise.

use super::{Reader, Resource};
use crate::output::Output;
use panorama_model::{IdentityEventKind, Severity};

pub(super) const READER: Reader = Reader {
    name: "Person",
    said_at: &[],
    read,
};

/// - Spec: FHIR R4 Person.link; assurance `level1` is the least: no evidence but the claim.
fn read(resource: &Resource<'_>, output: &mut Output) {
    let links = resource.root.list("link").filter(|link| link.get("assurance").str() != Some("level1"));
    let mut records: Vec<_> = links.filter_map(|link| resource.person(link.get("target"))).collect();
    records.sort_unstable_by_key(|owner| (owner.kind, owner.id));
    let mut records = records.into_iter();
    if let Some(first) = records.next() {
        for other in records {
            resource.same_person(IdentityEventKind::Link, first, other, output);
        }
    }
    resource.root.complain("directory_only", Severity::Information);
}
