//! Any bytes, any cut, any order.

use super::{read, show};
use crate::decode;
use panorama_model::{DecodeContext, Reading, SourceRecord, Timestamp};
use proptest::prelude::*;

const ENTRIES: &[&str] = &[
    r#"{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p1","name":[{"family":"Rœ \"x\"","given":["Jo"]}],"birthDate":"1980-01-01"}}"#,
    r#"{"fullUrl":"urn:uuid:2","resource":{"resourceType":"Patient","meta":{"lastUpdated":"2026-01-01T00:00:00Z"},"link":[{"other":{"reference":"urn:uuid:1"},"type":"replaces"}]}}"#,
    r#"{"resource":{"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2026-01-03T00:00:00Z"},"gender":"male"}}"#,
    r#"{"fullUrl":"urn:uuid:3","resource":{"resourceType":"Encounter","id":"e","subject":{"reference":"urn:uuid:1"},"period":{"start":"2026-01-01"},"participant":[{"individual":{"reference":"urn:uuid:4"}}]}}"#,
    r#"{"fullUrl":"urn:uuid:4","resource":{"resourceType":"Practitioner","identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"9000000001"}],"name":[{"text":"Al Heal"}]}}"#,
    r#"{"resource":{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/p1"},"encounter":{"reference":"urn:uuid:3"},"component":[{"valueInteger":1},{"valueString":"a\nb"}]}}"#,
    r#"{"resource":{"resourceType":"Observation","id":"o","status":"amended","subject":{"reference":"Patient/p1"}}}"#,
    r#"{"request":{"method":"DELETE","url":"Observation/o"},"response":{"lastModified":"2026-02-01T00:00:00Z"}}"#,
    r#"{"resource":{"resourceType":"Coverage","id":"c","beneficiary":{"identifier":{"value":"zz"}},"payor":[{"display":"P"}]}}"#,
    r#"{"resource":{"resourceType":"Claim","id":"c"}}"#,
    r#"{"resource":{"resourceType":"PractitionerRole","id":"r","practitioner":{"reference":"urn:uuid:4"},"specialty":[{"text":"Family"}]}}"#,
];

fn bundle(entries: &[&str]) -> String {
    format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#,
        entries.join(",")
    )
}

/// Records with their content, in a fixed order; issues without the entry's number.
fn canonical(reading: &Reading) -> (Vec<String>, Vec<String>) {
    let Reading::Read(decoded) = reading else {
        panic!("unreadable")
    };
    let mut shown: Vec<String> = show(reading)
        .into_iter()
        .map(|line| {
            line.split_once(" entry[")
                .map_or(line.clone(), |(head, _)| head.to_owned())
        })
        .collect();
    shown.sort();
    let version = |record: &SourceRecord| {
        let mut facts: Vec<_> = record
            .facts
            .iter()
            .map(|f| format!("{} {:?} {}", f.id, f.version, f.deleted))
            .collect();
        facts.sort();
        format!(
            "{:?} {} {:?} {}",
            record.key,
            record.key.id,
            record.version,
            facts.join(",")
        )
    };
    let mut records: Vec<String> = decoded.records.iter().map(version).collect();
    records.sort();
    (shown, records)
}

fn decode_bytes(bytes: &[u8]) -> Reading {
    let context = DecodeContext {
        source: "s",
        received_at: Timestamp(0),
        zone: None,
        headers: &[],
    };
    decode(bytes, &context)
}

#[test]
fn every_truncation_is_unreadable_and_none_panics() {
    let whole = bundle(ENTRIES);
    for end in 0..whole.len() {
        let reading = decode_bytes(&whole.as_bytes()[..end]);
        assert!(matches!(reading, Reading::Unreadable(_)), "cut at {end}");
    }
    assert!(matches!(decode_bytes(whole.as_bytes()), Reading::Read(_)));
}

#[test]
fn deep_nesting_is_an_issue_not_a_crash() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let patient = format!(r#"{{"resourceType":"Patient","id":"p","photo":{deep}}}"#);
    assert_eq!(show(&read(&patient)), ["error resource_unreadable Patient"]);
    let reading = read(&bundle(&[&format!(r#"{{"resource":{patient}}}"#), ENTRIES[1]]));
    assert!(show(&reading).contains(&"error resource_unreadable entry[0].resource".to_owned()));
}

/// JSON made of the words FHIR is made of, in wrong places.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let word = prop::sample::select(vec![
        "Patient",
        "Observation",
        "Encounter",
        "Appointment",
        "Patient/1",
        "urn:uuid:1",
        "#x",
        "2026-01-01",
        "DELETE",
        "replaced-by",
        "",
        "é",
        "Patient?identifier=a|b",
        "http://h/Practitioner/2",
    ]);
    let key = prop::sample::select(vec![
        "resourceType",
        "id",
        "meta",
        "lastUpdated",
        "subject",
        "reference",
        "identifier",
        "value",
        "system",
        "name",
        "family",
        "given",
        "period",
        "start",
        "code",
        "coding",
        "component",
        "valueQuantity",
        "link",
        "other",
        "type",
        "participant",
        "actor",
        "contained",
        "extension",
        "url",
        "telecom",
        "address",
        "birthDate",
        "practitioner",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        word.prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|fields| {
                serde_json::Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

fn any_resource() -> impl Strategy<Value = serde_json::Value> {
    let names: Vec<&str> = crate::resource::names().collect();
    (prop::sample::select(names), any_json()).prop_map(|(name, mut value)| {
        if let Some(fields) = value.as_object_mut() {
            fields.insert("resourceType".to_owned(), name.into());
        }
        value
    })
}

proptest! {
    #[test]
    fn order_of_entries_does_not_matter(order in Just((0..ENTRIES.len()).collect::<Vec<_>>()).prop_shuffle()) {
        let shuffled: Vec<&str> = order.iter().map(|at| ENTRIES[*at]).collect();
        prop_assert_eq!(canonical(&read(&bundle(&shuffled))), canonical(&read(&bundle(ENTRIES))));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_bytes(&bytes);
    }

    #[test]
    fn any_json_is_survived(resources in prop::collection::vec(any_resource(), 0..6)) {
        for resource in &resources {
            decode_bytes(resource.to_string().as_bytes());
        }
        let entries: Vec<_> = resources.iter().map(|r| serde_json::json!({"fullUrl": "urn:uuid:1", "resource": r})).collect();
        let bundle = serde_json::json!({"entry": entries, "resourceType": "Bundle"});
        prop_assert!(matches!(decode_bytes(bundle.to_string().as_bytes()), Reading::Read(_)));
    }

    #[test]
    fn changed_bytes_are_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut whole = bundle(ENTRIES).into_bytes();
        let at = at.index(whole.len());
        whole[at] = byte;
        decode_bytes(&whole);
    }
}
