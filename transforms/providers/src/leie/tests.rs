//! Rows of the exclusion list.

use super::*;
use panorama_model::{Headers, Layer, Layers};
use proptest::prelude::*;

const HEADER: &str =
    "LASTNAME,FIRSTNAME,BUSNAME,NPI,DOB,STATE,EXCLTYPE,EXCLDATE,REINDATE,WAIVERDATE,WVRSTATE";

fn read_with(header: &str, payload: &[u8]) -> Reading {
    let headers: Headers = vec![("csv.header".into(), header.as_bytes().to_vec())];
    decode(
        payload,
        &DecodeContext {
            source: "oig",
            received_at: Timestamp(0),
            zone: None,
            headers: &headers,
        },
    )
}

fn record(npi: &str, excluded: &str, reinstated: &str, waived: &str) -> String {
    format!(
        "\"MOSS\",\"ADA\",\"\",\"{npi}\",\"\",\"MA\",\"1128a1\",\"{excluded}\",\"{reinstated}\",\"{waived}\",\"\""
    )
}

fn read(payload: &str) -> Decoded {
    match read_with(HEADER, payload.as_bytes()) {
        Reading::Read(decoded) => decoded,
        Reading::Unreadable(reason) => panic!("unreadable: {reason:?}"),
    }
}

#[test]
fn exclusions_and_reinstatements() {
    let check = |reinstated: &str, excluded: bool, status: Value<'_>, at: &str| {
        let decoded = read(&record("1234567893", "20200319", reinstated, "00000000"));
        assert!(decoded.issues.is_empty());
        let fact = &decoded.records[0].facts[0];
        assert_eq!((fact.id.as_str(), fact.complete), ("1234567893", false));
        assert_eq!(fact.version.at.date().to_string(), at);
        assert_eq!(fact.row.get(column::LEIE_EXCLUDED), Some(Value::Bool(excluded)));
        assert_eq!(fact.row.get(column::CREDENTIAL_STATUS), Some(status));
        assert_eq!(fact.row.cells().len(), 2, "the list speaks of nothing else");
    };
    check("00000000", true, "excluded".into(), "2020-03-19");
    check("20230101", false, Value::Null, "2023-01-01");
    check("20190101", true, "excluded".into(), "2020-03-19");
}

#[test]
fn rows_without_npi_make_no_fact() {
    for npi in ["0000000000", ""] {
        let decoded = read(&record(npi, "20200319", "00000000", "00000000"));
        assert!(decoded.records.is_empty());
        assert_eq!(decoded.issues, [Issue::information("npi_missing", "column NPI")]);
    }
}

#[test]
fn what_is_odd_is_located() {
    let check = |payload: &str, expected: Issue| assert_eq!(read(payload).issues, [expected]);
    check(
        &record("1234567890", "20200319", "", ""),
        Issue::warning("npi_invalid", "column NPI"),
    );
    check(
        &record("1234567893", "20200319", "20201301", ""),
        Issue::warning("date_invalid", "column REINDATE"),
    );
    check(
        &record("1234567893", "20200319", "", "20210101"),
        Issue::information("exclusion_waived", "column WAIVERDATE"),
    );
    let check = |header: &str, payload: &str, code: &str| match read_with(header, payload.as_bytes()) {
        Reading::Unreadable(reason) => assert_eq!(reason.code, code),
        Reading::Read(_) => panic!("read"),
    };
    check(HEADER, &record("1234567893", "00000000", "", ""), "date_missing");
    check(HEADER, "1,2", "cell_count");
    check("LASTNAME,FIRSTNAME", "MOSS,ADA", "column_missing");
}

#[test]
fn the_list_and_the_registry_add_up_in_any_order() {
    let excluded = read(&record("1234567893", "20200319", "00000000", "00000000"));
    let headers: Headers = vec![(
        "csv.header".into(),
        b"NPI,Entity Type Code,Last Update Date".to_vec(),
    )];
    let context = DecodeContext {
        source: "registry",
        received_at: Timestamp(0),
        zone: None,
        headers: &headers,
    };
    let Reading::Read(registered) = crate::nppes::decode(b"1234567893,1,07/08/2024", &context) else {
        panic!("unreadable")
    };
    let facts = [&excluded.records[0].facts[0], &registered.records[0].facts[0]];
    assert_eq!(facts[0].hash128("oig"), facts[1].hash128("registry"));
    let resolve = |order: [usize; 2]| {
        let mut layers = Layers::default();
        for at in order {
            let fact = facts[at];
            layers.add(Layer {
                version: fact.version,
                complete: fact.complete,
                content: fact.row.clone(),
            });
        }
        layers.resolve().unwrap().without_nulls()
    };
    let row = resolve([0, 1]);
    assert_eq!(row, resolve([1, 0]));
    assert_eq!(row.text(column::CREDENTIAL_STATUS), Some("excluded"));
    assert_eq!(row.text(column::ENTITY_TYPE), Some("individual"));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test over shared sample files")]
fn shared_samples() {
    let root = std::env::var("PANORAMA_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let Ok(list) = std::fs::read_to_string(format!("{root}/data/feeds/oig_leie/UPDATED_head.csv")) else {
        println!("skipped: no ../shared");
        return;
    };
    let (header, rows) = list.split_once('\n').unwrap();
    let facts: usize = rows
        .lines()
        .map(|row| match read_with(header, row.as_bytes()) {
            Reading::Read(decoded) => decoded.records.len(),
            Reading::Unreadable(reason) => panic!("unreadable: {reason:?}"),
        })
        .sum();
    assert_eq!(facts, 1);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_copies_read_the_same(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        npi in "[0-9]{0,11}",
        date in "[0-9]{0,9}",
    ) {
        let row = record(&npi, &date, &date, "");
        for payload in [bytes.as_slice(), row.as_bytes()] {
            prop_assert_eq!(read_with(HEADER, payload), read_with(HEADER, payload));
        }
    }
}
