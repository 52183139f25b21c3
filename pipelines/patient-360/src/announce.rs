//! Telling other systems what a publication changed: persons, source records, events of identity, as JSON in topics that keep
//! the newest message of each key.
//!
//! What was told of a row is kept, hashed, beside the state: a row that was only made again is not told again, and one that
//! is gone is taken back. Before something is told, what was told of it counts as unknown, durably: whoever goes on after a
//! crash between telling and noting tells it again, or takes it back.
//!
//! While some changes are on their way the next are written.

use crate::aside::{Aside, Batches};
use crate::current::{Change, TableChanges, read_outbox_key};
use crate::message::{Messages, Subject};
use crate::render::partition_write;
use crate::told::{self, Chunk, GONE, Notes, ToldRows};
use crate::{spaces, table_number};
use arrow::array::RecordBatch;
use bytes::Bytes;
use panorama_api::{
    Announcement, Announcer, ConnectorError, Result, Shutdown, StateBatch, StateRead, StateStore,
};
use panorama_runtime::{Metrics, RetryPolicy, with_retries};
use panorama_tables::Definition;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A table whose rows are told.
pub(crate) struct Told {
    pub table: u8,
    pub topic: &'static str,
    /// What a message is, and the name of its row in it.
    pub what: &'static str,
    pub subject: Subject,
}

/// In this order: what happened, then what is so.
pub(crate) const TOLD: &[Told] = &[
    Told {
        table: table_number::IDENTITY_EVENTS,
        topic: "changes",
        what: "identity_event",
        subject: Subject::Event,
    },
    Told {
        table: table_number::PATIENT_360,
        topic: "changes",
        what: "person",
        subject: Subject::Person,
    },
    Told {
        table: table_number::PATIENT_IDENTITY,
        topic: "records",
        what: "record",
        subject: Subject::Record,
    },
];

/// Changes told at once, and their bytes (INV-9); as many again are on their way meanwhile. More: fewer waits for the state
/// and the brokers; fewer: less memory.
const AT_ONCE: usize = 20_000;
const BYTES_AT_ONCE: usize = 16 << 20;

/// A partition that is told whole.
static WHOLE: Change = Change::Changed;

/// What is told, and to whom.
pub(crate) struct Changes<'a> {
    pub announcer: &'a Arc<dyn Announcer>,
    pub store: &'a dyn StateStore,
    pub pipeline: &'a str,
    pub metrics: &'a Arc<Metrics>,
    pub shutdown: &'a Shutdown,
}

/// Where the rows that are told come from.
pub(crate) struct RowsToTell {
    /// Those that were set aside on their way to the tables.
    pub aside: Aside,
    /// State as of the epoch, where some have to be read again.
    pub state: Option<Arc<dyn StateRead>>,
    /// Tables that are told whole: telling is new to them, or was cut short the first time.
    pub whole: Vec<u8>,
}

impl RowsToTell {
    /// The partitions of a table to be told of, ascending.
    fn partitions<'a>(&self, table: u8, changed: &'a TableChanges) -> Result<Vec<(i32, &'a Change)>> {
        match &self.state {
            Some(state) if self.whole.contains(&table) => {
                let all = all_partitions(&**state, table)?;
                Ok(all.into_iter().map(|partition| (partition, &WHOLE)).collect())
            }
            _ => {
                let of_table = changed.iter().filter(|(of, _)| *of == table);
                let partitions = of_table.flat_map(|(_, partitions)| partitions);
                Ok(partitions
                    .map(|(partition, change)| (*partition, change))
                    .collect())
            }
        }
    }

    fn batches(
        &self,
        (table, partition): (u8, i32),
        definition: &'static Definition,
        change: &Change,
    ) -> Result<Batches> {
        // Of a table that is told whole only what has changed is there.
        if !self.whole.contains(&table)
            && let Some(batches) = self.aside.take((table, partition))?
        {
            return Ok(batches);
        }
        match &self.state {
            Some(state) => Ok(partition_write(state, table, definition, partition, change).batches),
            None => Err(ConnectorError::fatal(
                "tell",
                definition.name,
                "its rows are not at hand",
            )),
        }
    }
}

/// Tells what changed in some partitions as of an epoch. Returns once it is durable, and noted.
pub(crate) async fn tell(
    changes: &Changes<'_>,
    rows: &RowsToTell,
    epoch: u64,
    changed: &TableChanges,
) -> Result<()> {
    let mut telling = Telling::default();
    let told = tell_tables(changes, &mut telling, rows, epoch, changed).await;
    if told.is_err() {
        // What is on its way is seen to its end: whoever goes on is not to be told of behind.
        changes.settle(&mut telling).await.unwrap_or_default();
    }
    told
}

async fn tell_tables(
    changes: &Changes<'_>,
    telling: &mut Telling,
    rows: &RowsToTell,
    epoch: u64,
    changed: &TableChanges,
) -> Result<()> {
    for told in TOLD {
        let Some(definition) = table_number::definition(told.table) else {
            continue;
        };
        for (partition, change) in rows.partitions(told.table, changed)? {
            let place = (told.table, partition);
            let mut notes = Notes::new(place, epoch);
            let mut before = ToldRows::new();
            if *change == Change::Changed {
                // Nobody else changes them, so they are as of the epoch too.
                before = notes.read(changes.store, &mut telling.notes)?;
            }
            let mut stretch = Stretch {
                told,
                definition,
                pipeline: changes.pipeline,
                epoch,
                notes,
                before,
            };
            for batch in rows.batches(place, definition, change)? {
                stretch.rows(&batch?, telling)?;
                changes.send_much(telling).await?;
            }
            stretch.gone(telling);
            changes.send_much(telling).await?;
        }
        if !told::is_told(changes.store, told.table)? {
            // Once all of it is told: a first time that is cut short is one still.
            changes.send(telling).await?;
            changes.settle(telling).await?;
            told::note_told(&mut telling.notes, told.table);
        }
    }
    changes.send(telling).await?;
    changes.settle(telling).await?;
    changes.store.commit(std::mem::take(&mut telling.notes))
}

