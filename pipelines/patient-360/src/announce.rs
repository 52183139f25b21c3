//! Telling other systems what a publication changed: persons, source records, events of identity, as JSON in topics that keep
//! the newest message of each key.
//!
//! What was told of a row is kept, hashed, beside the state: a row that was only made again is not told again, and one that
//! is gone is taken back. Before something is told, what was told of it counts as unknown, durably: whoever goes on after a
//! crash between telling and noting tells it again, or takes it back.

use crate::current::{Change, outbox_key};
use crate::render::partition_write;
use crate::{spaces, table_number};
use arrow::array::RecordBatch;
use panorama_api::{
    Announcement, Announcer, ConnectorError, Result, Shutdown, StateBatch, StateRead, StateStore,
};
use panorama_runtime::{Metrics, RetryPolicy, with_retries};
use panorama_tables::table::{identity_events, patient_360};
use panorama_tables::{Definition, row_json};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128, xxh3_128_with_seed};

/// A table whose rows are told.
pub(crate) struct Told {
    pub table: u8,
    pub topic: &'static str,
    /// What a message is, and the name of its row in it.
    pub what: &'static str,
    key: Key,
    /// Whether a row that is gone is taken back. Events are not: they have happened.
    taken_back: bool,
}

/// What a message is about.
enum Key {
    /// The event itself: under its person's key it would take the person's place when the topic is compacted.
    Event,
    /// The person: what is told last of one stays.
    Person,
    /// The source record, by a hash whose key is the pipeline's name (INV-8).
    Record,
}

/// In this order: what happened, then what is so.
pub(crate) const TOLD: &[Told] = &[
    Told {
        table: table_number::IDENTITY_EVENTS,
        topic: "changes",
        what: "identity_event",
        key: Key::Event,
        taken_back: false,
    },
    Told {
        table: table_number::PATIENT_360,
        topic: "changes",
        what: "person",
        key: Key::Person,
        taken_back: true,
    },
    Told {
        table: table_number::PATIENT_IDENTITY,
        topic: "records",
        what: "record",
        key: Key::Record,
        taken_back: true,
    },
];

/// Columns that name a source record.
const RECORD_KEY: [&str; 4] = ["source", "record_kind", "assigning_authority", "source_record_id"];

/// Changes told at once, and their bytes (INV-9). More: fewer waits for the state and the brokers; fewer: less memory.
const AT_ONCE: usize = 10_000;
const BYTES_AT_ONCE: usize = 8 << 20;

/// The hash of a row of which it is not known what was told.
const UNKNOWN: u64 = 0;

/// What is told, and to whom.
pub(crate) struct Changes<'a> {
    pub announcer: &'a dyn Announcer,
    pub store: &'a dyn StateStore,
    pub pipeline: &'a str,
    pub metrics: &'a Metrics,
    pub shutdown: &'a Shutdown,
}

/// Tells what changed in some partitions as of an epoch; returns what to note of it once it is durable.
pub(crate) async fn tell(
    changes: &Changes<'_>,
    state: &Arc<dyn StateRead>,
    epoch: u64,
    changed: &[(u8, Vec<(i32, Change)>)],
) -> Result<StateBatch> {
    let mut telling = Telling::default();
    for told in TOLD {
        let Some(definition) = table_number::definition(told.table) else {
            continue;
        };
        let partitions = if is_first(&**state, told.table)? {
            all_partitions(&**state, told.table)?
        } else {
            let of_table = changed.iter().filter(|(table, _)| *table == told.table);
            of_table.flat_map(|(_, partitions)| partitions.clone()).collect()
        };
        for (partition, change) in partitions {
            let batches = partition_write(state, told.table, definition, partition, &change).batches;
            let mut stretch = Stretch {
                told,
                definition,
                pipeline: changes.pipeline,
                epoch,
                prefix: outbox_key(told.table, partition),
                before: BTreeMap::new(),
            };
            if change == Change::Changed {
                stretch.before = told_before(&**state, &stretch.prefix)?;
            }
            for batch in batches {
                stretch.rows(&batch?, &mut telling)?;
                if telling.count >= AT_ONCE || telling.bytes >= BYTES_AT_ONCE {
                    changes.send(&mut telling).await?;
                }
            }
            stretch.gone(&mut telling);
        }
    }
    changes.send(&mut telling).await?;
    Ok(telling.notes)
}

/// Changes on their way.
#[derive(Default)]
struct Telling {
    /// By topic, in order.
    messages: Vec<(&'static str, Vec<Announcement>)>,
    count: usize,
    bytes: usize,
    /// What was told of rows is unknown from now on.
    doubts: StateBatch,
    /// What was told of them, once it is.
    notes: StateBatch,
}

impl Telling {
    fn add(&mut self, topic: &'static str, name: &[u8], message: Announcement) {
        self.doubts.put(
            spaces::ANNOUNCED,
            name,
            [&UNKNOWN.to_be_bytes(), message.key.as_bytes()].concat(),
        );
        self.count += 1;
        self.bytes += message.key.len() + message.value.as_deref().map_or(0, <[u8]>::len);
        match self.messages.last_mut() {
            Some((last, messages)) if *last == topic => messages.push(message),
            _ => self.messages.push((topic, vec![message])),
        }
    }
}

impl Changes<'_> {
    /// Tells what waits. First everybody who could go on after us must know of it.
    async fn send(&self, telling: &mut Telling) -> Result<()> {
        if telling.count == 0 {
            return Ok(());
        }
        self.store.commit(std::mem::take(&mut telling.doubts))?;
        self.store.share()?;
        for (topic, messages) in telling.messages.drain(..) {
            with_retries(RetryPolicy::default(), self.shutdown, topic, || {
                self.announcer.announce(topic, messages.clone())
            })
            .await?;
            self.metrics
                .announced
                .get_or_create(&Metrics::label("topic", topic))
                .inc_by(messages.len() as u64);
        }
        (telling.count, telling.bytes) = (0, 0);
        Ok(())
    }
}

