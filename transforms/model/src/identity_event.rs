//! What a source says of the identity of its own records: merges, links, unlinks.

use crate::{SourceRecordKey, Version};
use serde::{Deserialize, Serialize};

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IdentityEventKind {
    /// `subject` survives, `other` is merged into it (ADT A40, A34, A18; FHIR `replaced-by`; CRM merged ids).
    Merge,
    /// Both are the same person, both stay (ADT A24, FHIR `seealso`).
    Link,
    /// They are not the same person after all (ADT A37).
    Unlink,
    /// `other` was renamed to `subject` (ADT A47, A46: change of an identifier).
    ChangeIdentifier,
    /// `subject` was deleted in its source (ADT A29, A23 for visits is a fact). `other` equals `subject`.
    Delete,
}

impl IdentityEventKind {
    /// The kind's stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::ChangeIdentifier => "change_identifier",
            Self::Delete => "delete",
        }
    }
}

/// One statement about the identity of two records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityEvent {
    /// What was said.
    pub kind: IdentityEventKind,
    /// The record that stays.
    pub subject: SourceRecordKey,
    /// The other record.
    pub other: SourceRecordKey,
    /// When it was said.
    pub version: Version,
}
