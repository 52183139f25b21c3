//! Rows of current tables that are made here, kept in state until their partition is published and ever after, so that a
//! partition can be written again at any time.

use crate::current::{Dirty, RowKey};
use crate::project::Projection;
use crate::{spaces, table_number};
use panorama_api::{ConnectorError, Result, StateBatch, StateRead};
use panorama_model::Row;
use panorama_runtime::TypedSpace;
use panorama_tables::table::BUCKETS;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows kept in memory between epochs. They are wide, and seldom asked for again soon.
const CACHED_ROWS_MAX: usize = 4096;

/// The kept rows of all such tables.
pub(crate) struct Rows {
    rows: TypedSpace<RowKey, Vec<Row>>,
}

impl Rows {
    pub(crate) fn new(state: &Arc<dyn StateRead>) -> Self {
        Self {
            rows: TypedSpace::new(spaces::ROWS, Arc::clone(state), CACHED_ROWS_MAX),
        }
    }

    /// Sets the rows at a place; none takes them out.
    pub(crate) fn put(&mut self, place: RowKey, rows: Vec<Row>, dirty: &mut Dirty) -> Result<()> {
        let known = self.rows.get(place)?.is_some();
        match (known, rows.is_empty()) {
            (false, true) => return Ok(()),
            (true, true) => {
                self.rows.delete(place);
                dirty.removed(place);
            }
            (true, false) => {
                self.rows.put(place, rows);
                dirty.changed(place);
            }
            (false, false) => {
                self.rows.put(place, rows);
                dirty.appended(place);
            }
        }
        Ok(())
    }

    /// The first row at a place, if there is one.
    pub(crate) fn first(&mut self, place: RowKey) -> Result<Option<&Row>> {
        Ok(self.rows.get(place)?.and_then(|rows| rows.first()))
    }

    /// Changes the rows at a place, if there are any.
    pub(crate) fn edit(&mut self, place: RowKey, dirty: &mut Dirty, change: impl Fn(&mut Row)) -> Result<()> {
        if let Some(rows) = self.rows.get_mut(place)? {
            rows.iter_mut().for_each(change);
            dirty.changed(place);
        }
        Ok(())
    }

    /// Sets the rows of one person.
    pub(crate) fn project(&mut self, projection: Projection, dirty: &mut Dirty) -> Result<()> {
        let person = projection.person.0;
        let place = |table: u8| (table, (bucket(person), person));
        self.put(place(table_number::PATIENT_360), projection.patient_360, dirty)?;
        self.put(place(table_number::JOURNEY), projection.journey, dirty)
    }

    pub(crate) fn flush(&mut self, batch: &mut StateBatch) -> Result<()> {
        self.rows.flush(batch)
    }
}

/// The bucket of a row by the hash that names it.
pub(crate) fn bucket(hash: u128) -> i32 {
    i32::try_from((hash >> 64) % u128::from(BUCKETS)).unwrap_or(0)
}

/// Visits the doubtful pairs of committed state, decided ones too.
pub(crate) fn each_review(state: &dyn StateRead, mut take: impl FnMut(Row)) -> Result<()> {
    let mut broken = None;
    state.scan_prefix(spaces::ROWS, &[table_number::MATCH_REVIEW], &mut |_, value| {
        match postcard::from_bytes::<Vec<Row>>(value) {
            Ok(rows) => rows.into_iter().for_each(&mut take),
            Err(error) => {
                broken = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    broken.map_or(Ok(()), |error| {
        Err(ConnectorError::fatal("read", "match_review", error))
    })
}
