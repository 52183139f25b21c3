//! The clinic: FHIR R4 resources, one a line, and transaction bundles of one visit.

use super::Scene;
use super::fhir_parts::{
    ENCOUNTER, Links, PATIENT, coding, encounter_link, identifier, name_of, open, patient_link, practitioner,
    status_code, topic,
};
use super::hl7_segments::{Decimal, flag, reading};
use crate::catalog::{ALLERGENS, Analyte, PANELS, VACCINES};
use crate::plan::{Kind, Resource};
use crate::recorded::{Recorded, Recorder};
use crate::story::Outcome;
use crate::text::{Day, Page, put};

const CLINIC_MRN: &str = "urn:oid:2.999.360.2.1";
const SSN: &str = "http://hl7.org/fhir/sid/us-ssn";
const LOINC: &str = "http://loinc.org";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const CVX: &str = "http://hl7.org/fhir/sid/cvx";

/// Writes one resource as a line.
pub(crate) fn write_line(out: &mut Page, scene: &Scene<'_>) {
    resource(out, scene, Links::Relative);
    out.text("\n");
}

fn resource(out: &mut Page, scene: &Scene<'_>, links: Links) {
    let detail = u64::from(scene.event.detail);
    match scene.event.kind {
        Kind::Resource(Resource::Patient) => patient(out, scene),
        Kind::Resource(Resource::Appointment) => appointment(out, scene, false, links),
        Kind::Resource(Resource::AppointmentClosed) => appointment(out, scene, true, links),
        Kind::Resource(Resource::Encounter) => encounter(out, scene, links),
        Kind::Resource(Resource::Condition) => condition(out, scene, links),
        Kind::Resource(Resource::MedicationRequest) => medication(out, scene, links),
        Kind::Resource(Resource::Immunization) => immunization(out, scene, links),
        Kind::Resource(Resource::AllergyIntolerance) => allergy(out, scene, links),
        _ => observation(out, scene, detail, links),
    }
}

/// Writes a whole visit as one transaction bundle on one line.
pub(crate) fn write_bundle(out: &mut Page, scene: &Scene<'_>) {
    out.object();
    out.string("resourceType", "Bundle");
    out.formatted("id", format_args!("{}", scene.uuid(0)));
    out.string("type", "transaction");
    out.instant("timestamp", scene.event.at);
    out.key_array("entry");
    let medication = scene.own_random().chance(0.6);
    let parts = [
        (PATIENT.0, Resource::Patient, 0),
        (ENCOUNTER.0, Resource::Encounter, 0),
        (topic(Resource::Condition, 0), Resource::Condition, 0),
        (topic(Resource::Observation, 0), Resource::Observation, 0),
        (topic(Resource::Observation, 1), Resource::Observation, 1),
        (topic(Resource::Observation, 2), Resource::Observation, 2),
        (
            topic(Resource::MedicationRequest, 0),
            Resource::MedicationRequest,
            0,
        ),
    ];
    for (topic, part, detail) in parts {
        if part == Resource::MedicationRequest && !medication {
            continue;
        }
        let mut event = scene.event;
        (event.kind, event.detail) = (Kind::Resource(part), detail);
        out.object();
        out.formatted("fullUrl", format_args!("urn:uuid:{}", scene.uuid(topic)));
        out.key("resource");
        resource(out, &Scene { event, ..*scene }, Links::Urn);
        out.key_object("request");
        out.string("method", "PUT");
        let name = name_of(part);
        match part {
            Resource::Patient => out.formatted(
                "url",
                format_args!("Patient/{}", scene.world.clinic_id(scene.index)),
            ),
            _ => out.formatted("url", format_args!("{name}/{}", scene.uuid(topic))),
        }
        out.close();
        out.close();
    }
    out.close_array();
    out.close();
    out.text("\n");
}

