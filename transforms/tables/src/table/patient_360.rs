//! The one row per person everything else serves.

table! {
    "patient_360", "One row per person: golden record, contact points, activity, journey.",
    crate::table::buckets("Hash bucket of person_id, the unit in which the table is rewritten");
    PERSON_ID person_id: Text, "Stable enterprise id of the person", key;
    IS_PATIENT is_patient: Bool, "Has a record in a clinical system; otherwise a prospect or contact";
    STATUS status: Text, "active, inactive or deceased";
    FULL_NAME full_name: Text, "Given, middle, family name and suffix, as survived", identifying;
    GIVEN_NAME given_name: Text, "Given name", identifying;
    MIDDLE_NAME middle_name: Text, "Middle name or initial", identifying;
    FAMILY_NAME family_name: Text, "Family name", identifying;
    NAME_SUFFIX name_suffix: Text, "Name suffix: Jr, Sr, III", identifying;
    BIRTH_DATE birth_date: Date, "Birth date, where whole", identifying;
    BIRTH_DATE_TEXT birth_date_text: Text, "Birth date as known: YYYY, YYYY-MM or YYYY-MM-DD", identifying;
    DEATH_DATE death_date: Date, "Date of death", identifying;
    DECEASED deceased: Bool, "Said to be dead";
    SEX sex: Text, "female, male, other or unknown";
    RACE race: Text, "Race as the source codes it", identifying;
    ETHNICITY ethnicity: Text, "Ethnicity as the source codes it", identifying;
    LANGUAGE language: Text, "Preferred language";
    MARITAL_STATUS marital_status: Text, "Marital status code";
    PHONES phones: List, "Phone numbers, E.164 where they can be, best first", identifying;
    EMAILS emails: List, "E-mail addresses, lower case, best first", identifying;
    ADDRESS_LINE address_line: Text, "Street address", identifying;
    ADDRESS_LINE2 address_line2: Text, "Second address line", identifying;
    CITY city: Text, "City", identifying;
    STATE state: Text, "State or province";
    POSTAL_CODE postal_code: Text, "Postal code", identifying;
    COUNTRY country: Text, "Country";
    PRIMARY_MRN primary_mrn: Text, "Medical record number of the leading clinical record", identifying;
    MRN_AUTHORITY mrn_authority: Text, "Authority that issued primary_mrn";
    MEMBER_IDS member_ids: List, "Member ids of payers and plans", identifying;
    IDENTIFIERS identifiers: Map, "Further identifiers: kind or system to value", identifying;
    SOURCE_COUNT source_count: Int, "Sources that know the person";
    RECORD_COUNT record_count: Int, "Source records linked to the person";
    SOURCES sources: List, "Ids of those sources";
    IDENTITY_CONFIDENCE identity_confidence: Float, "Weakest link probability in the cluster, 0 to 1; 1 for a lone record";
    FIELD_PROVENANCE field_provenance: Map, "Column to the source record its value comes from", identifying;
    FIRST_SEEN_AT first_seen_at: Time, "Earliest statement about the person, UTC";
    LAST_ENCOUNTER_AT last_encounter_at: Time, "Start of the latest encounter so far, UTC";
    NEXT_APPOINTMENT_AT next_appointment_at: Time, "Start of the next open appointment, UTC";
    LAST_INTERACTION_AT last_interaction_at: Time, "Latest touchpoint, UTC";
    ENCOUNTERS_12M encounters_12m: Int, "Encounters in the last 12 months";
    ED_VISITS_12M ed_visits_12m: Int, "Emergency visits in the last 12 months";
    NO_SHOWS_12M no_shows_12m: Int, "Missed appointments in the last 12 months";
    INTERACTIONS_90D interactions_90d: Int, "Touchpoints in the last 90 days";
    ENCOUNTER_COUNT encounter_count: Int, "Encounters ever";
    CONDITION_COUNT condition_count: Int, "Conditions ever";
    OBSERVATION_COUNT observation_count: Int, "Observations ever";
    INTERACTION_COUNT interaction_count: Int, "Touchpoints ever";
    JOURNEY_PHASE journey_phase: Text, "Current phase: awareness, help, care, treatment, behavioral_change, ongoing, lapsed";
    JOURNEY_PHASE_SINCE journey_phase_since: Time, "When the phase was entered, UTC";
    ENGAGEMENT_SCORE engagement_score: Int, "Engagement, 0 to 100, by documented weights";
    DO_NOT_CONTACT do_not_contact: Bool, "Consent forbids outreach";
    UPDATED_AT updated_at: Time, "When the pipeline last changed the row, UTC";
}
