//! The publish step: everything that changed since the last publication goes into the tables, as of one epoch (INV-5).
//!
//! One publisher commits to all tables from one snapshot of state: the messages as received beside the others, which go
//! one after the other. A table that fails stops the pipeline after retries: what is not published stays in the outbox.

use crate::announce::{Changes, RowsToTell, TOLD, tell};
use crate::aside::Aside;
use crate::current::{Change, TableChanges};
use crate::quality::{Measurement, measure};
use crate::render::{RawRange, ReceivedTimes, partition_write, raw_writes};
use crate::table_number;
use crate::told::is_told;
use futures_util::{StreamExt, TryStreamExt, stream};
use panorama_api::{
    Announcer, Bus, Committed, ConnectorError, PartitionMode, PartitionWrite, Result, Shutdown, StateRead,
    StateStore, Table, TableDefinition, TableSink,
};
use panorama_model::{Row, Timestamp};
use panorama_runtime::{Metrics, RetryPolicy, now, seconds_between, with_retries};
use panorama_tables::table::pipeline_epochs;
use panorama_tables::{Definition, RowBatcher};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// What is to be published.
pub(crate) struct Job {
    /// The epoch the snapshot was taken after.
    pub epoch: u64,
    /// State as of that epoch.
    pub snapshot: Arc<dyn StateRead>,
    /// Changed partitions, by table.
    pub tables: TableChanges,
    /// Stretches of topics for `raw_messages`.
    pub raw: Vec<RawRange>,
    /// Whether to measure quality as of this snapshot.
    pub measure: Measure,
}

/// When the rows of a measurement are to be in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// No measurement begins.
    No,
    /// Begun beside the pipeline; its rows go with the first publication after its end.
    Beside,
    /// With this publication.
    Now,
}

/// What was published.
pub(crate) struct Published {
    pub epoch: u64,
    /// The partitions that are in the tables now.
    pub partitions: Vec<(u8, i32)>,
    /// How long it took.
    pub seconds: f64,
}

/// The one committer of all tables.
pub(crate) struct Publisher {
    bus: Arc<dyn Bus>,
    announcer: Option<Arc<dyn Announcer>>,
    aside: Aside,
    committer: Committer,
    tables: Tables,
    /// Of the model in force.
    model_version: String,
    measuring: Option<JoinHandle<Result<Measurement>>>,
    /// Measurements whose rows are not in the tables yet.
    measured: Vec<Measurement>,
}

/// How one table is committed to.
struct Committer {
    pipeline: String,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
}

/// Tables opened at once. On a disk each has threads of its own, which keep their memory for what comes later.
const OPENED_AT_ONCE: usize = 4;
const RAW_MESSAGES: &str = "raw_messages";

impl Publisher {
    /// Opens every table, making those that are missing.
    pub(crate) async fn open(
        (pipeline, generation): (&str, Option<u64>),
        sink: &dyn TableSink,
        (bus, announcer): (Arc<dyn Bus>, Option<Arc<dyn Announcer>>),
        scratch: PathBuf,
        metrics: Arc<Metrics>,
        shutdown: Shutdown,
        model_version: String,
    ) -> Result<Self> {
        // Some at once: one after the other, a table's round trips to an object store would be most of a take-over.
        let definitions = table_number::table_names()
            .into_iter()
            .filter_map(panorama_tables::find);
        let stop = &shutdown;
        let opening = definitions.map(|definition| async move {
            let open = || async {
                let mut table = sink.open(described(definition)).await?;
                if let Some(generation) = generation {
                    let owner = format!("panorama/{pipeline}/{}/owner", definition.name);
                    table.fence(&owner, generation).await?;
                }
                Ok((definition.name, table))
            };
            with_retries(RetryPolicy::default(), stop, definition.name, open).await
        });
        let tables = stream::iter(opening)
            .buffered(OPENED_AT_ONCE)
            .try_collect()
            .await?;
        if let Some(announcer) = &announcer {
            let claim = || announcer.claim();
            with_retries(RetryPolicy::default(), stop, "changes", claim).await?;
        }
        Ok(Self {
            bus,
            announcer,
            aside: Aside::new(scratch),
            committer: Committer {
                pipeline: pipeline.to_owned(),
                metrics,
                shutdown,
            },
            tables,
            model_version,
            measuring: None,
            measured: Vec::new(),
        })
    }

