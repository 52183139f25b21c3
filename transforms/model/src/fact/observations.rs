//! Results, vital signs, social history (FHIR R4 Observation; HL7 v2 OBX under OBR).

fact_table! {
    "observations", id: "observation_id", doc: "One row per observation: lab result, vital sign, survey answer.",
    date: Some(EFFECTIVE_AT), end: None;
    ENCOUNTER_ID encounter_id: Text, "Encounter, id of the source", identifying;
    ORDER_ID order_id: Text, "Order or accession number (OBR-3, OBR-2)", identifying;
    CODE code: Text, "Observation code (LOINC where the source has it)";
    CODE_SYSTEM code_system: Text, "Code system: URI or HL7 table 0396 name";
    DISPLAY display: Text, "The observation in words";
    PANEL_CODE panel_code: Text, "Code of the panel or order it belongs to (OBR-4)";
    PANEL_DISPLAY panel_display: Text, "The panel in words";
    CATEGORY category: Text, "laboratory, vital-signs, social-history, imaging, survey, exam";
    EFFECTIVE_AT effective_at: Time, "When it was true, UTC (OBX-14, OBR-7, effectiveDateTime)";
    ISSUED_AT issued_at: Time, "When it was reported, UTC (OBR-22, issued)";
    VALUE_TYPE value_type: Text, "HL7 value type (OBX-2): NM, ST, CWE, TX, ED ...";
    VALUE_NUM value_num: Float, "Numeric value, in unit";
    UNIT unit: Text, "Unit (UCUM where the source has it)";
    VALUE_TEXT value_text: Text, "Value as text", identifying;
    VALUE_CODE value_code: Text, "Coded value";
    VALUE_CODE_SYSTEM value_code_system: Text, "Code system of the coded value";
    COMPARATOR comparator: Text, "<, <=, >, >= where the value is a bound";
    REFERENCE_LOW reference_low: Float, "Lower reference limit";
    REFERENCE_HIGH reference_high: Float, "Upper reference limit";
    REFERENCE_TEXT reference_text: Text, "Reference range as text (OBX-7)";
    INTERPRETATION interpretation: Text, "Abnormal flag: H, L, HH, LL, A, N (OBX-8)";
    STATUS status: Text, "FHIR R4: registered, preliminary, final, amended, corrected, cancelled, entered-in-error";
    NOTE note: Text, "Notes (NTE-3, note.text), lines joined by a newline", identifying;
    PERFORMER performer: Text, "Performing organisation or clinician";
}
