//! E-mail events: what they mean, whose they are, what they permit, and what is odd about them.

use super::*;
use panorama_model::fact::consent as consent_column;
use panorama_model::{Headers, IdentifierKind};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(payload: &[u8]) -> Reading {
    let headers = Headers::new();
    decode(
        payload,
        &DecodeContext {
            source: "email",
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

fn event(name: &str, more: Value) -> Value {
    let mut value = json!({"email": "Ada.Moss@Example.org", "event": name, "timestamp": 1_772_360_000,
        "sg_event_id": "ev-1", "sg_message_id": "msg-1.filter-2", "category": ["spring-recall", "cardiology"]});
    value
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    value
}

#[test]
fn every_event_has_its_meaning() {
    let check = |name: &str, direction: &str, event_type: &str, status: Option<&str>| {
        let decoded = read_value(&json!([event(name, json!({"asm_group_id": 7}))]));
        assert_eq!(
            (decoded.kind.as_str(), decoded.event_key.as_deref()),
            (name, Some("ev-1"))
        );
        assert!(decoded.issues.is_empty());
        let record = &decoded.records[0];
        assert_eq!(
            (record.key.kind, record.key.id.as_str()),
            (RecordKind::Subscriber, "ada.moss@example.org")
        );
        let row = &record.facts[0].row;
        assert_eq!(
            (row.text(column::DIRECTION), row.text(column::EVENT_TYPE)),
            (Some(direction), Some(event_type))
        );
        assert_eq!(row.text(column::CAMPAIGN_ID), Some("spring-recall"));
        assert_eq!(row.text(column::MESSAGE_ID), Some("msg-1"));
        assert_eq!(
            row.time(column::EVENT_TIME),
            Some(Timestamp::from_seconds(1_772_360_000))
        );
        let consent = record.facts.get(1).map(|fact| &fact.row);
        assert_eq!(
            consent.and_then(|row| row.text(consent_column::STATUS)),
            status,
            "{name}"
        );
        assert_eq!(
            consent.and_then(|row| row.text(consent_column::SCOPE)),
            status.map(|_| "group:7")
        );
    };
    check("processed", "out", "sent", None);
    check("deferred", "out", "deferred", None);
    check("delivered", "out", "delivered", None);
    check("bounce", "out", "bounced", None);
    check("dropped", "out", "dropped", None);
    check("open", "in", "opened", None);
    check("click", "in", "clicked", None);
    check("spamreport", "in", "complained", Some("revoked"));
    check("unsubscribe", "in", "unsubscribed", Some("revoked"));
    check("group_unsubscribe", "in", "unsubscribed", Some("revoked"));
    check("group_resubscribe", "in", "resubscribed", Some("granted"));
}

#[test]
fn custom_arguments_become_identifiers_and_links_keep_their_host_only() {
    let decoded = read_value(&event(
        "click",
        json!({"mrn": "M-1", "contact_id": 42, "url": "https://www.example.org/oncology?p=1", "marketing_campaign_id": 9,
            "marketing_campaign_name": "Recall"}),
    ));
    let record = &decoded.records[0];
    let person = record.person.as_ref().unwrap();
    let identifiers: Vec<_> = person
        .identifiers
        .list()
        .iter()
        .map(|i| (i.kind, i.value.as_str()))
        .collect();
    assert_eq!(
        identifiers,
        [
            (IdentifierKind::Crm, "42"),
            (IdentifierKind::MedicalRecord, "M-1")
        ]
    );
    assert_eq!(person.emails.list().len(), 1);
    let row = &record.facts[0].row;
    assert_eq!(row.text(column::URL_HOST), Some("example.org"));
    assert_eq!(
        (row.text(column::CAMPAIGN_ID), row.text(column::CAMPAIGN_NAME)),
        (Some("9"), Some("Recall"))
    );
    assert_eq!(
        row.get(column::IS_MACHINE)
            .and_then(panorama_model::Value::as_bool),
        Some(false)
    );
}

#[test]
fn machine_opens_are_flagged() {
    let check = |more: Value, expected: bool| {
        let decoded = read_value(&event("open", more));
        let machine = decoded.records[0].facts[0]
            .row
            .get(column::IS_MACHINE)
            .and_then(panorama_model::Value::as_bool);
        assert_eq!(machine, Some(expected));
    };
    check(json!({}), false);
    check(json!({"sg_machine_open": true}), true);
    check(json!({"sg_machine_open": false}), false);
    check(
        json!({"useragent": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"}),
        true,
    );
}

#[test]
fn a_batch_reads_what_it_can() {
    let decoded =
        read_value(&json!([event("open", json!({})), {"event": "open"}, event("novel", json!({}))]));
    assert_eq!(
        (decoded.kind.as_str(), decoded.event_key, decoded.records.len()),
        ("batch", None, 1)
    );
    assert_eq!(
        decoded.issues,
        [
            Issue::error("email_missing", "[1].email"),
            Issue::error("event_unknown", "[2].event")
        ]
    );
    assert!(read_value(&json!([])).records.is_empty());
}

#[test]
fn what_cannot_be_read_says_where() {
    let check = |payload: &str, code: &str, location: &str| match read(payload.as_bytes()) {
        Reading::Unreadable(reason) => assert_eq!((reason.code, reason.location.as_str()), (code, location)),
        Reading::Read(_) => panic!("read: {payload}"),
    };
    check("[{\"email\":", "json_invalid", "line 1 column 10");
    check("[{}]", "event_missing", "[0].event");
    check("[{\"event\":\"open\"}]", "email_missing", "[0].email");
    check(
        "{\"event\":\"open\",\"email\":\"a@example.org\",\"timestamp\":\"soon\"}",
        "time_missing",
        "[0].timestamp",
    );
}

#[test]
fn an_event_without_an_id_is_named_by_its_content() {
    let nameless = event("open", json!({"sg_event_id": null}));
    let (first, copy) = (read_value(&nameless), read_value(&nameless));
    assert_eq!(first, copy);
    assert!(first.records[0].facts[0].id.starts_with("hash:"));
    assert_eq!(
        first.issues,
        [Issue::warning("event_id_missing", "[0].sg_event_id")]
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test over shared sample files")]
fn shared_samples() {
    let root = std::env::var("PANORAMA_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let folder = format!("{root}/data/feeds/sendgrid_event_webhook");
    let Ok(single) = std::fs::read(format!("{folder}/single.body.json")) else {
        println!("skipped: no ../shared");
        return;
    };
    assert!(
        matches!(read(&single), Reading::Read(d) if d.kind == "dropped" && d.records.len() == 1 && d.issues.is_empty())
    );
    let multi = std::fs::read(format!("{folder}/multi.body.json")).unwrap();
    assert!(
        matches!(read(&multi), Reading::Read(d) if d.kind == "batch" && d.records.len() == 2 && d.issues.is_empty())
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_and_copies_read_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(read(&bytes), read(&bytes));
    }

    #[test]
    fn no_damaged_event_panics(cut in 0usize..500, replacement in any::<u8>()) {
        let mut bytes = event("click", json!({"url": "https://example.org/"})).to_string().into_bytes();
        let at = cut % bytes.len();
        bytes[at] = replacement;
        prop_assert_eq!(read(&bytes), read(&bytes));
    }
}
