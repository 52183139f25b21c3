//! End-to-end tests: the program as its user runs it, and the rules of the house.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::collapsible_if
)]

#[path = "../azure/server.rs"]
mod azure;
mod bad_input;
#[cfg(feature = "kafka")]
#[path = "../kafka/broker.rs"]
mod broker;
mod declare;
mod essence;
#[cfg(feature = "kafka")]
mod failover;
#[cfg(feature = "kafka")]
mod faults;
#[path = "../gcs/server.rs"]
mod google;
mod house;
#[cfg(feature = "kafka")]
mod kafka;
mod kill;
mod migrate;
#[cfg(feature = "kafka")]
#[path = "../kafka/network.rs"]
mod network;
mod object_store;
mod order;
mod phi;
#[path = "../port.rs"]
mod port;
mod readers;
mod rows;
#[path = "../s3/server.rs"]
mod server;
mod shared_data;
#[cfg(feature = "kafka")]
mod sharing;
mod steward;
mod support;
