//! Clinical documents (FHIR R4 DocumentReference; HL7 v2 TXA, MDM).

fact_table! {
    "documents", id: "document_id", doc: "One row per clinical document: what it is and where it lies, not its text.",
    date: Some(CREATED_AT), end: None;
    ENCOUNTER_ID encounter_id: Text, "Encounter, id of the source", identifying;
    TYPE_CODE type_code: Text, "Document type code (LOINC, TXA-2)";
    TYPE_DISPLAY type_display: Text, "Document type in words";
    STATUS status: Text, "current, superseded, entered-in-error";
    DOCUMENT_STATUS document_status: Text, "preliminary, final, amended (TXA-17, docStatus)";
    AVAILABILITY availability: Text, "Availability (TXA-19): AV available, CA deleted, OB obsolete, UN unavailable";
    CREATED_AT created_at: Time, "Written, UTC (TXA-4, date)";
    AUTHOR_NPI author_npi: Text, "Author id (TXA-9)";
    TITLE title: Text, "Title or description", identifying;
    CONTENT_TYPE content_type: Text, "Media type";
    CONTENT_URL content_url: Text, "Where the content lies, if it is not in the message", identifying;
    CONTENT_BYTES content_bytes: Int, "Size of the content in the message, bytes";
    REPLACES replaces: Text, "Id of the document it replaces (TXA-13)", identifying;
}
