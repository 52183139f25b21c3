//! Issued identifiers: the same number of the same authority, or another number where a person has one only.

use super::{Compared, Comparison, LevelSpec, level, plain};
use panorama_model::IdentifierKind;
use panorama_standardize::{StandardIdentifier, StandardPerson};

/// The comparison.
pub(super) static IDENTIFIERS: Comparison = Comparison {
    name: "identifiers",
    words: "issued identifiers",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "exact",
        "the same identifier of the same authority",
        [0.8, 0.8, 0.8, 0.8],
        [0.000_000_01, 0.000_5, 0.001, 0.001],
    ),
    level(
        "family",
        "the same plan member number",
        [0.1, 0.1, 0.1, 0.1],
        [0.000_000_1, 0.4, 0.5, 0.4],
    ),
    level(
        "conflict",
        "two record numbers of one authority",
        [0.1, 0.1, 0.1, 0.1],
        [0.999_9, 0.599_5, 0.499, 0.599],
    ),
];

/// True for what an authority issues to one person: the evidence that joins by itself.
pub(crate) const fn is_strong(kind: IdentifierKind) -> bool {
    matches!(
        kind,
        IdentifierKind::MedicalRecord
            | IdentifierKind::Patient
            | IdentifierKind::Crm
            | IdentifierKind::DriverLicense
            | IdentifierKind::Passport
            | IdentifierKind::National
            | IdentifierKind::Npi
    )
}

/// True for what may find candidates: strong, or shared by a family only, or of an unsaid kind with a named authority.
pub(crate) fn is_findable(identifier: &StandardIdentifier) -> bool {
    is_strong(identifier.kind)
        || identifier.kind == IdentifierKind::Member
        || identifier.kind == IdentifierKind::Other && !identifier.authority.is_empty()
}

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    let (mut family, mut conflict) = (false, false);
    for x in a.identifiers.iter().filter(|i| is_findable(i)) {
        for y in b.identifiers.iter().filter(|i| is_findable(i)) {
            if x.authority != y.authority {
                continue;
            }
            if x.value == y.value {
                if is_strong(x.kind) && is_strong(y.kind) {
                    return plain(0);
                }
                family = true;
            } else if x.kind == IdentifierKind::MedicalRecord && y.kind == x.kind {
                conflict = true;
            }
        }
    }
    match (family, conflict) {
        (true, _) => plain(1),
        (false, true) => plain(2),
        (false, false) => None,
    }
}
