//! Diagnoses and problems (FHIR R4 Condition; HL7 v2 DG1, PRB).

fact_table! {
    "conditions", id: "condition_id", doc: "One row per diagnosis or problem of a person.",
    date: Some(RECORDED_AT), end: Some(ABATEMENT_AT);
    ENCOUNTER_ID encounter_id: Text, "Encounter it was recorded in, id of the source", identifying;
    CODE code: Text, "Code (ICD-10-CM, SNOMED CT)";
    CODE_SYSTEM code_system: Text, "Code system: URI or HL7 table 0396 name";
    DISPLAY display: Text, "The condition in words";
    CATEGORY category: Text, "encounter-diagnosis, problem-list-item; DG1-6 type for HL7 v2";
    CLINICAL_STATUS clinical_status: Text, "active, recurrence, relapse, inactive, remission, resolved";
    VERIFICATION_STATUS verification_status: Text, "unconfirmed, provisional, differential, confirmed, refuted, entered-in-error";
    ONSET_AT onset_at: Time, "Onset, UTC";
    RECORDED_AT recorded_at: Time, "Recorded, UTC (DG1-5)";
    ABATEMENT_AT abatement_at: Time, "Abated, UTC";
    RANK rank: Int, "Diagnosis priority within the encounter, 1 is principal (DG1-15)";
    RECORDER_NPI recorder_npi: Text, "Recording clinician id (DG1-16)";
}
