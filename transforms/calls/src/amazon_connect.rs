//! Amazon Connect: contact records (CTR, from Kinesis or Firehose) and contact events (from EventBridge).
//!
//! Both tell of one contact and share its fact id, so they meet in one row: a contact record is a snapshot as of its
//! `LastUpdateTimestamp`, an event adds the few columns it knows. Contact events carry no customer endpoint; they hang
//! on a record `contact:<ContactId>`.
//!
//! Spec: Amazon Connect Administrator Guide, "Contact records data model" and "Contact events".

use panorama_model::fact::interactions as column;
use panorama_model::json::{self, Node};
use panorama_model::{
    ContactUse, DecodeContext, Decoded, Email, Fact, FactTable, Issue, Person, Phone, Presence, Reading,
    RecordKind, Row, SourceRecord, SourceRecordKey, Text, Timestamp, Version, attributes,
};

/// Reads a contact record or a contact event, bare or in its EventBridge envelope, one or an array.
///
/// - Shape: one `Caller` record with one `interactions` fact per contact. The caller's id is the customer endpoint, E.164.
/// - Nulls: an endpoint withheld by the caller is no endpoint (`endpoint_withheld`), as none is (`endpoint_missing`).
/// - Units: durations are seconds, times UTC.
pub fn decode(payload: &[u8], context: &DecodeContext<'_>) -> Reading {
    let value = match json::parse(payload) {
        Ok(value) => value,
        Err(reading) => return reading,
    };
    let mut decoded = Decoded::default();
    let mut contacts = 0;
    for message in Node::from(&value).items() {
        let envelope = message;
        let contact = if message.get("detail").is_object() {
            message.get("detail")
        } else {
            message
        };
        let Some(id) = contact.get("ContactId").text() else {
            return Reading::unreadable(
                "contact_id_missing",
                "ContactId",
                "an Amazon Connect contact record or contact event has a ContactId; is this another format?",
            );
        };
        contacts += 1;
        Contact {
            id,
            envelope,
            contact,
            payload,
            context,
        }
        .read_into(&mut decoded);
    }
    if contacts != 1 {
        decoded.event_key = None;
        decoded.kind = Text::new_static("batch");
    }
    Reading::Read(decoded)
}

/// The event types of contact events, as the metric label has them.
const EVENT_KINDS: &[(&str, &str)] = &[
    ("INITIATED", "contact_event_initiated"),
    ("CONNECTED_TO_SYSTEM", "contact_event_connected_to_system"),
    ("QUEUED", "contact_event_queued"),
    ("CONNECTED_TO_AGENT", "contact_event_connected_to_agent"),
    ("PAUSED", "contact_event_paused"),
    ("RESUMED", "contact_event_resumed"),
    ("DISCONNECTED", "contact_event_disconnected"),
    ("COMPLETED", "contact_event_completed"),
    ("CONTACT_DATA_UPDATED", "contact_event_data_updated"),
];

/// Addresses that stand for "the caller withheld the number". `+266696687` spells ANONYMOUS on a keypad.
const WITHHELD: &[&str] = &[
    "anonymous",
    "unknown",
    "restricted",
    "private",
    "unavailable",
    "+266696687",
    "+86282452253",
];

/// Attributes in which flows keep what a contact is about; the more specific first.
const TOPICS: &[&str] = &["service_line", "topic", "call_reason", "reason"];

struct Contact<'a> {
    id: Text,
    envelope: Node<'a>,
    contact: Node<'a>,
    payload: &'a [u8],
    context: &'a DecodeContext<'a>,
}

impl<'a> Contact<'a> {
    fn read_into(&self, decoded: &mut Decoded) {
        let event_type = self.contact.get("eventType").str();
        let times = Times::read(self.contact, &mut decoded.issues);
        let version = self.version(&times, decoded);
        decoded.kind = Text::new_static(event_type.map_or("contact_record", |event_type| {
            EVENT_KINDS
                .iter()
                .find(|(name, _)| *name == event_type)
                .map_or("contact_event", |(_, kind)| kind)
        }));
        decoded.event_key = self.event_key(event_type, version);

        let mut fact = Fact::new(FactTable::Interactions, self.id.clone(), version);
        fact.complete = event_type.is_none();
        self.fill_row(&mut fact.row, &times, event_type);

        let (id, person) = self.caller(&mut decoded.issues);
        let key = SourceRecordKey::new(self.context.source, RecordKind::Caller, id);
        let mut record = SourceRecord::new(key, version);
        record.person = person;
        record.facts.push(fact);
        decoded.records.push(record);
    }

    /// A contact record is re-sent with a later `LastUpdateTimestamp` whenever it changed; an event has its own time.
    fn version(&self, times: &Times, decoded: &mut Decoded) -> Version {
        let told = self
            .contact
            .get("LastUpdateTimestamp")
            .str()
            .or_else(|| self.envelope.get("time").str());
        let at = told
            .and_then(|text| Timestamp::parse_iso(text, None).ok())
            .or_else(|| times.latest());
        if at.is_none() {
            decoded
                .issues
                .push(Issue::warning("version_missing", "LastUpdateTimestamp"));
        }
        Version::new(at.unwrap_or_default(), 0, self.payload)
    }

