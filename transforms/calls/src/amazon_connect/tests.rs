//! Contact records and contact events: how contacts came out, whose they are, and what is odd about them.

use super::*;
use panorama_model::{Headers, IdentifierKind};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(payload: &[u8]) -> Reading {
    let headers = Headers::new();
    decode(
        payload,
        &DecodeContext {
            source: "contact-center",
            received_at: Timestamp::from_seconds(1_800_000_000),
            zone: None,
            headers: &headers,
        },
    )
}

fn read_value(value: &Value) -> Decoded {
    match read(value.to_string().as_bytes()) {
        Reading::Read(decoded) => decoded,
        Reading::Unreadable(reason) => panic!("unreadable: {reason:?}"),
    }
}

fn record() -> Value {
    json!({
        "ContactId": "c-1", "Channel": "VOICE", "InitiationMethod": "INBOUND",
        "InitiationTimestamp": "2026-03-01T10:00:00Z", "ConnectedToSystemTimestamp": "2026-03-01T10:00:00Z",
        "DisconnectTimestamp": "2026-03-01T10:05:00Z", "LastUpdateTimestamp": "2026-03-01T10:06:10Z",
        "CustomerEndpoint": {"Address": "+12025550101", "Type": "TELEPHONE_NUMBER"},
        "Queue": {"Name": "Scheduling", "EnqueueTimestamp": "2026-03-01T10:00:20Z", "Duration": 40},
        "Agent": {"Username": "agent7", "ConnectedToAgentTimestamp": "2026-03-01T10:01:00Z",
            "AgentInteractionDuration": 230, "CustomerHoldDuration": 15, "AfterContactWorkDuration": 35},
        "DisconnectReason": "CUSTOMER_DISCONNECT", "PreviousContactId": null, "InitialContactId": "c-1",
        "Attributes": {"patient_mrn": "M-77", "dob": "1980-02-29", "serviceLine": "cardiology", "reason": "new visit"}
    })
}

fn without(mut value: Value, names: &[&str]) -> Value {
    for name in names {
        value.as_object_mut().unwrap().remove(*name);
    }
    value
}

fn with(mut value: Value, members: Value) -> Value {
    value
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    value
}

#[test]
fn a_contact_record_becomes_a_caller_and_an_interaction() {
    let decoded = read_value(&record());
    assert_eq!(decoded.kind, "contact_record");
    assert_eq!(decoded.event_key.as_deref(), Some("c-1@2026-03-01T10:06:10Z"));
    assert!(decoded.issues.is_empty());
    let caller = &decoded.records[0];
    assert_eq!(
        (caller.key.kind, caller.key.id.as_str()),
        (RecordKind::Caller, "+12025550101")
    );
    let person = caller.person.as_ref().unwrap();
    assert_eq!(person.phones.list()[0].number, "+12025550101");
    assert_eq!(person.identifiers.list()[0].kind, IdentifierKind::MedicalRecord);
    assert!(!caller.complete);
    let fact = &caller.facts[0];
    assert!(fact.complete);
    assert_eq!((fact.table, fact.id.as_str()), (FactTable::Interactions, "c-1"));
    assert_eq!(fact.version.at.to_string(), "2026-03-01T10:06:10.000000Z");
    for (column, text) in [
        (column::CHANNEL, "call"),
        (column::DIRECTION, "in"),
        (column::EVENT_TYPE, "answered"),
        (column::QUEUE, "Scheduling"),
        (column::AGENT_ID, "agent7"),
        (column::DISPOSITION, "CUSTOMER_DISCONNECT"),
        (column::TOPIC, "cardiology"),
    ] {
        assert_eq!(fact.row.text(column), Some(text), "{}", column.name);
    }
    for (column, seconds) in [
        (column::DURATION_S, 300.0),
        (column::QUEUE_WAIT_S, 40.0),
        (column::TALK_S, 230.0),
        (column::HOLD_S, 15.0),
        (column::AFTER_WORK_S, 35.0),
    ] {
        assert_eq!(fact.row.get(column), Some(seconds.into()), "{}", column.name);
    }
    assert_eq!(
        fact.row.get(column::RELATED_ID),
        None,
        "a contact does not continue itself"
    );
}

