//! What can go wrong with Kafka: each error names its cause, and what to do about it.

use panorama_api::{ConnectorError, ErrorClass};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// An error of the log on Kafka.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaBusError {
    /// No broker answered.
    #[error(
        "no broker of {brokers} answered in time: {reason}; check bus.brokers, the network and bus.security"
    )]
    Unreachable {
        /// Those asked.
        brokers: String,
        /// What the client said last.
        reason: String,
    },
    /// The encrypted connection was refused by one side.
    #[error(
        "no encrypted connection to {brokers}: {reason}; check security.protocol, ssl.ca.location and the names in the \
         brokers' certificates"
    )]
    Tls {
        /// Those asked.
        brokers: String,
        /// What the client said last.
        reason: String,
    },
    /// The brokers do not know us.
    #[error(
        "the brokers refuse the credentials: {reason}; check sasl.mechanism, sasl.username and sasl.password"
    )]
    Credentials {
        /// What the client said last.
        reason: String,
    },
    /// The client has let go of all brokers, which are there, and does not find them again by itself.
    #[error(
        "the Kafka client has lost the brokers {brokers}, which answer others (librdkafka issue 5301); start this process again: \
         nothing that was acknowledged is lost"
    )]
    Lost {
        /// Those that are asked first.
        brokers: String,
    },
    /// There is no token to be known by, or the brokers do not take it.
    #[error(
        "not known by a token: {reason}; check sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.client.id, \
         sasl.oauthbearer.client.secret and sasl.oauthbearer.scope; https.ca.location, where the endpoint's authority is your own; and \
         whether the brokers take the token's issuer, audience and key"
    )]
    Token {
        /// What the client said last.
        reason: String,
    },
    /// The brokers know us and say no.
    #[error(
        "not allowed: {reason}; this principal needs READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS and CREATE on topics that \
         begin with bus.topic_prefix, IDEMPOTENT_WRITE on the cluster; for `run --role ingest` READ on the group \
         <bus.topic_prefix>ingest; where changes are told, WRITE and DESCRIBE on the transactional id \
         <bus.topic_prefix>changes"
    )]
    Denied {
        /// What was refused.
        reason: String,
    },
    /// The brokers' clocks and ours differ by more than brokers bear.
    #[error(
        "the clocks differ: {reason}; set this machine's and the brokers' by NTP (chrony), and let the topics that others made have \
         message.timestamp.type=LogAppendTime"
    )]
    Clock {
        /// By how much, and what they bear.
        reason: String,
    },
    /// A setting the client does not know or take.
    #[error("bus.security: the client does not take `{key}`: {reason}")]
    Setting {
        /// The setting's name.
        key: String,
        /// Why. Never its value.
        reason: String,
    },
    /// What was to be read was deleted a moment ago.
    #[error(
        "retention has deleted the messages that were to be read next; reading goes on with those that are left"
    )]
    Gone,
    /// No such topic.
    #[error("no such topic; it was deleted, or never made")]
    TopicUnknown,
    /// A name Kafka does not take.
    #[error("Kafka takes no topic of this name: letters, digits, `.`, `_` and `-`, at most 249 characters")]
    TopicName,
    /// No such partition.
    #[error("no such partition: the topic has {partitions}")]
    PartitionUnknown {
        /// How many there are.
        partitions: u32,
    },
    /// The topic exists with another partition count.
    #[error(
        "the topic has {existing} partitions, {wanted} are wanted; set bus.partitions to {existing}, make it anew, or choose another \
         bus.topic_prefix"
    )]
    PartitionsDiffer {
        /// How many there are.
        existing: u32,
        /// How many were asked for.
        wanted: u32,
    },
    /// The topic exists with a setting that breaks a promise.
    #[error("the topic has {name}={existing}, which {harm}; set it to {wanted}")]
    TopicSetting {
        /// The setting.
        name: &'static str,
        /// Its value.
        existing: String,
        /// What it does to us.
        harm: &'static str,
        /// What it should be.
        wanted: String,
    },
    /// A message larger than the topic takes.
    #[error(
        "message of {bytes} bytes with its headers is larger than {bytes_max}, the topic's max.message.bytes or our limit"
    )]
    MessageTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Too few replicas are in sync for a message to be safe.
    #[error("too few replicas are in sync: {reason}; bring brokers back, or look at min.insync.replicas")]
    Replicas {
        /// What the brokers said.
        reason: String,
    },
    /// Messages did not arrive in time. Whether they will is looked up before the next append.
    #[error("messages were not acknowledged in time: {reason}; are the brokers up, and can they write?")]
    Undelivered {
        /// What the client said last.
        reason: String,
    },
    /// A message came to lie where another was expected: somebody else appends.
    #[error(
        "a message lies at offset {actual}, not at {expected}: another process appends to this topic; one pipeline owns \
         the topics of a bus.topic_prefix"
    )]
    OtherWriter {
        /// Where it lies.
        actual: u64,
        /// Where it would, were we alone.
        expected: u64,
    },
    /// The group of those that share topics does not take this process.
    #[error(
        "the group does not take this process: {reason}; all processes of a pipeline have the same bus.rebalance, each has a \
         data_dir of its own (a copied one: delete the file `instance` in it), and bus.take_over_after lies between the \
         brokers' group.min.session.timeout.ms and group.max.session.timeout.ms"
    )]
    Group {
        /// What the brokers said.
        reason: String,
    },
    /// Another process of the group appends to the partition.
    #[error(
        "another process appends to this partition now; it is looked up before the next append, where it comes back"
    )]
    NotOurs,
    /// The brokers no longer accept this producer.
    #[error("the brokers no longer accept this producer: {reason}; restart, which looks up what was stored")]
    Fenced {
        /// What the brokers said.
        reason: String,
    },
    /// The brokers answer, but for transactions.
    #[error(
        "the brokers serve no transactions, in which changes are told: {reason}; with fewer than three brokers set \
         transaction.state.log.replication.factor and transaction.state.log.min.isr to what there is, or bus.changes to false"
    )]
    NoTransactions {
        /// What the client said.
        reason: String,
    },
    /// Fewer messages are there than were read already.
    #[error(
        "it ends at {end}, but {next} comes next: the topic was deleted or made anew, and messages are lost"
    )]
    Shrunk {
        /// Where it ends.
        end: u64,
        /// What would be read next.
        next: u64,
    },
    /// Records of a topic that other systems fill were deleted before they were read.
    #[error(
        "retention deleted records {next} to {oldest} of partition {partition} before they were read, the last of them \
         not included; keep records longer than this source is ever away, or set on_gap: skip to go on without them"
    )]
    Gap {
        /// The partition.
        partition: i32,
        /// What would be read next.
        next: u64,
        /// The oldest that is kept.
        oldest: u64,
    },
    /// How far a source has read could not be looked up.
    #[error("how far it was read cannot be looked up: {reason}")]
    Position {
        /// Why.
        reason: String,
        /// Whether trying again may help: a partition may have gone to another process just now.
        may_pass: bool,
    },
    /// Stored bytes do not make sense.
    #[error("stored {what} is damaged")]
    Damaged {
        /// What was read.
        what: &'static str,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// The threads of the client could not be started.
    #[error("no thread for the client: {reason}")]
    Thread {
        /// Why.
        reason: String,
    },
    /// Anything else the client says.
    #[error("the Kafka client failed: {reason}")]
    Client {
        /// What it said.
        reason: String,
        /// Whether it may pass.
        may_pass: bool,
    },
}

