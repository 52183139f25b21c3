//! What one source record brings to its person, and how that combines.

use crate::Evidence;
use panorama_model::{Person, SourceRecordKey, Timestamp, Version};
use std::collections::{BTreeMap, BTreeSet};

/// The demographics one source record brings.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberSummary {
    /// What the record says of the person, all its messages resolved.
    pub person: Person,
    /// When it last said so.
    pub version: Version,
    /// When the first message about it was received.
    pub first_seen_at: Timestamp,
    /// Probability of the link that holds it in its person, 0 to 1.
    pub link_probability: f64,
}

/// Everything a person's rows are made from.
///
/// - Shape: a map of members and a set of evidence; combining is union, the empty summary is neutral.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The source records, by key.
    pub members: BTreeMap<SourceRecordKey, MemberSummary>,
    /// What happened, in time order.
    pub evidence: BTreeSet<Evidence>,
}

impl Summary {
    /// The two as one. Associative, commutative, idempotent.
    #[must_use]
    pub fn combine(mut self, other: Self) -> Self {
        for (key, member) in other.members {
            match self.members.get(&key) {
                Some(known) if known.version >= member.version => {}
                _ => {
                    self.members.insert(key, member);
                }
            }
        }
        self.evidence.extend(other.evidence);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EvidenceKind;
    use panorama_model::RecordKind;
    use proptest::prelude::*;

    fn summary(parts: &[(u8, i64)]) -> Summary {
        let mut summary = Summary::default();
        for (member, at) in parts {
            let key = SourceRecordKey::new("ehr", RecordKind::Patient, member.to_string());
            let version = Version {
                at: Timestamp(*at),
                sequence: 0,
                content: 0,
            };
            let person = Person::default();
            let known = MemberSummary {
                person,
                version,
                first_seen_at: Timestamp(0),
                link_probability: 1.0,
            };
            summary = summary.combine(Summary {
                members: [(key, known)].into(),
                evidence: [Evidence::new(
                    Timestamp(*at),
                    EvidenceKind::Visit,
                    format!("{member}"),
                )]
                .into(),
            });
        }
        summary
    }

    proptest! {
        #[test]
        fn combining_is_a_commutative_idempotent_monoid(
            a in prop::collection::vec((0u8..4, 0i64..9), 0..6),
            b in prop::collection::vec((0u8..4, 0i64..9), 0..6),
            c in prop::collection::vec((0u8..4, 0i64..9), 0..6),
        ) {
            let (a, b, c) = (summary(&a), summary(&b), summary(&c));
            prop_assert_eq!(a.clone().combine(b.clone()).combine(c.clone()), a.clone().combine(b.clone().combine(c)));
            prop_assert_eq!(a.clone().combine(b.clone()), b.combine(a.clone()));
            prop_assert_eq!(a.clone().combine(a.clone()), a.clone());
            prop_assert_eq!(a.clone().combine(Summary::default()), a);
        }
    }
}
