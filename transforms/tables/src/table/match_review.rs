//! Doubtful pairs, for a data steward to decide.

table! {
    "match_review", "One row per doubtful pair of records, and what was decided about it.",
    crate::table::buckets("Hash bucket of review_id");
    REVIEW_ID review_id: Text, "Stable id of the pair", key;
    RECORD_A record_a: Text, "Key of the first record", identifying;
    RECORD_B record_b: Text, "Key of the second record", identifying;
    PERSON_A person_a: Text, "Person of the first record";
    PERSON_B person_b: Text, "Person of the second record";
    MATCH_PROBABILITY match_probability: Float, "Probability that they are one person, 0 to 1";
    MATCH_WEIGHT match_weight: Float, "Weight of the pair, log2 of the Bayes factor";
    FIELD_SCORES field_scores: Map, "Comparison to its weight, log2";
    REASON reason: Text, "Why it is doubtful: below_auto, conflict, limit_exceeded, shared_contact";
    STATUS status: Text, "open; match or no_match as a steward decided; closed where the records changed";
    DECIDED_BY decided_by: Text, "Who decided";
    DECIDED_AT decided_at: Time, "When it was decided, UTC";
    DECISION_NOTE decision_note: Text, "The steward's note", identifying;
    OPENED_AT opened_at: Time, "When the pair first became doubtful, UTC";
    MODEL_VERSION model_version: Text, "Version of the match model";
}
