//! Source records in state: what each says, laid over by version, and whose it is.

use crate::facts::Position;
use crate::repetition::content_hash;
use crate::spaces;
use panorama_api::{ConnectorError, Result, Space, StateRead};
use panorama_identity::{Edge, PairStatements, Verdict};
use panorama_model::{Layers, Person, PersonId, SourceRecordKey, Timestamp, Version};
use panorama_runtime::{each_numbered, numbered};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// A source record as state keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecordState {
    /// Its key.
    pub key: SourceRecordKey,
    /// When the first message about it was received.
    pub first_seen_at: Timestamp,
    /// The newest message about its demographics.
    pub position: Position,
    /// A hash of what it says, standardized: identity is only asked again when it changes. `None`: not asked yet.
    pub standard_hash: Option<u64>,
    /// What it says.
    pub layers: Layers<Person>,
}

/// The only statement in force of a record, hashed: most messages repeat it, and all that is new then is the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastWord {
    /// When it was said last.
    pub version: Version,
    /// It says everything.
    pub complete: bool,
    /// A hash of what it says.
    pub content: u128,
}

impl RecordState {
    /// Its only statement in force, where identity knows of it.
    pub(crate) fn only_word(&self) -> Option<LastWord> {
        match self.layers.layers() {
            [only] if self.standard_hash.is_some() => Some(LastWord {
                version: only.version,
                complete: only.complete,
                content: content_hash(&only.content),
            }),
            _ => None,
        }
    }
}

impl LastWord {
    /// True where this repeats it, no earlier.
    pub(crate) fn is_repeated(&self, by: &Self) -> bool {
        by.version >= self.version && by.complete == self.complete && by.content == self.content
    }
}

/// The source records of one person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PersonEntry {
    /// Their numbers, ascending.
    pub members: Vec<u64>,
}

impl PersonEntry {
    pub(crate) fn insert(&mut self, record: u64) {
        if let Err(at) = self.members.binary_search(&record) {
            self.members.insert(at, record);
        }
    }

    pub(crate) fn remove(&mut self, record: u64) {
        if let Ok(at) = self.members.binary_search(&record) {
            self.members.remove(at);
        }
    }
}

/// A record, from committed state.
pub(crate) fn read_record(state: &dyn StateRead, record: u64) -> Result<Option<RecordState>> {
    let Some(mut found) = read_numbered::<RecordState>(state, spaces::RECORDS, record)? else {
        return Ok(None);
    };
    if let Some(last) = read::<LastWord>(state, spaces::LAST_WORDS, &record.to_be_bytes())? {
        found.layers.renew(last.version);
    }
    Ok(Some(found))
}

/// A person's records, from committed state.
pub(crate) fn read_person(state: &dyn StateRead, person: PersonId) -> Result<Option<PersonEntry>> {
    read(state, spaces::PERSONS, &person.0.to_be_bytes())
}

/// How sure it is that a record belongs to the person of `members`, from committed state: a function of the pairs as they
/// are now, not of how the record came there (INV-6). 1 where it is alone, or where a source or steward said so.
pub(crate) fn link_probability(state: &dyn StateRead, record: u64, members: &[u64]) -> Result<f64> {
    if members.len() < 2 {
        return Ok(1.0);
    }
    let is_member = |other: u64| members.binary_search(&other).is_ok();
    let statements: Vec<PairStatements> =
        read(state, spaces::IDENTITY_DECISIONS, &record.to_be_bytes())?.unwrap_or_default();
    let is_stated = |pair: &PairStatements| {
        pair.in_force().is_some_and(|s| s.verdict == Verdict::Match) && is_member(pair.other.0)
    };
    if statements.iter().any(is_stated) {
        return Ok(1.0);
    }
    let edges: Option<Vec<Edge>> = read_numbered(state, spaces::IDENTITY_EDGES, record)?;
    let weights = edges
        .into_iter()
        .flatten()
        .filter(|edge| is_member(edge.other.0))
        .map(|edge| edge.weight);
    Ok(weights.max().map_or(1.0, |weight| weight.probability()))
}

/// A value of committed state.
pub(crate) fn read<T: DeserializeOwned>(
    state: &dyn StateRead,
    space: Space,
    key: &[u8],
) -> Result<Option<T>> {
    decoded(space, state.get(space, key)?.as_deref())
}

/// What a space of numbered values has of a number, in committed state.
pub(crate) fn read_numbered<T: DeserializeOwned>(
    state: &dyn StateRead,
    space: Space,
    number: u64,
) -> Result<Option<T>> {
    decoded(space, numbered(state, space, number)?.as_deref())
}

fn decoded<T: DeserializeOwned>(space: Space, value: Option<&[u8]>) -> Result<Option<T>> {
    let value = value.map(postcard::from_bytes).transpose();
    value.map_err(|error| ConnectorError::fatal("read", space.0, error))
}

/// Visits the values of a space, ascending by key.
pub(crate) fn each<T: DeserializeOwned>(
    state: &dyn StateRead,
    space: Space,
    mut take: impl FnMut(T),
) -> Result<()> {
    let mut whole = Ok(());
    state.scan(space, &[], None, &mut |_, value| {
        taken(
            decoded(space, Some(value)).map(|value| value.into_iter().for_each(&mut take)),
            &mut whole,
        )
    })?;
    whole
}

/// Visits what a space of numbered values has of the numbers that are wanted, ascending.
pub(crate) fn each_record<T: DeserializeOwned>(
    state: &dyn StateRead,
    space: Space,
    wanted: impl Fn(u64) -> bool,
    mut take: impl FnMut(u64, T),
) -> Result<()> {
    let mut whole = Ok(());
    each_numbered(state, space, &mut |number, value| {
        if !wanted(number) {
            return ControlFlow::Continue(());
        }
        let value = decoded(space, Some(value));
        taken(
            value.map(|value| value.into_iter().for_each(|value| take(number, value))),
            &mut whole,
        )
    })?;
    whole
}

/// Goes on until something cannot be taken.
fn taken(took: Result<()>, whole: &mut Result<()>) -> ControlFlow<()> {
    if took.is_ok() {
        return ControlFlow::Continue(());
    }
    *whole = took;
    ControlFlow::Break(())
}
