//! Whole payloads: what cannot be read, leniency, versions, deletions.

use super::{check, read, show};
use panorama_model::{Reading, RecordKind, Timestamp};

#[test]
fn unreadable_payloads_say_where_and_nothing_else() {
    check(
        "",
        "unreadable json_truncated at line 1, column 0: the JSON ends too early, at byte 0 (line 1, column 0); was the transfer cut?",
    );
    check(
        "[1,2]",
        "unreadable not_an_object at line 1: the JSON value is no object; a FHIR resource is one",
    );
    check(
        "\"Patient\"",
        "unreadable not_an_object at line 1: the JSON value is no object; a FHIR resource is one",
    );
    check(
        "{}",
        "unreadable resource_type_missing at resourceType: the object has no resourceType; is this source FHIR?",
    );
    check(
        r#"{"resourceType":7}"#,
        "unreadable resource_type_missing at resourceType: the object has no resourceType; is this source FHIR?",
    );
    check(
        "{\"resourceType\":\"Patient\",\n \"id\": Jane}",
        "unreadable json_invalid at line 2, column 8: not valid JSON at line 2, column 8 (byte 35)",
    );
    check(
        "{\"resourceType\":\"Bundle\",\n\"entry\":[{\"resource\":{\"resourceType\":\"Pat",
        "unreadable json_truncated at line 2, column 41: the JSON ends too early, at byte 67 (line 2, column 41); was the transfer cut?",
    );
    check(
        "{\"resourceType\":\"Patient\"} {}",
        "unreadable json_invalid at line 1, column 28: not valid JSON at line 1, column 28 (byte 28)",
    );
}

#[test]
fn bytes_that_are_no_utf8_are_unreadable() {
    let context = panorama_model::DecodeContext {
        source: "s",
        received_at: Timestamp(0),
        zone: None,
        headers: &[],
    };
    let reading = crate::decode(b"{\"resourceType\":\"\xe9\"}", &context);
    assert_eq!(
        show(&reading),
        [
            "unreadable encoding_invalid at byte 17: not UTF-8 from byte 17; FHIR JSON is always UTF-8: convert the file"
        ]
    );
}

#[test]
fn kinds_are_type_names_only() {
    let kind = |json: &str| match read(json) {
        Reading::Read(decoded) => decoded.kind,
        Reading::Unreadable(_) => panic!("unreadable"),
    };
    assert_eq!(kind("\u{feff}{\"resourceType\":\"Bundle\"}"), "Bundle");
    assert_eq!(kind(r#"{"resourceType":"Patient","id":"1"}"#), "Patient");
    assert_eq!(kind(r#"{"resourceType":"Jane Roe"}"#), "unknown");
}

#[test]
fn one_bad_field_costs_that_field() {
    check(
        r#"{"type":"collection","entry":[7,{"resource":null},{"resource":[]},{"resource":{"id":"x"}},
        {"resource":{"resourceType":"Patient","id":"p","name":{"family":9,"given":"Jo"},"birthDate":"31.12.1980","gender":["male"],
          "active":"false","address":[null,"here"],"telecom":[{"value":"1"}],"multipleBirthInteger":"2"}},
        {"resource":{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/p"},"code":"HR","effectiveDateTime":17,
          "valueQuantity":{"value":"72"},"component":{"code":{"text":"x"}}}},
        {"resource":{"resourceType":"Observation","id":"big","subject":{"reference":"Patient/p"},"valueDecimal":1e999}}],
        "resourceType":"Bundle"}"#,
        "error date_invalid entry[4].resource.birthDate
            error resource_type_missing entry[2].resource
            error resource_type_missing entry[3].resource
            error resource_unreadable entry[6].resource
            error type_invalid entry[0]
            error type_invalid entry[4].resource.address[1]
            error type_invalid entry[5].resource.effectiveDateTime
            information entry_empty entry[1]
            patient/p birth_order=2 inactive=true multiple_birth=true names=[{family:9,given:Jo,usage:Official}] sex=male
            patient/p observations o display=HR value_type=NM value_num=72
            patient/p observations o#1 display=x panel_display=HR
            warning system_missing entry[4].resource.telecom[0].system
            warning type_coerced entry[4].resource.active
            warning type_coerced entry[4].resource.gender
            warning type_coerced entry[4].resource.multipleBirthInteger
            warning type_coerced entry[4].resource.name
            warning type_coerced entry[4].resource.name.family
            warning type_coerced entry[4].resource.name.given
            warning type_coerced entry[5].resource.code
            warning type_coerced entry[5].resource.component
            warning type_coerced entry[5].resource.valueQuantity.value",
    );
    check(
        r#"{"resourceType":"Bundle","timestamp":"never","entry":{"resource":{}}}"#,
        "error date_invalid timestamp
            error type_invalid entry",
    );
}

#[test]
fn missing_ids_become_content() {
    check(
        r#"{"resourceType":"Condition","subject":{"reference":"Patient/p"}}"#,
        "patient/p conditions content-11eaa21c7e79a621
            warning id_missing Condition.id",
    );
}

#[test]
fn versions_come_from_what_the_resource_says() {
    let at = |json: &str| match read(json) {
        Reading::Read(decoded) => {
            let version = decoded.records[0].version;
            (version.at.to_string(), version.sequence)
        }
        Reading::Unreadable(_) => panic!("unreadable"),
    };
    let of = |text: &str, sequence: u64| (format!("{text}.000000Z"), sequence);
    let patient = |meta: &str| format!(r#"{{"resourceType":"Patient","id":"p"{meta}}}"#);
    assert_eq!(
        at(&patient(
            r#","meta":{"lastUpdated":"2026-01-02T03:04:05Z","versionId":"7"}"#
        )),
        of("2026-01-02T03:04:05", 7)
    );
    assert_eq!(at(&patient("")), of("1970-01-01T00:00:00", 0));
    let bundle = |timestamp: &str, resource: &str| {
        format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{resource}}}]{timestamp}}}"#)
    };
    let timestamp = r#","timestamp":"2026-05-05T00:00:00Z""#;
    assert_eq!(at(&bundle(timestamp, &patient(""))), of("2026-05-05T00:00:00", 0));
    let condition = r#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"},"recordedDate":"2020-01-01"}"#;
    assert_eq!(at(&bundle(timestamp, condition)), of("2020-01-01T00:00:00", 0));
}