fn patient(out: &mut Page, scene: &Scene<'_>) {
    let Scene {
        world, index, person, ..
    } = scene;
    let recorded = Recorded::new(world, *index, person, Recorder::Clinic, scene.event.at);
    let id = world.clinic_id(*index);
    out.object();
    out.string("resourceType", "Patient");
    out.formatted("id", format_args!("{id}"));
    out.key_object("meta");
    out.instant("lastUpdated", scene.event.at);
    out.close();
    out.key_array("identifier");
    identifier(out, CLINIC_MRN, "MR", format_args!("{id}"));
    if let Some(ssn) = recorded.ssn {
        identifier(out, SSN, "SS", format_args!("{ssn:09}"));
    }
    out.close_array();
    out.plain("active", true);
    names(out, &recorded);
    telecoms(out, &recorded);
    out.string(
        "gender",
        match recorded.male {
            Some(true) => "male",
            Some(false) => "female",
            None => "unknown",
        },
    );
    if let Some(birth) = recorded.birth {
        out.formatted("birthDate", format_args!("{}", Day::Iso(birth)));
    }
    if let Some(address) = recorded.address {
        out.key_array("address");
        out.object();
        out.string("use", "home");
        out.key_array("line");
        put!(out, "\"{}\"", address.line(recorded.short_street));
        out.close_array();
        out.string("city", address.city());
        out.string("state", address.state());
        out.formatted("postalCode", format_args!("{:05}", address.zip()));
        out.string("country", "US");
        out.close();
        out.close_array();
    }
    out.close();
}

fn names(out: &mut Page, recorded: &Recorded) {
    out.key_array("name");
    let mut name = |r#use: &str, family: &str| {
        out.object();
        out.string("use", r#use);
        out.string("family", family);
        out.key_array("given");
        out.quoted(&recorded.given);
        if !recorded.middle.is_empty() {
            put!(out, ",\"{}\"", recorded.middle);
        }
        out.close_array();
        if !recorded.suffix.is_empty() {
            out.key_array("suffix");
            out.quoted(recorded.suffix);
            out.close_array();
        }
        out.close();
    };
    name("official", &recorded.family);
    if !recorded.maiden.is_empty() {
        name("maiden", &recorded.maiden);
    }
    out.close_array();
}

