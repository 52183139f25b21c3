//! What to do next for a person, and why, or why not.

table! {
    "next_best_action", "One row per person and proposed action.",
    crate::table::buckets("Hash bucket of person_id");
    PERSON_ID person_id: Text, "The person", key;
    ACTION_ID action_id: Text, "The action", key;
    REASON_CODES reason_codes: List, "Why it is proposed";
    CHANNEL channel: Text, "Channel to use";
    SEND_AFTER send_after: Time, "Not before, UTC";
    SEND_BEFORE send_before: Time, "Not after, UTC";
    PRIORITY priority: Int, "Lower comes first";
    SUPPRESSION_REASON suppression_reason: Text, "Why it must not be done now";
    CONSENT_ID consent_id: Text, "The permission it rests on", identifying;
    EVIDENCE_IDS evidence_ids: List, "Ids of the facts behind it", identifying;
    EXPIRES_AT expires_at: Time, "When the proposal ends, UTC";
    STATUS status: Text, "proposed, suppressed, done or expired";
    UPDATED_AT updated_at: Time, "When the pipeline last changed the row, UTC";
}