#[test]
fn deletions() {
    check(
        r#"{"resourceType":"Bundle","type":"history","timestamp":"2026-01-09T00:00:00Z","entry":[
        {"request":{"method":"DELETE","url":"Patient/p1"},"response":{"lastModified":"2026-01-08T00:00:00Z"}},
        {"request":{"method":"DELETE","url":"Observation/o1"}},
        {"resource":{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/p1"},"valueInteger":1,"component":[{"valueInteger":2}]}},
        {"request":{"method":"DELETE","url":"Condition/gone"}},
        {"request":{"method":"DELETE","url":"Condition?code=1"}},
        {"request":{"method":"DELETE","url":"Claim/1"}},
        {"request":{"method":"GET","url":"Patient/1"}},
        {"resource":{"resourceType":"Procedure","id":"x","status":"entered-in-error","subject":{"reference":"Patient/p1"}}}]}"#,
        "error delete_target_unknown entry[4].request.url
            error reference_unresolved entry[3].request.url
            event delete patient/p1 patient/p1
            information entry_empty entry[6]
            information resource_unmapped entry[5].request.url
            patient/p1 observations o1 deleted value_type=NM value_num=1
            patient/p1 observations o1 value_type=NM value_num=1
            patient/p1 observations o1#1 deleted value_type=NM value_num=2
            patient/p1 observations o1#1 value_type=NM value_num=2
            patient/p1 procedures x deleted status=entered-in-error",
    );
}

#[test]
fn bundles_in_bundles() {
    let inner = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"p","birthDate":"x"}},
        {"resource":{"resourceType":"Claim"}}]}"#;
    check(
        &format!(
            r#"{{"resourceType":"Bundle","type":"batch-response","entry":[{{"response":{{"status":"200"}}}},{{"resource":{inner}}}]}}"#
        ),
        "information entry_empty entry[0]
         patient/p
         error date_invalid entry[1].resource.entry[0].resource.birthDate
         information resource_unmapped entry[1].resource.entry[1].resource",
    );
    let mut deep = inner.to_owned();
    for _ in 0..6 {
        deep = format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{deep}}}]}}"#);
    }
    let path = ["entry[0].resource"; 5].join(".");
    check(&deep, &format!("error resource_unreadable {path}"));
}

#[test]
fn data_that_is_no_text_is_an_issue() {
    let document = |data: &str| {
        format!(
            r#"{{"resourceType":"DocumentReference","id":"d","subject":{{"reference":"Patient/p"}},"content":[{{"attachment":{{"data":{data}}}}}]}}"#
        )
    };
    check(
        &document(r#""aGVs\/G8=""#),
        "patient/p documents d content_bytes=5",
    );
    check(&document("null"), "patient/p documents d");
    check(
        &document(&format!("{}{}", "{\"data\":".repeat(9000), "}".repeat(9000)).replace(":}", ":1}")),
        "patient/p documents d
         error type_invalid DocumentReference.content[0].attachment.data",
    );
}

#[test]
fn versions_differ_just_where_statements_do() {
    let version = |entries: &str| match read(&format!(r#"{{"resourceType":"Bundle","entry":[{entries}]}}"#)) {
        Reading::Read(decoded) => {
            let patient = decoded.records.iter().find(|r| r.key.kind == RecordKind::Patient);
            patient.unwrap().facts[0].version
        }
        Reading::Unreadable(_) => panic!("unreadable"),
    };
    let encounter = |narrative: &str| {
        format!(
            r#"{{"resource":{{"resourceType":"Encounter","id":"e",{narrative}"subject":{{"reference":"Patient/p"}},
            "participant":[{{"individual":{{"reference":"Practitioner/d"}}}}],"period":{{"start":"2026-01-01"}}}}}}"#
        )
    };
    let practitioner = r#"{"resource":{"resourceType":"Practitioner","id":"d","identifier":[
        {"system":"http://hl7.org/fhir/sid/us-npi","value":"9000000001"}]}}"#;
    let alone = version(&encounter(""));
    assert_eq!(alone, version(&encounter(r#""text":{"div":"<div/>"},"#)));
    let together = version(&format!("{},{practitioner}", encounter("")));
    assert_eq!(alone.at, together.at);
    assert_ne!(alone, together, "the attending is another");
}

#[test]
fn text_cut_within_a_surrogate_pair_is_mended() {
    check(
        r#"{"resourceType":"Patient","id":"p","name":[{"family":"Roe","given":["Jo\ud83d"]}]}"#,
        "patient/p names=[{family:Roe,given:Jo\u{fffd},usage:Official}]
         warning text_mended Patient",
    );
}
