//! The log that messages go through: embedded beside the state, or Kafka.

use panorama_api::{Announcer, Bus, ConnectorError, Observer, Result, Sharing};
use panorama_config::{BusType, Config};
use panorama_log_local::LocalLog;
use std::sync::Arc;

/// The kinds of log this build has.
pub(crate) const TYPES: &[&str] = if cfg!(feature = "kafka") {
    &["local", "kafka"]
} else {
    &["local"]
};

/// The open log.
pub(crate) struct OpenBus {
    pub bus: Arc<dyn Bus>,
    /// Tells other systems of changes, where it can and is to.
    pub announcer: Option<Arc<dyn Announcer>>,
    /// Divides topics among processes, where it can.
    pub sharing: Option<Arc<dyn Sharing>>,
}

/// Opens the log of a configuration: the embedded one where it is given, and is to be. Its clients tell of themselves, if
/// there is somebody to tell. Blocks.
pub(crate) fn open(
    config: &Config,
    log: Option<&LocalLog>,
    observer: Option<Arc<dyn Observer>>,
) -> Result<OpenBus> {
    match (config.bus.r#type, log) {
        (BusType::Local, Some(log)) => Ok(OpenBus {
            bus: Arc::new(log.clone()),
            announcer: None,
            sharing: None,
        }),
        (BusType::Local, None) => Err(ConnectorError::fatal("open", "the log", "data_dir is not open")),
        (BusType::Kafka, _) => kafka::open(config, observer),
    }
}

/// What is wrong with the log as it is now. Blocks.
pub(crate) fn check(config: &Config) -> Option<String> {
    match config.bus.r#type {
        BusType::Local => None,
        BusType::Kafka => kafka::check(config)
            .err()
            .map(|error| format!("{error}: {}", error.cause)),
    }
}

#[cfg(feature = "kafka")]
mod kafka {
    use super::OpenBus;
    use panorama_api::{Announcer, Observer, Result, Sharing};
    use panorama_config::{Config, Durability, Rebalance};
    use panorama_kafka::{KafkaBus, KafkaOptions};
    use std::sync::Arc;
    use std::time::Duration;

    /// How long `validate` waits for a broker: somebody sits before it.
    const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

    /// Brokers take no shorter one by default (group.min.session.timeout.ms).
    const SESSION_MIN: Duration = Duration::from_secs(6);

    fn options(config: &Config) -> KafkaOptions {
        let bus = &config.bus;
        KafkaOptions {
            brokers: bus.brokers.clone(),
            topic_prefix: bus.topic_prefix.clone(),
            security: bus.security.0.clone().into_iter().collect(),
            replication: (bus.replication > 0).then_some(bus.replication),
            strict: bus.durability == Durability::Strict,
            retention: Some(bus.retention.0),
            session_timeout: bus.take_over_after.0.max(SESSION_MIN),
            eager_rebalance: bus.rebalance == Rebalance::Eager,
            ..KafkaOptions::default()
        }
    }

    pub(super) fn open(config: &Config, observer: Option<Arc<dyn Observer>>) -> Result<OpenBus> {
        let bus = KafkaBus::open(KafkaOptions {
            observer,
            ..options(config)
        })?;
        let announcer = Arc::new(bus.clone()) as Arc<dyn Announcer>;
        let sharing = Arc::new(bus.clone()) as Arc<dyn Sharing>;
        Ok(OpenBus {
            bus: Arc::new(bus),
            sharing: Some(sharing),
            announcer: config.bus.changes.then_some(announcer),
        })
    }

    pub(super) fn check(config: &Config) -> Result<()> {
        KafkaBus::check(&KafkaOptions {
            request_timeout: CHECK_TIMEOUT,
            ..options(config)
        })
    }
}

/// Configurations that ask for Kafka are refused before they come here.
#[cfg(not(feature = "kafka"))]
mod kafka {
    use super::OpenBus;
    use panorama_api::{ConnectorError, Observer, Result};
    use panorama_config::Config;
    use std::sync::Arc;

    pub(super) fn open(config: &Config, _: Option<Arc<dyn Observer>>) -> Result<OpenBus> {
        Err(missing(config))
    }

    pub(super) fn check(config: &Config) -> Result<()> {
        Err(missing(config))
    }

    fn missing(config: &Config) -> ConnectorError {
        let cause = "this build has no Kafka: `cargo build --release --features kafka` makes one that has";
        ConnectorError::fatal("reach", config.bus.brokers.join(","), cause)
    }
}