    /// EventBridge names each event; a bare event is one of its type, at its time (PAUSED and RESUMED come again).
    fn event_key(&self, event_type: Option<&str>, version: Version) -> Option<Text> {
        let Some(event_type) = event_type else {
            let updated = self.contact.get("LastUpdateTimestamp").str()?;
            return Some(Text::from(format!("{}@{updated}", self.id)));
        };
        let bare = || Text::from(format!("{}/{event_type}@{}", self.id, version.at));
        Some(self.envelope.get("id").text().unwrap_or_else(bare))
    }

    /// The caller's record id, and what the contact says of the caller.
    fn caller(&self, issues: &mut Vec<Issue>) -> (Text, Option<Person>) {
        let endpoint = self.contact.get("CustomerEndpoint");
        let address = endpoint.get("Address").str().map(without_scheme);
        let withheld = address.is_some_and(|a| WITHHELD.iter().any(|w| w.eq_ignore_ascii_case(a)));
        let mut person = attributes::read(self.contact.get("Attributes"), "Attributes", issues);
        let id = match address.filter(|_| !withheld) {
            Some(address) => {
                let address = Text::from(address);
                add_endpoint(&mut person, &address);
                address
            }
            None => {
                issues.push(Issue::information(
                    if withheld {
                        "endpoint_withheld"
                    } else {
                        "endpoint_missing"
                    },
                    "CustomerEndpoint.Address",
                ));
                Text::from(format!("contact:{}", self.id))
            }
        };
        (id, (person != Person::default()).then_some(person))
    }

    fn fill_row(&self, row: &mut Row, times: &Times, event_type: Option<&str>) {
        let contact = self.contact;
        let method = contact.get("InitiationMethod").str().unwrap_or_default();
        let channel = channel(contact);
        let outbound = is_outbound(method, channel);
        let machine = contact
            .get("AnsweringMachineDetectionStatus")
            .str()
            .filter(|status| *status != "HUMAN_ANSWERED");
        let progress = Progress {
            times,
            outbound,
            callback: method == "CALLBACK",
            voicemail: machine.is_some_and(|status| status.starts_with("VOICEMAIL")),
            continued: contact.get("NextContactId").exists(),
            snapshot: event_type.is_none(),
        };
        let began = times.initiated.or(times.connected).or(times.enqueued);
        row.set_some(column::EVENT_TIME, began);
        row.set_some(column::ENDED_AT, times.disconnected);
        row.set_some(column::DURATION_S, times.duration_s());
        row.set_some(column::CHANNEL, channel);
        row.set_some(column::DIRECTION, direction(method, outbound));
        row.set_some(column::EVENT_TYPE, progress.event_type());
        row.set_some(column::OUTCOME, machine);
        self.fill_handling(row);
        self.fill_subject(row);
    }

    /// Who handled the contact, and how long each part took.
    fn fill_handling(&self, row: &mut Row) {
        let agent = self.contact.any(&["Agent", "AgentInfo"]);
        let queue = self.contact.any(&["Queue", "QueueInfo"]);
        let agent_id = agent
            .get("Username")
            .text()
            .or_else(|| resource_id(agent, &["ARN", "AgentArn"]));
        let queue_name = queue
            .get("Name")
            .text()
            .or_else(|| resource_id(queue, &["ARN", "QueueArn"]));
        row.set_some(column::AGENT_ID, agent_id);
        row.set_some(column::QUEUE, queue_name);
        row.set_some(column::QUEUE_WAIT_S, queue.get("Duration").number());
        row.set_some(column::TALK_S, agent.get("AgentInteractionDuration").number());
        row.set_some(column::HOLD_S, agent.get("CustomerHoldDuration").number());
        row.set_some(
            column::AFTER_WORK_S,
            agent.get("AfterContactWorkDuration").number(),
        );
    }

    /// What the contact was about, and what it belongs to.
    fn fill_subject(&self, row: &mut Row) {
        let contact = self.contact;
        let attributes = contact.get("Attributes");
        let disposition = attributes
            .get("disposition")
            .text()
            .or_else(|| contact.get("DisconnectReason").text());
        row.set_some(column::DISPOSITION, disposition);
        row.set_some(column::TOPIC, attributes.any(TOPICS).text());
        row.set_some(
            column::CAMPAIGN_ID,
            contact.get("Campaign").get("CampaignId").text(),
        );
        let related = ["PreviousContactId", "InitialContactId", "RelatedContactId"]
            .iter()
            .filter_map(|name| contact.get(name).text())
            .find(|related| *related != self.id);
        row.set_some(column::RELATED_ID, related);
    }
}

fn without_scheme(address: &str) -> &str {
    let rest = address
        .strip_prefix("tel:")
        .or_else(|| address.strip_prefix("sip:"))
        .unwrap_or(address);
    rest.trim()
}

