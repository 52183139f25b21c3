//! One file per resource type: how it becomes records and facts, and one line here.

use crate::bundle::Bundle;
use crate::datatype::joined;
use crate::node::Node;
use crate::output::{Output, Owner};
use crate::reference::Resolution;
use panorama_model::{
    Fact, FactTable, IdentityEvent, IdentityEventKind, RecordKind, Severity, Text, Timestamp, Version,
};
use std::borrow::Cow;

macro_rules! resources {
    ($($module:ident)*) => {
        $(mod $module;)*
        const ALL: &[&Reader] = &[$(&$module::READER),*];
    };
}
resources! {
    observation
    encounter
    condition
    medication_request
    medication_statement
    medication_administration
    medication_dispense
    procedure
    immunization
    allergy_intolerance
    diagnostic_report
    document_reference
    service_request
    appointment
    coverage
    communication
    consent
    patient
    related_person
    person
    linkage
    practitioner
    practitioner_role
    organization
    location
    medication
}
mod dosage;

/// How one resource type is read.
pub(crate) struct Reader {
    /// `resourceType`.
    pub(crate) name: &'static str,
    /// Paths of the time it was said at, where `meta.lastUpdated` is missing.
    pub(crate) said_at: &'static [&'static str],
    pub(crate) read: fn(&Resource<'_>, &mut Output),
}

/// The reader of a resource type.
pub(crate) fn reader(name: &str) -> Option<&'static Reader> {
    ALL.iter().copied().find(|reader| reader.name == name)
}

/// The resource types that are read.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|reader| reader.name)
}

/// One resource being read.
pub(crate) struct Resource<'t> {
    pub(crate) root: Node<'t>,
    pub(crate) id: Cow<'t, str>,
    pub(crate) version: Version,
    /// The server said when it last changed, so `version.at` tells when a status was set.
    pub(crate) has_last_updated: bool,
    /// A `DELETE` entry: all it says is undone.
    pub(crate) deleted: bool,
    pub(crate) bundle: &'t Bundle<'t>,
}

impl<'t> Resource<'t> {
    pub(crate) fn new(
        root: Node<'t>,
        id: Option<&'t str>,
        json: &'t str,
        bundle: &'t Bundle<'t>,
        reader: &Reader,
        deleted_at: Option<Version>,
    ) -> Self {
        let meta = root.get("meta");
        let last_updated = meta.get_if_there("lastUpdated").and_then(Node::time);
        let own_version = || {
            let at = last_updated
                .or_else(|| reader.said_at.iter().find_map(|path| time_at(root, path)))
                .or(bundle.said_at)
                .unwrap_or_default();
            let sequence = meta.get_if_there("versionId").and_then(Node::text);
            let sequence = sequence.and_then(|id| id.parse().ok()).unwrap_or(0);
            Version::new(at, sequence, json.as_bytes())
        };
        let version = deleted_at.unwrap_or_else(own_version);
        let id = id.map_or_else(
            || {
                root.complain_below("id_missing", Severity::Warning, "id");
                // The same text told again is the same thing; that is all that can be known.
                let content = Version::new(Timestamp(0), 0, json.as_bytes()).content;
                Cow::Owned(format!("content-{content:016x}"))
            },
            Cow::Borrowed,
        );
        Self {
            root,
            id,
            version,
            has_last_updated: last_updated.is_some(),
            deleted: deleted_at.is_some(),
            bundle,
        }
    }

    /// The value of a property.
    pub(crate) fn get(&self, key: &str) -> Node<'t> {
        self.root.get(key)
    }

    /// The patient a reference names; where it names none, an issue says so.
    pub(crate) fn patient(&'t self, property: &str) -> Option<Owner<'t>> {
        let reference = self.get(property);
        let complain = |code, severity| {
            self.root.complain_below(code, severity, property);
            None
        };
        match self.bundle.resolve(reference) {
            Resolution::Literal {
                type_name: "Patient",
                id,
                ..
            } => Some(Owner {
                kind: RecordKind::Patient,
                id,
            }),
            // A device, a group, a place: nobody's record.
            Resolution::Literal { .. } => complain("subject_not_patient", Severity::Warning),
            Resolution::None if !reference.exists() => complain("subject_missing", Severity::Error),
            _ => complain("reference_unresolved", Severity::Error),
        }
    }

    /// The person's record a reference names: a Patient or a RelatedPerson.
    pub(crate) fn person(&'t self, reference: Node<'t>) -> Option<Owner<'t>> {
        let Resolution::Literal { type_name, id, .. } = self.bundle.resolve(reference) else {
            return None;
        };
        let kind = match type_name {
            "Patient" => RecordKind::Patient,
            "RelatedPerson" => RecordKind::RelatedPerson,
            _ => return None,
        };
        Some(Owner { kind, id })
    }

    /// Says that two records are one person.
    pub(crate) fn same_person(
        &self,
        kind: IdentityEventKind,
        subject: Owner<'_>,
        other: Owner<'_>,
        output: &mut Output,
    ) {
        let event = IdentityEvent {
            kind,
            subject: output.key(subject),
            other: output.key(other),
            version: self.version,
        };
        output.identity_events.push(event);
    }

    /// A fact of this resource, undone where its status is `entered-in-error`.
    pub(crate) fn fact(&self, table: FactTable, id: impl Into<Text>) -> Fact {
        let status = self.get("status").str_if_text();
        Fact {
            complete: true,
            deleted: self.deleted || status == Some("entered-in-error"),
            ..Fact::new(table, id, self.version)
        }
    }

    /// The fact id of a type that is not its table's first: ids are unique per type only (FHIR R4 Resource.id).
    pub(crate) fn typed_id(&self, type_name: &str) -> Text {
        format!("{type_name}/{}", self.id).into()
    }

    /// The encounter's id.
    pub(crate) fn encounter(&self, property: &str) -> Option<Text> {
        self.bundle.id_of(self.get(property))
    }

    /// The clinician a reference names: NPI, or the literal id.
    pub(crate) fn npi(&self, reference: Node<'_>) -> Option<Text> {
        self.bundle.party(reference).npi_or_id()
    }

    /// The text of a property.
    pub(crate) fn text(&self, key: &str) -> Option<Text> {
        self.get(key).text()
    }

    /// The first time among dotted paths.
    pub(crate) fn time(&self, paths: &[&str]) -> Option<Timestamp> {
        paths.iter().find_map(|path| time_at(self.root, path))
    }

    /// `note.text` of every note, a line each.
    pub(crate) fn notes(&self) -> Option<Text> {
        let notes = joined(
            self.root.list("note").filter_map(|note| note.get("text").text()),
            "\n",
        );
        (!notes.is_empty()).then_some(notes)
    }
}

fn time_at(root: Node<'_>, path: &str) -> Option<Timestamp> {
    let node = root.path(path);
    if node.exists() { node.time() } else { None }
}
