//! Statements about two records that outrank scores: a source's merges and links, a steward's decisions.

use crate::store::RecordNumber;
use panorama_model::{IdentityEventKind, Version};
use serde::{Deserialize, Serialize};

/// A verdict about a pair of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// One person.
    Match,
    /// Two people.
    NoMatch,
    /// An earlier verdict is taken back: scores decide again.
    Withdrawn,
}

/// Who said it, in words that explain a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementKind {
    /// A source merged one record into the other (ADT A40, FHIR `replaced-by`).
    SourceMerge,
    /// A source linked two records (ADT A24, FHIR `seealso`).
    SourceLink,
    /// A source unlinked two records (ADT A37).
    SourceUnlink,
    /// A source renamed the record (ADT A47).
    IdentifierChange,
    /// A steward decided.
    Steward,
}

impl StatementKind {
    /// The statement a source's identity event makes of its pair; `None` for a deletion.
    pub const fn of_event(kind: IdentityEventKind) -> Option<(Self, Verdict)> {
        match kind {
            IdentityEventKind::Merge => Some((Self::SourceMerge, Verdict::Match)),
            IdentityEventKind::Link => Some((Self::SourceLink, Verdict::Match)),
            IdentityEventKind::Unlink => Some((Self::SourceUnlink, Verdict::NoMatch)),
            IdentityEventKind::ChangeIdentifier => Some((Self::IdentifierChange, Verdict::Match)),
            IdentityEventKind::Delete => None,
        }
    }
}

/// One statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Statement {
    /// When it was said: the newest of its rank holds.
    pub version: Version,
    /// Who said it.
    pub kind: StatementKind,
    /// What was said.
    pub verdict: Verdict,
}

/// What was said of one pair, seen from one of its records: the newest word of sources, and of stewards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairStatements {
    /// The other record.
    pub other: RecordNumber,
    /// The newest statement of a source.
    pub source: Option<Statement>,
    /// The newest statement of a steward.
    pub steward: Option<Statement>,
}

impl PairStatements {
    /// Nothing said yet.
    pub const fn new(other: RecordNumber) -> Self {
        Self {
            other,
            source: None,
            steward: None,
        }
    }

    /// Adds a statement; any order of adding leads to the same (INV-6). True if anything changed.
    pub fn add(&mut self, statement: Statement) -> bool {
        let slot = if statement.kind == StatementKind::Steward {
            &mut self.steward
        } else {
            &mut self.source
        };
        if slot.is_some_and(|held| held >= statement) {
            return false;
        }
        *slot = Some(statement);
        true
    }

    /// What holds: a steward's word before a source's; nothing once withdrawn.
    pub fn in_force(&self) -> Option<Statement> {
        self.steward
            .filter(|s| s.verdict != Verdict::Withdrawn)
            .or(self.source)
            .filter(|s| s.verdict != Verdict::Withdrawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_model::Timestamp;

    fn said(at: i64, kind: StatementKind, verdict: Verdict) -> Statement {
        Statement {
            version: Version::new(Timestamp(at), 0, b""),
            kind,
            verdict,
        }
    }

    #[test]
    fn the_newest_of_the_highest_rank_holds_in_any_order() {
        let link = said(1, StatementKind::SourceLink, Verdict::Match);
        let unlink = said(2, StatementKind::SourceUnlink, Verdict::NoMatch);
        let never = said(1, StatementKind::Steward, Verdict::NoMatch);
        let withdrawn = said(3, StatementKind::Steward, Verdict::Withdrawn);
        let check = |statements: &[Statement], expected: Option<Statement>| {
            for reversed in [false, true] {
                let mut pair = PairStatements::new(RecordNumber(1));
                let mut order = statements.to_vec();
                if reversed {
                    order.reverse();
                }
                for statement in order {
                    pair.add(statement);
                }
                assert_eq!(pair.in_force(), expected);
            }
        };
        check(&[link], Some(link));
        check(&[link, unlink], Some(unlink));
        check(&[link, unlink, never], Some(never));
        check(&[link, never, withdrawn], Some(link));
    }
}
