//! INV-8: a person whose every field is a word found nowhere else leaves that word in no log, metric, error text, file
//! name or Delta log.

use crate::rows::{tables, text};
use crate::support::{Scratch, free_port, panorama, program, said};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// What must never be seen: names, address, identifiers, contact points, each once in every feed.
const CANARIES: &[&str] = &[
    "zqgiven",
    "zqmiddle",
    "zqfamily",
    "zqalias",
    "zqstreet",
    "zqcity",
    "zqmaiden",
    "zqmrn",
    "zqmember",
    "zqaccount",
    "zqmail",
    "zqnote",
    "zqkin",
    "987654320",
    "987-65-4320",
    "8475550173",
    "847-555-0173",
    "19810723",
    "1981-07-23",
];
const PATIENCE: Duration = Duration::from_secs(60);

const HL7: &str = "MSH|^~\\&|ADT|HOSP|P|HOSP|20260105101500||ADT^A01^ADT_A01|ZQ1|P|2.5.1\r\
EVN|A01|20260105101500\r\
PID|1||zqmrn7^^^HOSP^MR~987654320^^^SSA^SS||zqfamily^zqgiven^zqmiddle||19810723|F|zqalias^zqgiven||1 zqstreet Way^^zqcity^IL^60001^USA||(847)555-0173^PRN^PH^zqmail@mail.example|||||zqaccount7|987-65-4320\r\
NK1|1|zqfamily^zqkin|SPO|1 zqstreet Way^^zqcity|8475550173\r\
PV1|1|I|WARD^1^1||||1234567893^DOC^A|||||||||||V77|||||||||||||||||||||||||20260105101500\r\
OBX|1|TX|99^NOTE^L||zqnote is unwell||||||F\r\
IN1|1|P^Plan|P|Plan||||||||||||zqfamily^zqgiven|SEL|19810723||||||||||||||||||zqmember7\r";
const FHIR: &str = r#"{"resourceType":"Patient","id":"zqmrn8","meta":{"lastUpdated":"2026-01-05T10:15:00Z"},"identifier":[{"type":{"coding":[{"code":"SS"}]},"system":"http://hl7.org/fhir/sid/us-ssn","value":"987-65-4320"},{"system":"urn:hosp","value":"zqmrn7"}],"name":[{"family":"zqfamily","given":["zqgiven","zqmiddle"]},{"use":"maiden","family":"zqmaiden"}],"gender":"female","birthDate":"1981-07-23","telecom":[{"system":"phone","value":"847-555-0173"},{"system":"email","value":"zqmail@mail.example"}],"address":[{"line":["1 zqstreet Way"],"city":"zqcity","state":"IL","postalCode":"60001"}]}"#;
const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"zqaccount8","status":"final","subject":{"reference":"Patient/zqmrn8"},"code":{"text":"Note"},"valueString":"zqnote","effectiveDateTime":"2026-01-05"}"#;
const CALL: &str = r#"{"AWSContactTraceRecordFormatVersion":"2017-03-10","ContactId":"zqaccount9","Channel":"VOICE","InitiationMethod":"INBOUND","CustomerEndpoint":{"Type":"TELEPHONE_NUMBER","Address":"+18475550173"},"Attributes":{"patient":"zqfamily zqgiven","mrn":"zqmrn7"},"InitiationTimestamp":"2026-01-05T10:15:00Z","LastUpdateTimestamp":"2026-01-05T10:20:00Z","DisconnectTimestamp":"2026-01-05T10:20:00Z"}"#;
const CSV_HEADER: &str = "id,first,middle,last,dob,street,city,phone,email,ssn,member";
const CSV: &str = "zqmrn9,zqgiven,zqmiddle,zqfamily,1981-07-23,1 zqstreet Way,zqcity,847-555-0173,zqmail@mail.example,987-65-4320,zqmember9";
const MAIL: &str = r#"[{"email":"zqmail@mail.example","timestamp":1767608100,"event":"click","sg_event_id":"zqaccount10","sg_message_id":"m.1","url":"https://x.example/?n=zqnote","ip":"203.0.113.9"}]"#;
const WEB: &str = r#"{"type":"identify","messageId":"zqaccount11","userId":"zqmrn11","anonymousId":"zqaccount12","traits":{"email":"zqmail@mail.example","firstName":"zqgiven","lastName":"zqfamily","phone":"847-555-0173","address":{"street":"1 zqstreet Way","city":"zqcity"}},"timestamp":"2026-01-05T10:15:00Z"}"#;
const PROVIDER: &str = r#"{"results":[{"number":"1234567893","enumeration_type":"NPI-1","basic":{"first_name":"zqgiven","last_name":"zqfamily"},"addresses":[{"address_1":"1 zqstreet Way","city":"zqcity","telephone_number":"847-555-0173"}]}]}"#;

