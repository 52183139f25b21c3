//! Where a pipeline lives in this process: its state and its log, once they are this process's to work on.

use crate::bus::{self, OpenBus};
use crate::cli::Role;
use crate::service;
use anyhow::{Context, anyhow};
use panorama_api::{Announcer, Bus, ConnectorError, Sharing, Shutdown, StateStore};
use panorama_config::{BusType, Config};
use panorama_delta::TableObjects;
use panorama_failover::{FailoverOptions, JOURNAL, Owned, Stores, stand_by};
use panorama_log_local::LocalLog;
use panorama_patient_360::STATE_SPACES;
use panorama_runtime::{Health, Metrics};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How often it is looked whether the pipeline is still this process's.
const OWNER_WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Holds the name of this process.
const INSTANCE_FILE: &str = "instance";

/// Less would take an owner that waits for its disk for dead.
const SILENCE_MIN: Duration = Duration::from_secs(1);

/// State and log, open.
pub(crate) struct Home {
    pub store: Arc<dyn StateStore>,
    pub bus: Arc<dyn Bus>,
    pub announcer: Option<Arc<dyn Announcer>>,
    /// Divides topics among processes, where several bring in messages.
    pub sharing: Option<Arc<dyn Sharing>>,
    /// Where other processes could go on with the pipeline.
    pub owned: Option<Arc<Owned>>,
}

impl Home {
    /// Opens state and log; where several processes may run, once this one is to work. None where it was asked to stop
    /// before. Blocks.
    pub(crate) fn enter(
        config: &Config,
        role: Role,
        until_caught_up: bool,
        (health, metrics): (&Health, &Arc<Metrics>),
        shutdown: &Shutdown,
        runtime: &Handle,
    ) -> anyhow::Result<Option<Self>> {
        let observer = Some(Arc::clone(metrics) as _);
        if config.bus.r#type == BusType::Local || !config.bus.failover || role == Role::Ingest {
            let log = service::open_log(config).map_err(|error| in_use(config, error))?;
            let OpenBus {
                bus,
                announcer,
                sharing,
            } = bus::open(config, Some(&log), observer)?;
            return Ok(Some(Self {
                store: Arc::new(log),
                bus,
                announcer,
                sharing: sharing.filter(|_| role == Role::Ingest),
                owned: None,
            }));
        }
        let (location, tables) = (&config.tables.location, service::table_options(config));
        let place = format!("_panorama/{}", config.name);
        let objects = Arc::new(TableObjects::open(location, tables, &place, runtime.clone())?);
        let options = FailoverOptions::new(
            service::data_dir(config).join("failover"),
            STATE_SPACES.iter().copied().chain([JOURNAL]).collect(),
            config.bus.take_over_after.0.max(SILENCE_MIN),
            !until_caught_up,
        );
        health.not_ready("process", "standing by: another process works on this pipeline");
        let owned = stand_by(options, objects, &Disk(config), shutdown.clone());
        let Some(owned) = owned.map_err(|error| in_use(config, error))? else {
            return Ok(None);
        };
        health.not_ready("process", "starting");
        tracing::info!(
            generation = owned.generation(),
            "this process works on the pipeline now"
        );
        metrics
            .owner_generation
            .set(i64::try_from(owned.generation()).unwrap_or(i64::MAX));
        let owned = Arc::new(owned);
        // Opened only now: another process wrote to it until a moment ago.
        let OpenBus { bus, announcer, .. } = bus::open(config, None, observer)?;
        Ok(Some(Self {
            store: Arc::clone(&owned) as _,
            bus,
            announcer,
            sharing: None,
            owned: Some(owned),
        }))
    }

    /// Stops the process once the pipeline is another one's.
    pub(crate) fn watch_owner(&self, stop: &Arc<watch::Sender<bool>>, runtime: &Handle) {
        let Some(owned) = self.owned.as_ref().map(Arc::downgrade) else {
            return;
        };
        let stop = Arc::clone(stop);
        runtime.spawn(async move {
            while let Some(owned) = owned.upgrade() {
                if let Some(error) = owned.lost() {
                    tracing::error!(%error, cause = %error.cause, "stopping");
                    stop.send_replace(true);
                    return;
                }
                drop(owned);
                tokio::time::sleep(OWNER_WATCH_INTERVAL).await;
            }
        });
    }
}

/// Leaves the pipeline to whoever stands by, at the end of a run.
pub(crate) fn leave(owned: Option<Arc<Owned>>) -> anyhow::Result<()> {
    let Some(owned) = owned else { return Ok(()) };
    if let Some(error) = owned.lost() {
        return Err(error.into());
    }
    if let Err(error) = owned.release() {
        tracing::warn!(%error, cause = %error.cause, "the pipeline could not be handed over; others go on after their wait");
    }
    Ok(())
}

/// The name of a data directory: by it a process that is started again is known to those it shares topics with.
pub(crate) fn instance(config: &Config) -> anyhow::Result<String> {
    let path = service::data_dir(config).join(INSTANCE_FILE);
    let at = || format!("cannot keep this process's name in {}", path.display());
    if let Ok(name) = std::fs::read_to_string(&path)
        && !name.is_empty()
    {
        return Ok(name);
    }
    let name = format!("{:016x}", RandomState::new().hash_one(&path));
    std::fs::write(&path, &name).with_context(at)?;
    Ok(name)
}

/// The state in a data directory.
struct Disk<'a>(&'a Config);

impl Stores for Disk<'_> {
    fn open(&self) -> panorama_api::Result<Arc<dyn StateStore>> {
        Ok(Arc::new(service::open_log(self.0)?))
    }

    fn wipe(&self) -> panorama_api::Result<()> {
        let dir: PathBuf = service::data_dir(self.0);
        LocalLog::erase(&dir)
    }
}

fn in_use(config: &Config, error: ConnectorError) -> anyhow::Error {
    if service::is_in_use(&error) {
        let dir = &config.data_dir;
        anyhow!("{dir} is in use: another panorama runs with this data_dir")
    } else {
        anyhow::Error::new(error)
    }
}
