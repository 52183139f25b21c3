//! Over every HL7 v2 file of the shared test data: nothing panics, no line is lost, and where hl7-parser reads correctly
//! we read the same.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

mod common;

use common::{context, files, messages};
use panorama_hl7v2::{Message, decode};
use panorama_model::Reading;
use std::collections::BTreeMap;

/// Lines of a message that are not blank, split as the standard and its users do.
fn lines_that_speak(text: &str) -> usize {
    text.split(['\r', '\n'])
        .filter(|line| {
            !line
                .trim_matches(|c: char| c <= ' ' || c == '\u{feff}' || c == '\u{7f}')
                .is_empty()
        })
        .count()
}

#[test]
fn every_file_is_read_or_says_why_not_and_no_line_is_lost() {
    let files = files("hl7v2");
    let (mut decoded, mut facts, mut lines) = (0, 0, 0);
    let (mut unreadable, mut issues) = (
        BTreeMap::<_, Vec<String>>::new(),
        BTreeMap::<String, usize>::new(),
    );
    let mut kinds = BTreeMap::<String, usize>::new();
    for (name, bytes) in &files {
        for message in messages(bytes) {
            match decode(&message, &context()) {
                Reading::Read(read) => {
                    decoded += 1;
                    facts += read.records.iter().map(|r| r.facts.len()).sum::<usize>();
                    *kinds.entry(read.kind.to_string()).or_default() += 1;
                    for issue in &read.issues {
                        *issues.entry(issue.code.to_string()).or_default() += 1;
                    }
                }
                Reading::Unreadable(why) => unreadable.entry(why.code).or_default().push(name.clone()),
            }
            if let Ok(parsed) = Message::parse(&message) {
                let expected = lines_that_speak(parsed.as_text());
                assert_eq!(parsed.accounted_lines(), expected, "{name}");
                let told = parsed.issues().filter(|i| i.code == "segment_malformed").count();
                assert_eq!(told, parsed.malformed_lines().len(), "{name}");
                lines += expected;
            }
        }
        // The file whole, as it might come over a wire.
        let _ = decode(bytes, &context());
        for cut in [bytes.len() / 3, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            let _ = decode(&bytes[..cut], &context());
        }
    }
    println!(
        "{} files: {decoded} messages decoded, {facts} facts, {lines} lines accounted for",
        files.len()
    );
    println!("unreadable: {unreadable:#?}");
    println!("issues: {issues:#?}");
    println!("unknown triggers and kinds: {kinds:?}");
    if !files.is_empty() {
        assert!(decoded > 600, "{decoded}");
    }
}

/// What hl7-parser 0.3 is known to read wrong: the truncation character, MSH-2 shorter than four, and whatever makes it
/// stop early with Ok: blank lines, lone names, leading white space, batch envelopes, several messages.
fn hl7_parser_reads_it(text: &str) -> bool {
    let normal = text.strip_suffix('\r').unwrap_or(text);
    text.starts_with("MSH|^~\\&|")
        && normal.split('\r').all(|line| {
            line.len() > 4
                && line.as_bytes()[3] == b'|'
                && line[..3]
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                && !line.contains('\n')
                // It counts the fields of batch and file headers one too low.
                && !matches!(&line[..3], "FHS" | "BHS")
        })
}

#[test]
fn fields_are_those_of_hl7_parser_where_it_reads_correctly() {
    let (mut compared, mut excluded, mut values, mut failed) = (0, 0, 0, 0);
    for (name, bytes) in files("hl7v2") {
        for message in messages(&bytes) {
            let Ok(ours) = Message::parse(&message) else {
                continue;
            };
            let text = ours.as_text().replace("\r\n", "\r").replace('\n', "\r");
            let text = text.trim_start_matches('\u{feff}').trim_end_matches('\r');
            if !hl7_parser_reads_it(text) {
                excluded += 1;
                continue;
            }
            let Ok(theirs) = hl7_parser::Message::parse(text) else {
                failed += 1;
                continue;
            };
            compared += 1;
            let pairs: Vec<_> = ours.segments().zip(theirs.segments()).collect();
            assert_eq!(pairs.len(), ours.segments().count(), "{name}");
            for (mine, other) in pairs {
                assert_eq!(mine.name(), other.name, "{name}");
                let first = if mine.name() == "MSH" { 3 } else { 1 };
                for number in first..=mine.last_field() {
                    let field = mine.field(number);
                    let their_field = other.field(number).unwrap();
                    assert_eq!(field.raw(), their_field.raw_value(), "{name} {mine:?}-{number}");
                    for (at, repetition) in field.repetitions().enumerate() {
                        if field.is_empty() {
                            continue;
                        }
                        let their_repetition = their_field.repeat(at + 1).unwrap();
                        for (c, component) in repetition.components().enumerate() {
                            let their_component = their_repetition.component(c + 1).unwrap();
                            assert_eq!(
                                component.raw(),
                                their_component.raw_value(),
                                "{name} {mine:?}-{number}"
                            );
                            for (s, subcomponent) in component.subcomponents().enumerate() {
                                let their_subcomponent = their_component.subcomponent(s + 1).unwrap();
                                assert_eq!(subcomponent.raw(), their_subcomponent.raw_value(), "{name}");
                                values += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    println!(
        "compared {compared} messages ({values} values); excluded {excluded}; hl7-parser failed on {failed}"
    );
}
