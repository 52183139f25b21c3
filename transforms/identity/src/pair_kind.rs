//! What a pair of records can be: one person under several circumstances, or two people who have something in common.
//!
//! Fields are independent only within a kind. People who move change address and phone together, housemates share both,
//! a careless clerk errs in several fields at once: each such dependence is a kind, so that evidence counts once.

use serde::{Deserialize, Serialize};

/// How many kinds there are.
pub const PAIR_KINDS: usize = 8;

/// One kind of pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairKind {
    /// One person, living at one place.
    Settled,
    /// One person who moved: address, phone and e-mail change together.
    Moved,
    /// One person who changed the family name.
    Renamed,
    /// One person, written down carelessly: errors come together.
    Garbled,
    /// Two people who have nothing to do with each other.
    Strangers,
    /// Two people of one household.
    Housemates,
    /// Two children of one birth.
    Twins,
    /// Parent and child of one name.
    Namesakes,
}

impl PairKind {
    /// All kinds, in the order of a level's probabilities.
    pub const ALL: [Self; PAIR_KINDS] = [
        Self::Settled,
        Self::Moved,
        Self::Renamed,
        Self::Garbled,
        Self::Strangers,
        Self::Housemates,
        Self::Twins,
        Self::Namesakes,
    ];

    /// Its place in a level's probabilities.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// True where both records are one person.
    pub const fn is_one_person(self) -> bool {
        matches!(self, Self::Settled | Self::Moved | Self::Renamed | Self::Garbled)
    }

    /// True where two people share a home or a family.
    pub const fn is_household(self) -> bool {
        matches!(self, Self::Housemates | Self::Twins | Self::Namesakes)
    }

    /// The kind in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Settled => "one person",
            Self::Moved => "one person who moved",
            Self::Renamed => "one person who changed the family name",
            Self::Garbled => "one person, carelessly written down",
            Self::Strangers => "two strangers",
            Self::Housemates => "two members of one household",
            Self::Twins => "twins",
            Self::Namesakes => "parent and child of one name",
        }
    }
}
