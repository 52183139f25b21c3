//! What the clinic's resources are built of: ids, links, codings (FHIR R4 2.1.28).

use super::Scene;
use crate::plan::Resource;
use crate::text::Page;

/// How resources point at each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// `Patient/pat-1`
    Relative,
    /// `urn:uuid:...`, within a bundle.
    Urn,
}

/// Things of an episode that have ids, with the prefix of their ids.
pub(super) const PATIENT: (u64, &str) = (1, "Patient");
pub(super) const ENCOUNTER: (u64, &str) = (2, "Encounter");

/// Opens a resource: type, id, meta.
pub(super) fn open(out: &mut Page, scene: &Scene<'_>, resource: Resource, topic: u64) {
    out.object();
    out.string("resourceType", name_of(resource));
    out.formatted("id", format_args!("{}", scene.uuid(topic)));
    out.key_object("meta");
    out.instant("lastUpdated", scene.event.at);
    out.close();
}

pub(super) fn patient_link(out: &mut Page, scene: &Scene<'_>, key: &str, links: Links) {
    out.key_object(key);
    match links {
        Links::Relative => {
            out.formatted(
                "reference",
                format_args!("Patient/{}", scene.world.clinic_id(scene.index)),
            );
        }
        Links::Urn => out.formatted("reference", format_args!("urn:uuid:{}", scene.uuid(PATIENT.0))),
    }
    out.close();
}

pub(super) fn encounter_link(out: &mut Page, scene: &Scene<'_>, links: Links) {
    out.key_object("encounter");
    match links {
        Links::Relative => out.formatted("reference", format_args!("Encounter/{}", scene.uuid(ENCOUNTER.0))),
        Links::Urn => out.formatted("reference", format_args!("urn:uuid:{}", scene.uuid(ENCOUNTER.0))),
    }
    out.close();
}

pub(super) fn coding(out: &mut Page, key: &str, system: &str, (code, display): (&str, &str)) {
    out.key_object(key);
    out.key_array("coding");
    out.object();
    out.string("system", system);
    out.string("code", code);
    out.string("display", display);
    out.close();
    out.close_array();
    out.string("text", display);
    out.close();
}

/// A code of one of HL7's own systems.
pub(super) fn status_code(out: &mut Page, key: &str, system: &str, code: &str) {
    out.key_object(key);
    out.key_array("coding");
    out.object();
    out.formatted(
        "system",
        format_args!("http://terminology.hl7.org/CodeSystem/{system}"),
    );
    out.string("code", code);
    out.close();
    out.close_array();
    out.close();
}

pub(super) fn practitioner(out: &mut Page, scene: &Scene<'_>, key: &str) {
    let Some(provider) = scene.story.attending else {
        return;
    };
    out.key_object(key);
    out.key_object("identifier");
    out.string("system", "http://hl7.org/fhir/sid/us-npi");
    out.formatted("value", format_args!("{}", provider.npi));
    out.close();
    out.formatted(
        "display",
        format_args!("{} {}, {}", provider.given, provider.family, provider.credential),
    );
    out.close();
}

pub(super) const fn topic(resource: Resource, detail: u64) -> u64 {
    100 + resource as u64 * 10 + detail
}

pub(super) const fn name_of(resource: Resource) -> &'static str {
    match resource {
        Resource::Patient => "Patient",
        Resource::Appointment | Resource::AppointmentClosed => "Appointment",
        Resource::Encounter => "Encounter",
        Resource::Condition => "Condition",
        Resource::Observation => "Observation",
        Resource::MedicationRequest => "MedicationRequest",
        Resource::Immunization => "Immunization",
        Resource::AllergyIntolerance => "AllergyIntolerance",
    }
}

pub(super) fn identifier(out: &mut Page, system: &str, code: &str, value: std::fmt::Arguments<'_>) {
    out.object();
    status_code(out, "type", "v2-0203", code);
    out.string("system", system);
    out.formatted("value", value);
    out.close();
}
