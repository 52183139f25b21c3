//! A configuration made into a running pipeline.

use crate::cli::{ConfigFile, Role};
use crate::exit::BadConfiguration;
use crate::home::{self, Home};
use crate::match_model;
use crate::operator::Backend;
use crate::registry::{self, Wired};
use crate::render;
use anyhow::{Context, anyhow, ensure};
use futures_util::future::try_join_all;
use panorama_api::{Bus, ConnectorError, Partitions, Shares, Shutdown, SourceContext, StateStore};
use panorama_config::{BusType, Config, ConfigProblem, Surroundings};
use panorama_delta::DeltaTables;
use panorama_failover::JOURNAL;
use panorama_identity::Scorer;
use panorama_log_local::{LocalLog, LocalLogOptions};
use panorama_patient_360::{
    Admin, Finish, Options, Outcome, Pipeline, STATE_SPACES, SourceDecoder, partitions_of, topic_of,
};
use panorama_runtime::{Health, Metrics, now};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Memory that one cached value of state is reckoned at, over all spaces: turns `limits.memory_bytes_max` into entries.
const CACHED_VALUE_BYTES: u64 = 64 << 10;
/// How long a run that is to end waits for its share of partitions, beyond the session of one that was killed.
const JOIN_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether the log can be reached.
const LOG_WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// Reads a configuration file; tells every problem and fails with exit code 78 where there is one.
pub(crate) fn load(file: &ConfigFile) -> anyhow::Result<Config> {
    let (config, problems) = read(file)?;
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(tell(&file.config, &problems)),
    }
}

/// Reads a configuration file: its shape, its meaning, and that every source can be made.
pub(crate) fn read(file: &ConfigFile) -> anyhow::Result<(Option<Config>, Vec<ConfigProblem>)> {
    let path = &file.config;
    let text = std::fs::read_to_string(path).map_err(|error| {
        let hint = "`panorama config example > panorama.yaml` writes one to start from";
        eprint_line(&format!("{}: cannot read: {error} ({hint})", path.display()));
        anyhow::Error::new(BadConfiguration)
    })?;
    let mut overrides = Vec::new();
    for set in &file.set {
        let (key, value) = set
            .split_once('=')
            .ok_or_else(|| anyhow!("--set {set}: write KEY=VALUE"))?;
        overrides.push((key.to_owned(), value.to_owned()));
    }
    let around = Surroundings {
        env: &|name| std::env::var(name).ok(),
        read_file: &|path| std::fs::read_to_string(path),
    };
    Ok(
        match registry::with_known(|known| panorama_config::load(&text, &overrides, known, &around)) {
            Ok(config) => {
                for warning in &config.warnings {
                    eprint_line(&format!(
                        "warning: {}",
                        warning.in_file(&path.display().to_string())
                    ));
                }
                let problems = config
                    .sources
                    .iter()
                    .filter_map(|s| registry::wire(s).err())
                    .flatten()
                    .collect();
                (Some(config), problems)
            }
            Err(problems) => (None, problems),
        },
    )
}

/// Tells every problem with its place in the file.
pub(crate) fn tell(path: &Path, problems: &[ConfigProblem]) -> anyhow::Error {
    for problem in problems {
        eprint_line(&problem.in_file(&path.display().to_string()));
    }
    let count = problems.len();
    eprint_line(&format!(
        "{count} problem{} in {}",
        if count == 1 { "" } else { "s" },
        path.display()
    ));
    anyhow::Error::new(BadConfiguration)
}

#[expect(
    clippy::print_stderr,
    reason = "problems of a configuration are a command's answer, not its log"
)]
pub(crate) fn eprint_line(line: &str) {
    eprintln!("{line}");
}

/// The directory of log and state.
pub(crate) fn data_dir(config: &Config) -> PathBuf {
    PathBuf::from(&config.data_dir)
}

/// Settings of the object store that tables are kept in.
pub(crate) fn table_options(config: &Config) -> HashMap<String, String> {
    config.tables.options.0.clone().into_iter().collect()
}

