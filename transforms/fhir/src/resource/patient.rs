//! Patient: a person's demographics and identifiers, and links to other records of the same person.

use super::{Reader, Resource};
use crate::datatype::{addresses, concept, contact_points, human_names, identifiers, joined, sex};
use crate::node::Node;
use crate::output::{Output, Owner};
use panorama_model::{
    IdentityEventKind, Person, Presence, RecordKind, Severity, Text, Timestamp,
};

pub(super) const READER: Reader = Reader {
    name: "Patient",
    said_at: &[],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let owner = Owner {
        kind: RecordKind::Patient,
        id: &resource.id,
    };
    let root = resource.root;
    let mut person = demographics(root, resource.version.at);
    set_death(&mut person, root);
    set_birth(&mut person, root);
    set_extensions(&mut person, root);
    person.marital_status = concept(root.get("maritalStatus"), &[]).code_or_words().into();
    person.language = language(root).into();
    let practitioner = resource.bundle.party(root.first("generalPractitioner"));
    person.primary_care_npi = practitioner.npi.into();
    output.person(owner, resource.version, person);
    for link in root.list("link") {
        read_link(resource, link, owner, output);
    }
}

/// What Patient and RelatedPerson say alike.
pub(super) fn demographics(root: Node<'_>, said_at: Timestamp) -> Person {
    let (identifiers, ssn) = identifiers(root);
    let (phones, emails) = contact_points(root, said_at);
    let gender = root.get("gender");
    let sex = gender.str().and_then(|code| {
        let sex = sex(code);
        if sex.is_none() {
            gender.complain("code_unknown", Severity::Warning);
        }
        sex
    });
    let is_inactive = root.get("active").bool() == Some(false);
    Person {
        names: Presence::from_list(human_names(root, said_at)),
        birth_date: root.get("birthDate").date().into(),
        sex: sex.into(),
        ssn: ssn.into(),
        addresses: Presence::from_list(addresses(root, said_at)),
        phones: Presence::from_list(phones),
        emails: Presence::from_list(emails),
        identifiers: Presence::from_list(identifiers),
        test: is_test(root).then_some(true).into(),
        inactive: is_inactive.then_some(true).into(),
        ..Person::default()
    }
}

/// - Spec: HL7 v3 ActReason HTEST ("test health data") in `meta.tag` or `meta.security`.
fn is_test(root: Node<'_>) -> bool {
    let meta = root.get("meta");
    let mut labels = meta.list("tag").chain(meta.list("security"));
    labels.any(|label| label.get("code").str_if_text() == Some("HTEST"))
}

fn set_death(person: &mut Person, root: Node<'_>) {
    if let Some(deceased) = root.get_if_there("deceasedBoolean").and_then(Node::bool) {
        person.deceased = Presence::Value(deceased);
    }
    if let Some(node) = root.get_if_there("deceasedDateTime") {
        person.deceased = Presence::Value(true);
        person.death_at = node.time().into();
    }
}

fn set_birth(person: &mut Person, root: Node<'_>) {
    if let Some(multiple) = root.get_if_there("multipleBirthBoolean").and_then(Node::bool) {
        person.multiple_birth = Presence::Value(multiple);
    }
    if let Some(node) = root.get_if_there("multipleBirthInteger") {
        person.multiple_birth = Presence::Value(true);
        person.birth_order = node.int().and_then(|order| u8::try_from(order).ok()).into();
    }
}

/// - Spec: US Core race, ethnicity, birthsex; FHIR R4 patient-mothersMaidenName, patient-religion.
fn set_extensions(person: &mut Person, root: Node<'_>) {
    for extension in root.list("extension") {
        match extension.get("url").str() {
            Some("http://hl7.org/fhir/us/core/StructureDefinition/us-core-race") => {
                person.race = category(extension).into();
            }
            Some("http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity") => {
                person.ethnicity = category(extension).into();
            }
            Some("http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex")
                if !matches!(person.sex, Presence::Value(known) if known != panorama_model::Sex::Unknown) =>
            {
                person.sex = extension.get("valueCode").str().and_then(sex).or(person.sex.value().copied()).into();
            }
            Some("http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName") => {
                person.mother_maiden_name = extension.get("valueString").text().into();
            }
            Some("http://hl7.org/fhir/StructureDefinition/patient-religion") => {
                person.religion = concept(extension.get("valueCodeableConcept"), &[]).code_or_words().into();
            }
            _ => {}
        }
    }
}

/// The OMB categories of a US Core race or ethnicity, else its text.
fn category(extension: Node<'_>) -> Option<Text> {
    let of = |url: &'static str| {
        extension
            .list("extension")
            .filter(move |part| part.get("url").str_if_text() == Some(url))
    };
    let codes = joined(of("ombCategory").filter_map(|part| part.get("valueCoding").get("code").text()), "; ");
    if codes.is_empty() {
        return of("text").find_map(|part| part.get("valueString").text());
    }
    Some(codes)
}

/// The preferred language, else the first.
fn language(root: Node<'_>) -> Option<Text> {
    let preferred = root
        .list("communication")
        .find(|communication| communication.get("preferred").bool() == Some(true));
    let communication = preferred.unwrap_or(root.first("communication"));
    concept(communication.get("language"), &[]).code_or_words()
}

/// - Spec: FHIR R4 Patient.link; `replaced-by` says that the other record survives.
fn read_link<'t>(resource: &'t Resource<'t>, link: Node<'t>, this: Owner<'_>, output: &mut Output) {
    let Some(that) = resource.person(link.get("other")) else {
        link.complain_below("reference_unresolved", Severity::Error, "other");
        return;
    };
    let (kind, subject, other) = match link.get("type").str() {
        Some("replaced-by") => (IdentityEventKind::Merge, that, this),
        Some("replaces") => (IdentityEventKind::Merge, this, that),
        Some("seealso" | "refer") => (IdentityEventKind::Link, this, that),
        _ => {
            link.complain_below("code_unknown", Severity::Error, "type");
            return;
        }
    };
    resource.same_person(kind, subject, other, output);
}
