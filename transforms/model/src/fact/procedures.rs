//! Procedures (FHIR R4 Procedure; HL7 v2 PR1).

fact_table! {
    "procedures", id: "procedure_id", doc: "One row per procedure.",
    date: Some(PERFORMED_AT), end: Some(END_AT);
    ENCOUNTER_ID encounter_id: Text, "Encounter, id of the source", identifying;
    CODE code: Text, "Code (CPT, HCPCS, ICD-10-PCS, SNOMED CT)";
    CODE_SYSTEM code_system: Text, "Code system: URI or HL7 table 0396 name";
    DISPLAY display: Text, "The procedure in words";
    STATUS status: Text, "FHIR R4 status: preparation, in-progress, not-done, completed, entered-in-error, unknown";
    PERFORMED_AT performed_at: Time, "Performed or begun, UTC (PR1-5)";
    END_AT end_at: Time, "Ended, UTC";
    PERFORMER_NPI performer_npi: Text, "Performer id; NPI where the source has it";
    REASON reason: Text, "Reason in words or code", identifying;
    RANK rank: Int, "Priority within the encounter (PR1-14)";
}
