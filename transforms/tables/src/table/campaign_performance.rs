//! What campaigns achieved.

table! {
    "campaign_performance", "One row per campaign, day and channel.",
    None;
    CAMPAIGN_ID campaign_id: Text, "Campaign id of the source", key;
    DAY day: Date, "UTC day", key;
    CHANNEL channel: Text, "Channel", key;
    SENT sent: Int, "Sent";
    DELIVERED delivered: Int, "Delivered";
    BOUNCED bounced: Int, "Bounced or dropped";
    UNIQUE_OPENS unique_opens: Int, "Persons who opened, machines included";
    HUMAN_OPENS human_opens: Int, "Persons who opened, machine opens left out";
    UNIQUE_CLICKS unique_clicks: Int, "Persons who clicked";
    CALLS calls: Int, "Calls tied to the campaign";
    UNSUBSCRIBES unsubscribes: Int, "Unsubscribes";
    LEADS leads: Int, "Leads";
    APPOINTMENTS_BOOKED appointments_booked: Int, "Appointments attributed, booked";
    APPOINTMENTS_COMPLETED appointments_completed: Int, "Appointments attributed, fulfilled";
    DELIVERY_RATE delivery_rate: Float, "delivered / sent";
    OPEN_RATE open_rate: Float, "human_opens / delivered";
    CLICK_RATE click_rate: Float, "unique_clicks / delivered";
    CONVERSION_RATE conversion_rate: Float, "appointments_booked / delivered";
    ATTRIBUTION_MODEL attribution_model: Text, "Attribution model of the appointments";
    UPDATED_AT updated_at: Time, "When the pipeline last changed the row, UTC";
}
