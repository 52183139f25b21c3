//! The unify step: a person whose evidence or records changed gets new rows, made from scratch out of its members'
//! summaries (INV-6). Runs over committed state, on every core at once.

use crate::evidence::{any_evidence, evidence_of};
use crate::records::{link_probability, read_person, read_record};
use panorama_api::{Result, StateRead};
use panorama_model::{Identifier, IdentifierKind, Person, PersonId, Presence, Row, Text, Timestamp, Value};
use panorama_tables::table::{journey as journey_table, patient_360};
use panorama_unify::{
    EngagementCounts, GoldenRecord, JOURNEY_RULE_VERSION, JourneyInterval, MemberSummary, Summary,
    engagement, golden_record, journey,
};
use std::collections::BTreeSet;

/// The rows of one person; none where the person is no more, or is only a test.
pub(crate) struct Projection {
    pub person: PersonId,
    pub patient_360: Vec<Row>,
    pub journey: Vec<Row>,
}

/// Makes the rows of persons, on `threads` threads.
pub(crate) fn project(
    state: &dyn StateRead,
    persons: &[PersonId],
    now: Timestamp,
    threads: usize,
) -> Result<Vec<Projection>> {
    let share = persons.len().div_ceil(threads.max(1)).max(1);
    // Of lists of persons there is none, and to look for each record costs as much as its other parts.
    let has_evidence = any_evidence(state)?;
    let project_all = |part: &[PersonId]| {
        part.iter()
            .map(|p| project_one(state, *p, has_evidence, now))
            .collect::<Result<Vec<_>>>()
    };
    std::thread::scope(|scope| {
        let mut parts = persons.chunks(share);
        let first = parts.next().unwrap_or_default();
        let others: Vec<_> = parts.map(|part| scope.spawn(move || project_all(part))).collect();
        let mut all = project_all(first)?;
        for other in others {
            match other.join() {
                Ok(part) => all.extend(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

fn project_one(
    state: &dyn StateRead,
    person: PersonId,
    has_evidence: bool,
    now: Timestamp,
) -> Result<Projection> {
    let summary = summary_of(state, person, has_evidence)?;
    let real = summary
        .members
        .values()
        .any(|m| m.person.test.value() != Some(&true));
    if !real {
        return Ok(Projection {
            person,
            patient_360: Vec::new(),
            journey: Vec::new(),
        });
    }
    let golden = golden_record(&summary);
    let counts = engagement(&summary, now);
    let intervals = journey(&summary, now);
    let id = Text::from(person.to_string());
    let row = patient_360_row(&id, &golden, &counts, &intervals, now);
    let journey = intervals
        .iter()
        .map(|interval| journey_row(&id, interval, now))
        .collect();
    Ok(Projection {
        person,
        patient_360: vec![row],
        journey,
    })
}

/// Everything that is known of a person.
fn summary_of(state: &dyn StateRead, person: PersonId, has_evidence: bool) -> Result<Summary> {
    let mut summary = Summary::default();
    let members = read_person(state, person)?.unwrap_or_default().members;
    for &number in &members {
        let Some(record) = read_record(state, number)? else {
            continue;
        };
        let version = record.layers.version().unwrap_or_default();
        let member = MemberSummary {
            person: presentable(record.layers.resolve().unwrap_or_default()),
            version,
            first_seen_at: record.first_seen_at,
            link_probability: link_probability(state, number, &members)?,
        };
        let evidence = if has_evidence {
            evidence_of(state, number)?.into_iter().collect()
        } else {
            BTreeSet::new()
        };
        summary = summary.combine(Summary {
            members: [(record.key, member)].into(),
            evidence,
        });
    }
    Ok(summary)
}

fn patient_360_row(
    id: &Text,
    golden: &GoldenRecord,
    counts: &EngagementCounts,
    intervals: &[JourneyInterval],
    now: Timestamp,
) -> Row {
    use patient_360 as column;
    let mut row = Row::new();
    row.set(column::PERSON_ID, id.clone());
    demographics(&mut row, golden);
    issued_identifiers(&mut row, &golden.identifiers);
    row.set(column::SOURCE_COUNT, count(golden.sources.len()));
    row.set(column::RECORD_COUNT, golden.record_count);
    row.set(column::SOURCES, golden.sources.clone());
    row.set(column::IDENTITY_CONFIDENCE, golden.identity_confidence);
    row.set(column::FIELD_PROVENANCE, Value::Map(&golden.provenance));
    row.set_some(column::FIRST_SEEN_AT, golden.first_seen_at);
    row.set_some(column::LAST_ENCOUNTER_AT, counts.last_encounter_at);
    row.set_some(column::NEXT_APPOINTMENT_AT, counts.next_appointment_at);
    row.set_some(column::LAST_INTERACTION_AT, counts.last_interaction_at);
    row.set(column::ENCOUNTERS_12M, counts.encounters_12m);
    row.set(column::ED_VISITS_12M, counts.ed_visits_12m);
    row.set(column::NO_SHOWS_12M, counts.no_shows_12m);
    row.set(column::INTERACTIONS_90D, counts.interactions_90d);
    row.set(column::ENCOUNTER_COUNT, counts.encounters);
    row.set(column::CONDITION_COUNT, counts.conditions);
    row.set(column::OBSERVATION_COUNT, counts.observations);
    row.set(column::INTERACTION_COUNT, counts.interactions);
    if let Some(current) = intervals.last().filter(|i| i.exited_at.is_none()) {
        row.set(column::JOURNEY_PHASE, current.phase.name());
        row.set(column::JOURNEY_PHASE_SINCE, current.entered_at);
    }
    row.set(column::ENGAGEMENT_SCORE, counts.score);
    row.set(column::DO_NOT_CONTACT, counts.opted_out);
    row.set(column::UPDATED_AT, now);
    row
}

fn demographics(row: &mut Row, golden: &GoldenRecord) {
    use patient_360 as column;
    row.set(column::IS_PATIENT, golden.is_patient);
    row.set(
        column::STATUS,
        if golden.deceased { "deceased" } else { "active" },
    );
    row.set(column::DECEASED, golden.deceased);
    let name = &golden.name;
    let full: Vec<&str> = [&name.given, &name.middle, &name.family, &name.suffix]
        .into_iter()
        .map(Text::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    row.set_some(column::FULL_NAME, said(full.join(" ").into()));
    row.set_some(column::GIVEN_NAME, said(name.given.clone()));
    row.set_some(column::MIDDLE_NAME, said(name.middle.clone()));
    row.set_some(column::FAMILY_NAME, said(name.family.clone()));
    row.set_some(column::NAME_SUFFIX, said(name.suffix.clone()));
    row.set_some(column::BIRTH_DATE, golden.birth_date.and_then(|d| d.to_date()));
    row.set_some(column::BIRTH_DATE_TEXT, golden.birth_date.map(|d| d.to_string()));
    row.set_some(column::DEATH_DATE, golden.death_at.map(Timestamp::date));
    row.set_some(column::SEX, golden.sex.map(|s| s.code()));
    row.set_some(column::RACE, golden.race.clone());
    row.set_some(column::ETHNICITY, golden.ethnicity.clone());
    row.set_some(column::LANGUAGE, golden.language.clone());
    row.set_some(column::MARITAL_STATUS, golden.marital_status.clone());
    row.set(column::PHONES, golden.phones.clone());
    row.set(column::EMAILS, golden.emails.clone());
    if let Some(address) = &golden.address {
        row.set_some(column::ADDRESS_LINE, said(address.line.clone()));
        row.set_some(column::ADDRESS_LINE2, said(address.line2.clone()));
        row.set_some(column::CITY, said(address.city.clone()));
        row.set_some(column::STATE, said(address.state.clone()));
        row.set_some(column::POSTAL_CODE, said(address.postal_code.clone()));
        row.set_some(column::COUNTRY, said(address.country.clone()));
    }
}

fn issued_identifiers(row: &mut Row, identifiers: &[Identifier]) {
    use patient_360 as column;
    if let Some(mrn) = identifiers
        .iter()
        .find(|i| i.kind == IdentifierKind::MedicalRecord)
    {
        row.set(column::PRIMARY_MRN, mrn.value.clone());
        row.set_some(column::MRN_AUTHORITY, said(mrn.authority.clone()));
    }
    let members: Vec<Text> = identifiers
        .iter()
        .filter(|i| i.kind == IdentifierKind::Member)
        .map(|i| i.value.clone())
        .collect();
    row.set(column::MEMBER_IDS, members);
    let mut named: Vec<(Text, Text)> = identifiers
        .iter()
        .map(|i| {
            (
                if i.authority.is_empty() {
                    format!("{:?}", i.kind).into()
                } else {
                    i.authority.clone()
                },
                i.value.clone(),
            )
        })
        .collect();
    named.sort();
    named.dedup_by(|a, b| a.0 == b.0);
    row.set(column::IDENTIFIERS, Value::Map(&named));
}

fn journey_row(id: &Text, interval: &JourneyInterval, now: Timestamp) -> Row {
    use journey_table as column;
    const DAY_MICROS: i64 = 86_400_000_000;
    let until = interval.exited_at.unwrap_or(now);
    let mut row = Row::new();
    row.set(column::PERSON_ID, id.clone());
    row.set(column::EPISODE_ID, format!("{id}/{}", interval.episode));
    row.set(column::PHASE, interval.phase.name());
    row.set(column::ENTERED_AT, interval.entered_at);
    row.set_some(column::EXITED_AT, interval.exited_at);
    row.set(column::ENTRY_RULE, interval.entry_rule);
    row.set(column::EVIDENCE_IDS, interval.evidence_ids.clone());
    row.set(column::RULE_VERSION, JOURNEY_RULE_VERSION);
    row.set(column::IS_CURRENT, interval.exited_at.is_none());
    row.set(
        column::DAYS_IN_PHASE,
        until.0.saturating_sub(interval.entered_at.0) / DAY_MICROS,
    );
    row.set(column::UPDATED_AT, now);
    row
}

/// Phone numbers and e-mail addresses in one spelling, so that the same one is listed once. What cannot be read as either
/// stays as the source has it.
fn presentable(mut person: Person) -> Person {
    if let Presence::Value(phones) = &mut person.phones {
        for phone in phones {
            phone.number = panorama_standardize::phone::standardize(&phone.number)
                .unwrap_or_else(|| phone.number.clone());
        }
    }
    if let Presence::Value(emails) = &mut person.emails {
        for email in emails {
            email.address = panorama_standardize::email::standardize(&email.address)
                .unwrap_or_else(|| email.address.clone());
        }
    }
    person
}

fn said(text: Text) -> Option<Text> {
    (!text.is_empty()).then_some(text)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
