//! Registry rows: persons, organisations, deactivations, and rows that do not fit.

use super::*;
use crate::npi::with_check_digit;
use panorama_model::{FactTable, Headers, RecordKind, Value};
use proptest::prelude::*;
use std::collections::HashMap;

/// The header of our own small registry: every wanted column, among others, in an order of its own.
fn header() -> Vec<String> {
    let mut names: Vec<_> = wanted().into_iter().map(|names| names[0].clone()).collect();
    names.insert(3, "Employer Identification Number (EIN)".into());
    names.push("Certification Date".into());
    names.reverse();
    names
}

fn quoted(cells: &[String]) -> Vec<u8> {
    format!("\"{}\"\r\n", cells.join("\",\"")).into_bytes()
}

fn record(cells: &[(&str, &str)]) -> Vec<u8> {
    let cells: HashMap<_, _> = cells.iter().copied().collect();
    let names = header();
    assert!(
        cells.keys().all(|name| names.iter().any(|n| n == name)),
        "an unknown column"
    );
    quoted(
        &names
            .iter()
            .map(|name| cells.get(name.as_str()).unwrap_or(&"").to_string())
            .collect::<Vec<_>>(),
    )
}

fn read_with(header: &[u8], payload: &[u8]) -> Reading {
    let headers: Headers = vec![("csv.header".into(), header.to_vec())];
    decode(
        payload,
        &DecodeContext {
            source: "registry",
            received_at: Timestamp(0),
            zone: None,
            headers: &headers,
        },
    )
}

fn read(cells: &[(&str, &str)]) -> Decoded {
    match read_with(&quoted(&header()), &record(cells)) {
        Reading::Read(decoded) => decoded,
        Reading::Unreadable(reason) => panic!("unreadable: {reason:?}"),
    }
}

#[test]
fn a_person_with_several_taxonomies() {
    let npi = with_check_digit("123456789");
    let decoded = read(&[
        ("NPI", &npi),
        ("Entity Type Code", "1"),
        ("Provider Last Name (Legal Name)", "MOSS"),
        ("Provider First Name", "ADA"),
        ("Provider Name Suffix Text", "--"),
        ("Provider Credential Text", "MD"),
        (
            "Provider First Line Business Practice Location Address",
            "1 ELM ST",
        ),
        (
            "Provider Second Line Business Practice Location Address",
            "SUITE 2",
        ),
        ("Provider Business Practice Location Address State Name", "MA"),
        ("Provider Enumeration Date", "05/23/2005"),
        ("Last Update Date", "07/08/2020"),
        ("Provider Sex Code", "F"),
        ("Healthcare Provider Taxonomy Code_1", "207Q00000X"),
        ("Healthcare Provider Primary Taxonomy Switch_1", "N"),
        ("Healthcare Provider Taxonomy Code_12", "207RC0000X"),
        ("Provider License Number_12", "L-9"),
        ("Provider License Number State Code_12", "MA"),
        ("Healthcare Provider Primary Taxonomy Switch_12", "Y"),
    ]);
    assert!(decoded.issues.is_empty(), "{:?}", decoded.issues);
    let provider = &decoded.records[0];
    assert_eq!(
        (provider.key.kind, provider.key.id.as_str()),
        (RecordKind::Provider, npi.as_str())
    );
    assert!(provider.person.is_none());
    let fact = &provider.facts[0];
    assert_eq!(
        (fact.table, fact.id.as_str(), fact.complete),
        (FactTable::Providers, npi.as_str(), false)
    );
    assert_eq!(fact.version.at.to_string(), "2020-07-08T00:00:00.000000Z");
    for (column, expected) in [
        (column::ENTITY_TYPE, "individual"),
        (column::FAMILY_NAME, "MOSS"),
        (column::PRACTICE_LINE, "1 ELM ST SUITE 2"),
        (column::TAXONOMY_CODE, "207RC0000X"),
        (column::LICENSE_NUMBER, "L-9"),
        (column::LICENSE_STATE, "MA"),
        (column::SEX, "female"),
        (column::NPPES_STATUS, "active"),
    ] {
        assert_eq!(fact.row.text(column), Some(expected), "{}", column.name);
    }
    assert_eq!(
        fact.row.get(column::NAME_SUFFIX),
        Some(Value::Null),
        "what is blank is none"
    );
    assert_eq!(
        fact.row.get(column::LEIE_EXCLUDED),
        None,
        "the registry does not speak of exclusions"
    );
    assert_eq!(fact.row.get(column::CREDENTIAL_STATUS), None);
}

#[test]
fn the_primary_taxonomy() {
    let check = |switches: [&str; 3], expected: &str| {
        let decoded = read(&[
            ("NPI", "1234567893"),
            ("Entity Type Code", "2"),
            ("Provider Organization Name (Legal Business Name)", "NORTH CLINIC"),
            ("Healthcare Provider Taxonomy Code_1", "first"),
            ("Healthcare Provider Primary Taxonomy Switch_1", switches[0]),
            ("Healthcare Provider Taxonomy Code_2", "second"),
            ("Healthcare Provider Primary Taxonomy Switch_2", switches[1]),
            ("Healthcare Provider Taxonomy Code_3", "third"),
            ("Healthcare Provider Primary Taxonomy Switch_3", switches[2]),
        ]);
        assert_eq!(
            decoded.records[0].facts[0].row.text(column::TAXONOMY_CODE),
            Some(expected),
            "{switches:?}"
        );
    };
    check(["N", "N", "Y"], "third");
    check(["N", "X", "N"], "second");
    check(["X", "N", "Y"], "third");
    check(["N", "N", "N"], "first");
    check(["", "", ""], "first");
}