/// Opens the place of the tables; an object store only where commits are safe in it.
fn open_tables(config: &Config) -> anyhow::Result<DeltaTables> {
    let (location, options) = (&config.tables.location, table_options(config));
    let tables = DeltaTables::new(location, options.clone())?;
    Runtime::new()?.block_on(panorama_delta::probe(location, options))?;
    Ok(tables)
}

/// Opens log and state.
pub(crate) fn open_log(config: &Config) -> panorama_api::Result<LocalLog> {
    let options = LocalLogOptions {
        cache_bytes: config.bus.cache.0,
        ..LocalLogOptions::default()
    };
    let spaces: Vec<_> = STATE_SPACES.iter().copied().chain([JOURNAL]).collect();
    LocalLog::open(&data_dir(config), options, &spaces)
}

/// True where a log could not be opened because another process has it.
pub(crate) fn is_in_use(error: &ConnectorError) -> bool {
    matches!(
        error.cause.downcast_ref(),
        Some(panorama_log_local::LogError::InUse)
    )
}

/// Makes the model ready that a configuration asks for; tells every problem where it cannot be.
pub(crate) fn scorer(config: &Config) -> anyhow::Result<Arc<Scorer>> {
    let file = config.identity.model.as_deref().unwrap_or("identity");
    match_model::scorer(config).map_err(|problems| tell(Path::new(file), &problems))
}

/// Operator calls over a log.
pub(crate) fn admin(
    config: &Config,
    store: Arc<dyn StateStore>,
    bus: Arc<dyn Bus>,
    scorer: Arc<Scorer>,
    runtime: tokio::runtime::Handle,
) -> Admin {
    Admin {
        name: config.name.clone(),
        sources: config
            .sources
            .iter()
            .map(|s| (s.id.as_str().into(), s.format.as_str().into()))
            .collect(),
        bus,
        store,
        scorer,
        runtime,
        now,
    }
}

/// What the tables are, on standard output.
pub(crate) fn print_tables(config: &Config) -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let options = table_options(config);
    let location = &config.tables.location;
    let mut rows = Vec::new();
    for name in runtime.block_on(panorama_delta::list(location, options.clone()))? {
        let table = runtime.block_on(panorama_delta::describe(location, &name, options.clone()))?;
        rows.push(vec![
            table.name,
            render::thousands(table.rows),
            render::thousands(table.files),
            render::thousands(table.bytes),
            table.version.to_string(),
        ]);
    }
    render::table(&["table", "rows", "files", "bytes", "version"], rows);
    Ok(())
}