fn check_outcome(value: Value, direction: Option<&str>, event_type: Option<&str>) {
    let decoded = read_value(&value);
    let row = &decoded.records[0].facts[0].row;
    assert_eq!(
        (row.text(column::DIRECTION), row.text(column::EVENT_TYPE)),
        (direction, event_type),
        "{value}"
    );
}

fn unanswered() -> Value {
    without(record(), &["Agent"])
}

#[test]
fn how_an_inbound_contact_came_out() {
    let check = check_outcome;
    check(record(), Some("in"), Some("answered"));
    check(unanswered(), Some("in"), Some("abandoned"));
    check(
        without(unanswered(), &["DisconnectTimestamp"]),
        Some("in"),
        Some("queued"),
    );
    check(
        with(unanswered(), json!({"NextContactId": "c-2"})),
        Some("in"),
        Some("callback"),
    );
    check(
        without(unanswered(), &["Queue"]),
        Some("in"),
        Some("self_service"),
    );
    check(
        with(record(), json!({"InitiationMethod": "TRANSFER"})),
        None,
        Some("answered"),
    );
    check(
        with(record(), json!({"InitiationMethod": "API", "Channel": "CHAT"})),
        Some("in"),
        Some("answered"),
    );
}

#[test]
fn how_an_outbound_contact_came_out() {
    let check = |value, event_type| check_outcome(value, Some("out"), Some(event_type));
    let outbound = |more: Value| {
        let bare = without(record(), &["Agent", "Queue"]);
        with(with(bare, json!({"InitiationMethod": "OUTBOUND"})), more)
    };
    let callback = |missing: &[&str]| {
        with(
            without(unanswered(), missing),
            json!({"InitiationMethod": "CALLBACK"}),
        )
    };
    check(outbound(json!({})), "answered");
    check(outbound(json!({"ConnectedToSystemTimestamp": null})), "missed");
    check(
        outbound(json!({"AnsweringMachineDetectionStatus": "VOICEMAIL_BEEP"})),
        "missed",
    );
    check(
        callback(&["ConnectedToSystemTimestamp", "DisconnectTimestamp"]),
        "callback",
    );
    check(callback(&["ConnectedToSystemTimestamp"]), "missed");
    check(callback(&[]), "abandoned");
}

#[test]
fn a_contact_event_adds_to_the_same_row() {
    let event = |id: &str, event_type: &str, more: Value| {
        json!({"id": id, "detail-type": "Amazon Connect Contact Event", "time": "2026-03-01T10:05:01Z",
            "detail": with(json!({"contactId": "c-1", "eventType": event_type, "channel": "VOICE",
                "initiationMethod": "INBOUND", "initiationTimestamp": "2026-03-01T10:00:00Z"}), more)})
    };
    let queue = json!({"queueInfo": {"queueArn": "arn:aws:connect:r:1:instance/i/queue/q9", "enqueueTimestamp": "2026-03-01T10:00:20Z"}});
    let queued = read_value(&event("e-1", "QUEUED", queue.clone()));
    assert_eq!(queued.kind, "contact_event_queued");
    assert_eq!(queued.event_key.as_deref(), Some("e-1"));
    assert_eq!(
        queued.issues,
        [Issue::information("endpoint_missing", "CustomerEndpoint.Address")]
    );
    let caller = &queued.records[0];
    assert_eq!(caller.key.id, "contact:c-1");
    assert!(caller.person.is_none());
    let fact = &caller.facts[0];
    assert_eq!((fact.id.as_str(), fact.complete), ("c-1", false));
    assert_eq!(fact.row.text(column::QUEUE), Some("q9"));
    assert_eq!(
        fact.row.text(column::EVENT_TYPE),
        None,
        "it may still be answered"
    );

    let ended = with(queue, json!({"disconnectTimestamp": "2026-03-01T10:05:00Z"}));
    let abandoned = read_value(&event("e-2", "DISCONNECTED", ended.clone()));
    assert_eq!(
        abandoned.records[0].facts[0].row.text(column::EVENT_TYPE),
        Some("abandoned")
    );
    let agent = json!({"AgentInfo": {"AgentArn": "arn/agent/a3", "connectedToAgentTimestamp": "2026-03-01T10:01:00Z"}});
    let answered = read_value(&event("e-3", "DISCONNECTED", with(ended, agent)));
    let row = &answered.records[0].facts[0].row;
    assert_eq!(
        (row.text(column::EVENT_TYPE), row.text(column::AGENT_ID)),
        (Some("answered"), Some("a3"))
    );

    let bare = |event_type: &str, time: &str| {
        let event = json!({"contactId": "c-1", "eventType": event_type, "time": time});
        read_value(&event).event_key
    };
    assert_ne!(
        bare("PAUSED", "2026-03-01T10:02:00Z"),
        bare("PAUSED", "2026-03-01T10:03:00Z")
    );
    assert_eq!(
        bare("PAUSED", "2026-03-01T10:02:00Z"),
        bare("PAUSED", "2026-03-01T10:02:00Z")
    );

    let unheard = read_value(&event("e-4", "SOMETHING_NEW +12025550101", json!({})));
    assert_eq!(unheard.kind, "contact_event", "a label never repeats the message");
}

