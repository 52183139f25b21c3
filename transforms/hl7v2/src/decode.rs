//! The decode step for HL7 v2: one payload in, one [`Reading`] out (INV-2).

use crate::reader::{Reader, join_in};
use crate::syntax::{Message, is_junk, messages, utf16_to_utf8};
use crate::{event, segment};
use panorama_model::{DecodeContext, Decoded, Issue, Reading, Text, Unreadable};

/// The header under which a connector passes on how many messages it took from a batch: an ASCII number.
const BATCH_COUNT: &str = "batch.count";

/// Reads one payload: one message as a rule, or several, each with its batch and file headers and trailers.
///
/// - Shape: one record per PID group; its facts; identity events of merges, links, moves and deletions; issues.
/// - Nulls: an empty field is `Absent`, `""` is `Null` (v2.5 2.5.3).
/// - Spec: HL7 v2.1 to v2.8; times without a zone take MSH-7's, else the site's, else UTC with the issue `zone_missing`.
pub fn decode(payload: &[u8], context: &DecodeContext<'_>) -> Reading {
    let transcoded = utf16_to_utf8(payload);
    let bytes = transcoded.as_deref().map_or(payload, str::as_bytes);
    let mut whole: Option<Decoded> = None;
    let mut unreadable = None;
    for (chunk, lines_before) in messages(bytes) {
        match Message::parse(chunk) {
            Ok(message) => {
                let read = read(&message, context);
                match &mut whole {
                    None => whole = Some(read),
                    Some(whole) => add(whole, read),
                }
            }
            Err(reason) => note_unreadable(&mut unreadable, reason, lines_before),
        }
    }
    match (whole, unreadable) {
        (Some(mut decoded), lost) => {
            decoded
                .issues
                .extend(lost.into_iter().flat_map(|(_, issues)| issues));
            Reading::Read(decoded)
        }
        (None, Some((reason, _))) => Reading::Unreadable(reason),
        (None, None) => Reading::unreadable("empty", "MSH", "the message is empty"),
    }
}

type Lost = Option<(Unreadable, Vec<Issue>)>;

/// The first reason stands for the payload if nothing in it can be read; else each is an issue.
fn note_unreadable(lost: &mut Lost, reason: Unreadable, lines_before: u32) {
    let issue = Issue::error(
        "message_unreadable",
        Text::from(format!("line {}", lines_before + 1)),
    );
    match lost {
        None => *lost = Some((reason, vec![issue])),
        Some((_, issues)) => issues.push(issue),
    }
}

fn read(message: &Message<'_>, context: &DecodeContext<'_>) -> Decoded {
    let mut reader = Reader::new(message, context);
    let family = event::find(&reader.message_type, &reader.trigger_event);
    match family {
        Some(family) => (family.begin)(&mut reader),
        None => reader.issues.push(Issue::warning("trigger_unknown", "MSH-9")),
    }
    for part in message.segments() {
        segment::read(&mut reader, part);
    }
    segment::appointment::finish(&mut reader);
    if let Some(family) = family {
        (family.finish)(&mut reader);
    }
    check_batch_count(&mut reader, context);
    let kind = kind(&reader.message_type, &reader.trigger_event, &mut reader.buffer);
    let event_key = event_key(message, &mut reader.buffer);
    let (records, identity_events, issues) = reader.finish();
    Decoded {
        kind,
        records,
        identity_events,
        issues,
        event_key,
        ..Decoded::default()
    }
}

/// Adds a further message of the same payload.
fn add(whole: &mut Decoded, next: Decoded) {
    whole.records.extend(next.records);
    whole.identity_events.extend(next.identity_events);
    whole.issues.extend(next.issues);
    // Only a payload with the same messages is the same event.
    whole.event_key = match (whole.event_key.take(), next.event_key) {
        (Some(first), Some(second)) => Some(Text::from(format!("{first}\u{1e}{second}"))),
        _ => None,
    };
}

/// `ADT^A01`: a metric label, so only letters, digits and underscores of a sane length.
fn kind(message_type: &str, trigger_event: &str, buffer: &mut String) -> Text {
    let plain = |text: &str| {
        text.len() <= 12
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    match (message_type, trigger_event) {
        ("", _) => Text::new_static("unknown"),
        (message_type, "") if plain(message_type) => Text::new(message_type),
        (message_type, event) if plain(message_type) && plain(event) => {
            join_in(buffer, [message_type, event].into_iter(), '^')
        }
        _ => Text::new_static("unknown"),
    }
}

/// The sender's own id of the message: MSH-3, MSH-4 and MSH-10.
fn event_key(message: &Message<'_>, buffer: &mut String) -> Option<Text> {
    let msh = message.header_segment();
    let control_id = msh.field(10).raw().trim();
    if control_id.is_empty() || control_id == "\"\"" {
        return None;
    }
    let (application, facility) = (msh.field(3).raw(), msh.field(4).raw());
    let parts = [application, facility, control_id].into_iter();
    Some(join_in(buffer, parts, '\u{1f}'))
}

/// BTS-1 says how many messages the batch had; the connector says how many it found.
fn check_batch_count(reader: &mut Reader<'_>, context: &DecodeContext<'_>) {
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.trim().parse::<u64>().ok();
    let Some(found) = context.header(BATCH_COUNT).and_then(number) else {
        return;
    };
    let Some(trailer) = reader.message.first("BTS") else {
        return;
    };
    let told = trailer.field(1).raw();
    if !told.bytes().all(is_junk) && number(told.as_bytes()) != Some(found) {
        reader.complain("batch_count_mismatch", trailer, 1);
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
