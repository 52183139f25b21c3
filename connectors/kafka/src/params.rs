//! What can be set about a topic that other systems fill.

use crate::KafkaOptions;
use panorama_model::ByteCount;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// A Kafka topic that other systems fill: each record's value is one message of the format.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaParams {
    /// Brokers to ask first, as host:port.
    #[schemars(length(min = 1), extend("examples" = [["localhost:9092"]]))]
    pub brokers: Vec<String>,
    /// The topic. All its partitions are read, each in order, from where the last run ended; ones added later too.
    pub topic: String,
    /// Where to begin in a partition that was never read.
    #[serde(default)]
    pub start: Start,
    /// What to do where the topic's retention deleted records before they were read.
    #[serde(default)]
    pub on_gap: OnGap,
    /// Records read ahead of the log, in bytes.
    #[serde(default = "read_ahead_bytes_max")]
    #[schemars(with = "String", extend("format" = "bytes"))]
    pub read_ahead_bytes_max: ByteCount,
    /// Client settings for authentication and encryption, by librdkafka's names. Secrets by `${ENV_VAR}` or `file:`.
    #[serde(default)]
    pub security: BTreeMap<String, String>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// With the oldest record that is kept.
    #[default]
    Earliest,
    /// With what comes after the first start.
    Latest,
}

/// What to do about records that are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnGap {
    /// Stop, saying which are gone.
    #[default]
    Stop,
    /// Say which are gone, and go on with the oldest that is kept.
    Skip,
}

impl KafkaParams {
    /// How the client is set for it.
    pub(crate) fn options(&self) -> KafkaOptions {
        KafkaOptions {
            brokers: self.brokers.clone(),
            security: self.security.clone(),
            read_ahead_bytes_max: usize::try_from(self.read_ahead_bytes_max.0).unwrap_or(usize::MAX),
            ..KafkaOptions::default()
        }
    }
}

/// Without the settings that may be secret (INV-8).
impl fmt::Debug for KafkaParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaParams")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

const fn read_ahead_bytes_max() -> ByteCount {
    ByteCount::from_mebibytes(4)
}