/// One partition on its way.
struct Stretch<'a> {
    told: &'static Told,
    definition: &'static Definition,
    pipeline: &'a str,
    epoch: u64,
    prefix: Vec<u8>,
    /// What was told of rows that were not met yet: by row, the hash and the message's key.
    before: BTreeMap<u128, (u64, String)>,
}

impl Stretch<'_> {
    /// Adds the rows that are not as they were told.
    fn rows(&mut self, batch: &RecordBatch, telling: &mut Telling) -> Result<()> {
        for at in 0..batch.num_rows() {
            let mut row = row_json(batch, at);
            if let Some(partition) = self.definition.partition {
                row.remove(partition.column);
            }
            let key = self.key(&row);
            let name = xxh3_128(key.as_bytes());
            let hash = hash_of(&row)?;
            if self.before.remove(&name).is_some_and(|(known, _)| known == hash) {
                continue;
            }
            let name = self.name(name);
            let note = [&hash.to_be_bytes(), key.as_bytes()].concat();
            telling.notes.put(spaces::ANNOUNCED, &name, note);
            let message: Map<String, Value> = [
                ("type".to_owned(), Value::from(self.told.what)),
                ("epoch".to_owned(), Value::from(self.epoch)),
                (self.told.what.to_owned(), Value::Object(row)),
            ]
            .into_iter()
            .collect();
            let value = serde_json::to_vec(&message).map_err(broken)?.into();
            let value = Some(value);
            telling.add(self.told.topic, &name, Announcement { key, value });
        }
        Ok(())
    }

    /// Takes back what was told of rows that are no more.
    fn gone(mut self, telling: &mut Telling) {
        if !self.told.taken_back {
            return;
        }
        for (name, (_, key)) in std::mem::take(&mut self.before) {
            let name = self.name(name);
            telling.notes.delete(spaces::ANNOUNCED, &name);
            telling.add(self.told.topic, &name, Announcement { key, value: None });
        }
    }

    /// Where it is noted what was told of a row.
    fn name(&self, row: u128) -> Vec<u8> {
        [self.prefix.as_slice(), &row.to_be_bytes()].concat()
    }

    fn key(&self, row: &Map<String, Value>) -> String {
        let text = |column: &str| row.get(column).and_then(Value::as_str).unwrap_or_default();
        match self.told.key {
            Key::Event => text(identity_events::EVENT_ID.name).to_owned(),
            Key::Person => text(patient_360::PERSON_ID.name).to_owned(),
            Key::Record => {
                let name = RECORD_KEY.map(text).join("\u{0}");
                format!(
                    "{:032x}",
                    xxh3_128_with_seed(name.as_bytes(), xxh3_64(self.pipeline.as_bytes()))
                )
            }
        }
    }
}

/// A hash of what a row says, but when it was made.
fn hash_of(row: &Map<String, Value>) -> Result<u64> {
    let said: Vec<_> = row.iter().filter(|(column, _)| *column != "updated_at").collect();
    Ok(xxh3_64(&serde_json::to_vec(&said).map_err(broken)?).max(UNKNOWN + 1))
}

fn broken(error: serde_json::Error) -> ConnectorError {
    ConnectorError::fatal("encode", "changes", error)
}

/// True where nothing of a table was ever told: it is new, or telling is.
fn is_first(state: &dyn StateRead, table: u8) -> Result<bool> {
    let mut first = true;
    // What is not known to be told does not count: the first time may have been cut short.
    state.scan_prefix(spaces::ANNOUNCED, &[table], &mut |_, value| {
        if value.starts_with(&UNKNOWN.to_be_bytes()) {
            return ControlFlow::Continue(());
        }
        first = false;
        ControlFlow::Break(())
    })?;
    Ok(first)
}

/// Every partition that a table has rows in.
fn all_partitions(state: &dyn StateRead, table: u8) -> Result<Vec<(i32, Change)>> {
    let mut partitions = BTreeSet::new();
    state.scan_prefix(spaces::ROWS, &[table], &mut |key, _| {
        partitions.extend(crate::current::read_outbox_key(key.get(..5).unwrap_or_default()));
        ControlFlow::Continue(())
    })?;
    let whole = |(_, partition)| (partition, Change::Changed);
    Ok(partitions.into_iter().map(whole).collect())
}

fn told_before(state: &dyn StateRead, prefix: &[u8]) -> Result<BTreeMap<u128, (u64, String)>> {
    let mut before = BTreeMap::new();
    state.scan_prefix(spaces::ANNOUNCED, prefix, &mut |key, value| {
        let name = key.get(prefix.len()..).and_then(|rest| rest.try_into().ok());
        let parts = value.split_first_chunk::<8>();
        if let (Some(name), Some((hash, key))) = (name, parts) {
            let key = String::from_utf8_lossy(key).into_owned();
            before.insert(u128::from_be_bytes(name), (u64::from_be_bytes(*hash), key));
        }
        ControlFlow::Continue(())
    })?;
    Ok(before)
}

#[cfg(test)]
#[path = "announce_tests.rs"]
mod tests;
