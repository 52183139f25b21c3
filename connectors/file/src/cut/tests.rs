//! How files are cut, however their bytes arrive.

use super::*;
use proptest::prelude::*;

/// Cuts a stream that arrives in pieces; shows each message as text, `#n` marks a batch trailer's count.
fn cut(framing: Framing, name: &str, pieces: &[&[u8]], limit: usize) -> Vec<String> {
    let mut cutter = cutter(framing, name);
    let (mut known, mut shown, mut all_taken) = (Vec::new(), Vec::new(), 0);
    let total: usize = pieces.iter().map(|p| p.len()).sum();
    for (at, piece) in pieces.iter().chain([&&b""[..]]).enumerate() {
        known.extend_from_slice(piece);
        let is_end = at == pieces.len();
        loop {
            let step = match cutter.step(&known, is_end) {
                Step::More if known.len() > limit => cutter.force(&known),
                step => step,
            };
            let text = |start: usize, end: usize| String::from_utf8_lossy(&known[start..end]).into_owned();
            let taken = match step {
                Step::More => break,
                Step::Skip { taken } => {
                    let blank =
                        |b: &u8| b.is_ascii_whitespace() || b" \0\x1c\x0b\x1a\xef\xbb\xbf".contains(b);
                    assert!(
                        known[..taken].iter().all(blank),
                        "{framing:?} skips {:?}",
                        &known[..taken]
                    );
                    taken
                }
                Step::Header { start, end, taken } => {
                    shown.push(format!("header:{}", text(start, end)));
                    taken
                }
                Step::Message {
                    start,
                    end,
                    taken,
                    batch_count,
                } => {
                    let count = batch_count.map(|n| format!("#{n}")).unwrap_or_default();
                    shown.push(text(start, end) + &count);
                    taken
                }
            };
            assert!(taken > 0 && taken <= known.len(), "progress");
            // What later cutters go on from.
            let state = cutter.state();
            cutter = super::cutter(framing, name);
            cutter.resume(state);
            known.drain(..taken);
            all_taken += taken;
        }
    }
    assert_eq!(all_taken, total, "each byte is taken");
    shown
}

fn check(framing: Framing, name: &str, bytes: &str, expected: &[&str]) {
    let whole = cut(framing, name, &[bytes.as_bytes()], 1 << 20);
    assert_eq!(whole, expected, "{bytes:?}");
    let single: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
    assert_eq!(
        cut(framing, name, &single, 1 << 20),
        expected,
        "{bytes:?} byte by byte"
    );
    let split = split(framing, name, &Bytes::from(bytes.to_owned()));
    assert_eq!(
        split.len(),
        expected.iter().filter(|e| !e.starts_with("header:")).count()
    );
}

