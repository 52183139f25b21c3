//! Merges, moves, links and deletions of patients and visits (HL7 v2.5 3.3.17 to 3.3.51).
//!
//! | event | says |
//! |---|---|
//! | A18, A30, A34, A36, A39, A40 | MRG-1 is merged into PID-3 |
//! | A43 | one identifier moves: MRG-1 = PID-3 moves from person MRG-4 to person PID-2; else MRG-1 is the person of PID-3 |
//! | A46, A47, A48 | MRG-1 is now called PID-3 |
//! | A24, A37 | the two PIDs are, are not, one person |
//! | A29 | the person is deleted |
//! | A42, A45, A50 | a visit merges, moves, or changes its number: no person does |
//! | A35, A41, A44, A49, A51 | an account merges, moves, changes: no person does |

use super::{Family, nothing};
use crate::patient::{Again, Patient};
use crate::reader::Reader;
use panorama_model::{
    Fact, FactTable, IdentityEvent, IdentityEventKind, Issue, Person, Presence, SourceRecord, SourceRecordKey,
    Text, fact::encounters,
};
use std::collections::HashSet;

pub(super) const FAMILY: Family = Family {
    message_types: &["ADT"],
    triggers: &[
        "A18", "A24", "A29", "A30", "A34", "A35", "A36", "A37", "A39", "A40", "A41", "A42", "A43", "A44", "A45",
        "A46", "A47", "A48", "A49", "A50", "A51",
    ],
    begin: nothing,
    finish,
};

fn finish(reader: &mut Reader<'_>) {
    let event = reader.trigger_event.clone();
    match event.as_str() {
        "A18" | "A30" | "A34" | "A36" | "A39" | "A40" => join(reader, IdentityEventKind::Merge),
        "A46" | "A47" | "A48" => join(reader, IdentityEventKind::ChangeIdentifier),
        "A43" => move_identifier(reader),
        "A24" => pair(reader, IdentityEventKind::Link),
        "A37" => pair(reader, IdentityEventKind::Unlink),
        "A29" => delete(reader),
        "A42" | "A50" => replace_visit(reader),
        "A45" => note(reader, "visit_moved"),
        _ => note(reader, "account_changed"),
    }
}

/// Each PID with the MRGs after it: the records before become this one.
fn join(reader: &mut Reader<'_>, kind: IdentityEventKind) {
    let mut said = Vec::new();
    let mut former = Vec::new();
    let mut itself = false;
    for patient in &reader.patients {
        let subject = &patient.record.key;
        for prior in &patient.priors {
            let others = prior.keys.iter().filter(|key| *key != subject);
            let mut pairs: Vec<_> = others.map(|other| (subject, other)).collect();
            if pairs.is_empty() {
                // The person-level id changed, the identifier list did not.
                pairs.extend(patient.external.as_ref().zip(prior.external.as_ref()).filter(|(a, b)| a != b));
            }
            itself |= pairs.is_empty() && !prior.keys.is_empty();
            for (subject, other) in pairs {
                said.push((kind, subject.clone(), other.clone()));
                former.push((other.clone(), prior.names.clone()));
            }
        }
    }
    if itself {
        reader.issues.push(Issue::information("merge_with_itself", "MRG-1"));
    } else if said.is_empty() {
        reader.issues.push(Issue::error("identity_incomplete", "MRG-1"));
    }
    push(reader, said);
    let mut known: HashSet<u128> = reader.patients.iter().map(|p| p.record.key.hash128()).collect();
    for (key, names) in former {
        if known.insert(key.hash128()) {
            add_former(reader, key, names);
        }
    }
}

/// The record that was merged away is no longer in use; MRG-7 is its name.
fn add_former(reader: &mut Reader<'_>, key: SourceRecordKey, names: Vec<panorama_model::HumanName>) {
    let mut record = SourceRecord::new(key, reader.version);
    let mut person = Person {
        inactive: Presence::Value(true),
        names: Presence::from_list(names),
        ..Person::default()
    };
    if reader.is_test {
        person.test = Presence::Value(true);
    }
    record.person = Some(person);
    reader.patients.push(Patient::of_record(record));
}

/// A43.
fn move_identifier(reader: &mut Reader<'_>) {
    let mut said = Vec::new();
    for patient in &reader.patients {
        let moved = &patient.record.key;
        for prior in &patient.priors {
            let elsewhere: Vec<_> = prior.keys.iter().filter(|key| *key != moved).collect();
            for other in &elsewhere {
                said.push((IdentityEventKind::Link, moved.clone(), (*other).clone()));
            }
            if elsewhere.is_empty() {
                let to = patient.external.iter().filter(|to| *to != moved);
                let from = prior.external.iter().filter(|from| *from != moved);
                said.extend(to.map(|to| (IdentityEventKind::Link, to.clone(), moved.clone())));
                said.extend(from.map(|from| (IdentityEventKind::Unlink, from.clone(), moved.clone())));
            }
        }
    }
    if said.is_empty() {
        reader.issues.push(Issue::error("identity_incomplete", "MRG-1"));
    }
    push(reader, said);
}

/// A24, A37: every further PID against the first.
fn pair(reader: &mut Reader<'_>, kind: IdentityEventKind) {
    let mut keys = reader.patients.iter().map(|p| p.record.key.clone());
    let Some(first) = keys.next() else {
        reader.issues.push(Issue::error("identity_incomplete", "PID-3"));
        return;
    };
    let said: Vec<_> = keys
        .filter(|other| *other != first)
        .map(|other| (kind, first.clone(), other))
        .collect();
    if said.is_empty() {
        reader.issues.push(Issue::error("identity_incomplete", "PID-3"));
    }
    push(reader, said);
}

/// A29.
fn delete(reader: &mut Reader<'_>) {
    let keys = reader.patients.iter().map(|p| p.record.key.clone());
    let said = keys.map(|key| (IdentityEventKind::Delete, key.clone(), key)).collect();
    push(reader, said);
}

/// A42, A50: the visit of MRG-5 goes on under the number of PV1-19.
fn replace_visit(reader: &mut Reader<'_>) {
    let version = reader.version;
    for patient in &mut reader.patients {
        let visits: Vec<Text> = patient.priors.iter().filter_map(|p| p.visit.clone()).collect();
        for visit in visits {
            if !patient.knows(FactTable::Encounters, &visit) {
                let mut fact = Fact::new(FactTable::Encounters, visit, version);
                fact.deleted = true;
                fact.row.set(encounters::STATUS, "cancelled");
                patient.add(fact, Again::Same);
            }
        }
    }
    note(reader, "visit_merged");
}

fn note(reader: &mut Reader<'_>, code: &'static str) {
    reader.issues.push(Issue::information(code, "MSH-9"));
}

fn push(reader: &mut Reader<'_>, said: Vec<(IdentityEventKind, SourceRecordKey, SourceRecordKey)>) {
    let version = reader.version;
    let events = said.into_iter().map(|(kind, subject, other)| IdentityEvent {
        kind,
        subject,
        other,
        version,
    });
    reader.identity_events.extend(events);
}
