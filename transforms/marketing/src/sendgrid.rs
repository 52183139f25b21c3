//! SendGrid Event Webhook: what became of each e-mail, and who opted out.
//!
//! The same event arrives several times; its `sg_event_id` names it, so copies fall into one row. Custom arguments are
//! flattened among SendGrid's own members; those that name a patient or contact become identifiers.
//!
//! Spec: Twilio SendGrid, Event Webhook Reference.

use crate::{consent, link, reading};
use panorama_model::fact::interactions as column;
use panorama_model::json::{self, Node};
use panorama_model::{
    ContactUse, DecodeContext, Decoded, Email, Fact, FactTable, Issue, Presence, Reading, RecordKind,
    SourceRecord, SourceRecordKey, Text, Timestamp, Version, attributes,
};

/// What an event means to the tables.
struct Meaning {
    event: &'static str,
    event_type: &'static str,
    direction: &'static str,
    /// The event gives (`true`) or takes (`false`) permission for marketing.
    permission: Option<bool>,
}

const fn sent(event: &'static str, event_type: &'static str) -> Meaning {
    Meaning {
        event,
        event_type,
        direction: "out",
        permission: None,
    }
}

const fn answer(event: &'static str, event_type: &'static str, permission: Option<bool>) -> Meaning {
    Meaning {
        event,
        event_type,
        direction: "in",
        permission,
    }
}

const MEANINGS: &[Meaning] = &[
    sent("processed", "sent"),
    sent("deferred", "deferred"),
    sent("delivered", "delivered"),
    sent("bounce", "bounced"),
    sent("dropped", "dropped"),
    answer("open", "opened", None),
    answer("click", "clicked", None),
    answer("spamreport", "complained", Some(false)),
    answer("unsubscribe", "unsubscribed", Some(false)),
    answer("group_unsubscribe", "unsubscribed", Some(false)),
    answer("group_resubscribe", "resubscribed", Some(true)),
];

/// Reads an array of events, or one event.
///
/// - Shape: per event one `Subscriber` record, its id the e-mail address in lower case, with an `interactions` fact and,
///   where permission is given or taken, a `consent` fact.
/// - Units: `timestamp` is seconds since the epoch.
/// - Nulls: an event without `sg_event_id` is named by a hash of itself (`event_id_missing`).
pub fn decode(payload: &[u8], context: &DecodeContext<'_>) -> Reading {
    let value = match json::parse(payload) {
        Ok(value) => value,
        Err(reading) => return reading,
    };
    let mut decoded = Decoded::default();
    let mut unread = None;
    let mut count = 0;
    for (at, event) in Node::from(&value).items().enumerate() {
        count += 1;
        if let Err((code, member, reason)) = read_event(at, event, context, &mut decoded) {
            decoded
                .issues
                .push(Issue::error(code, format!("[{at}].{member}")));
            unread.get_or_insert_with(|| Reading::unreadable(code, format!("[{at}].{member}"), reason));
        }
    }
    if count != 1 {
        decoded.kind = Text::new_static("batch");
        decoded.event_key = None;
    }
    reading(decoded, unread)
}

type Complaint = (&'static str, &'static str, &'static str);

fn read_event(
    at: usize,
    event: Node<'_>,
    context: &DecodeContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), Complaint> {
    let name = event.get("event").str().ok_or((
        "event_missing",
        "event",
        "a SendGrid event has a member `event`; is this another format?",
    ))?;
    let meaning = MEANINGS.iter().find(|m| m.event == name).ok_or((
        "event_unknown",
        "event",
        "not an event of the SendGrid Event Webhook (processed, delivered, open, click ...)",
    ))?;
    let email = event.get("email").str().ok_or((
        "email_missing",
        "email",
        "a SendGrid event names its recipient in `email`",
    ))?;
    let happened_at = event
        .get("timestamp")
        .integer()
        .map(Timestamp::from_seconds)
        .ok_or((
            "time_missing",
            "timestamp",
            "a SendGrid event has `timestamp`, seconds since the epoch",
        ))?;

    let version = Version::new(happened_at, 0, &event.to_bytes());
    let id = event.get("sg_event_id").text().unwrap_or_else(|| {
        decoded
            .issues
            .push(Issue::warning("event_id_missing", format!("[{at}].sg_event_id")));
        Text::from(format!("hash:{:016x}", version.content))
    });
    decoded.kind = Text::new_static(meaning.event);
    decoded.event_key = Some(id.clone());

    let key = SourceRecordKey::new(context.source, RecordKind::Subscriber, email.to_lowercase());
    let mut record = SourceRecord::new(key, version);
    let mut person = attributes::read(event, "event", &mut decoded.issues);
    person.emails = Presence::Value(vec![Email {
        address: email.into(),
        usage: ContactUse::Home,
    }]);
    record.person = Some(person);
    record.facts.push(interaction(event, meaning, &id, version));
    if let Some(granted) = meaning.permission {
        let scope = event
            .get("asm_group_id")
            .text()
            .map(|group| Text::from(format!("group:{group}")));
        record.facts.push(consent::email_marketing(
            &id,
            version,
            happened_at,
            granted,
            meaning.event,
            scope,
        ));
    }
    decoded.records.push(record);
    Ok(())
}

fn interaction(event: Node<'_>, meaning: &Meaning, id: &Text, version: Version) -> Fact {
    let mut fact = Fact::new(FactTable::Interactions, id.clone(), version);
    fact.complete = true;
    let row = &mut fact.row;
    row.set(column::EVENT_TIME, version.at);
    row.set(column::CHANNEL, "email");
    row.set(column::DIRECTION, meaning.direction);
    row.set(column::EVENT_TYPE, meaning.event_type);
    row.set_some(column::OUTCOME, event.get("type").text());
    row.set_some(column::DISPOSITION, event.get("status").text());
    if meaning.event == "open" || meaning.event == "click" {
        row.set(column::IS_MACHINE, is_machine(event));
    }
    row.set_some(
        column::CAMPAIGN_ID,
        campaign(event, &["marketing_campaign_id", "singlesend_id", "campaign_id"]),
    );
    row.set_some(
        column::CAMPAIGN_NAME,
        campaign(
            event,
            &["marketing_campaign_name", "singlesend_name", "campaign_name"],
        ),
    );
    row.set_some(
        column::MESSAGE_ID,
        event
            .get("sg_message_id")
            .str()
            .and_then(|id| id.split('.').next()),
    );
    row.set_some(
        column::CONTENT_ID,
        event.any(&["sg_template_id", "template_id"]).text(),
    );
    row.set_some(column::URL_HOST, event.get("url").str().and_then(link::host));
    fact
}

/// The campaign's id or name; else the first category, which is how senders without SendGrid campaigns mark theirs.
fn campaign(event: Node<'_>, names: &[&str]) -> Option<Text> {
    event
        .any(names)
        .text()
        .or_else(|| event.get("category").items().find_map(Node::text))
}

/// Apple Mail Privacy Protection opens are told by SendGrid; mail proxies that fetch images name themselves.
fn is_machine(event: Node<'_>) -> bool {
    event.get("sg_machine_open").boolean().unwrap_or(false)
        || event.get("useragent").str().is_some_and(|agent| {
            ["GoogleImageProxy", "YahooMailProxy"]
                .iter()
                .any(|proxy| agent.contains(proxy))
        })
}

#[cfg(test)]
mod tests;
