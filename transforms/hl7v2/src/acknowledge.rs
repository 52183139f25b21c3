//! Builds acknowledgements in the sender's own delimiters and version (HL7 v2.5 2.9).

use crate::syntax::{HeaderFields, escape};
use panorama_model::Timestamp;
use std::borrow::Cow;

/// MSA-1, HL7 table 0008.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckCode {
    /// Application accept.
    AA,
    /// Application error.
    AE,
    /// Application reject.
    AR,
    /// Commit accept (enhanced mode).
    CA,
    /// Commit error (enhanced mode).
    CE,
    /// Commit reject (enhanced mode).
    CR,
}

impl AckCode {
    /// The code as written in MSA-1.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AA => "AA",
            Self::AE => "AE",
            Self::AR => "AR",
            Self::CA => "CA",
            Self::CE => "CE",
            Self::CR => "CR",
        }
    }

    /// True where the message was accepted.
    pub const fn is_positive(self) -> bool {
        matches!(self, Self::AA | Self::CA)
    }
}

/// Why a message was not accepted: HL7 table 0357.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCondition {
    /// 100
    SegmentSequenceError,
    /// 101
    RequiredFieldMissing,
    /// 102
    DataTypeError,
    /// 103
    TableValueNotFound,
    /// 200
    UnsupportedMessageType,
    /// 201
    UnsupportedEventCode,
    /// 202
    UnsupportedProcessingId,
    /// 203
    UnsupportedVersionId,
    /// 204
    UnknownKeyIdentifier,
    /// 205
    DuplicateKeyIdentifier,
    /// 206
    ApplicationRecordLocked,
    /// 207
    ApplicationInternalError,
}

impl ErrorCondition {
    /// Code and text of the table.
    pub const fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::SegmentSequenceError => ("100", "Segment sequence error"),
            Self::RequiredFieldMissing => ("101", "Required field missing"),
            Self::DataTypeError => ("102", "Data type error"),
            Self::TableValueNotFound => ("103", "Table value not found"),
            Self::UnsupportedMessageType => ("200", "Unsupported message type"),
            Self::UnsupportedEventCode => ("201", "Unsupported event code"),
            Self::UnsupportedProcessingId => ("202", "Unsupported processing id"),
            Self::UnsupportedVersionId => ("203", "Unsupported version id"),
            Self::UnknownKeyIdentifier => ("204", "Unknown key identifier"),
            Self::DuplicateKeyIdentifier => ("205", "Duplicate key identifier"),
            Self::ApplicationRecordLocked => ("206", "Application record locked"),
            Self::ApplicationInternalError => ("207", "Application internal error"),
        }
    }
}

/// The ERR segment's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckError {
    /// Why.
    pub condition: ErrorCondition,
    /// A sentence for the sender's operator. Never patient data (INV-8).
    pub text: Cow<'static, str>,
}

/// Builds the acknowledgement of one message, segments ended by CR, without MLLP framing.
///
/// - Shape: MSH with sender and receiver exchanged, MSH-9 `ACK^event^ACK`, MSH-11, 12 and 18 echoed; MSA-2 echoes MSH-10
///   byte for byte; ERR where `error` is given.
/// - Spec: HL7 v2.5 2.9.2, 2.15.5; ERR as of v2.5, and ERR-1 for versions before it.
pub fn acknowledge(
    header: &HeaderFields,
    code: AckCode,
    now: Timestamp,
    control_id: &str,
    error: Option<AckError>,
) -> Vec<u8> {
    let separators = header.separators();
    let mut out = Vec::with_capacity(256);
    let trigger = header.trigger_event();
    let version = header.version_id();
    let component = char::from(separators.component);
    let message_type = if trigger.is_empty() {
        "ACK".to_owned()
    } else {
        format!("ACK{component}{}{component}ACK", escape(&trigger, separators))
    };
    let processing_id = Some(header.processing_id())
        .filter(|p| !p.is_empty())
        .unwrap_or(b"P");
    let mut msh: Vec<&[u8]> = vec![b""; 19];
    let (encoding, sent_at) = (separators.encoding_characters(), time(now));
    let id = escape(control_id, separators);
    let filled: [(usize, &[u8]); 11] = [
        (1, b"MSH"),
        (2, &encoding),
        (3, header.receiving_application()),
        (4, header.receiving_facility()),
        (5, header.sending_application()),
        (6, header.sending_facility()),
        (7, sent_at.as_bytes()),
        (9, message_type.as_bytes()),
        (10, id.as_bytes()),
        (11, processing_id),
        (12, if version.is_empty() { b"2.5" } else { version }),
    ];
    for (at, value) in filled.into_iter().chain([(18, header.character_set())]) {
        if let Some(field) = msh.get_mut(at) {
            *field = value;
        }
    }
    segment(&mut out, separators.field, msh.get(1..).unwrap_or_default());
    segment(
        &mut out,
        separators.field,
        &[b"MSA", code.code().as_bytes(), header.message_control_id()],
    );
    if let Some(error) = error {
        err(&mut out, header, &error);
    }
    out
}

