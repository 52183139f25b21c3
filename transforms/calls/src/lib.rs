//! Decodes contact-center feeds into callers and their interactions (data path: decode; INV-1, INV-2).
//!
//! A format is one module with one function, and one line in [`FORMATS`].

mod amazon_connect;

pub use amazon_connect::decode as amazon_connect;

use panorama_model::{DecodeContext, Reading};

/// Reads one message of a format.
pub type DecodeFn = fn(&[u8], &DecodeContext<'_>) -> Reading;

/// Every call format by its configured name.
pub const FORMATS: &[(&str, DecodeFn)] = &[("amazon-connect", amazon_connect)];