/// The endpoint leads the phones or e-mail addresses the attributes gave.
fn add_endpoint(person: &mut Person, address: &Text) {
    if address.contains('@') {
        let mut emails = std::mem::take(&mut person.emails)
            .into_value()
            .unwrap_or_default();
        emails.insert(
            0,
            Email {
                address: address.clone(),
                usage: ContactUse::Home,
            },
        );
        emails.dedup();
        person.emails = Presence::Value(emails);
    } else if address.bytes().any(|b| b.is_ascii_digit()) {
        let mut phones = std::mem::take(&mut person.phones)
            .into_value()
            .unwrap_or_default();
        phones.retain(|phone| phone.number != *address);
        phones.insert(
            0,
            Phone {
                number: address.clone(),
                usage: ContactUse::Home,
            },
        );
        person.phones = Presence::Value(phones);
    }
}

/// The last part of an ARN: the id of the agent or queue in its instance.
fn resource_id(node: Node<'_>, names: &[&str]) -> Option<Text> {
    let arn = node.any(names).str()?;
    arn.rsplit('/').next().map(Text::from)
}

fn channel(contact: Node<'_>) -> Option<&'static str> {
    let subtype = contact
        .any(&["ContactSubtype", "Subtype"])
        .str()
        .unwrap_or_default();
    let channel = contact.get("Channel").str()?;
    [
        ("VOICE", "call"),
        (
            "CHAT",
            if subtype.eq_ignore_ascii_case("connect:SMS") {
                "sms"
            } else {
                "chat"
            },
        ),
        ("EMAIL", "email"),
        ("TASK", "task"),
    ]
    .into_iter()
    .find(|(name, _)| name.eq_ignore_ascii_case(channel))
    .map(|(_, channel)| channel)
}

/// We reached out. A contact that the API started is outbound for calls only; chats start at the customer's side.
fn is_outbound(method: &str, channel: Option<&str>) -> bool {
    matches!(
        method,
        "OUTBOUND" | "EXTERNAL_OUTBOUND" | "CALLBACK" | "AGENT_REPLY"
    ) || method == "API" && channel == Some("call")
}

/// A transfer continues a contact; its direction is that of the contact it continues, so none is said.
fn direction(method: &str, outbound: bool) -> Option<&'static str> {
    match method {
        _ if outbound => Some("out"),
        "INBOUND" | "WEBRTC_API" | "API" => Some("in"),
        _ => None,
    }
}

/// The instants of a contact.
struct Times {
    initiated: Option<Timestamp>,
    connected: Option<Timestamp>,
    enqueued: Option<Timestamp>,
    agent: Option<Timestamp>,
    disconnected: Option<Timestamp>,
}

impl Times {
    fn read(contact: Node<'_>, issues: &mut Vec<Issue>) -> Self {
        let mut at = |node: Node<'_>, name: &'static str| {
            let text = node.get(name).str()?;
            let instant = Timestamp::parse_iso(text, None);
            if instant.is_err() {
                issues.push(Issue::error("time_invalid", name));
            }
            instant.ok()
        };
        Self {
            initiated: at(contact, "InitiationTimestamp"),
            connected: at(contact, "ConnectedToSystemTimestamp"),
            enqueued: at(contact.any(&["Queue", "QueueInfo"]), "EnqueueTimestamp"),
            agent: at(contact.any(&["Agent", "AgentInfo"]), "ConnectedToAgentTimestamp"),
            disconnected: at(contact, "DisconnectTimestamp"),
        }
    }

    fn latest(&self) -> Option<Timestamp> {
        [
            self.initiated,
            self.connected,
            self.enqueued,
            self.agent,
            self.disconnected,
        ]
        .into_iter()
        .flatten()
        .max()
    }

    fn duration_s(&self) -> Option<f64> {
        let microseconds = self.disconnected?.0.checked_sub(self.initiated?.0)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a call of 285 years would lose its last microsecond"
        )]
        (microseconds >= 0).then_some(microseconds as f64 / 1e6)
    }
}

/// What decides how a contact came out.
struct Progress<'a> {
    times: &'a Times,
    outbound: bool,
    callback: bool,
    voicemail: bool,
    continued: bool,
    snapshot: bool,
}

impl Progress<'_> {
    /// How the contact came out, if that can be told.
    ///
    /// Abandoned is: queued, ended, met no agent, and no further contact continues it. A contact that left its queue for
    /// a further one (a callback was asked for, or the queue was changed) is no abandon, nor is a callback nobody took.
    /// `ConnectedToSystemTimestamp` is the moment the customer answers, where we placed the call.
    fn event_type(&self) -> Option<&'static str> {
        let ended = self.times.disconnected.is_some();
        let queued = self.times.enqueued.is_some();
        if self.outbound && self.times.connected.is_none() {
            return match (self.callback, ended) {
                (true, false) => Some("callback"),
                (_, true) => Some("missed"),
                (false, false) => None,
            };
        }
        if self.outbound && self.voicemail {
            return Some("missed");
        }
        if self.times.agent.is_some() || self.outbound && !queued {
            return Some("answered");
        }
        match (queued, ended) {
            (true, _) if self.continued => Some("callback"),
            (true, true) => Some("abandoned"),
            (true, false) if self.snapshot => Some("queued"),
            (false, true) => Some("self_service"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
