//! The history of every identity: nothing is linked, merged or split without a row here (INV-7).

use crate::definition::{Partition, PartitionKind};

table! {
    "identity_events", "One row per link, merge, split, alias or decision, with its evidence.",
    Some(Partition {
        column: "occurred_month",
        comment: "First day of the UTC month of occurred_at",
        kind: PartitionKind::Month,
    });
    EVENT_ID event_id: Text, "Stable id of the event", key;
    EVENT_TYPE event_type: Text, "link, unlink, merge, split, alias, decision";
    PERSON_ID person_id: Text, "The person it is about; on a merge the one that survives";
    OTHER_PERSON_ID other_person_id: Text, "The other person: merged away, or split off";
    SOURCE source: Text, "Source of the record";
    SOURCE_RECORD_ID source_record_id: Text, "The record", identifying;
    OTHER_SOURCE other_source: Text, "Source of the other record";
    OTHER_SOURCE_RECORD_ID other_source_record_id: Text, "The other record", identifying;
    EVIDENCE evidence: Text, "The evidence, JSON: comparisons, levels, weights, rules", identifying;
    MATCH_PROBABILITY match_probability: Float, "Probability of the pair, 0 to 1";
    MODEL_VERSION model_version: Text, "Version of the match model that decided";
    OCCURRED_AT occurred_at: Time, "When it was decided, UTC";
}
