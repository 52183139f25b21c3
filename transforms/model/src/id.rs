//! Who said it, of whom, and the person behind it.

use crate::Text;
use serde::{Deserialize, Serialize};
use std::fmt;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// What kind of thing a source record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A patient of a clinical system: makes its person a patient.
    Patient,
    /// A person of a CRM or list.
    Contact,
    /// A customer endpoint of the contact center: a phone number or other address.
    Caller,
    /// An address or subscriber of a marketing system.
    Subscriber,
    /// A web or app visitor known by a user id or an anonymous id.
    Visitor,
    /// A person related to a patient (FHIR RelatedPerson, HL7 NK1). Never the patient.
    RelatedPerson,
    /// A care provider; has no `PersonId`.
    Provider,
}

impl RecordKind {
    /// The kind's stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Contact => "contact",
            Self::Caller => "caller",
            Self::Subscriber => "subscriber",
            Self::Visitor => "visitor",
            Self::RelatedPerson => "related_person",
            Self::Provider => "provider",
        }
    }
}

/// The immutable name of one source record: (source, kind, assigning authority, id).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceRecordKey {
    /// The configured source id.
    pub source: Text,
    /// What the record is about.
    pub kind: RecordKind,
    /// The authority that issued the id (HL7 CX.4), empty where the source has one only.
    pub authority: Text,
    /// The source's own id of the record (`source_record_id` in the tables).
    pub id: Text,
}

impl SourceRecordKey {
    /// A key without an assigning authority.
    pub fn new(source: impl Into<Text>, kind: RecordKind, id: impl Into<Text>) -> Self {
        Self {
            source: source.into(),
            kind,
            authority: Text::default(),
            id: id.into(),
        }
    }

    /// The same key under an assigning authority.
    #[must_use]
    pub fn with_authority(mut self, authority: impl Into<Text>) -> Self {
        self.authority = authority.into();
        self
    }

    /// 128 bits that stand for the key: the same on every machine, in every version.
    pub fn hash128(&self) -> u128 {
        let mut bytes = Vec::with_capacity(self.source.len() + self.authority.len() + self.id.len() + 4);
        for part in [
            self.source.as_str(),
            self.kind.name(),
            self.authority.as_str(),
            self.id.as_str(),
        ] {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(0x1f);
        }
        xxh3_128_with_seed(&bytes, 0)
    }
}

impl fmt::Debug for SourceRecordKey {
    /// Source and kind only: the id may be a medical record number (INV-8).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/[redacted]", self.source, self.kind.name())
    }
}

/// The stable enterprise id of one real person.
///
/// - Shape: a UUID (version 8, RFC 9562) made from the key of the person's oldest source record, so that a merge keeps
///   the oldest id and a split gives each part back what it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonId(pub u128);

impl PersonId {
    /// The id of the person whose oldest record has this key.
    pub fn of_founder(key: &SourceRecordKey) -> Self {
        Self::of_founder_hash(key.hash128())
    }

    /// As [`PersonId::of_founder`], from the key's [`SourceRecordKey::hash128`].
    pub const fn of_founder_hash(hash: u128) -> Self {
        const VERSION: u128 = 0x8 << 76;
        const VARIANT: u128 = 0x2 << 62;
        Self(hash & !(0xf << 76) & !(0x3 << 62) | VERSION | VARIANT)
    }

    /// Reads the textual form.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        (digits.len() == 32)
            .then(|| u128::from_str_radix(&digits, 16).ok().map(Self))
            .flatten()
    }
}

impl PersonId {
    /// Length of the textual form.
    pub const TEXT_BYTES: usize = 36;

    /// The textual form, written to `out`.
    pub fn text(self, out: &mut [u8; Self::TEXT_BYTES]) -> &str {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        const HYPHENS: [usize; 4] = [8, 13, 18, 23];
        let mut rest = self.0;
        for (place, byte) in out.iter_mut().enumerate().rev() {
            *byte = if HYPHENS.contains(&place) {
                b'-'
            } else {
                let digit = DIGITS.get((rest & 0xf) as usize).copied().unwrap_or(b'0');
                rest >>= 4;
                digit
            };
        }
        std::str::from_utf8(out).unwrap_or_default()
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; Self::TEXT_BYTES]))
    }
}
