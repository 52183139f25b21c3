//! The rows of identity: crosswalk, events, reviews. Every link keeps its evidence (INV-7).

use crate::current::RowKey;
use crate::rows::bucket;
use crate::table_number;
use panorama_identity::{Evidence, Explanation, IdentityChange, Review, ReviewStatus};
use panorama_model::{
    PersonId, Row, SourceRecordKey, StewardDecision, StewardVerdict, Text, Timestamp, Value,
};
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

/// What an event rests on. Written with each, so without a map of values in between.
#[derive(serde::Serialize)]
struct EventEvidence {
    method: &'static str,
    weight_bits: Option<f32>,
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
    let evidence = EventEvidence {
        method: event.evidence.method.name(),
        weight_bits: event.evidence.weight.map(|w| w.bits()),
    };
    let mut row = Row::new();
    row.set(column::EVENT_ID, format!("{id:032x}"));
    row.set(column::EVENT_TYPE, event.kind.name());
    row.set(column::PERSON_ID, event.person.to_string());
    row.set_some(column::OTHER_PERSON_ID, event.other_person.map(|p| p.to_string()));
    row.set_some(column::SOURCE, key.map(|k| k.source.clone()));
    row.set_some(column::SOURCE_RECORD_ID, key.map(|k| k.id.clone()));
    row.set_some(column::OTHER_SOURCE, other.map(|k| k.source.clone()));
    row.set_some(column::OTHER_SOURCE_RECORD_ID, other.map(|k| k.id.clone()));
    row.set(
        column::EVIDENCE,
        serde_json::to_string(&evidence).unwrap_or_default(),
    );
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
    let place = review_place(keys);
    let [(key_a, person_a), (key_b, person_b)] = in_order(keys, persons);
    let (name_a, name_b) = (record_name(key_a), record_name(key_b));
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
    row.set(column::REVIEW_ID, format!("{:032x}", place.1.1));
    row.set(column::RECORD_A, name_a);
    row.set(column::RECORD_B, name_b);
    row.set_some(column::PERSON_A, person_a.map(|p| p.to_string()));
    row.set_some(column::PERSON_B, person_b.map(|p| p.to_string()));
    row.set(column::MATCH_PROBABILITY, review.weight.probability());
    row.set(column::MATCH_WEIGHT, f64::from(review.weight.bits()));
    row.set(column::FIELD_SCORES, Value::Map(&scores));
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
    (place, row)
}

/// The two records of a pair, and their persons, in the order that every row of the pair has.
fn in_order(
    [a, b]: [&SourceRecordKey; 2],
    [person_a, person_b]: [Option<PersonId>; 2],
) -> [(&SourceRecordKey, Option<PersonId>); 2] {
    let pair = [(a, person_a), (b, person_b)];
    let [first, second] = pair;
    if a.hash128() <= b.hash128() {
        pair
    } else {
        [second, first]
    }
}

/// Where the row of a pair lies, whichever record is named first.
pub(crate) fn review_place(keys: [&SourceRecordKey; 2]) -> RowKey {
    let mut hashes = keys.map(SourceRecordKey::hash128);
    hashes.sort_unstable();
    let id = xxh3_128(&hashes.map(u128::to_be_bytes).concat());
    (table_number::MATCH_REVIEW, (bucket(id), id))
}

/// Keeps in a pair's new row when it opened, and what a steward has decided of it.
pub(crate) fn keep_decision(row: &mut Row, known: &Row) {
    use match_review as column;
    let decided = matches!(known.text(column::STATUS), Some("match" | "no_match"));
    if decided && row.text(column::STATUS) == Some("closed") {
        let status = known.text(column::STATUS).unwrap_or_default().to_owned();
        row.set(column::STATUS, status);
    }
    for kept in [
        column::DECIDED_BY,
        column::DECIDED_AT,
        column::DECISION_NOTE,
        column::OPENED_AT,
    ] {
        if let Some(value) = known.get(kept) {
            row.set(kept, value);
        }
    }
}

/// Sets in a pair's row what a steward decided, unless it holds a newer word.
pub(crate) fn set_decision(row: &mut Row, decision: &StewardDecision, persons: [Option<PersonId>; 2]) {
    use match_review as column;
    if row
        .time(column::DECIDED_AT)
        .is_some_and(|at| at > decision.version.at)
    {
        return;
    }
    match decision.verdict {
        StewardVerdict::Match => row.set(column::STATUS, "match"),
        StewardVerdict::NoMatch => row.set(column::STATUS, "no_match"),
        StewardVerdict::Withdrawn if row.text(column::STATUS) == Some("open") => {}
        StewardVerdict::Withdrawn => row.set(column::STATUS, "closed"),
    }
    row.set(column::DECIDED_BY, decision.by.clone());
    row.set(column::DECIDED_AT, decision.version.at);
    row.set(column::DECISION_NOTE, decision.note.clone());
    let [(_, a), (_, b)] = in_order([&decision.a, &decision.b], persons);
    row.set_some(column::PERSON_A, a.map(|p| p.to_string()));
    row.set_some(column::PERSON_B, b.map(|p| p.to_string()));
}

/// A row of `identity_events` for a steward's decision.
pub(crate) fn decision_event(
    decision: &StewardDecision,
    person: PersonId,
    other: Option<PersonId>,
    sequence: u64,
    model_version: &str,
    at: Timestamp,
) -> (RowKey, Row) {
    use identity_events as column;
    let id = xxh3_128(&[&person.0.to_be_bytes()[..], &sequence.to_be_bytes()[..]].concat());
    let evidence = serde_json::json!({
        "method": "steward", "verdict": decision.verdict, "by": decision.by.as_str(), "note": decision.note.as_str(),
        "decided_at": decision.version.at.to_string(),
    });
    let mut row = Row::new();
    row.set(column::EVENT_ID, format!("{id:032x}"));
    row.set(column::EVENT_TYPE, "decision");
    row.set(column::PERSON_ID, person.to_string());
    row.set_some(
        column::OTHER_PERSON_ID,
        other.filter(|other| *other != person).map(|p| p.to_string()),
    );
    row.set(column::SOURCE, decision.a.source.clone());
    row.set(column::SOURCE_RECORD_ID, decision.a.id.clone());
    row.set(column::OTHER_SOURCE, decision.b.source.clone());
    row.set(column::OTHER_SOURCE_RECORD_ID, decision.b.id.clone());
    row.set(column::EVIDENCE, evidence.to_string());
    row.set(column::MODEL_VERSION, model_version);
    row.set(column::OCCURRED_AT, at);
    (
        (table_number::IDENTITY_EVENTS, (at.date().first_of_month().0, id)),
        row,
    )
}
