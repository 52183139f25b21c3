//! The approved combinations, one row each, and which of them are in force.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of the proposal that the table states.
pub const RULES_VERSION: &str = "3.3.0";

/// One kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// F.
    FirstName,
    /// L.
    LastName,
    /// B.
    BirthDate,
    /// A: house number and street.
    StreetLine,
    /// Z.
    PostalCode,
    /// T.
    Phone,
    /// E.
    Email,
    /// S: the last four digits of the social security number.
    SocialSecurity,
    /// I: the last four digits of the individual taxpayer identification number.
    TaxpayerId,
    /// M: the Medicare beneficiary identifier.
    MedicareId,
    /// G: a government id with its issuing authority.
    GovernmentId,
    /// N: an identifier bound to a namespace.
    NamespaceId,
    /// P: a member id with its payer, dependent suffix included.
    MemberId,
    /// U: a subscriber id with its payer.
    SubscriberId,
}

impl Field {
    /// All fields, in the order of the proposal.
    pub const ALL: [Self; 14] = [
        Self::FirstName,
        Self::LastName,
        Self::BirthDate,
        Self::StreetLine,
        Self::PostalCode,
        Self::Phone,
        Self::Email,
        Self::SocialSecurity,
        Self::TaxpayerId,
        Self::MedicareId,
        Self::GovernmentId,
        Self::NamespaceId,
        Self::MemberId,
        Self::SubscriberId,
    ];

    /// The field a letter of the proposal stands for.
    const fn of_letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b'F' => Self::FirstName,
            b'L' => Self::LastName,
            b'B' => Self::BirthDate,
            b'A' => Self::StreetLine,
            b'Z' => Self::PostalCode,
            b'T' => Self::Phone,
            b'E' => Self::Email,
            b'S' => Self::SocialSecurity,
            b'I' => Self::TaxpayerId,
            b'M' => Self::MedicareId,
            b'G' => Self::GovernmentId,
            b'N' => Self::NamespaceId,
            b'P' => Self::MemberId,
            b'U' => Self::SubscriberId,
            _ => return None,
        })
    }
}

/// Some of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldSet(u16);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// One field.
    pub const fn of(field: Field) -> Self {
        Self(1 << field as u16)
    }

    /// The fields of either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The fields of this that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True where the other has all of these.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// How many.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// True where there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields in the order of the proposal.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL
            .into_iter()
            .filter(move |field| Self::of(*field).is_subset(self))
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }
}

/// The number of a combination in the proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CombinationId(pub u8);

impl fmt::Display for CombinationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// One row of the table: fields that, agreeing together, name one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combination {
    /// Its number.
    pub id: CombinationId,
    /// As the proposal writes it, `*` after a field that may be fuzzy.
    pub text: &'static str,
    /// The fields that must agree.
    pub fields: FieldSet,
    /// Those of them of which one may agree almost.
    pub fuzzy: FieldSet,
}

impl Combination {
    /// True where all its fields may be shared by one household.
    pub const fn is_household_unsafe(&self) -> bool {
        HOUSEHOLD_UNSAFE.0 <= self.id.0 && self.id.0 <= HOUSEHOLD_UNSAFE.1
    }
}

/// The first and last of the combinations of fields that a household shares: the proposal lists them, and its reviewers
/// warn of them. Off by default.
pub const HOUSEHOLD_UNSAFE: (u8, u8) = (33, 37);

/// All combinations, by number.
pub const COMBINATIONS: [Combination; 37] = [
    row(1, "F* L* B* A*"),
    row(2, "F L* B* T"),
    row(3, "F* L* B* E"),
    row(4, "F* L B S"),
    row(5, "F L* B S"),
    row(6, "F* L B I"),
    row(7, "F L* B I"),
    row(8, "F B M"),
    row(9, "F B G"),
    row(10, "L* B* G"),
    row(11, "F B T"),
    row(12, "F B E"),
    row(13, "L T S"),
    row(14, "L T I"),
    row(15, "L* E S"),
    row(16, "L* E I"),
    row(17, "F T S"),
    row(18, "F T I"),
    row(19, "F E S"),
    row(20, "F E I"),
    row(21, "T M"),
    row(22, "T G"),
    row(23, "E M"),
    row(24, "E G"),
    row(25, "G M"),
    row(26, "N"),
    row(27, "F B P"),
    row(28, "L* B* P"),
    row(29, "T P"),
    row(30, "E P"),
    row(31, "F* L B U"),
    row(32, "F L* B U"),
    row(33, "F* L* T Z"),
    row(34, "L T Z"),
    row(35, "L E Z"),
    row(36, "L* B T"),
    row(37, "L* A T"),
];

