//! Referrals (FHIR R4 ServiceRequest; HL7 v2 REF RF1/PRD).

fact_table! {
    "referrals", id: "referral_id", doc: "One row per referral or service request.",
    date: Some(ORDERED_AT), end: Some(EXPIRES_AT);
    EXTERNAL_ID external_id: Text, "External referral id (RF1-11)", identifying;
    REFERRING_NPI referring_npi: Text, "Referring provider id (PRD RP, requester)";
    REFERRED_TO_NPI referred_to_npi: Text, "Referred-to provider id (PRD RT, performer)";
    REFERRED_TO_ORG referred_to_org: Text, "Referred-to organisation";
    SERVICE_LINE service_line: Text, "Specialty or service";
    CODE code: Text, "Requested service code";
    CODE_SYSTEM code_system: Text, "Code system";
    DISPLAY display: Text, "Requested service in words";
    PRIORITY priority: Text, "routine, urgent, asap, stat (RF1-2)";
    STATUS status: Text, "FHIR R4 request status: draft, active, on-hold, revoked, completed, entered-in-error; RF1-1 P, A, R, E mapped";
    CATEGORY category: Text, "Category: referral, laboratory, imaging ...";
    REASON reason: Text, "Reason in words or code", identifying;
    ORDERED_AT ordered_at: Time, "Ordered, UTC (RF1-7, authoredOn)";
    AUTHORISED_AT authorised_at: Time, "Authorised, UTC";
    EXPIRES_AT expires_at: Time, "Expires, UTC (RF1-8)";
}
