//! The rows of identity: crosswalk, events, reviews. Every link keeps its evidence (INV-7).

use crate::current::RowKey;
use crate::rows::bucket;
use crate::table_number;
use panorama_identity::{Evidence, Explanation, IdentityChange, Review, ReviewStatus};
use panorama_model::{PersonId, Row, SourceRecordKey, Text, Timestamp, Value};
use panorama_tables::table::{identity_events, match_review, patient_identity};
use panorama_unify::record_name;
use xxhash_rust::xxh3::xxh3_128;

/// Where a record's row of the crosswalk lies.
pub(crate) const fn crosswalk_place(hash: u128, bucket: i32) -> RowKey {
    (table_number::PATIENT_IDENTITY, (bucket, hash))
}

/// A record's row of the crosswalk.
pub(crate) fn crosswalk(
    key: &SourceRecordKey,
    person: PersonId,
    evidence: &Evidence,
    other: Option<&SourceRecordKey>,
    model_version: &str,
    at: Timestamp,
) -> Row {
    use patient_identity as column;
    let mut row = Row::new();
    row.set(column::PERSON_ID, person.to_string());
    row.set(column::SOURCE, key.source.clone());
    row.set(column::SOURCE_RECORD_ID, key.id.clone());
    row.set_some(
        column::ASSIGNING_AUTHORITY,
        Some(key.authority.clone()).filter(|a| !a.is_empty()),
    );
    row.set(column::RECORD_KIND, key.kind.name());
    row.set(column::MATCH_METHOD, evidence.method.name());
    row.set(
        column::MATCH_PROBABILITY,
        evidence.weight.map_or(1.0, |w| w.probability()),
    );
    row.set_some(column::MATCH_WEIGHT, evidence.weight.map(|w| f64::from(w.bits())));
    row.set_some(column::MATCHED_WITH, other.map(record_name));
    row.set(column::MODEL_VERSION, model_version);
    row.set(column::LINKED_AT, at);
    row.set(column::IS_ACTIVE, true);
    row
}

/// Marks a record's row as deleted in its source, or not.
pub(crate) fn set_active(row: &mut Row, active: bool) {
    row.set(patient_identity::IS_ACTIVE, active);
}

/// A row of `identity_events`.
pub(crate) fn event(
    event: &IdentityChange,
    sequence: u64,
    key: Option<&SourceRecordKey>,
    other: Option<&SourceRecordKey>,
    model_version: &str,
    at: Timestamp,
) -> (RowKey, Row) {
    use identity_events as column;
    let id = xxh3_128(&[&event.person.0.to_be_bytes()[..], &sequence.to_be_bytes()[..]].concat());
    let evidence = serde_json::json!({
        "method": event.evidence.method.name(),
        "weight_bits": event.evidence.weight.map(|w| w.bits()),
    });
    let mut row = Row::new();
    row.set(column::EVENT_ID, format!("{id:032x}"));
    row.set(column::EVENT_TYPE, event.kind.name());
    row.set(column::PERSON_ID, event.person.to_string());
    row.set_some(column::OTHER_PERSON_ID, event.other_person.map(|p| p.to_string()));
    row.set_some(column::SOURCE, key.map(|k| k.source.clone()));
    row.set_some(column::SOURCE_RECORD_ID, key.map(|k| k.id.clone()));
    row.set_some(column::OTHER_SOURCE, other.map(|k| k.source.clone()));
    row.set_some(column::OTHER_SOURCE_RECORD_ID, other.map(|k| k.id.clone()));
    row.set(column::EVIDENCE, evidence.to_string());
    row.set_some(
        column::MATCH_PROBABILITY,
        event.evidence.weight.map(|w| w.probability()),
    );
    row.set(column::MODEL_VERSION, model_version);
    row.set(column::OCCURRED_AT, at);
    (
        (table_number::IDENTITY_EVENTS, (at.date().first_of_month().0, id)),
        row,
    )
}

/// A row of `match_review`.
pub(crate) fn review(
    review: &Review,
    keys: [&SourceRecordKey; 2],
    persons: [Option<PersonId>; 2],
    explanation: &Explanation,
    at: Timestamp,
) -> (RowKey, Row) {
    use match_review as column;
    let mut names = keys.map(|key| (key.hash128(), record_name(key)));
    let mut persons = persons.map(|p| p.map(|p| p.to_string()));
    if names[0].0 > names[1].0 {
        names.swap(0, 1);
        persons.swap(0, 1);
    }
    let id = xxh3_128(&[names[0].0.to_be_bytes(), names[1].0.to_be_bytes()].concat());
    let [(_, name_a), (_, name_b)] = names;
    let [person_a, person_b] = persons;
    let mut scores: Vec<(Text, Text)> = explanation
        .steps
        .iter()
        .filter(|step| step.level != "missing")
        .map(|step| {
            (
                step.comparison.as_str().into(),
                format!("{:.2}", step.weight_bits).into(),
            )
        })
        .collect();
    scores.sort();
    let mut row = Row::new();
    row.set(column::REVIEW_ID, format!("{id:032x}"));
    row.set(column::RECORD_A, name_a);
    row.set(column::RECORD_B, name_b);
    row.set_some(column::PERSON_A, person_a);
    row.set_some(column::PERSON_B, person_b);
    row.set(column::MATCH_PROBABILITY, review.weight.probability());
    row.set(column::MATCH_WEIGHT, f64::from(review.weight.bits()));
    row.set(column::FIELD_SCORES, Value::Map(scores));
    row.set(column::REASON, "below_auto");
    row.set(
        column::STATUS,
        if review.status == ReviewStatus::Open {
            "open"
        } else {
            "closed"
        },
    );
    row.set(column::OPENED_AT, at);
    row.set(column::MODEL_VERSION, explanation.model_version.as_str());
    ((table_number::MATCH_REVIEW, (bucket(id), id)), row)
}
