//! What a responder says, and the audit of why.

use super::agreement::{CombinationMatch, satisfied};
use super::combinations::{CombinationId, Field, RULES_VERSION, Rules};
use super::profile::Profile;
use panorama_model::Text;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// How many candidates a query has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uniqueness {
    /// None.
    None,
    /// Exactly one.
    One,
    /// Two.
    Two,
    /// Three or more, or so many to look at that nobody counted.
    Many,
}

/// What the responder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Says that it knows nobody.
    NoMatch,
    /// Answers with the one candidate.
    Answer,
    /// May ask for more attributes.
    AskForMore,
    /// Asks for stricter evidence, and tells nothing.
    Stricter,
}

/// How well the fields of a combination agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// All exactly.
    Exact,
    /// One of them almost.
    Fuzzy(Field),
}

/// One person of the population that fulfils a combination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate<S> {
    /// Who.
    pub subject: S,
    /// The combinations, exact ones first, then by number. Never empty.
    pub matches: SmallVec<[CombinationMatch; 4]>,
}

/// The responder's decision about one query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response<S> {
    /// The persons who fulfil a combination. All combinations count together: where one names a person and another
    /// names two, nobody is unique.
    pub candidates: Vec<Candidate<S>>,
    /// How many there are.
    pub uniqueness: Uniqueness,
}

/// Why one candidate came up: one row of the log of decisions. Names fields, holds no values (INV-8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The version of the proposal.
    pub rules_version: Text,
    /// The combination's number.
    pub combination: CombinationId,
    /// Exact or fuzzy, and where.
    pub grade: Grade,
    /// The identifiers used: the combination's fields.
    pub identifiers: Vec<Field>,
    /// True where the combination rests on what households share.
    pub household_unsafe: bool,
    /// How many candidates the query had.
    pub uniqueness: Uniqueness,
    /// What the responder does.
    pub action: Action,
}

impl<S> Response<S> {
    /// The decision about candidates; `crowded` where there may be more of them than were looked at.
    pub(super) fn of(candidates: Vec<Candidate<S>>, crowded: bool) -> Self {
        let uniqueness = match candidates.len() {
            _ if crowded => Uniqueness::Many,
            0 => Uniqueness::None,
            1 => Uniqueness::One,
            2 => Uniqueness::Two,
            _ => Uniqueness::Many,
        };
        Self {
            candidates,
            uniqueness,
        }
    }

    /// What the responder does.
    pub const fn action(&self) -> Action {
        match self.uniqueness {
            Uniqueness::None => Action::NoMatch,
            Uniqueness::One => Action::Answer,
            Uniqueness::Two => Action::AskForMore,
            Uniqueness::Many => Action::Stricter,
        }
    }

    /// The one candidate, where there is exactly one.
    pub fn answer(&self) -> Option<&S> {
        match (self.uniqueness, self.candidates.as_slice()) {
            (Uniqueness::One, [only]) => Some(&only.subject),
            _ => None,
        }
    }

    /// The audit: one row for each combination of each candidate, the strongest of a candidate first.
    pub fn audits(&self) -> impl Iterator<Item = (&S, Audit)> {
        let rows = self.candidates.iter().flat_map(|candidate| {
            let matches = candidate.matches.iter();
            matches.map(move |found| (&candidate.subject, *found))
        });
        rows.filter_map(|(subject, found)| Some((subject, self.audit(found)?)))
    }

    fn audit(&self, found: CombinationMatch) -> Option<Audit> {
        let combination = Rules::combination(found.combination)?;
        Some(Audit {
            rules_version: Text::new_static(RULES_VERSION),
            combination: found.combination,
            grade: found.fuzzy.map_or(Grade::Exact, Grade::Fuzzy),
            identifiers: combination.fields.iter().collect(),
            household_unsafe: combination.is_household_unsafe(),
            uniqueness: self.uniqueness,
            action: self.action(),
        })
    }
}

/// Asks every person of a small population. [`super::Index`] gives the same answer of a large one.
pub fn respond<'a, S>(
    rules: Rules,
    query: &Profile,
    population: impl IntoIterator<Item = (S, &'a Profile)>,
) -> Response<S> {
    let candidates = population.into_iter().filter_map(|(subject, profile)| {
        let matches = satisfied(rules, query, profile);
        (!matches.is_empty()).then_some(Candidate { subject, matches })
    });
    Response::of(candidates.collect(), false)
}
