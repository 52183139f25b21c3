//! The crosswalk: which source record belongs to which person, and why.

table! {
    "patient_identity", "One row per source record: the person it is linked to, and the evidence.",
    crate::table::buckets("Hash bucket of the source record");
    PERSON_ID person_id: Text, "The person the record is linked to", key;
    SOURCE source: Text, "Configured id of the source";
    SOURCE_RECORD_ID source_record_id: Text, "The source's own id of the record", identifying;
    ASSIGNING_AUTHORITY assigning_authority: Text, "Authority that issued the id (HL7 CX.4)";
    RECORD_KIND record_kind: Text, "Kind of the record: patient, contact, caller, subscriber, visitor";
    MATCH_METHOD match_method: Text, "founder, deterministic, probabilistic, source_merge or manual";
    MATCH_PROBABILITY match_probability: Float, "Probability of the link, 0 to 1";
    MATCH_WEIGHT match_weight: Float, "Weight of the link, log2 of the Bayes factor";
    MATCHED_WITH matched_with: Text, "Key of the record it was matched with", identifying;
    MODEL_VERSION model_version: Text, "Version of the match model that decided";
    LINKED_AT linked_at: Time, "When it was linked, UTC";
    IS_ACTIVE is_active: Bool, "False where the record was merged away or deleted in its source";
}