fn err(out: &mut Vec<u8>, header: &HeaderFields, error: &AckError) {
    let separators = header.separators();
    let (code, name) = error.condition.entry();
    let text = escape(&error.text, separators);
    if is_before_2_5(header) {
        // ERR-1: segment, sequence, field, and a coded element as subcomponents.
        let between = char::from(separators.subcomponent.unwrap_or(b'&'));
        let component = char::from(separators.component);
        let coded = format!("{component}{component}{component}{code}{between}{name}{between}HL70357");
        segment(out, separators.field, &[b"ERR", coded.as_bytes()]);
    } else {
        let component = char::from(separators.component);
        let coded = format!("{code}{component}{name}{component}HL70357");
        segment(
            out,
            separators.field,
            &[
                b"ERR",
                b"",
                b"",
                coded.as_bytes(),
                b"E",
                b"",
                b"",
                b"",
                text.as_bytes(),
            ],
        );
    }
}

fn is_before_2_5(header: &HeaderFields) -> bool {
    let version = header.component(12, 1);
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (2, 5),
        _ => false,
    }
}

/// Adds a segment; empty fields at its end are left out.
fn segment(out: &mut Vec<u8>, separator: u8, fields: &[&[u8]]) {
    let last = fields.iter().rposition(|f| !f.is_empty()).map_or(0, |at| at + 1);
    for (at, field) in fields.iter().take(last).enumerate() {
        if at > 0 {
            out.push(separator);
        }
        out.extend_from_slice(field);
    }
    out.push(b'\r');
}

fn time(now: Timestamp) -> String {
    let (year, month, day) = now.date().to_ymd();
    let micros = now.0.rem_euclid(86_400_000_000);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000 / 100);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}.{fraction:04}+0000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header;

    fn check(message: &[u8], code: AckCode, error: Option<AckError>, expected: &[u8]) {
        let now = Timestamp(1_782_995_415_123_400);
        let ack = acknowledge(&header(message).unwrap(), code, now, "P-1", error);
        assert_eq!(String::from_utf8_lossy(&ack), String::from_utf8_lossy(expected));
    }

    fn problem() -> Option<AckError> {
        Some(AckError {
            condition: ErrorCondition::RequiredFieldMissing,
            text: "MSH-10 is empty | resend".into(),
        })
    }

    #[test]
    fn acknowledgements() {
        check(
            b"MSH|^~\\&|APP|FAC|PAN|HOME|20260101||ADT^A01^ADT_A01|42|P|2.5.1||||||UNICODE UTF-8\rPID|1",
            AckCode::AA,
            None,
            b"MSH|^~\\&|PAN|HOME|APP|FAC|20260702123015.1234+0000||ACK^A01^ACK|P-1|P|2.5.1||||||UNICODE UTF-8\rMSA|AA|42\r",
        );
        check(
            b"MSH|^~\\&|APP||||||ORU^R01|ID\xe9^x|T|2.3\r",
            AckCode::CR,
            problem(),
            b"MSH|^~\\&|||APP||20260702123015.1234+0000||ACK^R01^ACK|P-1|T|2.3\rMSA|CR|ID\xe9^x\rERR|^^^101&Required field missing&HL70357\r",
        );
        check(
            b"MSH@~&#\\@A@@@@@@ADT~A40@7@P@2.6",
            AckCode::AE,
            problem(),
            b"MSH@~&#\\@@@A@@20260702123015.1234+0000@@ACK~A40~ACK@P-1@P@2.6\rMSA@AE@7\rERR@@@101~Required field missing~HL70357@E@@@@MSH-10 is empty | resend\r",
        );
        check(
            b"MSH|^~\\&#|A||||||ADT",
            AckCode::AR,
            problem(),
            b"MSH|^~\\&#|||A||20260702123015.1234+0000||ACK|P-1|P|2.5\rMSA|AR\rERR|||101^Required field missing^HL70357|E||||MSH-10 is empty \\F\\ resend\r",
        );
    }
}
