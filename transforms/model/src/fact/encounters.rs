//! Visits: one row per encounter (FHIR R4 Encounter; HL7 v2 PV1/PV2; Tuva `encounter`).

fact_table! {
    "encounters", id: "encounter_id", doc: "One row per encounter (visit, stay) of a person.",
    date: Some(START_AT), end: Some(END_AT);
    VISIT_NUMBER visit_number: Text, "Visit or account number of the source (PV1-19, Encounter.identifier)", identifying;
    CLASS class: Text, "Class, HL7 v3 ActCode: AMB, EMER, IMP, OBSENC, PRENC, VR";
    TYPE_CODE type_code: Text, "Type code as the source has it (PV1-4, Encounter.type)";
    TYPE_DISPLAY type_display: Text, "Type in words";
    STATUS status: Text, "FHIR R4 encounter status: planned, arrived, in-progress, finished, cancelled, unknown";
    START_AT start_at: Time, "Start or admission, UTC (PV1-44)";
    END_AT end_at: Time, "End or discharge, UTC (PV1-45)";
    SERVICE service: Text, "Hospital service or service line (PV1-10, Encounter.serviceType)";
    FACILITY facility: Text, "Facility id (PV1-3.4, Encounter.serviceProvider)";
    LOCATION location: Text, "Assigned location: point of care, room, bed (PV1-3)";
    ADMIT_SOURCE admit_source: Text, "Admit source code (PV1-14)";
    DISCHARGE_DISPOSITION discharge_disposition: Text, "Discharge disposition code (PV1-36)";
    ATTENDING_NPI attending_npi: Text, "Attending provider id (PV1-7, participant ATND); NPI where the source has it";
    ATTENDING_NAME attending_name: Text, "Attending provider name";
    REFERRING_NPI referring_npi: Text, "Referring provider id (PV1-8)";
    ADMITTING_NPI admitting_npi: Text, "Admitting provider id (PV1-17)";
    PRIMARY_DX_CODE primary_dx_code: Text, "First diagnosis code (DG1-3, Encounter.diagnosis)";
    PRIMARY_DX_SYSTEM primary_dx_system: Text, "Code system of the first diagnosis";
    REASON reason: Text, "Reason of the visit in words (PV2-3, Encounter.reasonCode)", identifying;
    LAST_EVENT last_event: Text, "Trigger event of the last message about it: A01, A03, A08 ...";
    PAYER payer: Text, "Payer or plan of the visit";
    TOTAL_CHARGE total_charge: Float, "Total charge, USD";
}
