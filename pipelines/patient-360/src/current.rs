//! Current tables: which partitions of which tables have changed since they were last published.
//!
//! A partition whose only change is new rows is appended to; any other change replaces it. What is dirty survives a
//! crash in the outbox, by partition: after a restart a dirty partition is always replaced, which is right either way.

use crate::spaces;
use hashbrown::{HashMap, HashSet};
use panorama_api::{Result, StateBatch, StateRead};
use panorama_runtime::StateKey;
use std::ops::ControlFlow;

/// A row's place: table number, partition, and 128 bits of its key.
pub(crate) type RowKey = (u8, (i32, u128));

/// A fact's place: table number, partition, and its number.
pub(crate) type FactKey = (u8, (i32, u64));

/// Changed partitions, by table, ascending.
pub(crate) type TableChanges = Vec<(u8, Vec<(i32, Change)>)>;

/// The partition of rows that have no date.
pub(crate) const PARTITION_UNKNOWN: i32 = i32::MIN;

/// How a partition has changed since it was last published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Only new rows: these.
    Appended(HashSet<u128>),
    /// Only new facts: those with this number and all after it.
    AppendedFrom(u64),
    /// Anything else.
    Changed,
}

/// The partitions to publish.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    partitions: HashMap<(u8, i32), Change>,
    /// Partitions touched in this epoch, to be noted in the outbox.
    touched: HashSet<(u8, i32)>,
    rows: usize,
    /// The number from which on facts were filed after the last publication was begun.
    new_facts_from: u64,
}

impl Dirty {
    /// What a crash left unpublished of some tables. Facts filed from now on have `next_fact` and the numbers after it.
    pub(crate) fn recover(state: &dyn StateRead, next_fact: u64, of: impl Fn(u8) -> bool) -> Result<Self> {
        let mut dirty = Self {
            new_facts_from: next_fact,
            ..Self::default()
        };
        #[cfg(feature = "planted-bugs")]
        if panorama_api::is_planted("forget-outbox") {
            return Ok(dirty);
        }
        state.scan(spaces::OUTBOX, &[], None, &mut |key, _| {
            if let Some((table, partition)) = read_outbox_key(key).filter(|(table, _)| of(*table)) {
                dirty.partitions.insert((table, partition), Change::Changed);
            }
            ControlFlow::Continue(())
        })?;
        Ok(dirty)
    }

    /// A row was added that was never published.
    pub(crate) fn appended(&mut self, (table, (partition, row)): RowKey) {
        self.touched.insert((table, partition));
        let change = self
            .partitions
            .entry((table, partition))
            .or_insert_with(|| Change::Appended(HashSet::new()));
        if let Change::Appended(rows) = change {
            rows.insert(row);
            self.rows += 1;
        }
    }

    /// A row was changed. If it has not been published yet, it is still an append.
    pub(crate) fn changed(&mut self, (table, (partition, row)): RowKey) {
        self.touched.insert((table, partition));
        match self.partitions.get_mut(&(table, partition)) {
            Some(Change::Appended(rows)) if rows.contains(&row) => {}
            _ => {
                self.partitions.insert((table, partition), Change::Changed);
            }
        }
    }

    /// A row left its partition. If it was not published yet, nothing needs to be taken out.
    pub(crate) fn removed(&mut self, (table, (partition, row)): RowKey) {
        self.touched.insert((table, partition));
        if let Some(Change::Appended(rows)) = self.partitions.get_mut(&(table, partition))
            && rows.remove(&row)
        {
            return;
        }
        self.partitions.insert((table, partition), Change::Changed);
    }

    /// A fact was filed at the end of a partition.
    pub(crate) fn fact_appended(&mut self, (table, (partition, _)): FactKey) {
        self.touched.insert((table, partition));
        self.partitions
            .entry((table, partition))
            .or_insert(Change::AppendedFrom(self.new_facts_from));
    }

    /// A fact was changed. If it has not been published yet, it is still an append.
    pub(crate) fn fact_changed(&mut self, (table, (partition, number)): FactKey) {
        self.touched.insert((table, partition));
        if number < self.new_facts_from {
            self.partitions.insert((table, partition), Change::Changed);
        } else {
            // Known unpublished, unless a restart made all of its partition count as changed.
            self.partitions
                .entry((table, partition))
                .or_insert(Change::AppendedFrom(self.new_facts_from));
        }
    }

    /// A fact left its partition. If it was not published yet, nothing needs to be taken out.
    pub(crate) fn fact_removed(&mut self, key: FactKey) {
        self.fact_changed(key);
    }

