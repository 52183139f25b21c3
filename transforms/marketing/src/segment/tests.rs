//! Calls of the Segment spec: visitors, their traits and devices, and what they did.

use super::*;
use panorama_model::Headers;
use panorama_model::fact::consent as consent_column;
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(payload: &[u8]) -> Reading {
    let headers = Headers::new();
    decode(
        payload,
        &DecodeContext {
            source: "web",
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

fn call(kind: &str, more: Value) -> Value {
    let mut value = json!({"type": kind, "messageId": "m-1", "anonymousId": "anon-1", "timestamp": "2026-03-01T10:00:00.250Z"});
    value
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    value
}

#[test]
fn identify_tells_who_the_visitor_is() {
    let decoded = read_value(&call(
        "identify",
        json!({"userId": "u-1", "traits": {"firstName": "Ada", "lastName": "Moss", "email": "ada@example.org",
            "phone": "2025550101", "birthday": "1980-02-29", "address": {"street": "1 Elm St", "city": "Salem"}},
            "context": {"device": {"id": "dev-1", "advertisingId": "00000000-0000-0000-0000-000000000000"},
                "externalIds": [{"id": "M-1", "type": "mrn", "collection": "NORTH"}, {"id": "g1", "type": "ga_client_id"}]}}),
    ));
    assert_eq!(
        (decoded.kind.as_str(), decoded.event_key.as_deref()),
        ("identify", Some("m-1"))
    );
    assert!(decoded.issues.is_empty());
    let visitor = &decoded.records[0];
    assert_eq!(
        (visitor.key.kind, visitor.key.id.as_str()),
        (RecordKind::Visitor, "u-1")
    );
    assert!(!visitor.complete);
    let person = visitor.person.as_ref().unwrap();
    assert_eq!(person.names.list()[0].family, "Moss");
    assert_eq!(person.birth_date.value().unwrap().to_string(), "1980-02-29");
    assert_eq!(person.addresses.list()[0].line, "1 Elm St");
    let identifiers: Vec<_> = person
        .identifiers
        .list()
        .iter()
        .map(|i| (i.kind, i.value.as_str(), i.authority.as_str()))
        .collect();
    assert_eq!(
        identifiers,
        [
            (IdentifierKind::Crm, "u-1", "web"),
            (IdentifierKind::Device, "anon-1", "web"),
            (IdentifierKind::Device, "dev-1", ""),
            (IdentifierKind::MedicalRecord, "M-1", "NORTH"),
            (IdentifierKind::Device, "g1", ""),
        ]
    );
    let fact = &visitor.facts[0];
    assert_eq!(fact.row.text(column::EVENT_TYPE), Some("identified"));
    assert_eq!(fact.version.at.to_string(), "2026-03-01T10:00:00.250000Z");
}

#[test]
fn a_page_is_a_touch_of_an_anonymous_visitor() {
    let decoded = read_value(&call(
        "page",
        json!({"name": "Cardiology", "properties": {"url": "https://www.example.org/heart?utm_source=news&utm_medium=cpc&utm_campaign=spring",
            "referrer": "https://www.google.com/"}}),
    ));
    let visitor = &decoded.records[0];
    assert_eq!(visitor.key.id, "anon-1");
    let row = &visitor.facts[0].row;
    for (column, expected) in [
        (column::CHANNEL, "ad"),
        (column::DIRECTION, "in"),
        (column::EVENT_TYPE, "page_view"),
        (column::TOPIC, "Cardiology"),
        (column::UTM_SOURCE, "news"),
        (column::UTM_MEDIUM, "cpc"),
        (column::UTM_CAMPAIGN, "spring"),
        (column::CAMPAIGN_NAME, "spring"),
        (column::URL_HOST, "example.org"),
    ] {
        assert_eq!(row.text(column), Some(expected), "{}", column.name);
    }
}

#[test]
fn an_unsubscribe_revokes_permission() {
    let decoded = read_value(&call(
        "track",
        json!({"userId": "u-1", "event": "Unsubscribed", "properties": {"campaign_id": "c1", "campaign_name": "Recall", "list_id": "L9", "category": "cardiology"},
            "context": {"traits": {"email": "ada@example.org"}}}),
    ));
    let [interaction, consent] = decoded.records[0].facts.as_slice() else {
        panic!("two facts")
    };
    assert_eq!(interaction.row.text(column::CHANNEL), Some("email"));
    assert_eq!(interaction.row.text(column::CAMPAIGN_ID), Some("c1"));
    assert_eq!(
        (
            interaction.row.text(column::TOPIC),
            interaction.row.text(column::OUTCOME)
        ),
        (Some("cardiology"), Some("Unsubscribed"))
    );
    assert_eq!(
        (consent.table, consent.row.text(consent_column::STATUS)),
        (FactTable::Consent, Some("revoked"))
    );
    assert_eq!(consent.row.text(consent_column::SCOPE), Some("L9"));
    assert_eq!(decoded.records[0].person.as_ref().unwrap().emails.list().len(), 1);
}

#[test]
fn an_alias_links_two_visitors() {
    let decoded = read_value(&call("alias", json!({"userId": "u-1", "previousId": "anon-1"})));
    let [event] = decoded.identity_events.as_slice() else {
        panic!("one event")
    };
    assert_eq!(event.kind, IdentityEventKind::Link);
    assert_eq!(
        (event.subject.id.as_str(), event.other.id.as_str()),
        ("u-1", "anon-1")
    );
    assert!(decoded.records[0].facts.is_empty());
    let onto_itself = read_value(&call("alias", json!({"userId": "u-1", "previousId": "u-1"})));
    assert!(onto_itself.identity_events.is_empty());
}

#[test]
fn a_groups_traits_are_not_the_visitors() {
    let decoded = read_value(&call(
        "group",
        json!({"groupId": "g", "traits": {"name": "Initech", "email": "info@example.org"}}),
    ));
    let person = decoded.records[0].person.as_ref().unwrap();
    assert!(person.names.list().is_empty() && person.emails.list().is_empty());
    assert_eq!(
        decoded.records[0].facts[0].row.text(column::EVENT_TYPE),
        Some("grouped")
    );
}

#[test]
fn batches_and_calls_without_names_and_times() {
    let batch =
        read_value(&json!({"batch": [call("page", json!({})), call("screen", json!({"messageId": "m-2"}))]}));
    assert_eq!((batch.kind.as_str(), batch.records.len()), ("batch", 2));
    let bare = json!({"user_id": "u-1", "action": "track", "event": "Email Opened"});
    let decoded = read_value(&bare);
    assert_eq!(decoded, read_value(&bare));
    assert_eq!(
        decoded.issues,
        [
            Issue::warning("event_time_missing", "[0].timestamp"),
            Issue::warning("event_id_missing", "[0].messageId")
        ]
    );
}

#[test]
fn what_cannot_be_read_says_where() {
    let check = |payload: &str, code: &str, location: &str| match read(payload.as_bytes()) {
        Reading::Unreadable(reason) => assert_eq!((reason.code, reason.location.as_str()), (code, location)),
        Reading::Read(_) => panic!("read: {payload}"),
    };
    check("{", "json_invalid", "line 1 column 1");
    check("{}", "type_missing", "[0].type");
    check("{\"type\":\"poke\"}", "type_unknown", "[0].type");
    check("{\"type\":\"page\"}", "id_missing", "[0].userId");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test over shared sample files")]
fn shared_samples() {
    let root = std::env::var("PANORAMA_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let folder = format!("{root}/data/feeds/segment_spec");
    if std::fs::read_to_string(format!("{folder}/track_common.json")).is_err() {
        println!("skipped: no ../shared");
        return;
    }
    let check = |name: &str, id: &str, event_type: &str, channel: &str| {
        let bytes = std::fs::read(format!("{folder}/{name}")).unwrap();
        let Reading::Read(decoded) = read(&bytes) else {
            panic!("{name}")
        };
        let record = &decoded.records[0];
        let row = &record.facts[0].row;
        assert_eq!(
            (
                record.key.id.as_str(),
                row.text(column::EVENT_TYPE),
                row.text(column::CHANNEL)
            ),
            (id, Some(event_type), Some(channel)),
            "{name}"
        );
    };
    check("identify_0.json", "97980cfea0067", "identified", "web");
    check("identify_2.json", "97980cfea0067", "identified", "web");
    check("track_common.json", "97980cfea0067", "track", "web");
    check("email_spec_0.json", "019mr8mf4r", "bounced", "email");
    check("email_spec_2.json", "019mr8mf4r", "clicked", "email");
    check("email_spec_3.json", "019mr8mf4r", "complained", "email");
    check("email_spec_5.json", "019mr8mf4r", "unsubscribed", "email");
}

proptest! {
    #[test]
    fn no_bytes_panic_and_copies_read_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(read(&bytes), read(&bytes));
    }

    #[test]
    fn no_damaged_call_panics(cut in 0usize..500, replacement in any::<u8>()) {
        let whole = call("track", json!({"event": "Form Submitted", "properties": {"url": "https://example.org/?a=b"}}));
        let mut bytes = whole.to_string().into_bytes();
        let at = cut % bytes.len();
        bytes[at] = replacement;
        prop_assert_eq!(read(&bytes), read(&bytes));
    }
}