#[test]
fn endpoints_of_every_sort() {
    let check = |address: &str, id: &str, phones: usize, emails: usize, code: Option<&str>| {
        let value = with(
            record(),
            json!({"CustomerEndpoint": {"Address": address}, "Attributes": {}}),
        );
        let decoded = read_value(&value);
        let caller = &decoded.records[0];
        assert_eq!(caller.key.id, id, "{address}");
        let person = caller.person.clone().unwrap_or_default();
        assert_eq!(
            (person.phones.list().len(), person.emails.list().len()),
            (phones, emails),
            "{address}"
        );
        assert_eq!(decoded.issues.first().map(|i| i.code.as_ref()), code, "{address}");
    };
    check("+12025550101", "+12025550101", 1, 0, None);
    check("tel:+12025550101", "+12025550101", 1, 0, None);
    check("ada@example.org", "ada@example.org", 0, 1, None);
    check("Anonymous", "contact:c-1", 0, 0, Some("endpoint_withheld"));
    check("+266696687", "contact:c-1", 0, 0, Some("endpoint_withheld"));
    check("", "contact:c-1", 0, 0, Some("endpoint_missing"));
}

#[test]
fn what_cannot_be_read_says_where() {
    let check = |payload: &str, code: &str, location: &str| match read(payload.as_bytes()) {
        Reading::Unreadable(reason) => assert_eq!((reason.code, reason.location.as_str()), (code, location)),
        Reading::Read(_) => panic!("read: {payload}"),
    };
    check("{\"a\": [1,]}", "json_invalid", "line 1 column 10");
    check("{\"name\": \"x\"}", "contact_id_missing", "ContactId");
    check("", "json_invalid", "line 1 column 0");
    check("7", "contact_id_missing", "ContactId");
    let decoded = read_value(&with(record(), json!({"DisconnectTimestamp": "yesterday"})));
    assert_eq!(
        decoded.issues,
        [Issue::error("time_invalid", "DisconnectTimestamp")]
    );
    assert!(matches!(read(b"[]"), Reading::Read(decoded) if decoded.records.is_empty()));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test over shared sample files")]
fn shared_samples() {
    let root = std::env::var("PANORAMA_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let Ok(first) = std::fs::read(format!("{root}/data/feeds/amazon_connect/contact_event_1.json")) else {
        println!("skipped: no ../shared");
        return;
    };
    let Reading::Read(decoded) = read(&first) else {
        panic!("sample 1 is valid")
    };
    assert_eq!(decoded.kind, "contact_event_connected_to_agent");
    assert_eq!(
        decoded.records[0].facts[0].row.text(column::EVENT_TYPE),
        Some("answered")
    );
    let second = std::fs::read(format!("{root}/data/feeds/amazon_connect/contact_event_2.json")).unwrap();
    let Reading::Unreadable(reason) = read(&second) else {
        panic!("sample 2 has a trailing comma")
    };
    assert_eq!(
        (reason.code, reason.location.as_str()),
        ("json_invalid", "line 37 column 9")
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_and_copies_read_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(read(&bytes), read(&bytes));
    }

    #[test]
    fn no_json_panics(cut in 0usize..900, replacement in any::<u8>()) {
        let mut bytes = record().to_string().into_bytes();
        let at = cut % bytes.len();
        bytes[at] = replacement;
        prop_assert_eq!(read(&bytes), read(&bytes));
    }
}