/// A message as it is, and broken in many places.
fn broken(message: &str) -> Vec<String> {
    let one_line = |text: String| text.replace('\n', " ");
    let mut all = vec![message.to_owned()];
    for part in 1..12 {
        let at = (0..=message.len() * part / 12)
            .rev()
            .find(|at| message.is_char_boundary(*at))
            .unwrap_or(0);
        all.push(one_line(message[..at].to_owned()));
        all.push(one_line(message[at..].to_owned()));
    }
    all.push(message.replace("2026", "zqnote26").replace("1981", "zqnote81"));
    all.push(message.replace(['{', '['], "zqnote"));
    all.push(message.replace(':', "=zqnote "));
    all.push(message.replace(['^', ','], "|zqnote|"));
    all.push(
        message
            .replace("2.5.1", "zqnote")
            .replace("ADT^A01^ADT_A01", "zqnote^zqmrn"),
    );
    all.push(
        message
            .replace("\"Patient\"", "\"zqnote\"")
            .replace("click", "zqnote")
            .replace("identify", "zqnote"),
    );
    all
}

fn write_feeds(dir: &Path, made: fn(&str) -> Vec<String>) {
    let lines = |message: &str| made(message).join("\n") + "\n";
    let feeds = [
        ("a.hl7", made(HL7).join("\r\n\r\n")),
        ("a.ndjson", lines(FHIR) + &lines(OBSERVATION)),
        ("calls.ndjson", lines(CALL)),
        ("crm.csv", format!("{CSV_HEADER}\n{}", lines(CSV))),
        ("mail.ndjson", lines(MAIL)),
        ("web.ndjson", lines(WEB)),
        ("npi.ndjson", lines(PROVIDER)),
    ];
    for (name, text) in feeds {
        fs::write(dir.join(name), text).expect("a feed");
    }
}

fn config(dir: &Path, http: u16, mllp: u16) -> String {
    let at = |name: &str| dir.join(name).display().to_string();
    let mut text = format!(
        "data_dir: {}\ntables:\n  location: {}\n  commit_interval: 100ms\nhttp:\n  listen: 127.0.0.1:{http}\nsources:\n  \
         - id: wire\n    type: mllp\n    listen: 127.0.0.1:{mllp}\n    format: hl7v2\n    timezone: America/Chicago\n    \
         frame_bytes_max: 8KiB\n",
        at("data"),
        at("tables")
    );
    for (id, file, format) in [
        ("adt", "a.hl7", "hl7v2\n    timezone: America/Chicago"),
        ("clinic", "a.ndjson", "fhir-r4"),
        ("calls", "calls.ndjson", "amazon-connect"),
        ("mail", "mail.ndjson", "sendgrid"),
        ("web", "web.ndjson", "segment"),
        ("npi", "npi.ndjson", "nppes-api"),
        (
            "crm",
            "crm.csv",
            "csv\n    record: person\n    columns:\n      source_record_id: id\n      given_name: first\n      middle_name: \
             middle\n      family_name: last\n      birth_date: dob\n      address_line: street\n      city: city\n      \
             phone: phone\n      email: email\n      ssn: ssn\n      member_id: member\n    birth_date_format: \"%Y-%m-%d\"",
        ),
    ] {
        text += &format!(
            "  - id: {id}\n    type: file\n    path: {}\n    format: {format}\n",
            at(file)
        );
    }
    text
}

/// Ports that nobody listens on now.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| free_port())
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Asks the running program to stop, and waits for it.
pub(crate) fn stop(mut child: Child) -> Option<i32> {
    let asked = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(asked.is_ok_and(|s| s.success()), "asked to stop");
    child.wait().expect("it stops").code()
}

/// The answer to a request without a body.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn files_below(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, found);
        }
        found.push(path);
    }
}

fn check(place: &str, text: &str) {
    let text = text.to_lowercase();
    for canary in CANARIES {
        if let Some(at) = text.find(canary) {
            let from = (0..=at.saturating_sub(120))
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0);
            let shown: String = text[from..].chars().take(240).collect();
            panic!("{canary} is in {place}: ...{shown}...");
        }
    }
}

