//! The publish step: everything that changed since the last publication goes into the tables, as of one epoch (INV-5).
//!
//! One publisher commits to all tables, one after the other, from one snapshot of state. A table that fails stops the
//! pipeline after retries: what is not published stays in the outbox.

use crate::current::Change;
use crate::render::{RawRange, ReceivedTimes, partition_write, raw_writes};
use crate::table_number;
use panorama_api::{
    Bus, Committed, ConnectorError, PartitionMode, PartitionWrite, Result, Shutdown, StateRead, Table,
    TableDefinition, TableSink,
};
use panorama_model::{Row, Timestamp};
use panorama_runtime::{Metrics, RetryPolicy, now, seconds_between, with_retries};
use panorama_tables::table::pipeline_epochs;
use panorama_tables::{Definition, RowBatcher};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// What is to be published.
pub(crate) struct Job {
    /// The epoch the snapshot was taken after.
    pub epoch: u64,
    /// State as of that epoch.
    pub snapshot: Arc<dyn StateRead>,
    /// Changed partitions, by table.
    pub tables: Vec<(u8, Vec<(i32, Change)>)>,
    /// Stretches of topics for `raw_messages`.
    pub raw: Vec<RawRange>,
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
    pipeline: String,
    bus: Arc<dyn Bus>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    tables: BTreeMap<&'static str, Box<dyn Table>>,
}

impl Publisher {
    /// Opens every table, making those that are missing.
    pub(crate) async fn open(
        pipeline: &str,
        sink: &dyn TableSink,
        bus: Arc<dyn Bus>,
        metrics: Arc<Metrics>,
        shutdown: Shutdown,
    ) -> Result<Self> {
        let mut tables = BTreeMap::new();
        for name in table_number::table_names() {
            if let Some(definition) = panorama_tables::find(name) {
                tables.insert(definition.name, sink.open(described(definition)).await?);
            }
        }
        Ok(Self {
            pipeline: pipeline.to_owned(),
            bus,
            metrics,
            shutdown,
            tables,
        })
    }

    /// The name under which this pipeline's epochs are kept in a table.
    fn application(&self, table: &str) -> String {
        format!("panorama/{}/{table}/0", self.pipeline)
    }

    /// The last epoch each table has.
    pub(crate) async fn epochs(&mut self) -> Result<BTreeMap<&'static str, u64>> {
        let mut epochs = BTreeMap::new();
        let names: Vec<&'static str> = self.tables.keys().copied().collect();
        for name in names {
            let application = self.application(name);
            if let Some(table) = self.tables.get_mut(name)
                && let Some(epoch) = table.epoch(&application).await?
            {
                epochs.insert(name, epoch);
            }
        }
        Ok(epochs)
    }

    /// Brings every table to the job's epoch.
    pub(crate) async fn publish(&mut self, job: Job) -> Result<Published> {
        let began = Instant::now();
        let received = ReceivedTimes::default();
        let mut done: Vec<(&'static str, Committed)> = Vec::new();
        if job.raw.iter().any(|range| range.from < range.until)
            && let Some(definition) = panorama_tables::find("raw_messages")
        {
            let bus = Arc::clone(&self.bus);
            let make = || {
                received.lock().unwrap_or_else(PoisonError::into_inner).clear();
                raw_writes(&bus, definition, &job.raw, &received)
            };
            done.push((
                definition.name,
                self.commit(definition.name, job.epoch, make).await?,
            ));
        }
        let mut partitions = Vec::new();
        for (number, changes) in &job.tables {
            let Some(definition) = table_number::definition(*number) else {
                continue;
            };
            let make = || {
                let write = |(p, change): &(i32, Change)| {
                    partition_write(&job.snapshot, *number, definition, *p, change)
                };
                Ok(changes.iter().map(write).collect())
            };
            done.push((
                definition.name,
                self.commit(definition.name, job.epoch, make).await?,
            ));
            partitions.extend(changes.iter().map(|(partition, _)| (*number, *partition)));
        }
        self.note_epoch(job.epoch, &done).await?;
        let visible_at = now();
        for received_at in received.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            self.metrics
                .freshness
                .observe(seconds_between(*received_at, visible_at));
        }
        Ok(Published {
            epoch: job.epoch,
            partitions,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// Writes which table has which version at this epoch: a consistent read point across tables.
    async fn note_epoch(&mut self, epoch: u64, done: &[(&'static str, Committed)]) -> Result<()> {
        let Some(definition) = panorama_tables::find("pipeline_epochs") else {
            return Ok(());
        };
        let committed_at = now();
        let pipeline = self.pipeline.clone();
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
        self.commit(definition.name, epoch, make).await?;
        Ok(())
    }

    async fn commit(
        &mut self,
        name: &'static str,
        epoch: u64,
        make: impl Fn() -> Result<Vec<PartitionWrite>>,
    ) -> Result<Committed> {
        let application = self.application(name);
        let Some(table) = self.tables.get_mut(name) else {
            return Err(ConnectorError::fatal(
                "commit to",
                name,
                "the table was never opened",
            ));
        };
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
        report(&self.metrics, name, table.as_mut()).await?;
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
