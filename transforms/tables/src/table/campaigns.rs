//! Campaigns, as the events about them tell.

table! {
    "campaigns", "One row per campaign.",
    None;
    CAMPAIGN_ID campaign_id: Text, "Campaign id of the source", key;
    SOURCE source: Text, "Configured id of the source";
    NAME name: Text, "Campaign name";
    CHANNEL channel: Text, "Channel of most of its events";
    FIRST_EVENT_AT first_event_at: Time, "First event, UTC";
    LAST_EVENT_AT last_event_at: Time, "Last event, UTC";
    PERSON_COUNT person_count: Int, "Persons it reached";
    EVENT_COUNT event_count: Int, "Events";
    UPDATED_AT updated_at: Time, "When the pipeline last changed the row, UTC";
}
