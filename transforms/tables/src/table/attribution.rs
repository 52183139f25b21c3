//! Which touch a conversion is owed to.

table! {
    "attribution", "One row per conversion, touch and attribution model.",
    crate::table::buckets("Hash bucket of person_id");
    CONVERSION_ID conversion_id: Text, "Id of the conversion: an appointment or encounter", identifying;
    CONVERSION_TYPE conversion_type: Text, "appointment_booked, appointment_completed, first_encounter";
    PERSON_ID person_id: Text, "The person", key;
    CONVERTED_AT converted_at: Time, "When, UTC";
    INTERACTION_ID interaction_id: Text, "The touch", identifying;
    CAMPAIGN_ID campaign_id: Text, "Its campaign";
    CHANNEL channel: Text, "Its channel";
    MODEL model: Text, "first, last, linear, position or last_behavioural";
    WEIGHT weight: Float, "Share of the conversion, 0 to 1; the sum per conversion and model is 1";
    WINDOW_DAYS window_days: Int, "Days before the conversion that count";
    UPDATED_AT updated_at: Time, "When the pipeline last changed the row, UTC";
}
