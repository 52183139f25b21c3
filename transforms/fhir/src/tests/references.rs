//! How references are followed, and what is said where they cannot be.

use super::check;

fn subject(reference: &str, expected: &str) {
    let json = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[
        {{"resource":{{"resourceType":"Condition","id":"c","subject":{reference}}}}},
        {{"fullUrl":"urn:uuid:aaaa","resource":{{"resourceType":"Patient","id":"p1"}}}},
        {{"fullUrl":"urn:uuid:bbbb","resource":{{"resourceType":"Patient","identifier":[{{"system":"http://m","value":"1"}}]}}}},
        {{"fullUrl":"http://x/Group/g","resource":{{"resourceType":"Group","id":"g"}}}}]}}"#
    );
    let others = "patient/p1
        patient/bbbb identifiers=[{authority:http://m,kind:other,value:1}]
        information resource_unmapped entry[3].resource";
    check(&json, &format!("{expected}\n{others}"));
}

#[test]
fn every_way_to_name_a_patient() {
    subject(r#"{"reference":"urn:uuid:aaaa"}"#, "patient/p1 conditions c");
    // Without an id of its own the resource goes by the uuid of its fullUrl.
    subject(r#"{"reference":"urn:uuid:bbbb"}"#, "patient/bbbb conditions c");
    // A patient of another file.
    subject(r#"{"reference":"Patient/p9"}"#, "patient/p9 conditions c");
    subject(
        r#"{"reference":"https://h.example/fhir/Patient/p9/_history/3"}"#,
        "patient/p9 conditions c",
    );
    subject(
        r#"{"reference":"p9","type":"Patient"}"#,
        "patient/p9 conditions c",
    );
    subject(
        r#"{"identifier":{"system":"http://m","value":"1"}}"#,
        "patient/bbbb conditions c",
    );
    subject(
        r#"{"reference":"Patient?identifier=http://m%7C1"}"#,
        "patient/bbbb conditions c",
    );
    subject(
        r#"{"reference":"Patient?identifier=http%3A%2F%2Fm%7c1&_x=%é"}"#,
        "patient/bbbb conditions c",
    );
}

#[test]
fn what_cannot_be_followed_is_said() {
    let unresolved = "error reference_unresolved entry[0].resource.subject";
    subject(r#"{"reference":"urn:uuid:cccc"}"#, unresolved);
    subject(r##"{"reference":"#nowhere"}"##, unresolved);
    subject(r#"{"reference":"Patient?identifier=http://m|2"}"#, unresolved);
    subject(r#"{"reference":"gibberish"}"#, unresolved);
    subject(r#"{"display":"Jo"}"#, unresolved);
    subject(r#"null"#, "error subject_missing entry[0].resource.subject");
    subject(
        r#"{"reference":"http://x/Group/g"}"#,
        "warning subject_not_patient entry[0].resource.subject",
    );
    subject(
        r#"{"reference":"Device/d"}"#,
        "warning subject_not_patient entry[0].resource.subject",
    );
    subject(
        r#""Patient/p1""#,
        "error type_invalid entry[0].resource.subject
         error reference_unresolved entry[0].resource.subject",
    );
}

#[test]
fn a_circle_of_roles_ends() {
    check(
        r#"{"resourceType":"Bundle","entry":[
        {"resource":{"resourceType":"PractitionerRole","id":"a","practitioner":{"reference":"PractitionerRole/b"}}},
        {"resource":{"resourceType":"PractitionerRole","id":"b","practitioner":{"reference":"PractitionerRole/a"}}}]}"#,
        "information npi_missing entry[0].resource
         information npi_missing entry[1].resource",
    );
}
