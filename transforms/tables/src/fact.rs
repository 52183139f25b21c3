//! Fact rows: the columns every fact table shares, around the fact's own.

use crate::cell::Cell;
use panorama_model::{Row, Timestamp};

/// Where a row comes from: its source record and the newest message that contributed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The configured source id.
    pub source: &'a str,
    /// The source's id of the record the fact hangs on.
    pub source_record_id: &'a str,
    /// The authority that issued that id; empty where the source has one only.
    pub assigning_authority: &'a str,
    /// What kind of record it is.
    pub record_kind: &'a str,
    /// Topic of the newest contributing message (`raw.<source>`).
    pub topic: &'a str,
    /// Its partition.
    pub message_partition: i64,
    /// Its offset.
    pub message_offset: i64,
}

/// One fact on its way into its table.
#[derive(Clone, Copy)]
pub struct FactRow<'a> {
    /// The fact's id within its source.
    pub id: &'a str,
    /// The person it belongs to, as text; none for providers and for records of nobody yet.
    pub person_id: Option<&'a str>,
    /// Its own cells, by the index of the fact table's schema.
    pub row: &'a Row,
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// When the source said so.
    pub source_updated_at: Timestamp,
    /// Undone by its source.
    pub is_deleted: bool,
    /// When the pipeline last changed the row: the time of the epoch.
    pub updated_at: Timestamp,
}

impl<'a> FactRow<'a> {
    /// The cells before the fact's own.
    pub(crate) fn head(&self) -> [Cell<'a>; 2] {
        [Cell::Text(self.id), self.person_id.into()]
    }

    /// The cells behind the fact's own, in the order of [`crate::table`]'s common columns.
    pub(crate) fn tail(&self) -> [Cell<'a>; 10] {
        let origin = &self.origin;
        let authority = Some(origin.assigning_authority).filter(|text| !text.is_empty());
        [
            Cell::Text(origin.source),
            Cell::Text(origin.source_record_id),
            authority.into(),
            Cell::Text(origin.record_kind),
            Cell::Text(origin.topic),
            Cell::Int(origin.message_partition),
            Cell::Int(origin.message_offset),
            Cell::Time(self.source_updated_at),
            Cell::Bool(self.is_deleted),
            Cell::Time(self.updated_at),
        ]
    }
}
