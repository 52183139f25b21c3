//! What an MLLP frame means: the HL7 v2 side of the acknowledgement contract (HL7 v2.5 2.9; INV-3).

use panorama_api::DedupeKey;
use panorama_hl7v2::{AckCode, AckError, ErrorCondition, HeaderFields, acknowledge, header};
use panorama_mllp::{Acknowledge, Admission, Answer, Outcome};
use panorama_model::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Answers for a frame that has no header to answer to.
const NO_HEADER: &[u8] = b"MSH|^~\\&|||||||ACK||P|2.5\r";

/// Reads just enough of a frame to admit and answer it.
#[derive(Debug, Default)]
pub(crate) struct Hl7Acknowledge {
    answered: AtomicU64,
}

impl Acknowledge for Hl7Acknowledge {
    fn admit(&self, frame: &[u8]) -> Admission {
        let Some(header) = header(frame) else {
            return Admission {
                dedupe: None,
                unreadable: true,
            };
        };
        if header.message_control_id().is_empty() {
            return Admission {
                dedupe: None,
                unreadable: false,
            };
        }
        let mut id = Vec::with_capacity(64);
        for part in [
            header.sending_application(),
            header.sending_facility(),
            header.message_control_id(),
        ] {
            id.extend_from_slice(part);
            id.push(0x1f);
        }
        let dedupe = DedupeKey {
            id: xxh3_128(&id),
            content: xxh3_64(frame),
        };
        Admission {
            dedupe: Some(dedupe),
            unreadable: false,
        }
    }

    fn answer(&self, frame: &[u8], outcome: Outcome, now: Timestamp) -> Vec<Answer> {
        let Some(header) = header(frame).or_else(|| header(NO_HEADER)) else {
            return Vec::new();
        };
        let (accept, error) = verdict(outcome);
        codes(&header, accept)
            .into_iter()
            .map(|code| {
                let number = self.answered.fetch_add(1, Ordering::Relaxed);
                let control_id = format!("PAN{}{number:06}", now.0 / 1000);
                Answer {
                    frame: acknowledge(&header, code, now, &control_id, error.clone()),
                    code: code.code(),
                }
            })
            .collect()
    }
}

/// How a message fared, before the mode of acknowledgement is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accept,
    Error,
    Reject,
}

fn verdict(outcome: Outcome) -> (Verdict, Option<AckError>) {
    let error = |condition, text: &'static str| {
        Some(AckError {
            condition,
            text: text.into(),
        })
    };
    match outcome {
        Outcome::Stored | Outcome::Duplicate => (Verdict::Accept, None),
        Outcome::NotStored(_) => (
            Verdict::Error,
            error(
                ErrorCondition::ApplicationInternalError,
                "the message could not be stored; send it again",
            ),
        ),
        Outcome::Unreadable => (
            Verdict::Reject,
            error(
                ErrorCondition::SegmentSequenceError,
                "not an HL7 v2 message: it does not begin with an MSH segment; its bytes are kept in quarantine",
            ),
        ),
        Outcome::TooLarge => (
            Verdict::Reject,
            error(
                ErrorCondition::ApplicationInternalError,
                "the message is larger than frame_bytes_max and was not stored",
            ),
        ),
    }
}

/// The codes to answer with: one in original mode; in enhanced mode what MSH-15 and MSH-16 ask for.
///
/// - Spec: HL7 v2.5 2.9.3; table 0155: AL always, NE never, ER on error, SU on success.
fn codes(header: &HeaderFields, verdict: Verdict) -> Vec<AckCode> {
    let asked = |field: usize| header.component(field, 1);
    let (accept, application) = (asked(15), asked(16));
    let (commit_code, application_code) = match verdict {
        Verdict::Accept => (AckCode::CA, AckCode::AA),
        Verdict::Error => (AckCode::CE, AckCode::AE),
        Verdict::Reject => (AckCode::CR, AckCode::AR),
    };
    if accept.is_empty() && application.is_empty() {
        return vec![application_code];
    }
    let wanted = |condition: &str| match condition {
        "AL" => true,
        "ER" => verdict != Verdict::Accept,
        "SU" => verdict == Verdict::Accept,
        _ => false,
    };
    let mut codes = Vec::with_capacity(2);
    if wanted(&accept) {
        codes.push(commit_code);
    }
    if wanted(&application) {
        codes.push(application_code);
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(modes: &str, outcome: Outcome, expected: &[&str]) {
        let frame = format!("MSH|^~\\&|A|B|C|D|20260101||ADT^A01|7|P|2.5|||{modes}\rPID|1\r");
        let answers = Hl7Acknowledge::default().answer(frame.as_bytes(), outcome, Timestamp(0));
        let codes: Vec<_> = answers.iter().map(|a| a.code).collect();
        assert_eq!(codes, expected, "{modes}");
        for answer in answers {
            assert!(String::from_utf8_lossy(&answer.frame).contains(&format!("MSA|{}|7", answer.code)));
        }
    }

    #[test]
    fn original_and_enhanced_modes() {
        check("", Outcome::Stored, &["AA"]);
        check("", Outcome::NotStored("disk"), &["AE"]);
        check("AL|NE", Outcome::Stored, &["CA"]);
        check("AL|AL", Outcome::Duplicate, &["CA", "AA"]);
        check("NE|ER", Outcome::Stored, &[]);
        check("ER|ER", Outcome::NotStored("disk"), &["CE", "AE"]);
        check("SU|NE", Outcome::Unreadable, &[]);
        check("AL|AL", Outcome::TooLarge, &["CR", "AR"]);
    }

    #[test]
    fn a_frame_that_is_no_message_is_rejected() {
        let acknowledge = Hl7Acknowledge::default();
        assert!(acknowledge.admit(b"hello").unreadable);
        let answers = acknowledge.answer(b"hello", Outcome::Unreadable, Timestamp(0));
        assert_eq!(answers.iter().map(|a| a.code).collect::<Vec<_>>(), ["AR"]);
    }
}
