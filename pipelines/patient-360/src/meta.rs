//! The small things of state: the epoch, the next record number, positions, the publication under way.

use crate::spaces;
use panorama_api::{ConnectorError, Result, StateBatch, StateRead};
use panorama_model::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const META_KEY: &[u8] = b"meta";

/// (topic, partition) -> offset.
pub(crate) type Positions = BTreeMap<(Text, u32), u64>;

/// What the last epoch left behind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// The last durable epoch.
    pub epoch: u64,
    /// The number the next source record gets; also how many there are.
    pub next_record: u64,
    /// The number the next fact gets where it is filed.
    pub next_fact: u64,
    /// The last of identity's rising sequence.
    pub identity_sequence: u64,
    /// Persons known.
    pub persons: u64,
    /// The model under which records were matched.
    pub matched_under: Matched,
    /// Messages decoded since the beginning.
    pub decoded: u64,
    /// Messages quarantined since the beginning.
    pub quarantined: u64,
    /// The publication that was begun last, done or not.
    pub publication: Publication,
    /// Up to where `raw_messages` is published.
    pub raw_published: Positions,
}

/// Under which model records were matched, and how far a change of models has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matched {
    /// A hash of the model. 0: none yet.
    pub model: u64,
    /// Records below this number are matched under it.
    pub until: u64,
}

/// One publication: all tables are brought to the state of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Publication {
    /// The epoch whose state is published. 0: none yet.
    pub epoch: u64,
    /// Up to where `raw_messages` is published by it.
    pub raw_until: Positions,
    /// All tables have it.
    pub done: bool,
}

impl Meta {
    /// What the last epoch left behind, or a beginning.
    pub(crate) fn read(state: &dyn StateRead) -> Result<Self> {
        let bytes = state.get(spaces::META, META_KEY)?;
        let meta = bytes.map(|b| postcard::from_bytes(&b)).transpose();
        Ok(meta
            .map_err(|e| ConnectorError::fatal("read", "state meta", e))?
            .unwrap_or_default())
    }

    /// Writes it as part of an epoch.
    pub(crate) fn write(&self, batch: &mut StateBatch) -> Result<()> {
        let bytes =
            postcard::to_allocvec(self).map_err(|e| ConnectorError::fatal("encode", "state meta", e))?;
        batch.put(spaces::META, META_KEY, bytes);
        Ok(())
    }
}

/// Where processing goes on, by topic and partition.
pub(crate) fn read_positions(state: &dyn StateRead) -> Result<Positions> {
    let mut positions = Positions::new();
    state.scan(spaces::POSITIONS, &[], None, &mut |key, value| {
        let place: Option<(Text, u32)> = postcard::from_bytes(key).ok();
        let offset = value.try_into().ok().map(u64::from_be_bytes);
        if let (Some(place), Some(offset)) = (place, offset) {
            positions.insert(place, offset);
        }
        ControlFlow::Continue(())
    })?;
    Ok(positions)
}

/// Writes, as part of an epoch, where processing goes on.
pub(crate) fn write_positions(positions: &Positions, batch: &mut StateBatch) -> Result<()> {
    for (place, offset) in positions {
        let key =
            postcard::to_allocvec(place).map_err(|e| ConnectorError::fatal("encode", "positions", e))?;
        batch.put(spaces::POSITIONS, key, offset.to_be_bytes());
    }
    Ok(())
}