#[test]
fn hl7_files() {
    let check = |bytes: &str, expected: &[&str]| check(Framing::Hl7, "a.hl7", bytes, expected);
    check("", &[]);
    check("\r\n \r\n", &[]);
    check("MSH|1\rPID|a\r", &["MSH|1\rPID|a\r"]);
    check("MSH|1\rPID|a\rMSH|2\rPID|b", &["MSH|1\rPID|a\r", "MSH|2\rPID|b"]);
    check(
        "MSH|1\r\nPID|a\r\n\r\n\r\nMSH|2\r\n",
        &["MSH|1\r\nPID|a\r\n", "MSH|2\r\n"],
    );
    check(
        "\u{feff}MSH|1\nPID\nMSH|2\n",
        &["\u{feff}MSH|1\nPID\n", "MSH|2\n"],
    );
    check(
        "\x0bMSH|1\rPID|a\r\x1c\r\x0bMSH|2\r\x1c\r",
        &["MSH|1\rPID|a\r", "MSH|2\r"],
    );
    check(
        "MSH$1\rMSH|2\rMSHA\rMSH9|\r",
        &["MSH$1\r", "MSH|2\rMSHA\rMSH9|\r"],
    ); // words are not segments
    check(
        "MSH|1\rOBX|MSH|x MSH|y\rMSH|2\r",
        &["MSH|1\rOBX|MSH|x MSH|y\r", "MSH|2\r"],
    );
    check(
        "FHS|f\rBHS|b\rMSH|1\rPID\rMSH|2\rBTS|2\rBHS|c\rMSH|3\rBTS|1\rFTS|2\r",
        &[
            "FHS|f\rBHS|b\rMSH|1\rPID\r",
            "MSH|2\rBTS|2\r#2",
            "BHS|c\rMSH|3\rBTS|1\rFTS|2\r#1",
        ],
    );
    check(
        "FHS|f\rBHS|b\rBTS|0\rFTS|1\r",
        &["FHS|f\rBHS|b\rBTS|0\rFTS|1\r#0"],
    );
    check("PID|no header\rPV1|x\r", &["PID|no header\rPV1|x\r"]); // no MSH: exact bytes, one message
    check("  not HL7\r\n\r\n", &["  not HL7\r\n\r\n"]);
    check(
        "exported by x\nMSH|1\nPID\n",
        &["exported by x\n", "MSH|1\nPID\n"],
    );
    check("MSH", &["MSH"]);
}

