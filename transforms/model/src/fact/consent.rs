//! Permissions: per channel and purpose (FHIR R4 Consent; unsubscribe and STOP events).

fact_table! {
    "consent", id: "consent_id", doc: "One row per statement of permission or refusal.",
    date: Some(EFFECTIVE_AT), end: Some(EXPIRES_AT);
    CHANNEL channel: Text, "call, sms, email, mail, push, any";
    PURPOSE purpose: Text, "treatment, appointment, marketing, fundraising, research, sale, tracking";
    STATUS status: Text, "granted, denied, revoked, unknown";
    BASIS basis: Text, "Legal basis or document";
    SCOPE scope: Text, "Scope as the source has it: list, group, facility";
    EFFECTIVE_AT effective_at: Time, "In force from, UTC";
    EXPIRES_AT expires_at: Time, "In force until, UTC";
}
