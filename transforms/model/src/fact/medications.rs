//! Medication orders, statements, administrations (FHIR R4 MedicationRequest/Statement/Administration; HL7 v2 RXO, RXE, RXD, RXA).

fact_table! {
    "medications", id: "medication_id", doc: "One row per medication order, statement, dispense or administration.",
    date: Some(AUTHORED_AT), end: Some(END_AT);
    ENCOUNTER_ID encounter_id: Text, "Encounter, id of the source", identifying;
    KIND kind: Text, "request, statement, dispense, administration";
    CODE code: Text, "Drug code (RxNorm, NDC)";
    CODE_SYSTEM code_system: Text, "Code system: URI or HL7 table 0396 name";
    DISPLAY display: Text, "The drug in words";
    STATUS status: Text, "FHIR R4 status: active, on-hold, cancelled, completed, stopped, draft, unknown";
    INTENT intent: Text, "order, plan, proposal";
    AUTHORED_AT authored_at: Time, "Ordered, stated or given, UTC";
    START_AT start_at: Time, "Start of taking, UTC";
    END_AT end_at: Time, "End of taking, UTC";
    PRESCRIBER_NPI prescriber_npi: Text, "Prescriber id; NPI where the source has it";
    DOSE_TEXT dose_text: Text, "Dosage in words", identifying;
    DOSE dose: Float, "Dose, in dose_unit";
    DOSE_UNIT dose_unit: Text, "Unit of the dose";
    ROUTE route: Text, "Route code or text (RXR-1)";
    FREQUENCY frequency: Text, "Frequency or timing as text";
    QUANTITY quantity: Float, "Dispensed or ordered quantity";
    DAYS_SUPPLY days_supply: Int, "Days of supply";
    REFILLS refills: Int, "Refills allowed";
}
