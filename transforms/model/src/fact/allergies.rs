//! Allergies and intolerances (FHIR R4 AllergyIntolerance; HL7 v2 AL1, IAM).

fact_table! {
    "allergies", id: "allergy_id", doc: "One row per allergy or intolerance.",
    date: Some(RECORDED_AT), end: None;
    CODE code: Text, "Allergen code (RxNorm, SNOMED CT, local)";
    CODE_SYSTEM code_system: Text, "Code system: URI or HL7 table 0396 name";
    DISPLAY display: Text, "The allergen in words";
    CATEGORY category: Text, "food, medication, environment, biologic; AL1-2 type";
    CRITICALITY criticality: Text, "low, high, unable-to-assess";
    SEVERITY severity: Text, "Severity: mild, moderate, severe (AL1-4 MI, MO, SV)";
    REACTION reaction: Text, "Reactions, joined by '; '";
    CLINICAL_STATUS clinical_status: Text, "active, inactive, resolved";
    VERIFICATION_STATUS verification_status: Text, "unconfirmed, confirmed, refuted, entered-in-error";
    ONSET_AT onset_at: Time, "Onset, UTC";
    RECORDED_AT recorded_at: Time, "Recorded, UTC (AL1-6)";
}
