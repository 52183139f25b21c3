//! Files that are broken: the run ends well all the same, and every byte is read or in quarantine, exactly.

use crate::rows::{latin1, payloads_by_file, tables, text, without_separators};
use crate::support::{Scratch, panorama, said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

/// A broken file.
pub(super) struct Case {
    /// Its name; what stands before the first `-` is its source.
    name: String,
    content: Vec<u8>,
    /// How many of its messages are in quarantine.
    quarantined: usize,
}

const MSH: &str = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\rPID|1||7^^^H^MR||Doe^Jo\r";

fn case(source: &str, name: &str, content: impl AsRef<[u8]>, quarantined: usize) -> Case {
    Case {
        name: format!("{source}-{name}"),
        content: content.as_ref().to_vec(),
        quarantined,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).expect("memory");
    writer.finish().expect("memory")
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

fn hl7() -> Vec<Case> {
    let hl7 = |name: &str, content: &str, quarantined| case("hl7", name, content, quarantined);
    vec![
        hl7("empty", "", 0),
        hl7("mark", "\u{feff}", 1),
        hl7("blank", "\r\n\r\n \t", 0),
        hl7("nul", "\0\0\0\0", 0),
        hl7("no-header", "PID|1||7^^^H^MR||Doe^Jo\rPV1|1|I\r", 1),
        hl7("prose", "Dear colleague,\nthank you for the referral.\n", 1),
        hl7("text-then-message", &format!("some text\r{MSH}"), 1),
        hl7("only-msh", "MSH", 1),
        hl7("msh-bar", "MSH|", 1),
        hl7("msh-short", "MSH|^~", 1),
        hl7("msh-2-empty", "MSH||A|B|C|D|20260101||ADT^A01|1|P|2.5\r", 1),
        hl7("msh-2-repeats", "MSH|||||||||\r", 1),
        hl7("msh-2-same", "MSH|^^^^|A|B|C|D|20260101||ADT^A01|1|P|2.5\r", 0),
        hl7("lower-case", "msh|^~\\&|A|B\r", 1),
        hl7("mllp", &format!("\u{b}{MSH}\u{1c}\r\u{b}{MSH}\u{1c}\r"), 0),
        hl7("half-mllp", &format!("\u{b}{MSH}"), 0),
        hl7("batch-empty", "FHS|^~\\&|A\rBHS|^~\\&|A\rBTS|0\rFTS|1\r", 1),
        hl7(
            "utf-8-broken",
            "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|2|P|2.5\rPID|1||8\u{fffd}||D\r",
            0,
        ),
        case(
            "hl7",
            "latin-1",
            b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|3|P|2.5\rPID|1||9^^^H^MR||M\xfcller\r",
            0,
        ),
        case(
            "hl7",
            "binary",
            (0..=255u8).cycle().take(4096).collect::<Vec<_>>(),
            1,
        ),
        case("hl7", "utf-16", utf16(MSH), 0),
        hl7("huge-line", &format!("{MSH}NTE|1||{}\r", "x".repeat(300_000)), 0),
        case(
            "hl7",
            "nul-inside",
            b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|4|P|2.5\rPID|1||7\x00^^^H^MR\r",
            0,
        ),
        case("hl7", "gzip-cut.gz", &gzip(MSH.repeat(50).as_bytes())[..60], 0),
        case("hl7", "gzip-not.gz", "this is no gzip", 1),
        case(
            "hl7",
            "gzip-rest.gz",
            [gzip(MSH.as_bytes()), b"rest".to_vec()].concat(),
            0,
        ),
        case("hl7", "zstd-cut.zst", [0x28, 0xb5, 0x2f, 0xfd, 0x04], 0),
    ]
}

fn json() -> Vec<Case> {
    let mut cases = Vec::new();
    for source in ["fhir", "segment", "sendgrid", "connect", "npi", "list"] {
        let json = |name: &str, content: &str, quarantined| case(source, name, content, quarantined);
        cases.extend([
            json("empty.json", "", 0),
            json("mark.json", "\u{feff}", 0),
            json("prose.json", "this is no JSON\n", 1),
            json("cut.json", "{\"resourceType\": \"Patient\", \"id\": \"a", 1),
            json("cut-deep.json", "{\"a\":[{\"b\":[{\"c\":", 1),
            json("number.json", "42\n", 1),
            json("null.json", "null\n", 1),
            json("string.json", "\"text\"\n", 1),
            json("comma.json", "{\"a\":1,}\n", 1),
            json("quotes.json", "{'a':1}\n", 1),
            json("control.json", "{\"a\":\"\u{1}\"}\n", 1),
            json("escape.json", "{\"a\":\"\\q\"}\n", 1),
            json("surrogate.json", "{\"a\":\"\\ud800\"}\n", 1),
            json("deep.json", &("[".repeat(5000) + &"]".repeat(5000)), 1),
            json("object.ndjson", "{}\n", 1),
            case(source, "latin-1.ndjson", b"{\"a\":\"M\xfcller\"}\n", 1),
            case(source, "utf-16.json", utf16("{\"a\":1}"), 1),
            case(source, "binary.json", [0x80, 0xff, 0, 1, 2, b'\n', 0xfe], 2),
            json(
                "huge.ndjson",
                &format!("{{\"a\":\"{}\"}}\n", "x".repeat(300_000)),
                1,
            ),
            json("nul.ndjson", "{\"a\"\0:1}\n", 1),
        ]);
    }
    cases.push(case(
        "fhir",
        "type-unknown.ndjson",
        "{\"resourceType\":\"Dragon\",\"id\":\"1\"}\n",
        0,
    ));
    cases.push(case("fhir", "type-number.ndjson", "{\"resourceType\":7}\n", 1));
    cases.push(case(
        "fhir",
        "entry-text.ndjson",
        "{\"resourceType\":\"Bundle\",\"entry\":\"none\"}\n",
        0,
    ));
    cases
}

fn csv() -> Vec<Case> {
    let mut cases = Vec::new();
    for source in ["crm", "leie", "nppes"] {
        let csv = |name: &str, content: &str, quarantined| case(source, name, content, quarantined);
        cases.extend([
            csv("empty.csv", "", 0),
            csv("mark.csv", "\u{feff}", 0),
            csv("only-header.csv", "id,last\n", 0),
            csv("other-columns.csv", "a,b\n1,2\n3,4\n", 2),
            csv("no-header.csv", "1,2\n3,4\n", 1),
            csv("semicolons.csv", "id;last\n1;Doe\n", 1),
            csv("prose.csv", "Dear colleague\nthank you\n", 1),
            case(source, "utf-16.csv", utf16("id,last\n1,Doe\n"), 2),
        ]);
    }
    cases.extend([
        case("crm", "ragged.csv", "id,last\n1\n2,Doe,more\n3,Roe\n", 2),
        case("crm", "quote-open.csv", "id,last\n1,\"Doe\n2,Roe\n", 0),
        case("crm", "quote-inside.csv", "id,last\n1,D\"oe\n", 0),
        case("crm", "no-id.csv", "id,last\n,Doe\n", 1),
        case("crm", "nul.csv", "id,last\n1,D\0e\n", 0),
        case("crm", "latin-1.csv", b"id,last\n1,M\xfcller\n", 0),
        case(
            "crm",
            "huge.csv",
            format!("id,last\n1,{}\n", "x".repeat(300_000)),
            0,
        ),
        case("crm", "header-twice.csv", "id,id,last\n1,2,Doe\n", 1),
    ]);
    cases
}

pub(super) fn cases() -> Vec<Case> {
    hl7().into_iter().chain(json()).chain(csv()).collect()
}

const SOURCES: &[(&str, &str)] = &[
    ("hl7", "hl7v2\n    timezone: America/Chicago"),
    ("fhir", "fhir-r4"),
    ("segment", "segment"),
    ("sendgrid", "sendgrid"),
    ("connect", "amazon-connect"),
    ("npi", "nppes-api"),
    ("leie", "leie"),
    ("nppes", "nppes"),
    (
        "list",
        "ndjson\n    record: person\n    columns:\n      source_record_id: id\n      family_name: last",
    ),
    (
        "crm",
        "csv\n    record: person\n    columns:\n      source_record_id: id\n      family_name: last",
    ),
];

#[test]
fn broken_files_end_in_quarantine_byte_for_byte() {
    let scratch = Scratch::new("feed-files");
    let at = |name: &str| scratch.text(name);
    let mut config = format!(
        "data_dir: {}\ntables:\n  location: {}\nhttp:\n  listen: 127.0.0.1:0\nsources:\n",
        at("data"),
        at("tables")
    );
    for (id, format) in SOURCES {
        let path = at(&format!("{id}-*"));
        config += &format!(
            "  - id: {id}\n    type: file\n    path: {path}\n    record_bytes_max: 256KiB\n    format: {format}\n"
        );
    }
    let cases = cases();
    for case in &cases {
        fs::write(scratch.path().join(&case.name), &case.content).expect("a file");
    }
    let file = at("panorama.yaml");
    fs::write(&file, config).expect("a configuration");
    let output = panorama(&["run", "--until-caught-up", "--config", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("panicked at"), "{}", said(&output));

    let status = panorama(&["status", "--json", "--config", &file]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let number = |key: &str| usize::try_from(status[key].as_u64().expect("a count")).expect("small");
    let tables = tables(&scratch.path().join("tables"), &["raw_messages", "quarantine"]);
    let (raw, quarantine) = (&tables["raw_messages"], &tables["quarantine"]);
    assert_eq!(
        raw.len(),
        number("messages_decoded") + number("messages_quarantined")
    );
    assert_eq!(quarantine.len(), number("messages_quarantined"));
    let place =
        |row: &serde_json::Map<String, Value>| (text(row, "topic").to_owned(), row["offset"].as_i64());
    let bronze: BTreeMap<_, _> = raw.iter().map(|row| (place(row), text(row, "payload"))).collect();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in quarantine {
        assert_eq!(bronze[&place(row)], text(row, "payload"), "the exact bytes");
        assert!(
            !text(row, "reason_code").is_empty() && !text(row, "reason").is_empty(),
            "a reason"
        );
        let name = row["headers"]["file.name"].as_str().expect("a file").to_owned();
        let reason = format!(
            "{} at {:?}: {}",
            text(row, "reason_code"),
            text(row, "location"),
            text(row, "reason")
        );
        reasons.entry(name).or_default().push(reason);
    }
    let payloads = payloads_by_file(raw);
    let mut wrong = Vec::new();
    for case in &cases {
        let told = reasons.get(&case.name).map_or(&[][..], Vec::as_slice);
        if told.len() != case.quarantined {
            wrong.push(format!(
                "{}: {} in quarantine, not {}: {told:?}",
                case.name,
                told.len(),
                case.quarantined
            ));
        }
        // What a compressed file holds is not its bytes.
        if [".gz", ".zst"].iter().any(|ending| case.name.ends_with(ending)) {
            continue;
        }
        let mut content = latin1(&case.content);
        if case.name.ends_with(".csv") {
            content = content
                .split_once('\n')
                .map_or(String::new(), |(_, rest)| rest.to_owned());
        }
        let messages = payloads.get(&case.name).map_or(String::new(), |p| p.concat());
        if without_separators(&messages) != without_separators(&content) {
            wrong.push(format!(
                "{}: its messages are not its content: {messages:.80?}",
                case.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
