//! Immunizations (FHIR R4 Immunization; HL7 v2 VXU RXA).

fact_table! {
    "immunizations", id: "immunization_id", doc: "One row per vaccine given, refused or reported.",
    date: Some(OCCURRED_AT), end: None;
    ENCOUNTER_ID encounter_id: Text, "Encounter, id of the source", identifying;
    CODE code: Text, "Vaccine code (CVX)";
    CODE_SYSTEM code_system: Text, "Code system: URI or HL7 table 0396 name";
    DISPLAY display: Text, "The vaccine in words";
    STATUS status: Text, "completed, not-done, entered-in-error";
    STATUS_REASON status_reason: Text, "Why not done (RXA-18)";
    OCCURRED_AT occurred_at: Time, "Given, UTC (RXA-3)";
    LOT_NUMBER lot_number: Text, "Lot number (RXA-15)";
    EXPIRES_AT expires_at: Time, "Expiry of the lot, UTC (RXA-16)";
    MANUFACTURER manufacturer: Text, "Manufacturer (MVX code, RXA-17)";
    DOSE dose: Float, "Dose given (RXA-6)";
    DOSE_UNIT dose_unit: Text, "Unit of the dose (RXA-7)";
    ROUTE route: Text, "Route (RXR-1)";
    SITE site: Text, "Body site (RXR-2)";
    PERFORMER_NPI performer_npi: Text, "Administering provider id (RXA-10)";
    IS_HISTORICAL is_historical: Bool, "Reported, not given here (RXA-9 other than 00, primarySource false)";
}
