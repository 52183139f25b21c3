//! What an operation changed.

use crate::decision::StatementKind;
use crate::score::MatchWeight;
use crate::store::RecordNumber;
use panorama_model::PersonId;
use serde::{Deserialize, Serialize};

/// How a record came to its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchMethod {
    /// It founded the person, or is alone.
    Founder,
    /// Scores.
    Score,
    /// A statement of a source or a steward.
    Statement(StatementKind),
    /// A contact-point record, by an issued identifier.
    ContactIdentifier,
    /// A contact-point record, by a phone number or e-mail address only one person has.
    ContactPoint,
}

impl MatchMethod {
    /// The method's stable name, as `match_method` in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Founder => "founder",
            Self::Score => "probabilistic",
            Self::Statement(StatementKind::SourceMerge) => "source_merge",
            Self::Statement(StatementKind::SourceLink) => "source_link",
            Self::Statement(StatementKind::SourceUnlink) => "source_unlink",
            Self::Statement(StatementKind::IdentifierChange) => "identifier_change",
            Self::Statement(StatementKind::Steward) => "steward",
            Self::ContactIdentifier => "contact_identifier",
            Self::ContactPoint => "contact_point",
        }
    }
}

/// What holds a record in its person.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// How.
    pub method: MatchMethod,
    /// The record it was matched with, if any.
    pub other: Option<RecordNumber>,
    /// The pair's weight, where they were scored.
    pub weight: Option<MatchWeight>,
}

/// A record that belongs to another person than before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reassignment {
    /// The record.
    pub record: RecordNumber,
    /// The person it belonged to; `None` for a record seen for the first time.
    pub old: Option<PersonId>,
    /// The person it belongs to now.
    pub new: PersonId,
    /// What holds it there.
    pub evidence: Evidence,
}

/// What happened to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityChangeKind {
    /// A new record founded a new person.
    Created,
    /// A record joined the person.
    Linked,
    /// `other_person` went up into `person` and is its alias from now on.
    Merged,
    /// `person` parted from `other_person`.
    Split,
}

impl IdentityChangeKind {
    /// The kind's stable name, as `event_type` in `identity_events`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "create",
            Self::Linked => "link",
            Self::Merged => "merge",
            Self::Split => "split",
        }
    }
}

/// One row of `identity_events`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityChange {
    /// What happened.
    pub kind: IdentityChangeKind,
    /// The person.
    pub person: PersonId,
    /// The other person: the alias of a merge, the person left by a link or split.
    pub other_person: Option<PersonId>,
    /// The record by which it happened.
    pub record: RecordNumber,
    /// Why.
    pub evidence: Evidence,
}

/// Whether a doubtful pair waits for a steward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    /// It waits.
    Open,
    /// It was decided, or the records changed.
    Closed,
}

/// A doubtful pair: its weight reaches the review threshold, and yet the two records belong to two persons.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The record with the smaller number.
    pub a: RecordNumber,
    /// The other.
    pub b: RecordNumber,
    /// The pair's weight; the last one known where the pair is closed.
    pub weight: MatchWeight,
    /// Whether it waits.
    pub status: ReviewStatus,
}

/// What the operation cost and met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Pairs scored, told apart at a glance, or known from before.
    pub pairs_scored: u64,
    /// Blocks that became void because too many records share their value.
    pub blocks_voided: u64,
    /// Blocks that came back because fewer do.
    pub blocks_revived: u64,
    /// Components cut because they passed the limit.
    pub components_cut: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.pairs_scored += other.pairs_scored;
        self.blocks_voided += other.blocks_voided;
        self.blocks_revived += other.blocks_revived;
        self.components_cut += other.components_cut;
    }
}

/// What one operation changed. Applying the parts in any order gives the same tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Records that belong to another person than before, by number.
    pub reassigned: Vec<Reassignment>,
    /// What happened to persons.
    pub events: Vec<IdentityChange>,
    /// Doubtful pairs that opened or closed.
    pub reviews: Vec<Review>,
    /// What it cost.
    pub counters: Counters,
}