#[test]
fn a_deactivated_row_keeps_what_was_known() {
    let decoded = read(&[("NPI", "1234567893"), ("NPI Deactivation Date", "01/31/2024")]);
    assert!(decoded.issues.is_empty());
    let fact = &decoded.records[0].facts[0];
    assert_eq!(fact.version.at.to_string(), "2024-01-31T00:00:00.000000Z");
    assert_eq!(fact.row.text(column::NPPES_STATUS), Some("deactivated"));
    assert_eq!(fact.row.get(column::FAMILY_NAME), None);
    let again = read(&[
        ("NPI", "1234567893"),
        ("Entity Type Code", "1"),
        ("NPI Deactivation Date", "01/31/2024"),
        ("NPI Reactivation Date", "03/01/2024"),
        ("Last Update Date", "03/01/2024"),
    ]);
    let row = &again.records[0].facts[0].row;
    assert_eq!(
        (row.text(column::NPPES_STATUS), row.get(column::DEACTIVATED_AT)),
        (Some("active"), Some(Value::Null))
    );
}

#[test]
fn what_is_odd_is_located() {
    let check = |cells: &[(&str, &str)], expected: Issue| assert_eq!(read(cells).issues, [expected]);
    check(
        &[("NPI", "1234567890")],
        Issue::warning("npi_invalid", "column NPI"),
    );
    check(
        &[("NPI", "1234567893"), ("Last Update Date", "2020-07-08")],
        Issue::warning("date_invalid", "column Last Update Date"),
    );
    check(
        &[("NPI", "1234567893"), ("Entity Type Code", "3")],
        Issue::warning("entity_type_unknown", "column Entity Type Code"),
    );
    let header = quoted(&header());
    for payload in [header.as_slice(), b"\r\n"] {
        let Reading::Read(decoded) = read_with(&header, payload) else {
            panic!("unreadable")
        };
        assert!(decoded.records.is_empty() && decoded.issues.len() == 1);
    }
}

#[test]
fn what_does_not_fit_is_unreadable() {
    let check = |header: &[u8], payload: &[u8], code: &str| match read_with(header, payload) {
        Reading::Unreadable(reason) => assert_eq!(reason.code, code),
        Reading::Read(_) => panic!("read"),
    };
    let header = quoted(&header());
    check(&header, &record(&[]), "npi_missing");
    check(&header, b"1234567893", "cell_count");
    check(b"a,b", b"1,2", "column_missing");
    let context = DecodeContext {
        source: "registry",
        received_at: Timestamp(0),
        zone: None,
        headers: &[],
    };
    assert!(
        matches!(decode(b"1,2", &context), Reading::Unreadable(reason) if reason.code == "header_missing")
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test over shared sample files")]
fn the_published_header_has_every_wanted_column() {
    let root = std::env::var("PANORAMA_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let Ok(header) = std::fs::read_to_string(format!("{root}/data/feeds/nppes/npidata_pfile_header_330.csv"))
    else {
        println!("skipped: no ../shared");
        return;
    };
    let names = panorama_model::csv::split(header.trim(), b',');
    assert_eq!(names.len(), 330);
    for wanted in wanted() {
        assert!(
            wanted.iter().any(|name| names.iter().any(|known| known == name)),
            "{wanted:?}"
        );
    }
    let mut cells = vec![String::new(); 330];
    (cells[0], cells[1], cells[37]) = ("1234567893".into(), "2".into(), "07/08/2020".into());
    let Reading::Read(decoded) = read_with(header.trim().as_bytes(), &quoted(&cells)) else {
        panic!("unreadable")
    };
    assert_eq!(
        decoded.records[0].facts[0].version.at.to_string(),
        "2020-07-08T00:00:00.000000Z"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_and_copies_read_the_same(
        header_bytes in prop::collection::vec(any::<u8>(), 0..40),
        bytes in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let own = quoted(&header());
        for header in [header_bytes.as_slice(), own.as_slice()] {
            prop_assert_eq!(read_with(header, &bytes), read_with(header, &bytes));
        }
    }

    #[test]
    fn no_cell_panics(npi in "[0-9a-z\u{e9}]{0,12}", date in "[0-9/]{0,12}", code in ".{0,3}") {
        let cells = [("NPI", npi.as_str()), ("Last Update Date", date.as_str()), ("Entity Type Code", code.as_str())];
        let payload = record(&cells.map(|(name, cell)| (name, cell)));
        let header = quoted(&header());
        prop_assert_eq!(read_with(&header, &payload), read_with(&header, &payload));
    }
}
