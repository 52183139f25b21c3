//! Touchpoints of every channel: calls, e-mails, SMS, web, social, mail.

fact_table! {
    "interactions", id: "interaction_id", doc: "One row per touchpoint with a person, in or out, on any channel.",
    date: Some(EVENT_TIME), end: Some(ENDED_AT);
    EVENT_TIME event_time: Time, "When it happened or began, UTC";
    ENDED_AT ended_at: Time, "When it ended, UTC";
    CHANNEL channel: Text, "call, email, sms, push, mail, web, social, chat, portal, in_person, review, ad";
    DIRECTION direction: Text, "in: the person reached us; out: we reached the person";
    EVENT_TYPE event_type: Text, "sent, delivered, opened, clicked, bounced, dropped, unsubscribed, answered, abandoned, missed, form_submitted, page_view, lead, identified, track ...";
    OUTCOME outcome: Text, "Outcome or status as the source has it";
    IS_MACHINE is_machine: Bool, "Done by a machine, such as a mail proxy opening a message";
    CAMPAIGN_ID campaign_id: Text, "Campaign id of the source";
    CAMPAIGN_NAME campaign_name: Text, "Campaign name";
    MESSAGE_ID message_id: Text, "Message id: ties sent, delivered, opened, clicked together", identifying;
    CONTENT_ID content_id: Text, "Template, creative, asset id";
    RELATED_ID related_id: Text, "Id of the contact or event it continues (transfer, callback, conversation)", identifying;
    PROVIDER_NPI provider_npi: Text, "Provider it was about";
    FACILITY facility: Text, "Facility it was about";
    AGENT_ID agent_id: Text, "Agent or user who handled it";
    QUEUE queue: Text, "Queue or skill";
    DURATION_S duration_s: Float, "Whole duration, seconds";
    QUEUE_WAIT_S queue_wait_s: Float, "Waited in queue, seconds";
    TALK_S talk_s: Float, "Talked, seconds";
    HOLD_S hold_s: Float, "On hold, seconds";
    AFTER_WORK_S after_work_s: Float, "After-contact work, seconds";
    DISPOSITION disposition: Text, "Disposition or disconnect reason";
    TOPIC topic: Text, "Topic, category or service line";
    UTM_SOURCE utm_source: Text, "utm_source";
    UTM_MEDIUM utm_medium: Text, "utm_medium";
    UTM_CAMPAIGN utm_campaign: Text, "utm_campaign";
    URL_HOST url_host: Text, "Host of the page or link; never its path or query";
    DEVICE device: Text, "Device or user-agent family";
}
