//! Decodes marketing feeds - e-mail events, web and app events - into subscribers, visitors and their interactions
//! (data path: decode; INV-1, INV-2).
//!
//! A format is one module with one function, and one line in [`FORMATS`].

mod consent;
mod link;
mod segment;
mod sendgrid;

pub use segment::decode as segment;
pub use sendgrid::decode as sendgrid;

use panorama_model::{DecodeContext, Decoded, Reading};

/// Reads one message of a format.
pub type DecodeFn = fn(&[u8], &DecodeContext<'_>) -> Reading;

/// Every marketing format by its configured name.
pub const FORMATS: &[(&str, DecodeFn)] = &[("segment", segment), ("sendgrid", sendgrid)];

/// What was read; or the first reason why, where there were events and none could be read (INV-2).
fn reading(decoded: Decoded, unread: Option<Reading>) -> Reading {
    match unread {
        Some(reason) if decoded.records.is_empty() && decoded.identity_events.is_empty() => reason,
        _ => Reading::Read(decoded),
    }
}
