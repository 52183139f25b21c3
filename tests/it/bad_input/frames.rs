//! What a socket may bring: what is acknowledged is stored, what is not MLLP does no harm.

use crate::phi::{free_ports, stop, until};
use crate::rows::{latin1, tables, text};
use crate::support::{Scratch, panorama, program};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Bytes of one connection, the messages they hold that are stored, and what the answer says (nothing: no answer).
pub(super) struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    stored: Vec<Vec<u8>>,
    answer: &'static str,
}

fn message(id: &str) -> String {
    format!("MSH|^~\\&|A|B|C|D|20260101||ADT^A01|{id}|P|2.5\rPID|1||7^^^H^MR||Doe^Jo\r")
}

fn frame(content: impl AsRef<[u8]>) -> Vec<u8> {
    [b"\x0b", content.as_ref(), b"\x1c\r"].concat()
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, bytes: Vec<u8>, stored: &[&[u8]], answer| Case {
        name,
        bytes,
        stored: stored.iter().map(|m| m.to_vec()).collect(),
        answer,
    };
    let good = |id: &str| message(id).into_bytes();
    let huge = format!("{}NTE|1||{}\r", message("huge"), "x".repeat(100_000));
    vec![
        case("a good one", frame(good("g1")), &[&good("g1")], "MSA|AA|g1"),
        case(
            "two at once",
            [frame(good("g2")), frame(good("g3"))].concat(),
            &[&good("g2"), &good("g3")],
            "MSA|AA|g3",
        ),
        case("no header", frame("PID|1||7"), &[b"PID|1||7"], "MSA|A"),
        case("prose", frame("hello"), &[b"hello"], "MSA|A"),
        case("only MSH", frame("MSH"), &[b"MSH"], "MSA|A"),
        case("MSH-2 missing", frame("MSH|"), &[b"MSH|"], "MSA|A"),
        case(
            "binary",
            frame([0xff, 0xfe, 1, 2, 0]),
            &[&[0xff, 0xfe, 1, 2, 0]],
            "MSA|A",
        ),
        case("no control id", frame(message("")), &[&good("")], "MSA|A"),
        case("an empty frame", frame(""), &[b""], "MSA|A"),
        case("nothing", Vec::new(), &[], ""),
        case("junk", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &[], ""),
        case(
            "junk before a frame",
            [b"junk".to_vec(), frame(good("g4"))].concat(),
            &[&good("g4")],
            "MSA|AA|g4",
        ),
        case("half a frame", [b"\x0b".to_vec(), good("half")].concat(), &[], ""),
        case("an end without a start", b"abc\x1c\r".to_vec(), &[], ""),
        case("only a start", b"\x0b".to_vec(), &[], ""),
        case("only ends", b"\x1c\r\x1c\r\x1c\r".to_vec(), &[], ""),
        case("too large", frame(&huge), &[], "MSA|A"),
        case(
            "too large and never ended",
            [b"\x0b".to_vec(), vec![b'x'; 200_000]].concat(),
            &[],
            "",
        ),
        case(
            "TLS to a plain port",
            vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
            &[],
            "",
        ),
        case("zeros", vec![0; 5000], &[], ""),
    ]
}

fn send(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    // A listener that gives up on a sender closes before it has read all.
    stream.write_all(bytes).unwrap_or_default();
    stream.shutdown(Shutdown::Write).unwrap_or_default();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    latin1(&answer)
}

#[test]
fn whatever_a_socket_brings_what_is_acknowledged_is_stored() {
    let scratch = Scratch::new("frames");
    let at = |name: &str| scratch.text(name);
    let [http, mllp] = free_ports();
    let file = at("panorama.yaml");
    let config = format!(
        "data_dir: {}\ntables:\n  location: {}\nhttp:\n  listen: 127.0.0.1:{http}\nsources:\n  - id: wire\n    type: mllp\n    \
         listen: 127.0.0.1:{mllp}\n    format: hl7v2\n    timezone: America/Chicago\n    frame_bytes_max: 64KiB\n",
        at("data"),
        at("tables")
    );
    fs::write(&file, config).expect("a configuration");
    let child = program()
        .args(["run", "-v", "--config", &file])
        .stderr(File::create(at("log.txt")).expect("a log"))
        .spawn()
        .expect("the program starts");
    until("the listener is up", || {
        TcpStream::connect(("127.0.0.1", mllp)).is_ok()
    });
    let mut wrong = Vec::new();
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases() {
        let answer = send(mllp, &case.bytes);
        let is_right = if case.answer.is_empty() {
            answer.is_empty()
        } else {
            answer.contains(case.answer)
        };
        if !is_right {
            wrong.push(format!(
                "{}: answered {answer:?}, not {:?}",
                case.name, case.answer
            ));
        }
        for stored in &case.stored {
            *expected.entry(latin1(stored)).or_default() += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let messages: usize = expected.values().sum();
    until("everything is processed", || {
        let status = panorama(&["status", "--json", "--config", &file]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        let source = &status["sources"][0];
        source["stored"].as_u64() >= Some(messages as u64) && source["lag"].as_u64() == Some(0)
    });
    assert_eq!(stop(child), Some(0));
    let log = fs::read_to_string(at("log.txt")).expect("the log");
    assert!(!log.contains("panicked at"), "{log}");
    let tables = tables(&scratch.path().join("tables"), &["raw_messages", "quarantine"]);
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for row in &tables["raw_messages"] {
        *found.entry(text(row, "payload").to_owned()).or_default() += 1;
    }
    assert_eq!(found, expected, "what is stored is what was sent");
    for row in &tables["quarantine"] {
        assert!(expected.contains_key(text(row, "payload")), "the exact bytes");
    }
}
