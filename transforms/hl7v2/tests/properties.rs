//! No bytes make the reader panic, and what was written reads back as it was.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::context;
use panorama_hl7v2::{Message, Separators, decode, escape, header};
use panorama_model::Presence;
use proptest::prelude::*;

/// Segment, field, repetition, component, subcomponent.
type Tree = Vec<Vec<Vec<Vec<Vec<String>>>>>;

fn value() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[A-Za-z0-9 .|^~\\\\&#é日\r\n]{0,12}",]
        .prop_filter("null is not text", |text| text != "\"\"")
}

fn tree() -> impl Strategy<Value = Tree> {
    let component = prop::collection::vec(value(), 1..3);
    let repetition = prop::collection::vec(component, 1..4);
    let field = prop::collection::vec(repetition, 1..3);
    prop::collection::vec(prop::collection::vec(field, 1..8), 1..6)
}

fn separators() -> impl Strategy<Value = Separators> {
    prop_oneof![
        Just(Separators::default()),
        Just(Separators {
            truncation: Some(b'#'),
            ..Separators::default()
        }),
        Just(Separators {
            field: b'@',
            component: b'~',
            repetition: b'&',
            escape: Some(b'#'),
            subcomponent: Some(b'\\'),
            truncation: None,
        }),
    ]
}

fn join(parts: impl Iterator<Item = String>, at: u8) -> String {
    parts.collect::<Vec<_>>().join(&char::from(at).to_string())
}

fn write(tree: &Tree, s: &Separators) -> String {
    let mut text = format!(
        "MSH{}{}",
        char::from(s.field),
        String::from_utf8(s.encoding_characters()).unwrap()
    );
    text.push_str(&format!("{0}APP{0}FAC\r", char::from(s.field)));
    for fields in tree {
        let fields = fields.iter().map(|repetitions| {
            let repetitions = repetitions.iter().map(|components| {
                let components = components.iter().map(|subcomponents| {
                    join(
                        subcomponents.iter().map(|v| escape(v, s).into_owned()),
                        s.subcomponent.unwrap(),
                    )
                });
                join(components, s.component)
            });
            join(repetitions, s.repetition)
        });
        text.push_str("ZZ1");
        text.push(char::from(s.field));
        text.push_str(&join(fields, s.field));
        text.push('\r');
    }
    text
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&bytes, &context());
        let _ = header(&bytes);
    }

    #[test]
    fn any_text_after_a_header_is_read(
        text in "[A-Z0-9|^~\\\\&\"\r\n .+é-]{0,300}",
        kind in prop_oneof![Just("ADT^A40"), Just("ORU^R01"), Just("SIU^S26"), Just("MDM^T02"), Just("RDE^O11"), Just("VXU^V04"), Just("REF^I12")],
        names in prop::collection::vec(prop_oneof![
            Just("PID"), Just("PV1"), Just("PV2"), Just("MRG"), Just("OBR"), Just("OBX"), Just("NTE"), Just("ORC"), Just("SCH"), Just("AIS"),
            Just("TXA"), Just("RXE"), Just("RXA"), Just("RXR"), Just("DG1"), Just("IN1"), Just("AL1"), Just("PRB"), Just("RF1"), Just("PRD"), Just("TQ1"),
        ], 0..12),
    ) {
        let mut message = format!("MSH|^~\\&|A|F|R|S|20260101||{kind}|1|P|2.5\r");
        for name in names {
            message.push_str(name);
            message.push('|');
            message.push_str(&text);
            message.push('\r');
        }
        let parsed = Message::parse(message.as_bytes()).unwrap();
        let lines = message.split(['\r', '\n']).filter(|l| !l.trim_matches(|c: char| c <= ' ').is_empty()).count();
        prop_assert_eq!(parsed.accounted_lines(), lines);
        let _ = decode(message.as_bytes(), &context());
    }

    #[test]
    fn what_was_written_reads_back(tree in tree(), s in separators()) {
        let text = write(&tree, &s);
        let message = Message::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(message.encode(), text.clone());
        for (fields, segment) in tree.iter().zip(message.segments().skip(1)) {
            for (number, repetitions) in fields.iter().enumerate() {
                let field = segment.field(number + 1);
                for (components, repetition) in repetitions.iter().zip(field.repetitions()) {
                    for (subcomponents, component) in components.iter().zip(repetition.components()) {
                        for (value, subcomponent) in subcomponents.iter().zip(component.subcomponents()) {
                            let read = match subcomponent.presence() {
                                Presence::Absent => String::new(),
                                Presence::Null => panic!("nothing was null"),
                                Presence::Value(value) => value.into_owned(),
                            };
                            prop_assert_eq!(&read, value);
                        }
                    }
                }
            }
        }
    }
}