    /// Rows waiting to be appended: they cost memory, so they bound how long publishing may wait (INV-9).
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// True where there is nothing to publish.
    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Notes in the epoch's batch which partitions this epoch touched.
    pub(crate) fn note(&mut self, epoch: u64, batch: &mut StateBatch) {
        for (table, partition) in self.touched.drain() {
            batch.put(spaces::OUTBOX, outbox_key(table, partition), epoch.to_be_bytes());
        }
    }

    /// Takes everything there is to publish, by table, partitions ascending. Facts filed from now on have `next_fact` and
    /// the numbers after it.
    pub(crate) fn take(&mut self, next_fact: u64) -> TableChanges {
        self.rows = 0;
        self.new_facts_from = next_fact;
        let mut tables = TableChanges::new();
        let mut all: Vec<_> = self.partitions.drain().collect();
        all.sort_by_key(|(place, _)| *place);
        for ((table, partition), change) in all {
            match tables.last_mut().filter(|(last, _)| *last == table) {
                Some((_, partitions)) => partitions.push((partition, change)),
                None => tables.push((table, vec![(partition, change)])),
            }
        }
        tables
    }
}

/// Removes from the outbox what is published up to `epoch`, unless a later epoch has touched it again.
pub(crate) fn forget_published(
    state: &dyn StateRead,
    published: &[(u8, i32)],
    epoch: u64,
    batch: &mut StateBatch,
) -> Result<()> {
    for (table, partition) in published {
        let key = outbox_key(*table, *partition);
        let touched = state
            .get(spaces::OUTBOX, &key)?
            .and_then(|v| v.try_into().ok())
            .map(u64::from_be_bytes);
        if touched.is_some_and(|touched| touched <= epoch) {
            batch.delete(spaces::OUTBOX, key);
        }
    }
    Ok(())
}

/// The key under which a partition is kept in the outbox; also the prefix of its rows.
pub(crate) fn outbox_key(table: u8, partition: i32) -> Vec<u8> {
    let mut key = Vec::with_capacity(5);
    table.bytes(&mut key);
    partition.bytes(&mut key);
    key
}

pub(crate) fn read_outbox_key(key: &[u8]) -> Option<(u8, i32)> {
    let (table, partition) = key.split_first()?;
    let bits = u32::from_be_bytes(partition.try_into().ok()?) ^ 0x8000_0000;
    Some((*table, bits.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_was_never_published_stays_an_append_whatever_happens_to_it() {
        let mut dirty = Dirty::default();
        dirty.appended((1, (7, 100)));
        dirty.changed((1, (7, 100)));
        dirty.appended((1, (7, 101)));
        dirty.removed((1, (7, 101)));
        assert_eq!(
            dirty.take(0),
            vec![(1, vec![(7, Change::Appended([100].into()))])]
        );
        dirty.appended((1, (7, 102)));
        dirty.changed((1, (7, 100)));
        assert_eq!(dirty.take(0), vec![(1, vec![(7, Change::Changed)])]);
    }

    #[test]
    fn facts_filed_since_the_last_publication_are_the_end_of_their_partition() {
        let mut dirty = Dirty::default();
        dirty.fact_appended((1, (7, 0)));
        dirty.fact_appended((1, (7, 1)));
        dirty.fact_changed((1, (7, 0)));
        assert_eq!(dirty.take(2), vec![(1, vec![(7, Change::AppendedFrom(0))])]);
        dirty.fact_appended((1, (7, 2)));
        dirty.fact_removed((1, (7, 2)));
        dirty.fact_appended((1, (8, 3)));
        dirty.fact_changed((1, (9, 1)));
        let expected = vec![
            (7, Change::AppendedFrom(2)),
            (8, Change::AppendedFrom(2)),
            (9, Change::Changed),
        ];
        assert_eq!(dirty.take(4), vec![(1, expected)]);
        dirty.fact_appended((1, (7, 4)));
        dirty.fact_changed((1, (7, 2)));
        assert_eq!(dirty.take(5), vec![(1, vec![(7, Change::Changed)])]);
    }

    #[test]
    fn outbox_keys_read_back_and_sort_by_partition() {
        for partition in [i32::MIN, -1, 0, 5, i32::MAX] {
            assert_eq!(read_outbox_key(&outbox_key(3, partition)), Some((3, partition)));
        }
        assert!(outbox_key(3, -1) < outbox_key(3, 0));
    }
}