fn telecoms(out: &mut Page, recorded: &Recorded) {
    out.key_array("telecom");
    for (phone, r#use) in [(recorded.home, "home"), (recorded.cell, "mobile")] {
        if let Some(phone) = phone {
            out.object();
            out.string("system", "phone");
            out.formatted("value", format_args!("{phone}"));
            out.string("use", r#use);
            out.close();
        }
    }
    if !recorded.email.is_empty() {
        out.object();
        out.string("system", "email");
        out.string("value", &recorded.email);
        out.close();
    }
    out.close_array();
}

fn appointment(out: &mut Page, scene: &Scene<'_>, closed: bool, links: Links) {
    let story = scene.story;
    open(out, scene, Resource::Appointment, 3);
    out.string(
        "status",
        match (closed, story.outcome) {
            (false, _) => "booked",
            (true, Outcome::Kept) => "fulfilled",
            (true, Outcome::Cancelled) => "cancelled",
            (true, Outcome::NoShow) => "noshow",
        },
    );
    out.key_array("serviceType");
    out.object();
    out.string("text", story.service.name);
    out.close();
    out.close_array();
    out.instant("start", story.slot);
    out.instant("end", story.slot + 1_800);
    out.instant("created", story.booked_at);
    out.key_array("participant");
    out.object();
    patient_link(out, scene, "actor", links);
    out.string("status", "accepted");
    out.close();
    out.object();
    practitioner(out, scene, "actor");
    out.string("status", "accepted");
    out.close();
    out.close_array();
    out.close();
}

fn encounter(out: &mut Page, scene: &Scene<'_>, links: Links) {
    let story = scene.story;
    open(out, scene, Resource::Encounter, ENCOUNTER.0);
    out.string("status", "finished");
    out.key_object("class");
    out.string("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode");
    out.string("code", "AMB");
    out.close();
    patient_link(out, scene, "subject", links);
    out.key_array("participant");
    out.object();
    practitioner(out, scene, "individual");
    out.close();
    out.close_array();
    out.key_object("period");
    out.instant("start", story.slot);
    out.instant("end", story.slot + 1_500);
    out.close();
    out.key_object("serviceType");
    out.string("text", story.service.name);
    out.close();
    out.key_object("serviceProvider");
    out.string("display", "Panorama Community Clinic");
    out.close();
    out.close();
}

fn condition(out: &mut Page, scene: &Scene<'_>, links: Links) {
    open(out, scene, Resource::Condition, topic(Resource::Condition, 0));
    status_code(out, "clinicalStatus", "condition-clinical", "active");
    status_code(out, "verificationStatus", "condition-ver-status", "confirmed");
    coding(out, "code", ICD10, scene.story.diagnosis);
    patient_link(out, scene, "subject", links);
    encounter_link(out, scene, links);
    out.instant("recordedDate", scene.story.slot);
    out.close();
}

fn observation(out: &mut Page, scene: &Scene<'_>, nth: u64, links: Links) {
    let panel = scene.story.service.panels.first().and_then(|at| PANELS.get(*at));
    let Some(Analyte {
        code,
        unit,
        low,
        high,
        decimals,
    }) = panel.and_then(|panel| panel.analytes.get(nth as usize % panel.analytes.len().max(1)))
    else {
        return;
    };
    let value = reading(*low, *high, &mut scene.random(0x200 + nth));
    open(
        out,
        scene,
        Resource::Observation,
        topic(Resource::Observation, nth),
    );
    out.string("status", "final");
    out.key_array("category");
    out.object();
    out.key_array("coding");
    out.object();
    out.string(
        "system",
        "http://terminology.hl7.org/CodeSystem/observation-category",
    );
    out.string("code", "laboratory");
    out.close();
    out.close_array();
    out.close();
    out.close_array();
    coding(out, "code", LOINC, *code);
    patient_link(out, scene, "subject", links);
    encounter_link(out, scene, links);
    out.instant("effectiveDateTime", scene.story.slot + 1_200);
    out.key_object("valueQuantity");
    out.plain("value", Decimal(value, *decimals));
    out.string("unit", unit);
    out.string("system", "http://unitsofmeasure.org");
    out.string("code", unit);
    out.close();
    out.key_array("interpretation");
    out.object();
    out.string("text", flag(value, *low, *high));
    out.close();
    out.close_array();
    out.key_array("referenceRange");
    out.object();
    for (key, limit) in [("low", low), ("high", high)] {
        out.key_object(key);
        out.plain("value", limit);
        out.string("unit", unit);
        out.close();
    }
    out.close();
    out.close_array();
    out.close();
}

fn medication(out: &mut Page, scene: &Scene<'_>, links: Links) {
    let Some(medication) = scene.random(0x300).pick(scene.story.service.medications).copied() else {
        return;
    };
    open(
        out,
        scene,
        Resource::MedicationRequest,
        topic(Resource::MedicationRequest, 0),
    );
    out.string("status", "active");
    out.string("intent", "order");
    coding(out, "medicationCodeableConcept", RXNORM, medication);
    patient_link(out, scene, "subject", links);
    encounter_link(out, scene, links);
    out.instant("authoredOn", scene.story.slot + 1_400);
    practitioner(out, scene, "requester");
    out.close();
}

fn immunization(out: &mut Page, scene: &Scene<'_>, links: Links) {
    let Some(vaccine) = scene.random(0x301).pick(VACCINES).copied() else {
        return;
    };
    open(
        out,
        scene,
        Resource::Immunization,
        topic(Resource::Immunization, 0),
    );
    out.string("status", "completed");
    coding(out, "vaccineCode", CVX, vaccine);
    patient_link(out, scene, "patient", links);
    encounter_link(out, scene, links);
    out.instant("occurrenceDateTime", scene.story.slot + 900);
    out.plain("primarySource", true);
    out.close();
}

fn allergy(out: &mut Page, scene: &Scene<'_>, links: Links) {
    let Some((code, words, reaction)) = ALLERGENS.get(scene.index as usize % ALLERGENS.len()) else {
        return;
    };
    open(
        out,
        scene,
        Resource::AllergyIntolerance,
        topic(Resource::AllergyIntolerance, 0),
    );
    status_code(out, "clinicalStatus", "allergyintolerance-clinical", "active");
    coding(out, "code", "urn:oid:2.999.360.2.3", (code, words));
    patient_link(out, scene, "patient", links);
    out.instant("recordedDate", scene.story.slot);
    out.key_array("reaction");
    out.object();
    out.key_array("manifestation");
    out.object();
    out.string("text", reaction);
    out.close();
    out.close_array();
    out.close();
    out.close_array();
    out.close();
}
