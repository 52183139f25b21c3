//! The pipeline: a reader that decodes, one thread that applies in order and commits epochs, one publisher.
//!
//! Data flows one way: bus -> reader -> apply -> publisher. Queues between them hold at most one item (INV-9).

use crate::apply::Apply;
use crate::decode::SourceDecoder;
use crate::meta::{Meta, read_positions};
use crate::publish::{Job, Measure, Published, Publisher};
use crate::reader::{EpochLimits, Reader, Work};
use crate::render::RawRange;
use crate::retention::let_go;
use crate::{partitions_of, table_number, topic_of};
use panorama_api::{Announcer, Bus, ConnectorError, Result, Shutdown, StateRead, StateStore, TableSink};
use panorama_identity::Scorer;
use panorama_runtime::{Health, Metrics, now};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Rows that may wait to be published: 16 bytes each in memory, and the longest wait in a catch-up (INV-9).
const UNPUBLISHED_ROWS_MAX: usize = 1_000_000;
/// While behind, at most one part in this many of the time goes into publishing: tables are for readers, and who is
/// behind has no fresh rows to show.
const CATCH_UP_SHARE: f64 = 9.0;
/// While behind, rows wait at least this many commit intervals.
const CATCH_UP_INTERVALS: u32 = 12;
/// A stop waits for a last publication only where the one before was shorter than this.
const LAST_PUBLICATION_MAX: Duration = Duration::from_secs(3);

/// How often it is looked for messages that the log is to let go of.
const LET_GO_INTERVAL: Duration = Duration::from_secs(60);
/// How often a running service measures the quality of what it keeps.
const MEASURE_INTERVAL: Duration = Duration::from_secs(900);

/// How the pipeline runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name, part of the application id of its table transactions.
    pub name: String,
    /// Partitions of each source's topic.
    pub partitions: u32,
    /// Most messages in one epoch.
    pub epoch_messages_max: usize,
    /// Most message bytes in one epoch.
    pub epoch_bytes_max: usize,
    /// How long messages gather into one epoch while there is no backlog.
    pub epoch_interval: Duration,
    /// How long rows may wait before the tables are brought up to date.
    pub commit_interval: Duration,
    /// How long messages stay in the log once the tables have them; none where it sees to that itself.
    pub retention: Option<Duration>,
    /// Threads for decoding and unifying.
    pub threads: usize,
    /// Where files of the moment are.
    pub scratch: PathBuf,
    /// Values held in memory per space of state.
    pub cache_entries_max: usize,
}

/// Where a pipeline gets to work, and who watches it.
pub struct Pipeline {
    /// How it runs.
    pub options: Options,
    /// Its sources' decoders.
    pub decoders: Vec<Arc<SourceDecoder>>,
    /// Raw messages.
    pub bus: Arc<dyn Bus>,
    /// Tells other systems of changes, where they are to be told.
    pub announcer: Option<Arc<dyn Announcer>>,
    /// State.
    pub store: Arc<dyn StateStore>,
    /// How many times the pipeline was taken over, where there are processes that could: kept in the tables, it keeps former
    /// owners out of them.
    pub generation: Option<u64>,
    /// Tables.
    pub sink: Arc<dyn TableSink>,
    /// How identities are matched.
    pub scorer: Arc<Scorer>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub health: Arc<Health>,
}

/// When a pipeline is done.
pub struct Finish {
    /// Stop as soon as the running epoch is durable.
    pub shutdown: Shutdown,
    /// True once no source will bring anything more.
    pub sources_ended: watch::Receiver<bool>,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Messages processed in this run.
    pub messages: u64,
    /// Epochs committed in this run.
    pub epochs: u64,
    /// Publications in this run.
    pub publications: u64,
    /// True where all tables hold all messages.
    pub caught_up: bool,
}

