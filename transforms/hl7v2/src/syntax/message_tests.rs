//! Lines, numbering and delimiters of messages written by hand.

use super::*;
use panorama_model::Presence;

fn names(bytes: &[u8]) -> (Vec<String>, Vec<u32>) {
    let message = Message::parse(bytes).unwrap();
    let names = message.segments().map(|s| s.name().to_owned()).collect();
    (names, message.malformed_lines().to_vec())
}

#[test]
fn lines_of_every_kind() {
    let check = |text: &str, expected: &str, malformed: &[u32]| {
        let (found, bad) = names(text.as_bytes());
        assert_eq!(
            (found.join(" ").as_str(), bad.as_slice()),
            (expected, malformed),
            "{text:?}"
        );
    };
    check("MSH|^~\\&|A\rPID|1\rPV1|1\r", "MSH PID PV1", &[]);
    check("MSH|^~\\&|A\nPID|1\nPV1|1", "MSH PID PV1", &[]);
    check("MSH|^~\\&|A\r\nPID|1\r\n\r\nPV1|1\r\n", "MSH PID PV1", &[]);
    check("MSH|^~\\&|A\r\r\nPID|1", "MSH PID", &[]);
    check("\u{feff}MSH|^~\\&|A\rPID|1", "MSH PID", &[]);
    check("\u{b}MSH|^~\\&|A\rPID|1\r\u{1c}\r", "MSH PID", &[]);
    check("  \r\n \tMSH|^~\\&|A\r  PID|1", "MSH PID", &[]);
    check(
        "MSH|^~\\&|A\rNTE\rPID|1\rZPI|x\rpv1|2",
        "MSH NTE PID ZPI pv1",
        &[],
    );
    check(
        "MSH|^~\\&|A\nNTE|1||two\nlines of text\nPIDX|1\nthe\nPID|1",
        "MSH NTE PID",
        &[3, 4, 5],
    );
    check(
        "FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|A\rPID|1\rBTS|1\rFTS|1",
        "FHS BHS MSH PID BTS FTS",
        &[],
    );
}

#[test]
fn fields_are_numbered_as_the_standard_does() {
    let bytes = b"MSH|^~\\&#|APP^1.2&x|FAC\rPID|1||A^^^H&1.2&ISO^MR~B\rNTE";
    let message = Message::parse(bytes).unwrap();
    let msh = message.header_segment();
    assert_eq!(
        [1, 2, 3, 4, 5].map(|n| msh.field(n).raw()),
        ["|", "^~\\&#", "APP^1.2&x", "FAC", ""]
    );
    assert_eq!(msh.last_field(), 4);
    let pid = message.first("PID").unwrap();
    assert_eq!(pid.field(0).raw(), "");
    assert_eq!(pid.field(1).raw(), "1");
    assert_eq!(pid.field(2).raw(), "");
    assert_eq!(pid.field(3).component(4).subcomponent(2).raw(), "1.2");
    assert_eq!(
        pid.field(3)
            .repetitions()
            .map(|r| r.component(1).raw())
            .collect::<Vec<_>>(),
        ["A", "B"]
    );
    assert_eq!(pid.field(4).raw(), "");
    assert_eq!(pid.field(usize::MAX).raw(), "");
    assert_eq!(pid.field(3).component(0).raw(), "");
    assert_eq!(message.first("NTE").unwrap().field(1).raw(), "");
}

#[test]
fn null_is_not_empty() {
    let bytes = b"MSH|^~\\&|A\rPID|||x|\"\"||\"\"^b| ";
    let message = Message::parse(bytes).unwrap();
    let pid = message.first("PID").unwrap();
    assert_eq!(pid.field(4).presence(), Presence::Null);
    assert_eq!(pid.field(5).presence(), Presence::Absent);
    assert_eq!(pid.field(6).component(1).presence(), Presence::Null);
    assert_eq!(pid.field(7).presence(), Presence::Value(" ".into()));
    assert_eq!(pid.field(7).value(), None);
}

#[test]
fn any_delimiters() {
    let message = Message::parse(b"MSH@~&#\\@A\rPID@@@X~~~H\\1~MR&Y#F#").unwrap();
    let pid = message.first("PID").unwrap();
    assert_eq!(pid.field(3).component(4).subcomponent(1).raw(), "H");
    let second = pid.field(3).repetitions().nth(1).unwrap();
    assert_eq!(second.value().as_deref(), Some("Y@"));
}

#[test]
fn what_is_no_message_says_why() {
    let check = |bytes: &[u8], code: &str| {
        assert_eq!(Message::parse(bytes).unwrap_err().code, code, "{bytes:?}");
    };
    check(b"", "empty");
    check(b" \r\n\x1c\r", "empty");
    check(b"{\"json\": true}", "msh_missing");
    check(b"EVN|A01\rPID|1", "msh_missing");
    check(b"MSH", "msh_invalid");
    check(b"MSH|", "msh_invalid");
    check(b"MSH||ADT", "msh_invalid");
    check(b"MSH|^~", "msh_incomplete");
    check(b"MSH|^~\\&", "msh_incomplete");
}

#[test]
fn payloads_of_several_messages_are_cut_at_msh() {
    let bytes = b"FHS|^~\\&\r\nMSH|^~\\&|A\r\nPID|1\r\nMSH|^~\\&|B\r\nBTS|2";
    let found = messages(bytes);
    assert_eq!(
        found
            .iter()
            .map(|(m, lines)| (m.len(), *lines))
            .collect::<Vec<_>>(),
        [(29, 0), (17, 3)]
    );
}

#[test]
fn utf16_is_read_by_its_mark() {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend("MSH|^~\\&|A\rPID|||Zoë".encode_utf16().flat_map(u16::to_le_bytes));
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.first("PID").unwrap().field(3).raw(), "Zoë");
}
