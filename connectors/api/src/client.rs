//! What a connector's client tells of itself, for the metrics: an operator sees by it whether the other side is slow, or we are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Figures of one client. Names are the brokers' own, `host:port` (INV-8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFigures {
    /// By broker, those that the client knows of now.
    pub brokers: BTreeMap<String, BrokerFigures>,
    /// Brokers that it knew of before, and does not any more.
    pub left: BTreeSet<String>,
    /// What waits in the client, if it says so.
    pub waiting: Waiting,
    /// How many more times partitions were given or taken away since the client last told.
    pub rebalances: u64,
}

/// What waits in a client: to be sent, or to be read by us. None where that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Messages.
    pub messages: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
}

/// What passed between a client and a broker since the client last told: never a total, for a client that is made again
/// would begin anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrokerFigures {
    /// Requests sent.
    pub requests: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Requests that could not be sent, and answers that could not be read.
    pub errors: u64,
    /// Requests that were not answered in time.
    pub timeouts: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Connections tried.
    pub connects: u64,
    /// Connections lost or closed.
    pub disconnects: u64,
    /// How long 99 of 100 answers took at most, this time, if there were any.
    pub round_trip: Option<Duration>,
}