impl Pipeline {
    /// Runs until told to stop, or until every source has ended and every table holds all they brought. Blocks.
    ///
    /// # Errors
    /// The first error that retries do not cure. What was acknowledged stays durable; a new run goes on from there.
    pub fn run(self, finish: Finish, runtime: &Handle) -> Result<Outcome> {
        let mut publisher = runtime.block_on(Publisher::open(
            (&self.options.name, self.generation),
            &*self.sink,
            (Arc::clone(&self.bus), self.announcer.clone()),
            self.options.scratch.clone(),
            Arc::clone(&self.metrics),
            finish.shutdown.clone(),
            self.scorer.model().version.clone(),
        ))?;
        let state: Arc<dyn StateRead> = Arc::<dyn StateStore>::clone(&self.store);
        let meta = recover(&*state, &runtime.block_on(publisher.epochs())?)?;
        let positions = read_positions(&*state)?;
        let mut apply = Apply::new(&self, meta, positions.clone())?;
        apply.adopt_model(|| finish.shutdown.is_requested())?;
        let reader = Reader {
            bus: Arc::clone(&self.bus),
            topics: self
                .decoders
                .iter()
                .flat_map(|d| {
                    let partitions = 0..partitions_of(&d.source, self.options.partitions);
                    partitions.map(|partition| (topic_of(&d.source), partition, Arc::clone(d)))
                })
                .collect(),
            positions,
            limits: EpochLimits {
                messages_max: self.options.epoch_messages_max,
                bytes_max: self.options.epoch_bytes_max,
                interval: self.options.epoch_interval,
                decode_threads: self.options.threads,
            },
            prepare: apply.prepare(),
            metrics: Arc::clone(&self.metrics),
            shutdown: finish.shutdown.clone(),
            sources_ended: finish.sources_ended,
            runtime: runtime.clone(),
        };
        reader.check_positions()?;
        self.health.ready("process");
        let (work, works) = sync_channel(0);
        let (jobs, jobs_taken) = sync_channel::<Job>(1);
        let (published, publications) = sync_channel(1);
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || reader.run(&work));
            let store = &*self.store;
            let publishing =
                scope.spawn(move || publish_all(publisher, store, runtime, &jobs_taken, &published));
            let conductor = Conductor {
                pipeline: &self,
                apply,
                works,
                jobs: Some(jobs),
                publications,
                publishing: false,
                behind: false,
                last_publication: Duration::ZERO,
                published_at: Instant::now(),
                measured_at: None,
                let_go_at: None,
                outcome: Outcome::default(),
            };
            let outcome = conductor.run();
            let reading = join(reading);
            join(publishing)?;
            let outcome = outcome?;
            reading?;
            Ok(outcome)
        })
    }
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Compares what the tables have with what state says (INV-5). A table ahead of state means that state was lost.
fn recover(state: &dyn StateRead, tables: &std::collections::BTreeMap<&'static str, u64>) -> Result<Meta> {
    let mut meta = Meta::read(state)?;
    for (table, epoch) in tables {
        if *epoch > meta.epoch {
            let cause = format!(
                "the table has epoch {epoch} and the state in data_dir only {}: data_dir is not the one that wrote it. Use \
                 the data_dir that belongs to these tables, or an empty tables.location",
                meta.epoch
            );
            return Err(ConnectorError::fatal("go on with table", *table, cause));
        }
    }
    #[cfg(feature = "planted-bugs")]
    if panorama_api::is_planted("no-epoch-check") {
        return Ok(meta);
    }
    if tables
        .get("raw_messages")
        .is_some_and(|epoch| *epoch >= meta.publication.epoch)
    {
        if !meta.publication.done {
            let epoch = meta.publication.epoch;
            tracing::info!(
                epoch,
                "a stop had cut off a publication after raw_messages took it over"
            );
        }
        meta.raw_published.clone_from(&meta.publication.raw_until);
    }
    Ok(meta)
}

fn publish_all(
    mut publisher: Publisher,
    store: &dyn StateStore,
    runtime: &Handle,
    jobs: &Receiver<Job>,
    published: &SyncSender<Result<Published>>,
) -> Result<()> {
    let mut last = None;
    while let Ok(job) = jobs.recv() {
        last = Some(job.epoch);
        // Whoever goes on after this process must know all that the tables know.
        let shared = store.share();
        let result = shared.and_then(|()| runtime.block_on(publisher.publish(job, store)));
        let failed = result.is_err();
        if published.send(result).is_err() || failed {
            return Ok(());
        }
    }
    match last {
        Some(epoch) => runtime.block_on(publisher.finish(epoch)),
        None => Ok(()),
    }
}

/// Applies work in order and decides when to publish.
struct Conductor<'a> {
    pipeline: &'a Pipeline,
    apply: Apply,
    works: Receiver<Work>,
    jobs: Option<SyncSender<Job>>,
    publications: Receiver<Result<Published>>,
    publishing: bool,
    /// Messages wait that are to come before fresh rows.
    behind: bool,
    last_publication: Duration,
    published_at: Instant,
    measured_at: Option<Instant>,
    let_go_at: Option<Instant>,
    outcome: Outcome,
}

