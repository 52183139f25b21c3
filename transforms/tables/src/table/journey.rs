//! The journey of each person through phases of care.

table! {
    "journey", "One row per person, episode and phase interval.",
    crate::table::buckets("Hash bucket of person_id");
    PERSON_ID person_id: Text, "The person", key;
    EPISODE_ID episode_id: Text, "The episode: service line or condition group", key;
    PHASE phase: Text, "awareness, help, care, treatment, behavioral_change, ongoing, lapsed";
    ENTERED_AT entered_at: Time, "When the phase was entered, UTC";
    EXITED_AT exited_at: Time, "When it was left, UTC; null while it lasts";
    ENTRY_RULE entry_rule: Text, "The rule that entered it";
    EVIDENCE_IDS evidence_ids: List, "Ids of the facts behind it", identifying;
    RULE_VERSION rule_version: Text, "Version of the rules";
    IS_CURRENT is_current: Bool, "The phase lasts";
    DAYS_IN_PHASE days_in_phase: Int, "Whole days in the phase so far";
    UPDATED_AT updated_at: Time, "When the pipeline last changed the row, UTC";
}