/// Errors that pass by themselves: leaders move, brokers come and go, and clients hear of it one after the other. Those the
/// protocol calls retriable, and the client's own.
const fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::EligibleLeadersNotAvailable
            | Code::FencedLeaderEpoch
            | Code::InvalidMessage
            | Code::KafkaStorageError
            | Code::LeaderNotAvailable
            | Code::NetworkException
            | Code::NotController
            | Code::NotCoordinator
            | Code::NotLeaderForPartition
            | Code::OffsetNotAvailable
            | Code::PreferredLeaderNotAvailable
            | Code::ReplicaNotAvailable
            | Code::StaleControllerEpoch
            | Code::UnknownLeaderEpoch
            | Code::BrokerDestroy
            | Code::DestroyBroker
            | Code::InProgress
            | Code::NodeUpdate
            | Code::Outdated
            | Code::Partial
            | Code::QueueFull
            | Code::Retry
            | Code::State
            | Code::TimedOutQueue
            | Code::UnknownBroker
            | Code::UnknownPartition
            | Code::WaitCache
            | Code::WaitingForCoordinator
    )
}

impl KafkaBusError {
    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable { .. }
            // Who gives tokens may be away for a while; one that has ended meanwhile is refused until there is another.
            | Self::Token { .. }
            | Self::Replicas { .. }
            | Self::Undelivered { .. }
            | Self::Gone
            | Self::NoTransactions { .. } => ErrorClass::Retry,
            // What was stored is looked up before the next append, which then goes on behind it.
            Self::OtherWriter { .. } => ErrorClass::Retry,
            // It may be given back.
            Self::NotOurs => ErrorClass::Retry,
            Self::Client { may_pass: true, .. } | Self::Position { may_pass: true, .. } => ErrorClass::Retry,
            Self::MessageTooLarge { .. } => ErrorClass::Quarantine,
            _ => ErrorClass::Fatal,
        }
    }

    /// The error with what was done to what.
    pub(crate) fn at(self, action: &'static str, object: impl Into<String>) -> ConnectorError {
        ConnectorError::new(action, object, self.class(), self)
    }

    /// What a code of the client means. `said` is what the client said last, which often knows more.
    pub(crate) fn of(code: Code, brokers: &str, said: Option<String>) -> Self {
        let reason = said.unwrap_or_else(|| code.to_string());
        let brokers = brokers.to_owned();
        match code {
            Code::Authentication | Code::SaslAuthenticationFailed => Self::Credentials { reason },
            Code::SSL => Self::Tls { brokers, reason },
            Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve | Code::OperationTimedOut => {
                // The endpoint that gives tokens has TLS of its own.
                let is_of_token = reason.contains("OAUTHBEARER") || reason.contains("OIDC");
                if !is_of_token && (reason.contains("SSL") || reason.contains("ssl.")) {
                    Self::Tls { brokers, reason }
                } else if is_of_token || reason.contains("SASL") {
                    Self::Credentials { reason }
                } else {
                    Self::Unreachable { brokers, reason }
                }
            }
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed => Self::Denied {
                reason: code.to_string(),
            },
            Code::UnknownTopic | Code::UnknownTopicOrPartition => Self::TopicUnknown,
            Code::FencedInstanceId
            | Code::GroupMaxSizeReached
            | Code::InconsistentGroupProtocol
            | Code::InvalidSessionTimeout => Self::Group { reason },
            Code::InvalidTopic => Self::TopicName,
            Code::InvalidTimestamp => Self::Clock {
                reason: "the brokers refuse the time of a message".into(),
            },
            Code::AutoOffsetReset | Code::OffsetOutOfRange => Self::Gone,
            Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend | Code::ISRInsufficient => {
                Self::Replicas { reason }
            }
            Code::MessageTimedOut | Code::RequestTimedOut | Code::PurgeQueue | Code::PurgeInflight => {
                Self::Undelivered { reason }
            }
            Code::Fatal
            | Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::OutOfOrderSequenceNumber
            | Code::UnknownProducerId => Self::Fenced { reason },
            _ => Self::Client {
                may_pass: passes(code),
                // What a broker said last may have nothing to do with it: both are told.
                reason: if reason == code.to_string() {
                    reason
                } else {
                    format!("{code} ({reason})")
                },
            },
        }
    }

    /// The same to one that is known by a token and not by a password.
    pub(crate) fn by_token(self) -> Self {
        match self {
            Self::Credentials { reason } => Self::Token { reason },
            other => other,
        }
    }

    /// What an error of the client means.
    pub(crate) fn from_client(error: &KafkaError, brokers: &str, said: Option<String>) -> Self {
        match error {
            // The value may be a secret: it is not told (INV-8).
            KafkaError::ClientConfig(_, description, key, value) => Self::Setting {
                key: key.clone(),
                reason: description.replace(value.as_str(), "[value]"),
            },
            KafkaError::ClientCreation(reason) => Self::Setting {
                key: "the settings as a whole".into(),
                reason: reason.clone(),
            },
            KafkaError::AdminOp(code) => Self::of(*code, brokers, said),
            other => match other.rdkafka_error_code() {
                Some(code) => Self::of(code, brokers, said),
                None => Self::Client {
                    reason: other.to_string(),
                    may_pass: false,
                },
            },
        }
    }
}

/// The result of work on Kafka, before it is known what it was done to.
pub(crate) type Result<T> = std::result::Result<T, KafkaBusError>;
