//! Where the brokers are, and the limits of the log (INV-9), each with the reason for its value.

use panorama_api::Observer;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Which brokers, which topics, and how much memory and time the log may take.
#[derive(Clone)]
pub struct KafkaOptions {
    /// Brokers to ask first, as host:port.
    pub brokers: Vec<String>,
    /// What topic names begin with.
    pub topic_prefix: String,
    /// Authentication and encryption, by librdkafka's names. Secret.
    pub security: BTreeMap<String, String>,
    /// Copies of each topic that is made; none: what the brokers are set to.
    pub replication: Option<u16>,
    /// Refuse topics in which an acknowledged message can be lost with one broker; otherwise a warning says so.
    pub strict: bool,
    /// How long topics that are made keep messages; none: for ever.
    pub retention: Option<Duration>,
    /// Largest message, headers included. Larger ones are refused before they are sent.
    pub message_bytes_max: usize,
    /// Bytes that may be on their way to the brokers; appenders beyond wait their turn.
    pub queue_bytes_max: usize,
    /// Bytes read ahead of each partition. Larger: steadier reading; smaller: less memory with many sources.
    pub read_ahead_bytes_max: usize,
    /// How long a message may be on its way before the append fails. Shorter than a sender's patience is useless.
    pub delivery_timeout: Duration,
    /// How long a read, or a question to the brokers, waits before it fails.
    pub request_timeout: Duration,
    /// How long a lone message waits for company. Larger: fewer requests; smaller: shorter waits.
    pub linger: Duration,
    /// Senders' ids remembered per partition, and looked for again in its newest messages at start. Larger: copies sent
    /// later are known; smaller: less memory (about 120 bytes each), quicker starts.
    pub copies_max: usize,
    /// Bytes of a partition's newest messages read for that at start, at most.
    pub copies_scan_bytes_max: u64,
    /// How long a process that shares topics with others may be silent before its partitions are given to them. Shorter:
    /// they go on sooner; longer: one that was only slow keeps them. Brokers take six seconds at least by default.
    pub session_timeout: Duration,
    /// Whether all give up all partitions at each change of who shares, as older members of a group do.
    pub eager_rebalance: bool,
    /// How often source positions are written beside the messages that carry them. A restart reads what came after.
    pub flush_interval: Duration,
    /// Who is told what the clients say of themselves. None: they are not asked.
    pub observer: Option<Arc<dyn Observer>>,
    /// How often they say it. Shorter than metrics are looked at is useless; longer: a slow minute shows late.
    pub statistics_interval: Duration,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            topic_prefix: "panorama.".into(),
            security: BTreeMap::new(),
            replication: None,
            strict: false,
            retention: Some(Duration::from_secs(7 * 86_400)),
            message_bytes_max: 17 * MIB,
            queue_bytes_max: 32 * MIB,
            read_ahead_bytes_max: 4 * MIB,
            delivery_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            linger: Duration::from_millis(1),
            copies_max: 262_144,
            copies_scan_bytes_max: 128 * MIB as u64,
            session_timeout: Duration::from_secs(10),
            eager_rebalance: false,
            flush_interval: Duration::from_secs(1),
            observer: None,
            statistics_interval: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaOptions")
            .field("brokers", &self.brokers)
            .field("topic_prefix", &self.topic_prefix)
            .finish_non_exhaustive()
    }
}
