//! Source records in state: what each says, laid over by version, and whose it is.

use crate::facts::Position;
use crate::spaces;
use panorama_api::{ConnectorError, Result, StateRead};
use panorama_identity::{Edge, PairStatements, Verdict};
use panorama_model::{Layers, Person, PersonId, SourceRecordKey, Timestamp, Version};
use serde::{Deserialize, Serialize};

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
    let key = record.to_be_bytes();
    let Some(mut found) = decode::<RecordState>(state.get(spaces::RECORDS, &key)?, "records")? else {
        return Ok(None);
    };
    if let Some(repeated) = decode::<Version>(state.get(spaces::RECORD_VERSIONS, &key)?, "record_versions")? {
        found.layers.renew(repeated);
    }
    Ok(Some(found))
}

/// A person's records, from committed state.
pub(crate) fn read_person(state: &dyn StateRead, person: PersonId) -> Result<Option<PersonEntry>> {
    decode(state.get(spaces::PERSONS, &person.0.to_be_bytes())?, "persons")
}

/// How sure it is that a record belongs to the person of `members`, from committed state: a function of the pairs as they
/// are now, not of how the record came there (INV-6). 1 where it is alone, or where a source or steward said so.
pub(crate) fn link_probability(state: &dyn StateRead, record: u64, members: &[u64]) -> Result<f64> {
    if members.len() < 2 {
        return Ok(1.0);
    }
    let key = record.to_be_bytes();
    let is_member = |other: u64| members.binary_search(&other).is_ok();
    let statements = state.get(spaces::IDENTITY_DECISIONS, &key)?;
    let statements = decode::<Vec<PairStatements>>(statements, "identity_decisions")?.unwrap_or_default();
    let is_stated = |pair: &PairStatements| {
        pair.in_force().is_some_and(|s| s.verdict == Verdict::Match) && is_member(pair.other.0)
    };
    if statements.iter().any(is_stated) {
        return Ok(1.0);
    }
    let edges = decode::<Vec<Edge>>(state.get(spaces::IDENTITY_EDGES, &key)?, "identity_edges")?;
    let weights = edges
        .into_iter()
        .flatten()
        .filter(|edge| is_member(edge.other.0))
        .map(|edge| edge.weight);
    Ok(weights.max().map_or(1.0, |weight| weight.probability()))
}

fn decode<T: serde::de::DeserializeOwned>(bytes: Option<Vec<u8>>, space: &'static str) -> Result<Option<T>> {
    let value = bytes.map(|b| postcard::from_bytes(&b)).transpose();
    value.map_err(|e| ConnectorError::fatal("read", space, e))
}