/// A pipeline and its sources, ready to run.
pub(crate) struct Service {
    config: Config,
    wired: Vec<Wired>,
    tables: DeltaTables,
    scorer: Arc<Scorer>,
    pub metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Service {
    /// Opens everything a configuration names.
    pub(crate) fn open(config: Config) -> anyhow::Result<Self> {
        let wired = config
            .sources
            .iter()
            .map(registry::wire)
            .collect::<Result<Vec<_>, _>>();
        let wired = wired.map_err(|problems| tell(Path::new("configuration"), &problems))?;
        let scorer = scorer(&config)?;
        let tables = open_tables(&config)?;
        let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
        Ok(Self {
            config,
            wired,
            tables,
            scorer,
            metrics,
            health,
        })
    }

    /// Runs until asked to stop; with `until_caught_up`, until every finite source is read and every table holds it.
    pub(crate) fn run(self, role: Role, until_caught_up: bool, http: bool) -> anyhow::Result<Outcome> {
        let runtime = Runtime::new()?;
        let (stop, shutdown) = Shutdown::new();
        let stop = Arc::new(stop);
        let backend = Arc::new(Backend::default());
        if http {
            self.serve_http(&runtime, &shutdown, until_caught_up, &backend)?;
        }
        let signals = Arc::clone(&stop);
        runtime.spawn(async move {
            wait_for_signal().await;
            tracing::info!("stopping");
            signals.send_replace(true);
        });
        let watchers = (&*self.health, &self.metrics);
        let home = Home::enter(
            &self.config,
            role,
            until_caught_up,
            watchers,
            &shutdown,
            runtime.handle(),
        )?;
        let Some(home) = home else {
            return Ok(Outcome::default());
        };
        // All at once: brokers take their time for each.
        let partitions = partitions(&self.config);
        let ensured = self.decoders().map(|decoder| {
            let bus = Arc::clone(&home.bus);
            let count = partitions_of(&decoder.source, partitions);
            async move { bus.ensure_topic(&topic_of(&decoder.source), count).await }
        });
        runtime.block_on(try_join_all(ensured))?;
        let shares = self.share(&home, &runtime, until_caught_up)?;
        let (store, bus) = (Arc::clone(&home.store), Arc::clone(&home.bus));
        let scorer = Arc::clone(&self.scorer);
        backend.open(admin(&self.config, store, bus, scorer, runtime.handle().clone()));
        home.watch_owner(&stop, runtime.handle());
        let bus = Arc::clone(&home.bus);
        runtime.spawn(watch_log(
            Arc::clone(&bus),
            Arc::clone(&self.health),
            Arc::clone(&stop),
        ));
        let (ended, sources_ended) = watch::channel(false);
        let sources = match role {
            Role::All | Role::Ingest => {
                self.spawn_sources(&home.bus, shares.as_ref(), &runtime, &shutdown, until_caught_up)
            }
            Role::Process => JoinSet::new(),
        };
        let sources = runtime.spawn(supervise(sources, Arc::clone(&stop), ended, until_caught_up));
        let owned = home.owned.clone();
        let outcome = match role {
            Role::All | Role::Process => self.process(home, shutdown, sources_ended, &runtime),
            Role::Ingest => {
                self.health.ready("process");
                wait_for_end(shutdown, sources_ended, &runtime);
                self.brought(shares.as_ref(), until_caught_up)
            }
        };
        stop.send_replace(true);
        let sources = runtime.block_on(sources).context("sources")?;
        let lost = owned.as_ref().and_then(|owned| owned.lost());
        if let Some(error) = lost.or_else(|| bus.lost()) {
            return Err(error.into());
        }
        let outcome = outcome?;
        sources?;
        home::leave(owned)?;
        Ok(outcome)
    }

    /// Takes part in sharing the sources' topics, where several processes bring in messages, and tells readiness of it.
    fn share(
        &self,
        home: &Home,
        runtime: &Runtime,
        until_caught_up: bool,
    ) -> anyhow::Result<Option<watch::Receiver<Shares>>> {
        // Those of sources that are not started are others' to bring in.
        let started = |wired: &&Wired| !until_caught_up || wired.source.is_finite();
        let topics = self.wired.iter().filter(started);
        let topics: Vec<_> = topics.map(|wired| topic_of(&wired.decoder.source)).collect();
        let Some(sharing) = home.sharing.as_ref().filter(|_| !topics.is_empty()) else {
            return Ok(None);
        };
        let name = home::instance(&self.config)?;
        let shares = sharing.share(&topics, Some(&name))?;
        if until_caught_up {
            // Somebody waits for this run to end: it is not to wait for others for ever.
            let mut told = shares.clone();
            let known = told.wait_for(|shares| shares.held.is_some());
            // Longer than the session of one that was killed.
            let wait = self.config.bus.take_over_after.0 + JOIN_MAX;
            let known = runtime.block_on(async { tokio::time::timeout(wait, known).await.is_ok() });
            let trouble = shares.borrow().trouble.clone();
            ensure!(
                known,
                "cannot share the topics of the sources: {}",
                trouble.unwrap_or_else(|| "the brokers give no partitions".to_owned())
            );
        }
        let (health, metrics) = (Arc::clone(&self.health), Arc::clone(&self.metrics));
        runtime.spawn(watch_shares(shares.clone(), health, metrics));
        Ok(Some(shares))
    }

    /// What a run that only brings in messages comes to.
    fn brought(
        &self,
        shares: Option<&watch::Receiver<Shares>>,
        until_caught_up: bool,
    ) -> panorama_api::Result<Outcome> {
        let trouble = shares.and_then(|shares| shares.borrow().trouble.clone());
        match trouble.filter(|_| until_caught_up) {
            // What was given to this process and could not be claimed is read by nobody.
            Some(trouble) => Err(ConnectorError::retry(
                "share",
                "the topics of the sources",
                trouble,
            )),
            None => Ok(Outcome {
                messages: self.received(),
                caught_up: until_caught_up,
                ..Outcome::default()
            }),
        }
    }

    /// Messages that the sources have brought.
    fn received(&self) -> u64 {
        let of = |wired: &Wired| Metrics::label("source", &wired.decoder.source);
        let received = |wired| self.metrics.received.get_or_create(&of(wired)).get();
        self.wired.iter().map(received).sum()
    }

    fn process(
        self,
        home: Home,
        shutdown: Shutdown,
        sources_ended: watch::Receiver<bool>,
        runtime: &Runtime,
    ) -> panorama_api::Result<Outcome> {
        let pipeline = Pipeline {
            options: self.options(),
            decoders: self.decoders().collect(),
            bus: home.bus,
            announcer: home.announcer,
            store: home.store,
            generation: home.owned.map(|owned| owned.generation()),
            sink: Arc::new(self.tables),
            scorer: self.scorer,
            metrics: self.metrics,
            health: self.health,
        };
        let finish = Finish {
            shutdown,
            sources_ended,
        };
        pipeline.run(finish, runtime.handle())
    }

    /// How the messages of each source are read; stewards are a source of every pipeline.
    fn decoders(&self) -> impl Iterator<Item = Arc<SourceDecoder>> {
        let steward = Arc::new(SourceDecoder::steward());
        self.wired
            .iter()
            .map(|wired| Arc::clone(&wired.decoder))
            .chain([steward])
    }

    fn options(&self) -> Options {
        let limits = &self.config.limits;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let entries = limits.memory_bytes_max.0 / CACHED_VALUE_BYTES;
        Options {
            name: self.config.name.clone(),
            partitions: partitions(&self.config),
            epoch_messages_max: limits.epoch_messages_max,
            epoch_bytes_max: usize::try_from(limits.epoch_bytes_max.0).unwrap_or(usize::MAX),
            epoch_interval: limits.epoch_interval.0,
            commit_interval: self.config.tables.commit_interval.0,
            retention: (self.config.bus.r#type == BusType::Local).then_some(self.config.bus.retention.0),
            threads: if limits.decode_threads == 0 {
                cores
            } else {
                limits.decode_threads
            },
            scratch: self.config.data_dir.clone().into(),
            cache_entries_max: usize::try_from(entries).unwrap_or(usize::MAX).max(1024),
        }
    }

    fn serve_http(
        &self,
        runtime: &Runtime,
        shutdown: &Shutdown,
        until_caught_up: bool,
        backend: &Arc<Backend>,
    ) -> anyhow::Result<()> {
        let listen = &self.config.http.listen;
        let listener = match runtime.block_on(tokio::net::TcpListener::bind(listen)) {
            Ok(listener) => listener,
            Err(error) if until_caught_up => {
                tracing::warn!(listen, %error, "no health and metrics in this run");
                return Ok(());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot listen on http.listen {listen}"));
            }
        };
        let served = panorama_console::serve(
            listener,
            Arc::clone(&self.health),
            Arc::clone(&self.metrics),
            Arc::clone(backend) as _,
            shutdown.clone(),
        );
        runtime.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the http listener failed");
            }
        });
        Ok(())
    }

    fn spawn_sources(
        &self,
        bus: &Arc<dyn Bus>,
        shares: Option<&watch::Receiver<Shares>>,
        runtime: &Runtime,
        shutdown: &Shutdown,
        until_caught_up: bool,
    ) -> JoinSet<panorama_api::Result<()>> {
        let mut tasks = JoinSet::new();
        let partitions = partitions(&self.config);
        for wired in &self.wired {
            if until_caught_up && !wired.source.is_finite() {
                tracing::warn!(source = %wired.decoder.source, "not started: it never ends, and this run is to end");
                continue;
            }
            let source = Arc::clone(&wired.source);
            let topic = topic_of(&wired.decoder.source);
            let partitions = match shares {
                Some(shares) => Partitions::shared(topic.clone(), partitions, shares.clone()),
                None => Partitions::all(topic.clone(), partitions),
            };
            let context = SourceContext {
                source: wired.decoder.source.clone(),
                topic,
                partitions,
                bus: Arc::clone(bus),
                finite: until_caught_up,
                shutdown: shutdown.clone(),
                observer: Arc::clone(&self.metrics) as _,
                now,
            };
            tasks.spawn_on(async move { source.run(context).await }, runtime.handle());
        }
        tasks
    }
}

