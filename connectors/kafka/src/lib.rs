//! The log on Apache Kafka: the same contract as the embedded one, on topics that other teams can read.
//!
//! It stands where the embedded log stands in the data path: a message is acknowledged once all in-sync replicas have it
//! (INV-3). State stays on the local disk, and with it the truth about what has been processed (INV-4); Kafka holds the
//! messages and, with them, how far each source has been read. See README.md for how that is all or nothing.
//!
//! Everything is behind the feature `client`.
#![cfg(feature = "client")]

mod admin;
mod announce;
mod append;
mod bounds;
mod bus;
mod claims;
mod client;
mod clock;
mod copies;
mod core;
mod cursor;
mod envelope;
mod error;
mod flush;
mod group;
mod lost;
mod options;
mod ownership;
mod params;
mod partition;
mod positions;
mod recover;
mod silent;
mod source;
mod statistics;
mod topic_reader;

#[cfg(test)]
#[path = "../../../tests/kafka/broker.rs"]
mod broker;
#[cfg(test)]
mod oauth_tests;
#[cfg(test)]
mod plain_client;
#[cfg(test)]
#[path = "../../../tests/port.rs"]
mod port;
#[cfg(test)]
mod sharing_tests;
#[cfg(test)]
mod source_tests;
#[cfg(test)]
mod tests;

pub use bus::KafkaBus;
pub use error::KafkaBusError;
pub use options::KafkaOptions;
pub use params::{KafkaParams, OnGap, Start};
pub use source::KafkaSource;