#[test]
fn patient_data_stays_in_the_data() {
    let scratch = Scratch::new("phi");
    let dir = scratch.path();
    write_feeds(dir, broken);
    let [http, mllp] = free_ports();
    let file = scratch.text("panorama.yaml");
    fs::write(&file, config(dir, http, mllp)).expect("a configuration");
    let log = dir.join("log.txt");
    let child = program()
        .args(["run", "-vv", "--config", &file])
        .env("PANORAMA_LOG", "trace")
        .stderr(File::create(&log).expect("a log"))
        .stdout(File::create(dir.join("out.txt")).expect("a file"))
        .spawn()
        .expect("the program starts");
    until("the listener is up", || {
        TcpStream::connect(("127.0.0.1", mllp)).is_ok()
    });
    for message in broken(HL7).into_iter().chain([HL7.repeat(20), String::new()]) {
        let mut stream = TcpStream::connect(("127.0.0.1", mllp)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        // Too large a frame is answered and closed before it is read to its end.
        stream
            .write_all(format!("\u{b}{message}\u{1c}\r").as_bytes())
            .unwrap_or_default();
        stream.shutdown(std::net::Shutdown::Write).unwrap_or_default();
        // The answer repeats the sender's own header to the sender, and so is not looked at.
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
    }
    let status = || panorama(&["status", "--json", "--config", &file]);
    until("everything is processed", || {
        let status: serde_json::Value = serde_json::from_slice(&status().stdout).unwrap_or_default();
        let sources = status["sources"].as_array().cloned().unwrap_or_default();
        sources.len() == 8
            && sources
                .iter()
                .all(|s| s["stored"].as_u64() > Some(0) && s["lag"].as_u64() == Some(0))
    });
    check("the metrics", &get(http, "/metrics").expect("metrics"));
    check("the readiness", &get(http, "/readyz").expect("readiness"));
    check("the status", &said(&status()));
    assert_eq!(stop(child), Some(0));
    let logged = fs::read_to_string(&log).expect("the log");
    assert!(
        logged.len() > 10_000,
        "the log speaks at trace level: {} bytes",
        logged.len()
    );
    assert!(!logged.contains("panicked at"), "{logged}");
    check("the log", &logged);
    check(
        "the output",
        &fs::read_to_string(dir.join("out.txt")).expect("the output"),
    );

    let tables = tables(
        &dir.join("tables"),
        &["quarantine", "message_issues", "patient_360"],
    );
    assert!(
        tables["patient_360"]
            .iter()
            .any(|row| text(row, "family_name").to_lowercase() == "zqfamily"),
        "it was read"
    );
    assert!(tables["quarantine"].len() > 20, "some of it was not");
    for row in &tables["quarantine"] {
        for column in ["reason_code", "reason", "location"] {
            check(
                &format!("quarantine.{column} of {}", text(row, "source")),
                text(row, column),
            );
        }
    }
    for row in &tables["message_issues"] {
        for column in ["kind", "code", "location"] {
            check(
                &format!("message_issues.{column} of {}", text(row, "source")),
                text(row, column),
            );
        }
    }
    let mut files = Vec::new();
    files_below(&dir.join("tables"), &mut files);
    files_below(&dir.join("data"), &mut files);
    for path in &files {
        check("a path", &path.display().to_string());
    }
    println!(
        "phi: {} canaries, {} bytes of log, {} paths",
        CANARIES.len(),
        logged.len(),
        files.len()
    );
}

/// Over well-formed messages: in a broken one a name may stand where a code belongs, and codes have statistics.
#[test]
fn statistics_of_tables_tell_nothing_of_patients() {
    let scratch = Scratch::new("phi");
    let dir = scratch.path();
    write_feeds(dir, |message| vec![message.to_owned()]);
    let file = scratch.text("panorama.yaml");
    let config = config(dir, 0, 1);
    let (before, rest) = config.split_once("  - id: wire").expect("the listener");
    let (_, rest) = rest.split_once("  - id: adt").expect("the files");
    fs::write(&file, format!("{before}  - id: adt{rest}")).expect("a configuration");
    let output = panorama(&["run", "--until-caught-up", "--config", &file]);
    assert!(output.status.success(), "{}", said(&output));
    let mut files = Vec::new();
    files_below(&dir.join("tables"), &mut files);
    let mut logs = 0;
    for path in &files {
        // Providers are public by the registry they come from.
        let is_public = path.components().any(|part| part.as_os_str() == "provider_360");
        if !is_public && path.parent().is_some_and(|p| p.ends_with("_delta_log")) && path.is_file() {
            logs += 1;
            let bytes = fs::read(path).expect("a log entry");
            check(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
    assert!(logs > 20, "{logs} entries");
    println!("phi: {logs} entries of Delta logs");
}
