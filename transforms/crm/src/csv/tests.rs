//! Mapped CSV lists: persons and events, headers that do not fit, records that do not fit.

use super::*;
use panorama_model::fact::interactions as column;
use panorama_model::{ContactUse, Headers, IdentifierKind, NameUse, RecordKind, Timestamp, Zone};
use proptest::prelude::*;
use serde_json::{Value, json};

fn mapping(more: Value) -> PersonMapping {
    let mut value = json!({"columns": {
        "source_record_id": "id", "given_name": "first", "middle_name": "middle", "family_name": "last",
        "previous_family_name": "maiden", "birth_date": "dob", "sex": "sex", "phone": ["home", "cell"], "email": "mail",
        "address_line": ["no", "street"], "city": "city", "mrn": "mrn", "member_id": "member", "updated_at": "changed"},
        "multiple": ["phone"], "constants": {"mrn_authority": "NORTH", "state": "MA"}});
    value
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

const HEADER: &str = "id,first,middle,last,maiden,dob,sex,home,cell,mail,no,street,city,mrn,member,changed";
const RECORD: &str = "C-1,Ada,B,Moss,Reed,1980-02-29,F,2025550101,2025550102,ada@example.org,1,Elm St,Salem,M-1,H-9,2026-03-01T10:00:00Z";

fn read_with(mapping: PersonMapping, header: &[u8], payload: &[u8]) -> Reading {
    let headers: Headers = vec![
        ("csv.header".into(), header.to_vec()),
        ("file.modified".into(), b"2026-02-01T00:00:00Z".to_vec()),
    ];
    let zone = Zone::named("America/Chicago");
    CsvDecoder::new(mapping).unwrap().decode(
        payload,
        &DecodeContext {
            source: "crm",
            received_at: Timestamp(0),
            zone: zone.as_ref(),
            headers: &headers,
        },
    )
}

fn read(payload: &str) -> Decoded {
    match read_with(mapping(json!({})), HEADER.as_bytes(), payload.as_bytes()) {
        Reading::Read(decoded) => decoded,
        Reading::Unreadable(reason) => panic!("unreadable: {reason:?}"),
    }
}

fn unreadable(reading: Reading) -> Unreadable {
    match reading {
        Reading::Unreadable(reason) => reason,
        Reading::Read(_) => panic!("read"),
    }
}

#[test]
fn a_record_becomes_a_contact() {
    let decoded = read(RECORD);
    assert_eq!(
        (decoded.kind.as_str(), decoded.event_key.as_ref()),
        ("person", None)
    );
    assert!(decoded.issues.is_empty());
    let record = &decoded.records[0];
    assert_eq!(
        (record.key.kind, record.key.id.as_str(), record.complete),
        (RecordKind::Contact, "C-1", true)
    );
    assert_eq!(record.version.at.to_string(), "2026-03-01T10:00:00.000000Z");
    let person = record.person.as_ref().unwrap();
    let [name, previous] = person.names.list() else {
        panic!("two names")
    };
    assert_eq!(
        (name.given.as_str(), name.middle.as_str(), name.family.as_str()),
        ("Ada", "B", "Moss")
    );
    assert_eq!((previous.family.as_str(), previous.usage), ("Reed", NameUse::Old));
    assert_eq!(person.birth_date.value().unwrap().to_string(), "1980-02-29");
    let phones: Vec<_> = person
        .phones
        .list()
        .iter()
        .map(|p| (p.number.as_str(), p.usage))
        .collect();
    assert_eq!(
        phones,
        [
            ("2025550101", ContactUse::Home),
            ("2025550102", ContactUse::Mobile)
        ]
    );
    let address = &person.addresses.list()[0];
    assert_eq!(
        (
            address.line.as_str(),
            address.city.as_str(),
            address.state.as_str()
        ),
        ("1 Elm St", "Salem", "MA")
    );
    let identifiers: Vec<_> = person
        .identifiers
        .list()
        .iter()
        .map(|i| (i.kind, i.value.as_str(), i.authority.as_str()))
        .collect();
    assert_eq!(
        identifiers,
        [
            (IdentifierKind::Crm, "C-1", "crm"),
            (IdentifierKind::MedicalRecord, "M-1", "NORTH"),
            (IdentifierKind::Member, "H-9", "")
        ]
    );
    assert_eq!(read(RECORD), decoded, "a copy reads the same");
}

#[test]
fn empty_and_quoted_cells() {
    let decoded = read("C-1,\"Ada \"\"Bee\"\"\",,\"Moss, \nReed\",,,,,2025550102,,,Elm St,,,,\r\n");
    let record = &decoded.records[0];
    assert_eq!(
        record.version.at.to_string(),
        "2026-02-01T00:00:00.000000Z",
        "the file's own time stands in"
    );
    let person = record.person.as_ref().unwrap();
    assert_eq!(person.names.list()[0].given, "Ada \"Bee\"");
    assert_eq!(person.names.list()[0].family, "Moss, \nReed");
    assert_eq!(person.phones.list().len(), 1);
    assert_eq!(person.addresses.list()[0].line, "Elm St");
    assert!(person.birth_date.is_absent() && person.emails.is_absent());
    assert_eq!(person.identifiers.list().len(), 1);
}

#[test]
fn what_is_odd_is_located() {
    let check = |from: &str, to: &str, expected: Issue| {
        let decoded = read(&RECORD.replace(from, to));
        assert_eq!(decoded.issues, [expected]);
        assert_eq!(decoded.records.len(), 1);
    };
    check(
        "1980-02-29",
        "1981-02-29",
        Issue::warning("date_invalid", "column dob"),
    );
    check(",F,", ",robot,", Issue::warning("sex_unknown", "column sex"));
    check(
        "2026-03-01T10:00:00Z",
        "soon",
        Issue::warning("time_invalid", "column changed"),
    );
    check(
        "2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00Z,,",
        Issue::information("cell_count", ""),
    );
    let check = |record: &str, expected: Issue| {
        let decoded = read(record);
        assert_eq!(
            (decoded.issues.as_slice(), decoded.records.len()),
            ([expected].as_slice(), 0)
        );
    };
    check(" \r\n", Issue::information("record_blank", ""));
    check(HEADER, Issue::information("header_repeated", ""));
}

#[test]
fn what_does_not_fit_is_unreadable() {
    let check = |header: &str, record: &str, code: &str, location: &str, reason: &str| {
        let found = unreadable(read_with(
            mapping(json!({})),
            header.as_bytes(),
            record.as_bytes(),
        ));
        assert_eq!((found.code, found.location.as_str()), (code, location));
        assert!(found.reason.contains(reason), "{}", found.reason);
    };
    check(
        HEADER,
        &RECORD.replacen("C-1", " ", 1),
        "record_id_missing",
        "column id",
        "source_record_id",
    );
    check(
        HEADER,
        "C-1,Ada",
        "cell_count",
        "",
        "2 cells, the header 16 columns",
    );
    check(HEADER, &format!("{RECORD},more"), "cell_count", "", "17 cells");
    check(
        &HEADER.replace("last", "lastt"),
        RECORD,
        "column_missing",
        "column last",
        "did you mean lastt?",
    );
    check(
        &HEADER.replace("city", "last"),
        RECORD,
        "column_ambiguous",
        "column last",
        "more than once",
    );
    let found = unreadable(read_with(
        mapping(json!({})),
        RECORD.as_bytes(),
        RECORD.as_bytes(),
    ));
    assert_eq!(found.code, "column_missing");
    assert!(
        !found.reason.contains("Moss"),
        "a person in the header's place stays out of the reason"
    );
    let decoder = CsvDecoder::new(mapping(json!({}))).unwrap();
    let context = DecodeContext {
        source: "crm",
        received_at: Timestamp(0),
        zone: None,
        headers: &[],
    };
    assert_eq!(unreadable(decoder.decode(b"x", &context)).code, "header_missing");
}

#[test]
fn delimiters_and_encodings() {
    let columns = json!({"source_record_id": "id", "family_name": "last"});
    let check = |more: Value, header: &[u8], record: &[u8], family: &str, issues: usize| {
        let mut value = json!({"columns": columns, "multiple": [], "constants": {}});
        value
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let Reading::Read(decoded) = read_with(serde_json::from_value(value).unwrap(), header, record) else {
            panic!("unreadable")
        };
        let person = decoded.records[0].person.as_ref().unwrap();
        assert_eq!(
            (person.names.list()[0].family.as_str(), decoded.issues.len()),
            (family, issues)
        );
    };
    check(json!({"delimiter": "|"}), b"id|last", b"1|Moss, A", "Moss, A", 0);
    check(
        json!({"delimiter": "\t"}),
        b"\xef\xbb\xbfid\tlast\r\n",
        b"1\tMoss\r\n",
        "Moss",
        0,
    );
    check(
        json!({"encoding": "windows-1252"}),
        b"id,last",
        b"1,Mu\xf1oz",
        "Mu\u{f1}oz",
        0,
    );
    check(json!({}), b"id,last", b"1,Mu\xf1oz", "Mu\u{fffd}oz", 1);
    check(json!({"record": "patient"}), b"id,last", b"1,Moss", "Moss", 0);
    check(
        json!({"updated_at": "changed"}),
        b"id,last,changed",
        b"1,Moss,never",
        "Moss",
        1,
    );
}

#[test]
fn a_mapping_is_checked_before_the_first_record() {
    let check = |value: Value, text: &str| {
        let error = CsvDecoder::new(serde_json::from_value(value).unwrap()).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    };
    let id = || json!({"source_record_id": "id"});
    check(
        json!({"columns": {"source_record_id": "id", "given_nam": "x"}}),
        "did you mean given_name?",
    );
    check(json!({"columns": {}}), "columns.source_record_id is required");
    check(json!({"columns": {"source_record_id": []}}), "names no column");
    check(json!({"columns": id(), "multiple": ["city"]}), "multiple: city");
    check(
        json!({"columns": id(), "birth_date_format": "%Y"}),
        "birth_date_format: %Y",
    );
    check(json!({"columns": id(), "time_format": "%H"}), "time_format: %H");
    check(json!({"columns": id(), "delimiter": "\""}), "delimiter");
    check(
        json!({"columns": id(), "encoding": "utf-16le"}),
        "encoding: utf-16le",
    );
    check(
        json!({"columns": id(), "constants": {"event_type": "x"}}),
        "event_type",
    );
    check(
        json!({"record": "event", "columns": id()}),
        "columns.event_time is required",
    );
    check(
        json!({"record": "event", "columns": {"event_time": "t"}, "constants": {"event_type": "visit"}}),
        "its person",
    );
    assert!(serde_json::from_value::<PersonMapping>(json!({"colums": {}})).is_err());
}

#[test]
fn an_event_list_becomes_interactions() {
    let mapping = || {
        serde_json::from_value::<PersonMapping>(json!({"record": "event", "time_format": "%m/%d/%Y %H:%M",
            "columns": {"event_id": "id", "event_time": "at", "phone": "ani", "duration_s": "length", "event_type": "result"},
            "constants": {"channel": "call", "direction": "in"}}))
        .unwrap()
    };
    let header = b"id,at,ani,length,result";
    let Reading::Read(decoded) = read_with(
        mapping(),
        header,
        b"7,03/01/2026 10:00,2025550101,00:04:10,answered",
    ) else {
        panic!("unreadable")
    };
    assert_eq!(
        (decoded.kind.as_str(), decoded.event_key.as_deref()),
        ("event", Some("7"))
    );
    let record = &decoded.records[0];
    assert_eq!(
        (record.key.kind, record.key.id.as_str(), record.complete),
        (RecordKind::Caller, "2025550101", false)
    );
    let row = &record.facts[0].row;
    assert_eq!(
        row.time(column::EVENT_TIME).unwrap().to_string(),
        "2026-03-01T16:00:00.000000Z"
    );
    assert_eq!(row.get(column::DURATION_S), Some(250.0.into()));
    assert_eq!(
        (row.text(column::CHANNEL), row.text(column::EVENT_TYPE)),
        (Some("call"), Some("answered"))
    );
    let check = |record: &str, code: &str| {
        assert_eq!(
            unreadable(read_with(mapping(), header, record.as_bytes())).code,
            code
        );
    };
    check("7,never,2025550101,1,answered", "event_time_missing");
    check("7,03/01/2026 10:00,,1,answered", "record_id_missing");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test over shared sample files")]
fn shared_samples() {
    let root = std::env::var("PANORAMA_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let Ok(list) = std::fs::read_to_string(format!("{root}/data/feeds/tuva_empi/raw-person-records.csv"))
    else {
        println!("skipped: no ../shared");
        return;
    };
    let mapping: PersonMapping =
        serde_json::from_value(json!({"columns": {"source_record_id": "source_person_id",
        "given_name": "first_name", "family_name": "last_name", "birth_date": "birth_date", "sex": "sex",
        "ssn": "social_security_number", "address_line": "address", "city": "city", "state": "state",
        "postal_code": "zip_code", "phone": "phone"}}))
        .unwrap();
    let (header, records) = list.split_once('\n').unwrap();
    for record in records.lines() {
        let reading = read_with(mapping.clone(), header.as_bytes(), record.as_bytes());
        let Reading::Read(decoded) = reading else {
            panic!("unreadable")
        };
        assert!(decoded.issues.is_empty() && decoded.records.len() == 1);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_copies_read_the_same(
        header in prop::collection::vec(any::<u8>(), 0..40),
        bytes in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        for header in [header.as_slice(), HEADER.as_bytes()] {
            let first = read_with(mapping(json!({})), header, &bytes);
            prop_assert_eq!(first, read_with(mapping(json!({})), header, &bytes));
        }
    }

    #[test]
    fn no_damaged_record_panics(at in 0usize..RECORD.len(), replacement in any::<u8>()) {
        let mut bytes = RECORD.as_bytes().to_vec();
        bytes[at] = replacement;
        let first = read_with(mapping(json!({})), HEADER.as_bytes(), &bytes);
        prop_assert_eq!(first, read_with(mapping(json!({})), HEADER.as_bytes(), &bytes));
    }
}
