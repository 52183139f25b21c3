//! What can be configured. The schema, the reference and the defaults are all made from here.

use crate::{ConfigProblem, SourceConfig};
use panorama_model::{ByteCount, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A Panorama deployment: where messages come from, and where tables go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The deployment's name. Part of what table commits are known by: do not change it later.
    #[serde(default = "name")]
    pub name: String,
    /// Directory of the embedded log and state. Keep it on a local disk, and keep it.
    #[serde(default = "data_dir")]
    pub data_dir: String,
    /// The log that messages go through.
    #[serde(default)]
    pub bus: BusConfig,
    /// Where messages come from.
    pub sources: Vec<SourceConfig>,
    /// Where tables go.
    #[serde(default)]
    pub tables: TablesConfig,
    /// When records are taken for one person.
    #[serde(default)]
    pub identity: IdentityConfig,
    /// The console, health and metrics.
    #[serde(default)]
    pub http: HttpConfig,
    /// How much may be held and done at a time.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What is no problem yet may surprise.
    #[serde(skip)]
    pub warnings: Vec<ConfigProblem>,
}

/// The log that messages go through.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// Which log.
    pub r#type: BusType,
    /// How long messages stay in the log once the tables have them. On Kafka it is given to topics when they are made.
    #[schemars(with = "String", extend("format" = "period"))]
    pub retention: Period,
    /// Memory for log and state that is read often. Embedded log only.
    #[schemars(with = "String", extend("format" = "bytes"))]
    pub cache: ByteCount,
    /// Kafka only: brokers to ask first, as host:port.
    pub brokers: Vec<String>,
    /// Kafka only: what topic names begin with.
    pub topic_prefix: String,
    /// Kafka only: copies of each topic that is made. 0: what the brokers are set to.
    #[schemars(range(min = 0, max = 100))]
    pub replication: u16,
    /// Kafka only: partitions of each source's topic when it is made. As many processes can bring in the messages of one
    /// source at once with `run --role ingest`; they divide the partitions among them in the group `<prefix>ingest`.
    #[schemars(range(min = 1, max = 1024))]
    pub partitions: u32,
    /// Kafka only: how processes divide partitions among them when one comes or goes. All of a pipeline the same.
    pub rebalance: Rebalance,
    /// Kafka only: what an acknowledgement must be worth.
    pub durability: Durability,
    /// Kafka only: tell other systems of changes, in the compacted topics `<prefix>changes` and `<prefix>records`.
    pub changes: bool,
    /// Kafka only: several processes of this pipeline may run, of which one works and the others stand by with its state,
    /// kept beside the tables.
    pub failover: bool,
    /// Kafka only: how long a working process may be silent before another one goes on. A second at least, and six for
    /// those that bring in messages.
    #[schemars(with = "String", extend("format" = "period"))]
    pub take_over_after: Period,
    /// Kafka only: client settings for authentication and encryption, by librdkafka's names. Secrets by `${ENV_VAR}` or
    /// `file:`.
    pub security: Secrets,
}

/// Which log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BusType {
    /// Embedded, in `data_dir`.
    #[default]
    Local,
    /// Apache Kafka.
    Kafka,
}

/// How processes divide partitions among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rebalance {
    /// Who keeps a partition goes on with it meanwhile (Kafka's cooperative-sticky).
    #[default]
    Cooperative,
    /// All stop for a moment (Kafka's range).
    Eager,
}

/// What an acknowledgement is worth where the log is Kafka.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// All replicas in sync have the message, as many as the topic asks for.
    #[default]
    Standard,
    /// Topics with fewer than 3 replicas, or `min.insync.replicas` below 2, are refused.
    Strict,
}

/// Where tables go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TablesConfig {
    /// Directory or object store: a path, `s3://bucket/path`, `az://container/path`, `gs://bucket/path`. Each table is a
    /// directory below it.
    pub location: String,
    /// How often tables are committed. Shorter is fresher; longer makes fewer, larger files.
    #[schemars(with = "String", extend("format" = "period"))]
    pub commit_interval: Period,
    /// Settings of the object store, by its own names (`aws_region`). Secrets by `${ENV_VAR}` or `file:`.
    pub options: Secrets,
}

/// When records are taken for one person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityConfig {
    /// Pairs of records with at least this match probability are linked: of such links, at least this share is right.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub auto_link_probability: f64,
    /// Pairs with at least this match probability, and less than `auto_link_probability`, wait for a steward's decision.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub review_probability: f64,
    /// File of the match model. The model that ships is used where none is given; `identity train` makes one, and one with
    /// nothing but `version` and `declared` adds rules, comparisons, blocked values and source trust to the one that ships.
    pub model: Option<String>,
}

/// The console, health and metrics.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port to listen on. The console shows patient data: open it to a network only behind a proxy that
    /// knows its users.
    #[schemars(extend("format" = "address"))]
    pub listen: String,
}

/// How much may be held and done at a time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Threads that decode and score. 0: one per processor.
    #[schemars(range(min = 0, max = 1024))]
    pub decode_threads: usize,
    /// Messages of one epoch. More is faster in bulk; fewer makes each commit of state shorter.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub epoch_messages_max: usize,
    /// Payload bytes of one epoch.
    #[schemars(with = "String", extend("format" = "bytes"))]
    pub epoch_bytes_max: ByteCount,
    /// Longest wait for more messages before an epoch is committed.
    #[schemars(with = "String", extend("format" = "period"))]
    pub epoch_interval: Period,
    /// Memory to aim for. Reading slows down where it would take more.
    #[schemars(with = "String", extend("format" = "bytes"))]
    pub memory_bytes_max: ByteCount,
}

/// Settings of which some may be secret: never printed.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secrets(pub BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.keys().map(|key| (key, "[redacted]")))
            .finish()
    }
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            r#type: BusType::Local,
            retention: Period::from_seconds(7 * 86_400),
            cache: ByteCount::from_mebibytes(128),
            brokers: Vec::new(),
            topic_prefix: "panorama.".into(),
            replication: 0,
            partitions: 1,
            rebalance: Rebalance::Cooperative,
            durability: Durability::Standard,
            changes: true,
            failover: true,
            take_over_after: Period::from_seconds(15),
            security: Secrets::default(),
        }
    }
}

impl Default for TablesConfig {
    fn default() -> Self {
        Self {
            location: "./tables".into(),
            commit_interval: Period::from_seconds(10),
            options: Secrets::default(),
        }
    }
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            auto_link_probability: 0.99,
            review_probability: 0.80,
            model: None,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9600".into(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            decode_threads: 0,
            epoch_messages_max: 6144,
            epoch_bytes_max: ByteCount::from_mebibytes(64),
            epoch_interval: Period(std::time::Duration::from_millis(250)),
            memory_bytes_max: ByteCount::from_mebibytes(1024),
        }
    }
}

fn name() -> String {
    "panorama".into()
}

fn data_dir() -> String {
    "./data".into()
}