/// Changes that wait, and those on their way.
#[derive(Default)]
struct Telling {
    /// By topic, in order.
    messages: Vec<(&'static str, Vec<Announcement>)>,
    /// Which rows they are of.
    chunks: Vec<Chunk>,
    count: usize,
    bytes: usize,
    on_their_way: Option<(JoinHandle<Result<()>>, Vec<Chunk>)>,
    /// What is known to be told, to be noted with the next doubts.
    notes: StateBatch,
}

impl Telling {
    fn add(&mut self, topic: &'static str, message: Announcement) {
        self.count += 1;
        self.bytes += message.key.len() + message.value.as_deref().map_or(0, <[u8]>::len);
        match self.messages.last_mut() {
            Some((last, messages)) if *last == topic => messages.push(message),
            _ => self.messages.push((topic, vec![message])),
        }
    }
}

impl Changes<'_> {
    /// Sends on what waits, where that is much.
    async fn send_much(&self, telling: &mut Telling) -> Result<()> {
        if telling.count >= AT_ONCE || telling.bytes >= BYTES_AT_ONCE {
            self.send(telling).await?;
        }
        Ok(())
    }

    /// Sends on what waits, behind what is on its way. First everybody who could go on after us must know of it.
    async fn send(&self, telling: &mut Telling) -> Result<()> {
        if telling.count == 0 {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut telling.notes);
        let chunks = std::mem::take(&mut telling.chunks);
        chunks.iter().for_each(|chunk| chunk.doubt(&mut batch));
        self.store.commit(batch)?;
        self.store.share()?;
        self.settle(telling).await?;
        let messages = std::mem::take(&mut telling.messages);
        (telling.count, telling.bytes) = (0, 0);
        let announced = announce(
            Arc::clone(self.announcer),
            Arc::clone(self.metrics),
            self.shutdown.clone(),
            messages,
        );
        telling.on_their_way = Some((tokio::spawn(announced), chunks));
        Ok(())
    }

    /// Waits until what is on its way is told.
    async fn settle(&self, telling: &mut Telling) -> Result<()> {
        let Some((announced, chunks)) = telling.on_their_way.take() else {
            return Ok(());
        };
        match announced.await {
            Ok(announced) => announced?,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(stopped) => return Err(ConnectorError::fatal("tell", "changes", stopped)),
            },
        }
        chunks.iter().for_each(|chunk| chunk.note(&mut telling.notes));
        Ok(())
    }
}

async fn announce(
    announcer: Arc<dyn Announcer>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    messages: Vec<(&'static str, Vec<Announcement>)>,
) -> Result<()> {
    for (topic, messages) in messages {
        let messages: Arc<[Announcement]> = messages.into();
        with_retries(RetryPolicy::default(), &shutdown, topic, || {
            announcer.announce(topic, Arc::clone(&messages))
        })
        .await?;
        metrics
            .announced
            .get_or_create(&Metrics::label("topic", topic))
            .inc_by(messages.len() as u64);
    }
    Ok(())
}

/// One partition on its way.
struct Stretch<'a> {
    told: &'static Told,
    definition: &'static Definition,
    pipeline: &'a str,
    epoch: u64,
    notes: Notes,
    /// What was told of rows that were not met yet.
    before: ToldRows,
}

impl Stretch<'_> {
    /// Adds the rows that are not as they were told.
    fn rows(&mut self, batch: &RecordBatch, telling: &mut Telling) -> Result<()> {
        let (what, subject) = (self.told.what, self.told.subject);
        let messages = Messages::new(
            batch,
            self.definition,
            (what, subject),
            (self.pipeline, self.epoch),
        )?;
        let mut written = Vec::new();
        for row in 0..batch.num_rows() {
            let message = messages.write(row, &mut written)?;
            if self.before.remove(&message.name) != Some(message.hash) {
                let value = Some(Bytes::copy_from_slice(&written));
                let key = message.key;
                self.add((message.name, message.hash), Announcement { key, value }, telling);
            }
        }
        Ok(())
    }

    /// Takes back what was told of rows that are no more.
    fn gone(mut self, telling: &mut Telling) {
        for name in std::mem::take(&mut self.before).into_keys() {
            if let Some(key) = self.told.subject.key_of(name) {
                self.add((name, GONE), Announcement { key, value: None }, telling);
            }
        }
    }

    fn add(&mut self, (name, hash): (u128, u64), message: Announcement, telling: &mut Telling) {
        match telling
            .chunks
            .last_mut()
            .filter(|chunk| self.notes.goes_on(chunk))
        {
            Some(chunk) => chunk.push(name, hash),
            None => {
                let mut chunk = self.notes.chunk();
                chunk.push(name, hash);
                telling.chunks.push(chunk);
            }
        }
        telling.add(self.told.topic, message);
    }
}

/// Every partition that a table has rows in.
fn all_partitions(state: &dyn StateRead, table: u8) -> Result<BTreeSet<i32>> {
    let mut partitions = BTreeSet::new();
    state.scan_prefix(spaces::ROWS, &[table], &mut |key, _| {
        let place = read_outbox_key(key.get(..5).unwrap_or_default());
        partitions.extend(place.map(|(_, partition)| partition));
        ControlFlow::Continue(())
    })?;
    Ok(partitions)
}

#[cfg(test)]
#[path = "announce_tests.rs"]
mod tests;
