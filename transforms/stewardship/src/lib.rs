//! A data steward's decision as a message: it goes through the log like any other, so it is durable before it is
//! acknowledged, takes effect exactly once and in any order, and is kept for audit (INV-3, INV-4, INV-6, INV-7).

use panorama_model::{
    DecodeContext, Decoded, Reading, RecordKind, SourceRecordKey, StewardDecision, StewardVerdict, Text,
    Timestamp, Version,
};
use serde::{Deserialize, Serialize};

/// Name of the format, in configurations and tables.
pub const FORMAT: &str = "steward-decision";

/// The source under which decisions made through the command line and the console are kept.
pub const SOURCE: &str = "steward";

/// The message's own shape: one JSON object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    a: Record,
    b: Record,
    verdict: StewardVerdict,
    by: Text,
    #[serde(default)]
    note: Text,
    decided_at: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    source: Text,
    kind: RecordKind,
    #[serde(default)]
    authority: Text,
    id: Text,
}

impl Record {
    fn of(key: &SourceRecordKey) -> Self {
        Self {
            source: key.source.clone(),
            kind: key.kind,
            authority: key.authority.clone(),
            id: key.id.clone(),
        }
    }

    fn key(self) -> SourceRecordKey {
        SourceRecordKey::new(self.source, self.kind, self.id).with_authority(self.authority)
    }
}

/// Writes a decision as a message.
///
/// - Shape: `{"a": {"source", "kind", "authority", "id"}, "b": {...}, "verdict": "match" | "no-match" | "withdrawn",
///   "by", "note", "decided_at"}`.
/// - Units: `decided_at` is RFC 3339.
pub fn encode(decision: &StewardDecision) -> Vec<u8> {
    let message = Message {
        a: Record::of(&decision.a),
        b: Record::of(&decision.b),
        verdict: decision.verdict,
        by: decision.by.clone(),
        note: decision.note.clone(),
        decided_at: decision.version.at.to_string(),
    };
    // Text, enums and strings: nothing that JSON could refuse.
    serde_json::to_vec(&message).unwrap_or_default()
}

/// Reads one decision.
pub fn decode(payload: &[u8], context: &DecodeContext<'_>) -> Reading {
    let message: Message = match serde_json::from_slice(payload) {
        Ok(message) => message,
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            return Reading::unreadable("decision_invalid", place, reason(&error));
        }
    };
    let Ok(at) = Timestamp::parse_iso(&message.decided_at, context.zone) else {
        return Reading::unreadable(
            "decided_at_invalid",
            "decided_at",
            "not a time as RFC 3339 has it",
        );
    };
    if message.by.trim().is_empty() {
        return Reading::unreadable("by_missing", "by", "a decision names who took it");
    }
    let decision = StewardDecision {
        a: message.a.key(),
        b: message.b.key(),
        verdict: message.verdict,
        by: message.by,
        note: message.note,
        version: Version::new(at, 0, payload),
    };
    Reading::Read(Decoded {
        kind: "decision".into(),
        decisions: vec![decision],
        ..Decoded::default()
    })
}

/// What is wrong, in words that cannot hold a value of the message (INV-8).
fn reason(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Data => {
            "a member is missing, unknown or of another type: a, b, verdict, by, note and decided_at are the members"
        }
        _ => "not a JSON object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &[u8]) -> Reading {
        decode(
            payload,
            &DecodeContext {
                source: SOURCE,
                received_at: Timestamp(0),
                zone: None,
                headers: &[],
            },
        )
    }

    #[test]
    fn a_decision_is_read_as_it_was_written() {
        let a = SourceRecordKey::new("hospital", RecordKind::Patient, "M-1").with_authority("GEN");
        let decision = StewardDecision {
            a,
            b: SourceRecordKey::new("crm", RecordKind::Contact, "C/7"),
            verdict: StewardVerdict::NoMatch,
            by: "ana".into(),
            note: "twins".into(),
            version: Version::new(Timestamp::from_seconds(1_790_000_000), 0, b""),
        };
        let payload = encode(&decision);
        let Reading::Read(decoded) = read(&payload) else {
            panic!("not read");
        };
        let expected = StewardDecision {
            version: Version::new(decision.version.at, 0, &payload),
            ..decision
        };
        assert_eq!(decoded.decisions, [expected]);
    }

    #[test]
    fn what_cannot_be_read_says_where_and_nothing_of_the_people() {
        let check = |payload: &str, code: &str| {
            let Reading::Unreadable(unreadable) = read(payload.as_bytes()) else {
                panic!("{payload}");
            };
            assert_eq!(unreadable.code, code, "{payload}");
            assert!(!unreadable.reason.contains("M-1"));
        };
        check("", "decision_invalid");
        check(r#"{"a": "M-1"}"#, "decision_invalid");
        let record = r#"{"source": "h", "kind": "patient", "id": "M-1"}"#;
        let with = |verdict: &str, by: &str, at: &str| {
            format!(
                r#"{{"a": {record}, "b": {record}, "verdict": "{verdict}", "by": "{by}", "decided_at": "{at}"}}"#
            )
        };
        check(&with("maybe", "ana", "2026-01-01T00:00:00Z"), "decision_invalid");
        check(&with("match", " ", "2026-01-01T00:00:00Z"), "by_missing");
        check(&with("match", "ana", "yesterday"), "decided_at_invalid");
    }
}
