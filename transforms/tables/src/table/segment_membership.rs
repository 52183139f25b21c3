//! Audiences.

table! {
    "segment_membership", "One row per person, segment and stay in it.",
    crate::table::buckets("Hash bucket of person_id");
    SEGMENT_ID segment_id: Text, "The segment", key;
    PERSON_ID person_id: Text, "The person", key;
    ENTERED_AT entered_at: Time, "When the person entered, UTC";
    EXITED_AT exited_at: Time, "When the person left, UTC; null while inside";
    RULE_VERSION rule_version: Text, "Version of the segment's rule";
    UPDATED_AT updated_at: Time, "When the pipeline last changed the row, UTC";
}