impl Conductor<'_> {
    fn run(mut self) -> Result<Outcome> {
        let tick = Duration::from_millis(100);
        loop {
            self.take_publications(false)?;
            match self.works.recv_timeout(tick) {
                Ok(Work::Batch {
                    messages,
                    next,
                    behind,
                }) => {
                    self.outcome.messages += messages.len() as u64;
                    self.outcome.epochs += 1;
                    self.behind = behind;
                    self.apply.epoch(messages, next)?;
                }
                Ok(Work::Idle) => self.behind = false,
                // The reader is at its next batch, or waits as we do: it has said how things stand.
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Work::CaughtUp) => {
                    self.publish_and_wait(Measure::Now)?;
                    self.apply.finish()?;
                    self.outcome.caught_up = true;
                    return Ok(self.outcome);
                }
                Err(RecvTimeoutError::Disconnected) => return self.stop(),
            }
            self.apply.report();
            self.let_go()?;
            if self.is_due()? {
                let measure = self.measure();
                self.begin_publication(measure)?;
            }
        }
    }

    /// Lets the log forget what is old and in the tables.
    fn let_go(&mut self) -> Result<()> {
        let Some(retention) = self.pipeline.options.retention else {
            return Ok(());
        };
        if self.let_go_at.is_some_and(|at| at.elapsed() < LET_GO_INTERVAL) {
            return Ok(());
        }
        self.let_go_at = Some(Instant::now());
        let seconds = i64::try_from(retention.as_secs()).unwrap_or(i64::MAX);
        let before = now().plus_seconds(seconds.saturating_neg());
        let_go(&*self.pipeline.bus, self.apply.raw_published(), before)
    }

    /// Publishing is due when rows have waited long enough, so that they are visible within the commit interval.
    fn is_due(&mut self) -> Result<bool> {
        if self.publishing || !self.apply.has_unpublished()? {
            return Ok(false);
        }
        let waited = self.published_at.elapsed();
        let interval = self.pipeline.options.commit_interval;
        if self.behind {
            let enough = (interval * CATCH_UP_INTERVALS).max(self.last_publication.mul_f64(CATCH_UP_SHARE));
            return Ok(waited >= enough || self.apply.unpublished_rows() > UNPUBLISHED_ROWS_MAX);
        }
        Ok(waited + self.last_publication.min(interval / 2) >= interval)
    }

    /// Quality is measured now and then, where nothing waits.
    fn measure(&mut self) -> Measure {
        if self.behind || self.measured_at.is_some_and(|at| at.elapsed() < MEASURE_INTERVAL) {
            return Measure::No;
        }
        self.measured_at = Some(Instant::now());
        Measure::Beside
    }

    fn begin_publication(&mut self, measure: Measure) -> Result<()> {
        let (epoch, tables, raw) = self.apply.begin_publication()?;
        let snapshot: Arc<dyn StateRead> = Arc::from(self.pipeline.store.snapshot()?);
        let raw = raw
            .into_iter()
            .filter_map(|((topic, partition), stretch)| {
                let decoder = self
                    .pipeline
                    .decoders
                    .iter()
                    .find(|d| topic_of(&d.source) == topic)?;
                let (source, format) = (decoder.source.clone(), decoder.format.clone());
                Some(RawRange {
                    topic,
                    source,
                    format,
                    partition,
                    stretch,
                })
            })
            .collect();
        let tables = tables
            .into_iter()
            .filter(|(table, _)| table_number::definition(*table).is_some())
            .collect();
        let job = Job {
            epoch,
            snapshot,
            tables,
            raw,
            measure,
        };
        self.publishing = true;
        self.published_at = Instant::now();
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent {
            Ok(())
        } else {
            self.take_publications(true)
        }
    }

    /// Notes publications that are done; with `wait`, waits for the one under way.
    fn take_publications(&mut self, wait: bool) -> Result<()> {
        while self.publishing {
            let result = if wait {
                self.publications.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                self.publications.try_recv()
            };
            match result {
                Ok(result) => {
                    let published = result?;
                    self.publishing = false;
                    self.last_publication = Duration::from_secs_f64(published.seconds);
                    self.outcome.publications += 1;
                    self.apply.end_publication(published)?;
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => {
                    return Err(ConnectorError::fatal(
                        "publish",
                        "tables",
                        "the publisher is gone",
                    ));
                }
            }
        }
        Ok(())
    }

    fn publish_and_wait(&mut self, measure: Measure) -> Result<()> {
        self.take_publications(true)?;
        if self.apply.has_unpublished()? {
            self.begin_publication(measure)?;
            self.take_publications(true)?;
        }
        Ok(())
    }

    fn stop(mut self) -> Result<Outcome> {
        self.pipeline.health.not_ready("process", "stopping");
        if self.last_publication <= LAST_PUBLICATION_MAX {
            self.publish_and_wait(Measure::No)?;
        } else {
            self.take_publications(true)?;
        }
        self.jobs = None;
        self.apply.finish()?;
        Ok(self.outcome)
    }
}