/// Partitions of each source's topic: as many processes can bring in its messages. One machine alone needs one.
pub(crate) const fn partitions(config: &Config) -> u32 {
    match config.bus.r#type {
        BusType::Local => 1,
        BusType::Kafka => config.bus.partitions,
    }
}

/// Tells readiness and metrics which partitions are this process's. One that holds none is ready too.
async fn watch_shares(mut shares: watch::Receiver<Shares>, health: Arc<Health>, metrics: Arc<Metrics>) {
    loop {
        let Shares { held, trouble } = shares.borrow_and_update().clone();
        let count: usize = held.iter().flat_map(BTreeMap::values).map(Vec::len).sum();
        metrics
            .ingest_partitions
            .set(i64::try_from(count).unwrap_or(i64::MAX));
        match (trouble, held) {
            (Some(trouble), _) => health.not_ready("ingest", trouble),
            (None, None) => health.not_ready("ingest", "joining those who share the topics"),
            (None, Some(_)) => {
                tracing::info!(partitions = count, "this process appends to");
                health.ready("ingest");
            }
        }
        if shares.changed().await.is_err() {
            return;
        }
    }
}

/// Looks from time to time whether the log can be reached, and tells readiness; stops the process where it never will be.
async fn watch_log(bus: Arc<dyn Bus>, health: Arc<Health>, stop: Arc<watch::Sender<bool>>) {
    loop {
        let asked = Arc::clone(&bus);
        let reached = tokio::task::spawn_blocking(move || asked.reach()).await;
        match reached {
            Ok(Err(error)) => {
                tracing::warn!(%error, cause = %error.cause, "the log cannot be reached");
                health.not_ready("log", format!("{error}: {}", error.cause));
            }
            Ok(Ok(())) => health.ready("log"),
            // The process is ending.
            Err(_) => return,
        }
        if let Some(error) = bus.lost() {
            tracing::error!(%error, cause = %error.cause, "stopping");
            stop.send_replace(true);
            return;
        }
        tokio::time::sleep(LOG_WATCH_INTERVAL).await;
    }
}

