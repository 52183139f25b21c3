//! Insurance (FHIR R4 Coverage; HL7 v2 IN1/IN2).

fact_table! {
    "coverage", id: "coverage_id", doc: "One row per insurance coverage of a person.",
    date: Some(START_AT), end: Some(END_AT);
    STATUS status: Text, "active, cancelled, draft, entered-in-error";
    RANK rank: Int, "Order of billing, 1 is primary (IN1-1, Coverage.order)";
    PAYER_ID payer_id: Text, "Payer id (IN1-3)";
    PAYER payer: Text, "Payer name (IN1-4)";
    PLAN_ID plan_id: Text, "Plan id (IN1-2)";
    PLAN plan: Text, "Plan name";
    PLAN_TYPE plan_type: Text, "Plan type (IN1-15)";
    GROUP_NUMBER group_number: Text, "Group number (IN1-8)";
    MEMBER_ID member_id: Text, "Member or policy number (IN1-36, subscriberId)", identifying;
    RELATIONSHIP relationship: Text, "Relationship to the subscriber: self, spouse, child (IN1-17)";
    SUBSCRIBER_NAME subscriber_name: Text, "Name of the insured (IN1-16)", identifying;
    START_AT start_at: Time, "Begins, UTC (IN1-12)";
    END_AT end_at: Time, "Ends, UTC (IN1-13)";
}
