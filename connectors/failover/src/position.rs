//! Where a state stands in the journal, kept in the state itself.

use crate::FailoverError;
use panorama_api::{Result, Space, StateBatch, StateRead};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// How far state is, and the numbers of all claims.
pub const JOURNAL: Space = Space("journal");

const POSITION: &[u8] = b"position";
const CLAIM: u8 = b'c';

/// All entries before this one are in the state, and so many frames of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) entry: u64,
    pub(crate) frames: u64,
}

impl Position {
    pub(crate) fn read(state: &dyn StateRead) -> Result<Option<Self>> {
        let bytes = state.get(JOURNAL, POSITION)?;
        let position = bytes.map(|bytes| postcard::from_bytes(&bytes)).transpose();
        position.map_err(|_| FailoverError::Damaged.at("read", "position in the journal"))
    }

    pub(crate) fn write(self, batch: &mut StateBatch) -> Result<()> {
        let bytes = postcard::to_allocvec(&self);
        let bytes = bytes.map_err(|_| FailoverError::Damaged.at("write", "position in the journal"))?;
        batch.put(JOURNAL, POSITION, bytes);
        Ok(())
    }
}

/// Notes that an entry is a claim. Those stay in the journal for ever: a former owner, however late, finds its place taken.
pub(crate) fn note_claim(number: u64, batch: &mut StateBatch) {
    let mut key = vec![CLAIM];
    key.extend_from_slice(&number.to_be_bytes());
    batch.put(JOURNAL, key, []);
}

/// The entries that are claims.
pub(crate) fn claims(state: &dyn StateRead) -> Result<Vec<u64>> {
    let mut claims = Vec::new();
    state.scan_prefix(JOURNAL, &[CLAIM], &mut |key, _| {
        let number = key.get(1..).and_then(|number| number.try_into().ok());
        claims.extend(number.map(u64::from_be_bytes));
        ControlFlow::Continue(())
    })?;
    Ok(claims)
}
