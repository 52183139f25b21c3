//! Answers of the NPI Registry API.

use super::*;
use panorama_model::Value;
use proptest::prelude::*;
use serde_json::json;

fn read(payload: &[u8]) -> Reading {
    decode(
        payload,
        &DecodeContext {
            source: "registry",
            received_at: Timestamp(0),
            zone: None,
            headers: &[],
        },
    )
}

#[test]
fn a_result_becomes_a_provider() {
    let result = json!({"number": "1234567893", "enumeration_type": "NPI-1", "last_updated_epoch": "1594166400000",
        "basic": {"first_name": "ADA", "last_name": "MOSS", "name_suffix": "--", "credential": "MD", "sex": "F",
            "status": "A", "enumeration_date": "2005-05-23", "last_updated": "2020-07-08"},
        "addresses": [{"address_purpose": "MAILING", "city": "BOSTON"},
            {"address_purpose": "LOCATION", "address_1": "1 ELM ST", "city": "SALEM", "state": "MA"}],
        "taxonomies": [{"code": "207Q00000X", "desc": "Family Medicine", "primary": false},
            {"code": "207RC0000X", "desc": "Cardiology", "primary": true, "license": "L-9", "state": "MA"}]});
    for answer in [json!({"result_count": 1, "results": [result]}), result.clone()] {
        let Reading::Read(decoded) = read(answer.to_string().as_bytes()) else {
            panic!("unreadable")
        };
        assert!(decoded.issues.is_empty());
        let fact = &decoded.records[0].facts[0];
        assert_eq!(fact.id, "1234567893");
        assert_eq!(fact.version.at.to_string(), "2020-07-08T00:00:00.000000Z");
        for (column, expected) in [
            (column::ENTITY_TYPE, "individual"),
            (column::FAMILY_NAME, "MOSS"),
            (column::SPECIALTY, "Cardiology"),
            (column::LICENSE_NUMBER, "L-9"),
            (column::PRACTICE_CITY, "SALEM"),
            (column::NPPES_STATUS, "active"),
            (column::SEX, "female"),
        ] {
            assert_eq!(fact.row.text(column), Some(expected), "{}", column.name);
        }
        assert_eq!(fact.row.get(column::NAME_SUFFIX), Some(Value::Null));
    }
}

#[test]
fn answers_without_providers() {
    assert!(matches!(read(b"{\"result_count\":0,\"results\":[]}"), Reading::Read(d) if d.records.is_empty()));
    assert!(matches!(read(b"{\"Errors\":[]}"), Reading::Unreadable(r) if r.code == "results_missing"));
    assert!(matches!(read(b"{"), Reading::Unreadable(r) if r.code == "json_invalid"));
    assert!(matches!(read(b"{\"results\":[{}]}"), Reading::Read(d) if d.issues.len() == 1));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test over shared sample files")]
fn shared_samples() {
    let root = std::env::var("PANORAMA_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let Ok(answer) = std::fs::read(format!("{root}/data/feeds/nppes/npi_registry_api_v2.1.json")) else {
        println!("skipped: no ../shared");
        return;
    };
    let Reading::Read(decoded) = read(&answer) else {
        panic!("unreadable")
    };
    assert!(decoded.issues.is_empty(), "{:?}", decoded.issues);
    let row = &decoded.records[0].facts[0].row;
    assert_eq!(row.text(column::ENTITY_TYPE), Some("organization"));
    assert_eq!(row.text(column::SPECIALTY), Some("General Acute Care Hospital"));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_copies_read_the_same(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert_eq!(read(&bytes), read(&bytes));
    }
}