    /// The last epoch each table has.
    pub(crate) async fn epochs(&mut self) -> Result<BTreeMap<&'static str, u64>> {
        let mut epochs = BTreeMap::new();
        let names: Vec<&'static str> = self.tables.keys().copied().collect();
        for name in names {
            let application = self.committer.application(name);
            if let Some(table) = self.tables.get_mut(name)
                && let Some(epoch) = table.epoch(&application).await?
            {
                epochs.insert(name, epoch);
            }
        }
        Ok(epochs)
    }

    /// Brings every table to the job's epoch.
    pub(crate) async fn publish(&mut self, job: Job, store: &dyn StateStore) -> Result<Published> {
        let began = Instant::now();
        self.begin_measuring(&job);
        let whole = self.untold(store).await?;
        let received = ReceivedTimes::default();
        let mut raw_table = self.tables.remove(RAW_MESSAGES);
        let raw = commit_raw(&self.committer, raw_table.as_mut(), &self.bus, &job, &received);
        let aside = self.announcer.as_ref().map(|_| &self.aside);
        let others = commit_changed(&self.committer, &mut self.tables, &job, aside);
        // Neither is cut off where the other fails: a commit under way is seen to its end.
        let (raw, others) = tokio::join!(raw, others);
        self.tables.extend(raw_table.map(|table| (RAW_MESSAGES, table)));
        let mut done: Vec<(&'static str, Committed)> = raw?.into_iter().collect();
        let (committed, partitions) = others?;
        done.extend(committed);
        // Whoever hears of a change finds it in the tables.
        let (epoch, measure) = (job.epoch, job.measure);
        self.announce(job, whole, store).await?;
        let is_done = self.measuring.as_ref().is_some_and(JoinHandle::is_finished);
        if is_done || measure == Measure::Now {
            self.end_measuring();
        }
        done.extend(self.add_measured(epoch).await?);
        self.note_epoch(epoch, &done).await?;
        self.committer.metrics.spent("publish", began);
        let visible_at = now();
        for received_at in received.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            self.committer
                .metrics
                .freshness
                .observe(seconds_between(*received_at, visible_at));
        }
        Ok(Published {
            epoch,
            partitions,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// Tables with rows in them of which other systems may know nothing: this publication does not change all that is to be told.
    async fn untold(&mut self, store: &dyn StateStore) -> Result<Vec<u8>> {
        let mut untold = Vec::new();
        for told in TOLD.iter().filter(|_| self.announcer.is_some()) {
            let Some(definition) = table_number::definition(told.table) else {
                continue;
            };
            let application = self.committer.application(definition.name);
            let table = opened(&mut self.tables, definition.name)?;
            if !is_told(store, told.table)? && table.epoch(&application).await?.is_some() {
                untold.push(told.table);
            }
        }
        Ok(untold)
    }

    /// Tells other systems what changed, where the log can.
    async fn announce(&self, job: Job, whole: Vec<u8>, store: &dyn StateStore) -> Result<()> {
        let Some(announcer) = &self.announcer else {
            return Ok(());
        };
        let Job {
            epoch,
            snapshot,
            tables,
            ..
        } = job;
        let mut of_told = tables
            .iter()
            .filter(|(table, _)| TOLD.iter().any(|told| told.table == *table));
        let are_aside = of_told.all(|(table, partitions)| {
            let mut partitions = partitions.iter();
            partitions.all(|(partition, _)| self.aside.has((*table, *partition)))
        });
        let rows = RowsToTell {
            aside: self.aside.clone(),
            state: (!are_aside || !whole.is_empty()).then_some(snapshot),
            whole,
        };
        let changes = Changes {
            announcer,
            store,
            pipeline: &self.committer.pipeline,
            metrics: &self.committer.metrics,
            shutdown: &self.committer.shutdown,
        };
        let told = tell(&changes, &rows, epoch, &tables).await;
        self.aside.clear();
        told
    }

    /// A measurement reads much of the state, so it has a thread of its own; one at a time.
    fn begin_measuring(&mut self, job: &Job) {
        if job.measure == Measure::Now {
            // What a catch-up ends with is of its end, not of some epoch before.
            self.end_measuring();
        }
        if job.measure == Measure::No || self.measuring.is_some() {
            return;
        }
        let (state, epoch) = (Arc::clone(&job.snapshot), job.epoch);
        let (metrics, model) = (Arc::clone(&self.committer.metrics), self.model_version.clone());
        self.measuring = Some(std::thread::spawn(move || {
            measure(&*state, epoch, &model, &metrics)
        }));
    }

    /// Waits for the measurement under way. One that fails is told of, and stops nothing.
    fn end_measuring(&mut self) {
        match self.measuring.take().map(JoinHandle::join) {
            Some(Ok(Ok(measurement))) => self.measured.push(measurement),
            Some(Ok(Err(error))) => tracing::warn!(%error, "quality could not be measured"),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => {}
        }
    }

    /// Adds the rows of measurements that have come to their end, with an epoch that has none of them yet.
    async fn add_measured(&mut self, epoch: u64) -> Result<Vec<(&'static str, Committed)>> {
        let measured = std::mem::take(&mut self.measured);
        let mut done = Vec::new();
        if measured.is_empty() {
            return Ok(done);
        }
        let (identity, checks): (Vec<Row>, Vec<Vec<Row>>) =
            measured.into_iter().map(|m| (m.identity, m.checks)).unzip();
        for (name, rows) in [("identity_metrics", identity), ("data_quality", checks.concat())] {
            let Some(definition) = panorama_tables::find(name) else {
                continue;
            };
            let make = || Ok(vec![one_batch(definition, &rows)]);
            let table = opened(&mut self.tables, definition.name)?;
            let committed = self.committer.commit(table, definition.name, epoch, make).await?;
            done.push((definition.name, committed));
        }
        Ok(done)
    }

    /// Adds what was measured since the last publication: nothing comes after it. A stop does not wait for a measurement.
    pub(crate) async fn finish(&mut self, epoch: u64) -> Result<()> {
        let is_done = self.measuring.as_ref().is_some_and(JoinHandle::is_finished);
        if is_done || !self.committer.shutdown.is_requested() {
            self.end_measuring();
        }
        self.add_measured(epoch).await?;
        Ok(())
    }

    /// Writes which table has which version at this epoch: a consistent read point across tables.
    async fn note_epoch(&mut self, epoch: u64, done: &[(&'static str, Committed)]) -> Result<()> {
        let Some(definition) = panorama_tables::find("pipeline_epochs") else {
            return Ok(());
        };
        let committed_at = now();
        let pipeline = self.committer.pipeline.clone();
        let rows: Vec<Row> = done
            .iter()
            .map(|(name, committed)| {
                let mut row = Row::new();
                row.set(pipeline_epochs::EPOCH, i64::try_from(epoch).unwrap_or(i64::MAX));
                row.set(pipeline_epochs::TABLE, *name);
                row.set(
                    pipeline_epochs::VERSION,
                    i64::try_from(committed.version).unwrap_or(i64::MAX),
                );
                row.set(
                    pipeline_epochs::ROWS,
                    i64::try_from(committed.rows).unwrap_or(i64::MAX),
                );
                row.set(pipeline_epochs::COMMITTED_AT, committed_at);
                row.set(pipeline_epochs::PIPELINE, pipeline.as_str());
                row
            })
            .collect();
        let make = || Ok(vec![one_batch(definition, &rows)]);
        let table = opened(&mut self.tables, definition.name)?;
        self.committer.commit(table, definition.name, epoch, make).await?;
        Ok(())
    }
}

type Tables = BTreeMap<&'static str, Box<dyn Table>>;

fn opened<'a>(tables: &'a mut Tables, name: &'static str) -> Result<&'a mut dyn Table> {
    match tables.get_mut(name) {
        Some(table) => Ok(table.as_mut()),
        None => Err(never_opened(name)),
    }
}

fn never_opened(name: &'static str) -> ConnectorError {
    ConnectorError::fatal("commit to", name, "the table was never opened")
}

/// Appends the messages as received.
async fn commit_raw(
    committer: &Committer,
    table: Option<&mut Box<dyn Table>>,
    bus: &Arc<dyn Bus>,
    job: &Job,
    received: &ReceivedTimes,
) -> Result<Option<(&'static str, Committed)>> {
    let Some(definition) = panorama_tables::find(RAW_MESSAGES) else {
        return Ok(None);
    };
    if job.raw.iter().all(RawRange::is_empty) {
        return Ok(None);
    }
    let table = table.ok_or_else(|| never_opened(RAW_MESSAGES))?.as_mut();
    let make = || {
        received.lock().unwrap_or_else(PoisonError::into_inner).clear();
        raw_writes(bus, definition, &job.raw, received)
    };
    let committed = committer.commit(table, definition.name, job.epoch, make).await?;
    Ok(Some((definition.name, committed)))
}

/// Brings the changed partitions of every other table to the job's epoch.
async fn commit_changed(
    committer: &Committer,
    tables: &mut Tables,
    job: &Job,
    aside: Option<&Aside>,
) -> Result<(Vec<(&'static str, Committed)>, Vec<(u8, i32)>)> {
    let (mut done, mut partitions) = (Vec::new(), Vec::new());
    for (number, changes) in &job.tables {
        let Some(definition) = table_number::definition(*number) else {
            continue;
        };
        let make = || {
            let write = |(partition, change): &(i32, Change)| {
                let write = partition_write(&job.snapshot, *number, definition, *partition, change);
                match aside.filter(|_| TOLD.iter().any(|told| told.table == *number)) {
                    Some(aside) => PartitionWrite {
                        batches: aside.keep((*number, *partition), write.batches),
                        ..write
                    },
                    None => write,
                }
            };
            Ok(changes.iter().map(write).collect())
        };
        let table = opened(tables, definition.name)?;
        let committed = committer.commit(table, definition.name, job.epoch, make).await?;
        done.push((definition.name, committed));
        partitions.extend(changes.iter().map(|(partition, _)| (*number, *partition)));
    }
    Ok((done, partitions))
}

impl Committer {
    /// The name under which this pipeline's epochs are kept in a table.
    fn application(&self, table: &str) -> String {
        format!("panorama/{}/{table}/0", self.pipeline)
    }

    async fn commit(
        &self,
        table: &mut dyn Table,
        name: &'static str,
        epoch: u64,
        make: impl Fn() -> Result<Vec<PartitionWrite>>,
    ) -> Result<Committed> {
        let application = self.application(name);
        let began = Instant::now();
        let table = tokio::sync::Mutex::new(table);
        let committed = with_retries(RetryPolicy::default(), &self.shutdown, name, || async {
            table
                .lock()
                .await
                .commit(&application, epoch, now(), make()?)
                .await
        })
        .await?;
        let table = table.into_inner();
        let label = Metrics::label("table", name);
        self.metrics
            .table_commit
            .get_or_create(&label)
            .observe(began.elapsed().as_secs_f64());
        self.metrics
            .table_rows
            .get_or_create(&label)
            .inc_by(committed.rows);
        table.maintain(now()).await?;
        report(&self.metrics, name, table).await?;
        Ok(committed)
    }
}

async fn report(metrics: &Metrics, name: &str, table: &mut dyn Table) -> Result<()> {
    let status = table.status().await?;
    let label = Metrics::label("table", name);
    metrics
        .table_version
        .get_or_create(&label)
        .set(i64::try_from(status.version).unwrap_or(i64::MAX));
    metrics
        .table_files
        .get_or_create(&label)
        .set(i64::try_from(status.files).unwrap_or(i64::MAX));
    metrics
        .table_committed_at
        .get_or_create(&label)
        .set(seconds_between(Timestamp(0), now()));
    Ok(())
}

fn described(definition: &Definition) -> TableDefinition {
    TableDefinition {
        name: definition.name.to_owned(),
        comment: definition.comment.to_owned(),
        schema: definition.arrow_schema(),
        partition_column: definition.partition.map(|p| p.column.to_owned()),
    }
}

fn one_batch(definition: &'static Definition, rows: &[Row]) -> PartitionWrite {
    let mut batcher = RowBatcher::new(definition);
    for row in rows {
        batcher.push_row(row, None);
    }
    let batch = batcher
        .finish()
        .map_err(|e| ConnectorError::fatal("encode", definition.name, e));
    PartitionWrite {
        partition: None,
        mode: PartitionMode::Append,
        batches: Box::new(std::iter::once(batch)),
    }
}
