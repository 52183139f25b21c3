//! Declared comparisons: how close the values of one field are, in levels the user names.

use super::field::Field;
use crate::comparison::{Compared, jaro_winkler, one_edit_apart, plain};
use crate::model::{ComparisonModel, Level};
use crate::pair_kind::PairKind;
use panorama_standardize::StandardPerson;
use serde::{Deserialize, Serialize};

/// When a pair of values falls into a level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelTest {
    /// They are the same.
    Exact,
    /// One letter was changed, added or lost, or two neighbours swapped.
    OneEdit,
    /// Their Jaro-Winkler similarity reaches so much.
    JaroWinklerMin(f64),
    /// They are numbers that differ by no more.
    DifferenceMax(u64),
    /// So many of their first characters are the same.
    Prefix(usize),
    /// Whatever is left: the last level of every comparison.
    Otherwise,
}

/// One level with its probabilities to start from; training learns those of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredLevel {
    /// The level's stable name.
    pub name: String,
    /// When a pair falls into it, if into none before.
    pub test: LevelTest,
    /// Probability where both are one person.
    pub m: f32,
    /// Probability where they are strangers.
    pub u: f32,
    /// Probability where they are two of one household; as for strangers where not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub household: Option<f32>,
    /// What it means, in words for a steward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

/// One more comparison, over the values of one field: the best level that any value of one side and any of the other reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredComparison {
    /// The comparison's stable name.
    pub name: String,
    /// What is compared.
    pub field: Field,
    /// Its levels, the closest first.
    pub levels: Vec<DeclaredLevel>,
}

impl DeclaredComparison {
    /// The comparison's part of a model that has not learned it yet.
    pub fn model(&self) -> ComparisonModel {
        let level = |level: &DeclaredLevel| Level {
            name: level.name.clone(),
            probabilities: PairKind::ALL.map(|kind| match kind {
                kind if kind.is_one_person() => level.m,
                kind if kind.is_household() => level.household.unwrap_or(level.u),
                _ => level.u,
            }),
        };
        ComparisonModel {
            name: self.name.clone(),
            levels: self.levels.iter().map(level).collect(),
        }
    }
}

/// A comparison ready for use.
#[derive(Clone, Debug)]
pub(crate) struct ReadyComparison {
    pub(crate) name: String,
    /// Name and words of each level.
    pub(crate) levels: Vec<(String, String)>,
    field: Field,
    tests: Vec<LevelTest>,
}

impl ReadyComparison {
    pub(super) fn new(comparison: &DeclaredComparison) -> Self {
        let level = |level: &DeclaredLevel| {
            let words = level.words.clone();
            (level.name.clone(), words.unwrap_or_else(|| level.test.words()))
        };
        Self {
            name: comparison.name.clone(),
            levels: comparison.levels.iter().map(level).collect(),
            field: comparison.field.clone(),
            tests: comparison.levels.iter().map(|level| level.test).collect(),
        }
    }

    /// Sorts a pair into a level; `None` where either side has no value. Symmetric.
    pub(crate) fn compare(&self, a: &StandardPerson, b: &StandardPerson) -> Option<Compared<'static>> {
        let (x, y) = (self.field.values(a), self.field.values(b));
        if x.is_empty() || y.is_empty() {
            return None;
        }
        let holds = |test: &LevelTest| x.iter().any(|x| y.iter().any(|y| test.holds(x, y)));
        self.tests.iter().position(holds).and_then(plain)
    }
}

impl LevelTest {
    fn holds(self, x: &str, y: &str) -> bool {
        match self {
            Self::Exact => x == y,
            Self::OneEdit => x == y || one_edit_apart(x, y),
            Self::JaroWinklerMin(min) => jaro_winkler(x, y) >= min,
            Self::DifferenceMax(max) => {
                let numbers = x.parse::<u64>().ok().zip(y.parse::<u64>().ok());
                numbers.is_some_and(|(x, y)| x.abs_diff(y) <= max)
            }
            Self::Prefix(characters) => {
                let same = x.chars().zip(y.chars()).take_while(|(x, y)| x == y);
                same.take(characters).count() == characters
            }
            Self::Otherwise => true,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Exact => "the same".to_owned(),
            Self::OneEdit => "one letter apart, or two neighbours swapped".to_owned(),
            Self::JaroWinklerMin(min) => format!("similar ({min} or more)"),
            Self::DifferenceMax(max) => format!("at most {max} apart"),
            Self::Prefix(characters) => format!("the same first {characters}"),
            Self::Otherwise => "different".to_owned(),
        }
    }
}
