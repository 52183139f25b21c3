//! HL7 v2 messages over TCP, in MLLP frames (HL7 v2.5 appendix C; MLLP release 1).
//!
//! Where messages enter the data path: frames are appended to the source's raw topic exactly as received, and answered
//! only once the append returned, which means durable (INV-3). What a frame means, whether it is a copy and what the
//! answer says is injected through [`Acknowledge`]: this crate knows no HL7. Frames, connections, buffers and waits
//! have limits, all in [`MllpParams`] (INV-9); when the byte budget is used up, sockets are not read but one (back-pressure).
//!
//! [`MllpClient`] is the other end, for demos, load and tests.

mod acknowledge;
mod budget;
mod client;
mod connection;
mod frame;
mod params;
mod server;
mod tls;

pub use acknowledge::{Acknowledge, Admission, Answer, Outcome};
pub use client::{ClientOptions, MllpClient, SendReport};
pub use frame::{FrameReader, Unit, encode_frame};
pub use params::{MllpParams, TlsParams};
pub use server::MllpSource;

#[cfg(test)]
mod tests;
