//! Segment spec events (and RudderStack's, which follow it): what a visitor of web or app did, and who they said they are.
//!
//! A visitor is known by a user id, else by an anonymous id. The anonymous id and device ids travel along as `Device`
//! identifiers: they attach a visitor to a person, and never join two persons.
//!
//! Spec: Segment Spec, the six calls and their common members; the e-mail, ads and lead events of the semantic spec.

mod channel;
mod event;

use crate::{consent, link, reading};
use event::Event;
use panorama_model::fact::interactions as column;
use panorama_model::json::{self, Node};
use panorama_model::{
    DecodeContext, Decoded, Fact, FactTable, Identifier, IdentifierKind, IdentityEvent, IdentityEventKind,
    Issue, Person, Presence, Reading, RecordKind, Row, SourceRecord, SourceRecordKey, Text, Timestamp,
    Version, attributes,
};

/// Reads one call, an array of calls, or the body of the batch API.
///
/// - Shape: per call one `Visitor` record, its id the user id, else the anonymous id; an `interactions` fact (`alias` has
///   none) and, where an e-mail event gives or takes permission, a `consent` fact. `alias` links the previous id to the
///   new one.
/// - Nulls: a call without `messageId` is named by a hash of itself (`event_id_missing`); one without any time happened
///   when it was received (`event_time_missing`).
pub fn decode(payload: &[u8], context: &DecodeContext<'_>) -> Reading {
    let value = match json::parse(payload) {
        Ok(value) => value,
        Err(reading) => return reading,
    };
    let mut root = Node::from(&value);
    if root.get("batch").exists() {
        root = root.get("batch");
    }
    let mut decoded = Decoded::default();
    let mut unread = None;
    let mut count = 0;
    for (at, call) in root.items().enumerate() {
        count += 1;
        if let Err((code, member, reason)) = read_call(at, call, context, &mut decoded) {
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

/// The calls of the spec; their names are the metric labels too.
const CALLS: &[&str] = &["track", "identify", "page", "screen", "group", "alias"];

fn read_call(
    at: usize,
    call: Node<'_>,
    context: &DecodeContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), Complaint> {
    let name = call.any(&["type", "action"]).str().ok_or((
        "type_missing",
        "type",
        "a Segment call has a member `type`; is this another format?",
    ))?;
    let kind = CALLS.iter().find(|kind| kind.eq_ignore_ascii_case(name)).ok_or((
        "type_unknown",
        "type",
        "not a call of the Segment spec (track, identify, page, screen, group, alias)",
    ))?;
    let user = call.get("userId").text();
    let anonymous = call.get("anonymousId").text();
    let id = user.clone().or_else(|| anonymous.clone()).ok_or((
        "id_missing",
        "userId",
        "a Segment call names its visitor in `userId` or `anonymousId`",
    ))?;

    let happened_at = time(call).unwrap_or_else(|| {
        decoded
            .issues
            .push(Issue::warning("event_time_missing", format!("[{at}].timestamp")));
        context.received_at
    });
    let version = Version::new(happened_at, 0, &call.to_bytes());
    let message_id = call.get("messageId").text();
    decoded.kind = Text::new_static(kind);
    decoded.event_key = message_id.clone();
    if message_id.is_none() {
        decoded
            .issues
            .push(Issue::warning("event_id_missing", format!("[{at}].messageId")));
    }
    let fact_id = message_id.unwrap_or_else(|| Text::from(format!("hash:{:016x}", version.content)));

    let visitor = Visitor {
        call,
        kind,
        user,
        anonymous,
        context,
    };
    let key = SourceRecordKey::new(context.source, RecordKind::Visitor, id);
    let mut record = SourceRecord::new(key, version);
    record.person = visitor.person(&mut decoded.issues);
    if *kind == "alias" {
        decoded
            .identity_events
            .extend(visitor.alias(&record.key, version));
    } else {
        let event = Event::of(kind, call);
        let mut fact = Fact::new(FactTable::Interactions, fact_id.clone(), version);
        fact.complete = true;
        fill_row(&mut fact.row, call, &event, happened_at);
        record.facts.push(fact);
        if let Some(granted) = event.permission {
            let scope = call.get("properties").any(&["list_name", "list_id"]).text();
            record.facts.push(consent::email_marketing(
                &fact_id,
                version,
                happened_at,
                granted,
                event.event_type,
                scope,
            ));
        }
    }
    decoded.records.push(record);
    Ok(())
}

/// `timestamp` is corrected for the device's clock; the others stand in where a sender leaves it out.
fn time(call: Node<'_>) -> Option<Timestamp> {
    ["timestamp", "originalTimestamp", "sentAt", "receivedAt"]
        .iter()
        .filter_map(|name| call.get(name).str())
        .find_map(|text| Timestamp::parse_iso(text, None).ok())
}

struct Visitor<'a> {
    call: Node<'a>,
    kind: &'static str,
    user: Option<Text>,
    anonymous: Option<Text>,
    context: &'a DecodeContext<'a>,
}

impl Visitor<'_> {
    /// Demographics from the traits; a group's traits are the group's, not the visitor's.
    fn person(&self, issues: &mut Vec<Issue>) -> Option<Person> {
        let traits = if self.kind == "identify" {
            self.call.get("traits")
        } else {
            self.call.get("context").get("traits")
        };
        let mut person = attributes::read(traits, "traits", issues);
        let mut identifiers = std::mem::take(&mut person.identifiers)
            .into_value()
            .unwrap_or_default();
        identifiers.extend(self.identifiers());
        person.identifiers = Presence::from_list(identifiers);
        (person != Person::default()).then_some(person)
    }

    fn identifiers(&self) -> Vec<Identifier> {
        let own = |value: &Text, kind| Identifier {
            value: value.clone(),
            authority: self.context.source.into(),
            kind,
        };
        let mut identifiers: Vec<_> = self.user.iter().map(|id| own(id, IdentifierKind::Crm)).collect();
        identifiers.extend(self.anonymous.iter().map(|id| own(id, IdentifierKind::Device)));
        let device = self.call.get("context").get("device");
        for name in ["id", "advertisingId"] {
            identifiers.extend(
                device
                    .get(name)
                    .text()
                    .filter(|id| !is_blank_device(id))
                    .map(|value| Identifier {
                        value,
                        authority: Text::default(),
                        kind: IdentifierKind::Device,
                    }),
            );
        }
        identifiers.extend(
            self.call
                .get("context")
                .get("externalIds")
                .items()
                .filter_map(|external| self.external(external)),
        );
        identifiers
    }

    /// An entry of `context.externalIds`, whose type says what it is.
    fn external(&self, external: Node<'_>) -> Option<Identifier> {
        let value = external.get("id").text()?;
        let name = external.get("type").str()?;
        let kind = attributes::identifier_kind(name).unwrap_or_else(|| {
            const DEVICES: &[&str] = &["anonymous_id", "cross_domain_id", "ga_client_id"];
            let device = DEVICES.contains(&name) || name.starts_with("android.") || name.starts_with("ios.");
            if device {
                IdentifierKind::Device
            } else {
                IdentifierKind::Other
            }
        });
        Some(Identifier {
            value,
            authority: external.get("collection").text().unwrap_or_default(),
            kind,
        })
    }

    /// What was `previousId` until now is `subject` from now on; both names stay in use, so it is a link.
    fn alias(&self, subject: &SourceRecordKey, version: Version) -> Option<IdentityEvent> {
        let previous = self
            .call
            .get("previousId")
            .text()
            .filter(|id| *id != subject.id)?;
        Some(IdentityEvent {
            kind: IdentityEventKind::Link,
            subject: subject.clone(),
            other: SourceRecordKey::new(self.context.source, RecordKind::Visitor, previous),
            version,
        })
    }
}

/// Phones that forbid tracking send zeros, which would make one device of them all.
fn is_blank_device(id: &str) -> bool {
    id.bytes().all(|byte| byte == b'0' || byte == b'-')
}

fn fill_row(row: &mut Row, call: Node<'_>, event: &Event, happened_at: Timestamp) {
    let (context, properties) = (call.get("context"), call.get("properties"));
    let page = context.get("page");
    let url = properties.get("url").str().or_else(|| page.get("url").str());
    let campaign = channel::Campaign::of(context.get("campaign"), url);
    let referrer = properties
        .get("referrer")
        .str()
        .or_else(|| page.get("referrer").str());

    row.set(column::EVENT_TIME, happened_at);
    row.set(
        column::CHANNEL,
        event
            .channel
            .unwrap_or_else(|| channel::of(&campaign, url, referrer)),
    );
    row.set(column::DIRECTION, event.direction);
    row.set(column::EVENT_TYPE, event.event_type);
    let about = properties.any(&["service_line", "topic", "category"]).text();
    row.set_some(column::TOPIC, about.or_else(|| event.name.clone()));
    row.set_some(column::OUTCOME, event.name.clone());
    row.set_some(
        column::CAMPAIGN_ID,
        properties
            .any(&["campaign_id"])
            .text()
            .or_else(|| campaign.id.clone()),
    );
    row.set_some(
        column::CAMPAIGN_NAME,
        properties
            .any(&["campaign_name"])
            .text()
            .or_else(|| campaign.name.clone()),
    );
    row.set_some(
        column::MESSAGE_ID,
        properties.any(&["email_id", "message_id"]).text(),
    );
    row.set_some(column::CONTENT_ID, campaign.content);
    row.set_some(column::UTM_SOURCE, campaign.source);
    row.set_some(column::UTM_MEDIUM, campaign.medium);
    row.set_some(column::UTM_CAMPAIGN, campaign.name);
    let link = properties.get("link_url").str().or(url);
    row.set_some(column::URL_HOST, link.and_then(link::host));
    row.set_some(
        column::DEVICE,
        context
            .get("device")
            .any(&["type", "model"])
            .text()
            .or_else(|| context.get("userAgentData").get("platform").text()),
    );
}

#[cfg(test)]
mod tests;