/// Waits for the sources. The first one that fails stops the process: a feed that is silently gone is worse than a restart.
async fn supervise(
    mut sources: JoinSet<panorama_api::Result<()>>,
    stop: Arc<watch::Sender<bool>>,
    ended: watch::Sender<bool>,
    finite: bool,
) -> anyhow::Result<()> {
    let mut result = Ok(());
    while let Some(source) = sources.join_next().await {
        let failed = match source {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => anyhow::Error::new(error),
            Err(error) => anyhow::Error::new(error),
        };
        stop.send_replace(true);
        if result.is_ok() {
            result = Err(failed);
        }
    }
    if finite {
        ended.send_replace(true);
    }
    // Dropping the sender would wake the reader for nothing: keep it until the process stops.
    if !finite {
        let mut stopped = stop.subscribe();
        stopped
            .wait_for(|stop| *stop)
            .await
            .map(|_| ())
            .unwrap_or_default();
    }
    result
}

/// Waits until all sources have ended, or until asked to stop.
fn wait_for_end(mut shutdown: Shutdown, mut sources_ended: watch::Receiver<bool>, runtime: &Runtime) {
    runtime.block_on(async {
        tokio::select! {
            () = shutdown.requested() => {}
            _ = sources_ended.wait_for(|ended| *ended) => {}
        }
    });
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("no signal handlers: only a kill will stop the process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
