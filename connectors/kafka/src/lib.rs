//! The log on Apache Kafka: the same contract as the embedded one, on topics that other teams can read.
//!
//! It stands where the embedded log stands in the data path: a message is acknowledged once all in-sync replicas have it
//! (INV-3). State stays on the local disk, and with it the truth about what has been processed (INV-4); Kafka holds the
//! messages and, with them, how far each source has been read. See README.md for how that is all or nothing.
//!
//! The client is behind the feature `client`.

#[cfg(feature = "client")]
mod admin;
#[cfg(feature = "client")]
mod append;
#[cfg(feature = "client")]
mod bus;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod copies;
#[cfg(feature = "client")]
mod core;
#[cfg(feature = "client")]
mod cursor;
#[cfg(feature = "client")]
mod envelope;
#[cfg(feature = "client")]
mod error;
#[cfg(feature = "client")]
mod flush;
#[cfg(feature = "client")]
mod options;
#[cfg(feature = "client")]
mod partition;
#[cfg(feature = "client")]
mod positions;
#[cfg(feature = "client")]
mod recover;

#[cfg(all(test, feature = "client"))]
#[path = "../../../tests/kafka/broker.rs"]
mod broker;
#[cfg(all(test, feature = "client"))]
mod tests;

#[cfg(feature = "client")]
pub use bus::KafkaBus;
#[cfg(feature = "client")]
pub use error::KafkaBusError;
#[cfg(feature = "client")]
pub use options::KafkaOptions;