/// Reads a row; a test holds every row to its text.
const fn row(id: u8, text: &'static str) -> Combination {
    let (mut fields, mut fuzzy, mut last) = (FieldSet::EMPTY, FieldSet::EMPTY, FieldSet::EMPTY);
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if *byte == b'*' {
            fuzzy = fuzzy.with(last);
        } else if let Some(field) = Field::of_letter(*byte) {
            last = FieldSet::of(field);
            fields = fields.with(last);
        }
        rest = tail;
    }
    Combination {
        id: CombinationId(id),
        text,
        fields,
        fuzzy,
    }
}

/// Which combinations are in force. By default all but the household-unsafe ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bit n stands for combination n.
    enabled: u64,
}

impl Default for Rules {
    fn default() -> Self {
        COMBINATIONS
            .iter()
            .filter(|combination| !combination.is_household_unsafe())
            .fold(Self { enabled: 0 }, |rules, combination| {
                rules.with(combination.id)
            })
    }
}

impl Rules {
    /// These and one more. Numbers the proposal does not have add nothing.
    #[must_use]
    pub const fn with(self, id: CombinationId) -> Self {
        let known = id.0 >= 1 && id.0 as usize <= COMBINATIONS.len();
        Self {
            enabled: if known {
                self.enabled | 1 << id.0
            } else {
                self.enabled
            },
        }
    }

    /// These but one.
    #[must_use]
    pub const fn without(self, id: CombinationId) -> Self {
        Self {
            enabled: if id.0 < 64 {
                self.enabled & !(1 << id.0)
            } else {
                self.enabled
            },
        }
    }

    /// These and the household-unsafe ones.
    #[must_use]
    pub fn with_household_unsafe(self) -> Self {
        (HOUSEHOLD_UNSAFE.0..=HOUSEHOLD_UNSAFE.1).fold(self, |rules, id| rules.with(CombinationId(id)))
    }

    /// The combinations in force, by number.
    pub fn combinations(self) -> impl Iterator<Item = &'static Combination> {
        COMBINATIONS
            .iter()
            .filter(move |combination| self.enabled >> combination.id.0 & 1 == 1)
    }

    /// The combination of a number.
    pub fn combination(id: CombinationId) -> Option<&'static Combination> {
        COMBINATIONS.iter().find(|combination| combination.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_says_what_its_text_says() {
        for (place, combination) in (1..).zip(&COMBINATIONS) {
            assert_eq!(combination.id, CombinationId(place));
            let words: Vec<_> = combination.text.split(' ').collect();
            assert_eq!(
                words.len(),
                combination.fields.len() as usize,
                "{}",
                combination.text
            );
            let stars = combination.text.matches('*').count();
            assert_eq!(stars, combination.fuzzy.len() as usize, "{}", combination.text);
            assert!(combination.fuzzy.is_subset(combination.fields));
            for word in words {
                let field = FieldSet::of(Field::of_letter(word.as_bytes()[0]).unwrap());
                assert!(field.is_subset(combination.fields));
                assert_eq!(
                    field.is_subset(combination.fuzzy),
                    word.ends_with('*'),
                    "{}",
                    combination.text
                );
            }
        }
    }

    #[test]
    fn household_unsafe_rows_are_off_until_turned_on() {
        let ids = |rules: Rules| rules.combinations().map(|c| c.id.0).collect::<Vec<_>>();
        assert_eq!(ids(Rules::default()), (1..=32).collect::<Vec<_>>());
        assert_eq!(
            ids(Rules::default().with_household_unsafe()),
            (1..=37).collect::<Vec<_>>()
        );
        assert_eq!(
            ids(Rules::default().with(CombinationId(99))),
            ids(Rules::default())
        );
        let fewer = Rules::default().without(CombinationId(26));
        assert!(!ids(fewer).contains(&26) && ids(fewer).len() == 31);
        assert_eq!(CombinationId(4).to_string(), "04");
    }
}