#[test]
fn json_files() {
    let check_named =
        |name: &str, bytes: &str, expected: &[&str]| check(Framing::Json, name, bytes, expected);
    let check = |bytes: &str, expected: &[&str]| check(Framing::Json, "a.json", bytes, expected);
    check("", &[]);
    check(" \n", &[]);
    check(r#"{"a":1}"#, &[r#"{"a":1}"#]);
    check("{\n \"a\": [1, {}]\n}\n", &["{\n \"a\": [1, {}]\n}"]);
    check(
        "{\"a\":1}\n{\"b\":2}\r\n\n{\"c\":3}",
        &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#],
    );
    check(
        "{\"a\":1}\n{\"b\":\n{\"c\":3}\n",
        &[r#"{"a":1}"#, r#"{"b":"#, r#"{"c":3}"#],
    ); // one broken line
    check(
        "{\n\"a\":1}\n{\n\"b\":2}[3]",
        &["{\n\"a\":1}", "{\n\"b\":2}", "[3]"],
    ); // concatenated
    check(
        r#"{"a":1}{"b":2} {"c":3}"#,
        &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#],
    );
    check(
        r#"{"a":"}\"]{"}{"b":"\\"}"#,
        &[r#"{"a":"}\"]{"}"#, r#"{"b":"\\"}"#],
    );
    check("[\n1,\n2]\n", &["[\n1,\n2]"]);
    check(
        "\u{feff}{\"a\":1}\n{\"b\":2}",
        &["\u{feff}{\"a\":1}", r#"{"b":2}"#],
    );
    check("{\"a\": \"open", &["{\"a\": \"open"]); // a broken end is a message of its own
    check("not json\n{\"a\":1}\n", &["not json", r#"{"a":1}"#]);
    check("}{\n{\"a\":\n1}\n", &["}{", "{\"a\":\n1}"]);
    check_named("a.ndjson.gz", "{\"a\":\n{\"b\":1}\n", &["{\"a\":", r#"{"b":1}"#]);
}

#[test]
fn csv_files() {
    let check = |bytes: &str, expected: &[&str]| check(Framing::Csv, "a.csv", bytes, expected);
    check("", &[]);
    check("id,name\n", &["header:id,name"]);
    check("id,name", &["header:id,name"]);
    check("id,name\r\n1,a\r\n\r\n2,b", &["header:id,name", "1,a", "2,b"]);
    check(
        "id,n\n1,\"a\nb\"\n2,\"c \"\"d\"\"\n\"\n",
        &["header:id,n", "1,\"a\nb\"", "2,\"c \"\"d\"\"\n\""],
    );
    check("id,n\n1,5\" pipe\n2,b\n", &["header:id,n", "1,5\" pipe", "2,b"]); // a stray quote
    check("id;n\n\"1\";\"a\nb\"\n", &["header:id;n", "\"1\";\"a\nb\""]);
    check(
        "id,n\n1,\"open\n2,b\n3,c\n",
        &["header:id,n", "1,\"open", "2,b", "3,c"],
    ); // costs one record
    check("\"a\nb\",c\n1,2\n", &["header:\"a\nb\",c", "1,2"]);
}

#[test]
fn lines_and_whole_files() {
    check(Framing::Lines, "a", "a\r\n\nb\n \nc", &["a", "b", "c"]);
    check(Framing::Lines, "a", "\u{feff}a\n", &["\u{feff}a"]);
    check(Framing::Whole, "a", "a\n\nb", &["a\n\nb"]);
    check(Framing::Whole, "a", "", &[]);
}

#[test]
fn headers_travel_with_messages() {
    let messages = split(
        Framing::Csv,
        "a.csv",
        &Bytes::from_static(b"\xef\xbb\xbfid,n\n1,a\n2,b\n"),
    );
    assert_eq!(messages.len(), 2);
    assert!(Arc::ptr_eq(&messages[0].1, &messages[1].1), "shared");
    assert!(messages[0].1.contains(&("csv.header".into(), b"id,n".to_vec())));
    let messages = split(
        Framing::Hl7,
        "a",
        &Bytes::from_static(b"BHS|\rMSH|1\rMSH|2\rBTS|9\r"),
    );
    assert!(messages[1].1.contains(&("batch.count".into(), b"2".to_vec())));
}

#[test]
fn records_beyond_the_limit_are_cut_and_nothing_is_lost() {
    let check = |framing, bytes: &str, expected: &[&str]| {
        let single: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
        assert_eq!(cut(framing, "a", &single, 12), expected, "{bytes:?}");
    };
    check(
        Framing::Lines,
        "aaaaaaaaaaaaaaaaaa\nb\n",
        &["aaaaaaaaaaaaa", "aaaaa", "b"],
    );
    check(
        Framing::Hl7,
        "MSH|11111111111111\rMSH|2\r",
        &["MSH|111111111", "11111\r", "MSH|2\r"],
    );
    check(
        Framing::Json,
        "{\"a\":[1,2,3,4,5,6]}",
        &["{\"a\":[1,2,3,4", ",5,6]}"],
    );
    check(
        Framing::Csv,
        "id\n\"aaaa\nbbbbbbbbbbbbb\ncc\n",
        &["header:id", "\"aaaa", "bbbbbbbbbbbbb", "cc"],
    );
    check(Framing::Whole, "aaaaaaaaaaaaaaaaaa", &["aaaaaaaaaaaaa", "aaaaa"]);
}

proptest! {
    #[test]
    fn cuts_do_not_matter_and_nothing_is_lost(
        words in proptest::collection::vec(prop_oneof![
            Just("MSH|"), Just("BHS|"), Just("FHS|"), Just("BTS|"), Just("FTS|"), Just("MSH"), Just("\r"), Just("\n"),
            Just("\x0b"), Just("\x1c\r"), Just("{"), Just("}"), Just("[1]"), Just("\""), Just("\\"), Just(","), Just("a,b"),
            Just(" "), Just("\u{feff}"), Just("é"), Just("\0")], 0..30),
        cut_at in 0usize..100,
    ) {
        let stream = words.concat().into_bytes();
        let (a, b) = stream.split_at(cut_at.min(stream.len()));
        for framing in [Framing::Hl7, Framing::Json, Framing::Lines, Framing::Csv, Framing::Whole] {
            let whole = cut(framing, "a", &[&stream], 1 << 20);
            prop_assert_eq!(&cut(framing, "a", &[a, b], 1 << 20), &whole);
        }
    }
}
