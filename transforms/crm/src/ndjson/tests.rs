//! Mapped NDJSON lists.

use super::*;
use panorama_model::{RecordKind, Timestamp};
use proptest::prelude::*;
use serde_json::json;

fn decoder() -> NdjsonDecoder {
    NdjsonDecoder::new(
        serde_json::from_value(json!({"columns": {"source_record_id": "id", "given_name": "name.given",
            "family_name": "name.family", "phone": ["phones.0", "phones.1"], "email": "emails", "birth_date": "born",
            "address_line": ["address.no", "address.street"]}, "multiple": ["phone"]}))
        .unwrap(),
    )
    .unwrap()
}

fn read(payload: &[u8]) -> Reading {
    decoder().decode(
        payload,
        &DecodeContext {
            source: "crm",
            received_at: Timestamp(0),
            zone: None,
            headers: &[],
        },
    )
}

#[test]
fn paths_lead_to_cells() {
    let value = json!({"id": 7, "name": {"given": "Ada", "family": "Moss"}, "phones": ["2025550101", null, "x"],
        "emails": ["ada@example.org", "b@example.org"], "born": null, "address": {"no": 1, "street": "Elm St"}});
    let Reading::Read(decoded) = read(value.to_string().as_bytes()) else {
        panic!("unreadable")
    };
    assert!(decoded.issues.is_empty());
    let record = &decoded.records[0];
    assert_eq!(
        (record.key.kind, record.key.id.as_str(), record.complete),
        (RecordKind::Contact, "7", true)
    );
    let person = record.person.as_ref().unwrap();
    assert_eq!(person.names.list()[0].family, "Moss");
    assert_eq!(person.phones.list().len(), 1);
    assert_eq!(person.emails.list()[0].address, "ada@example.org");
    assert_eq!(person.addresses.list()[0].line, "1 Elm St");
    assert!(person.birth_date.is_absent());
}

#[test]
fn arrays_and_what_cannot_be_read() {
    let Reading::Read(decoded) = read(b"[{\"id\":1},{},3]") else {
        panic!("unreadable")
    };
    assert_eq!((decoded.records.len(), decoded.kind.as_str()), (1, "batch"));
    assert_eq!(
        decoded.issues,
        [
            Issue::error("record_id_missing", "[1] column id"),
            Issue::error("object_missing", "[2]")
        ]
    );
    let check = |payload: &str, code: &str| match read(payload.as_bytes()) {
        Reading::Unreadable(reason) => assert_eq!(reason.code, code, "{payload}"),
        Reading::Read(_) => panic!("read: {payload}"),
    };
    check("{\"id\":\"\"}", "record_id_missing");
    check("{\"id\":1", "json_invalid");
    check("7", "object_missing");
    check("[{}]", "record_id_missing");
}

proptest! {
    #[test]
    fn no_bytes_panic_and_copies_read_the_same(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert_eq!(read(&bytes), read(&bytes));
    }
}
