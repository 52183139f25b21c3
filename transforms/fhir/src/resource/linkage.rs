//! Linkage: says that records of persons are one, or that one replaced others.

use super::{Reader, Resource};
use crate::node::Node;
use crate::output::Output;
use panorama_model::{IdentityEventKind, Severity};

pub(super) const READER: Reader = Reader {
    name: "Linkage",
    said_at: &[],
    read,
};

/// - Spec: FHIR R4 Linkage.item.type: `source` is the record to use, `historical` was replaced by it, `alternate` is
///   another of the same.
fn read(resource: &Resource<'_>, output: &mut Output) {
    let kind_of = |item: Node<'_>| match item.get("type").str() {
        Some("historical") => Some(IdentityEventKind::Merge),
        Some("alternate") => Some(IdentityEventKind::Link),
        _ => None,
    };
    if resource.root.get("active").bool() == Some(false) || !is_about_persons(resource) {
        resource.root.complain("resource_unmapped", Severity::Information);
        return;
    }
    let items = || resource.root.list("item");
    let source = items().find(|item| item.get("type").str() == Some("source"));
    let Some(source) = source.and_then(|item| resource.person(item.get("resource"))) else {
        resource.root.complain_below("reference_unresolved", Severity::Error, "item");
        return;
    };
    for item in items() {
        let Some(kind) = kind_of(item) else { continue };
        match resource.person(item.get("resource")) {
            Some(other) => resource.same_person(kind, source, other, output),
            None => item.complain_below("reference_unresolved", Severity::Error, "resource"),
        }
    }
}

fn is_about_persons(resource: &Resource<'_>) -> bool {
    resource.root.list("item").any(|item| {
        let reference = item.get("resource");
        let type_name = resource.bundle.resolve(reference).type_name();
        matches!(
            type_name.or_else(|| reference.get("type").str_if_text()),
            Some("Patient" | "RelatedPerson")
        )
    })
}
