//! Decodes provider registries into provider facts, one row per NPI (data path: decode; INV-1, INV-2).
//!
//! A provider's row is the same in every source: each statement speaks only of the columns its registry owns, so that
//! the registry of providers and the list of the excluded add to one another in any order (INV-6).
//!
//! A format is one module with one function, and one line in [`FORMATS`].

mod leie;
mod npi;
mod nppes;
mod nppes_api;
mod statement;
mod table;

pub use leie::decode as leie;
pub use npi::is_npi;
pub use nppes::decode as nppes;
pub use nppes_api::decode as nppes_api;

use panorama_model::{DecodeContext, Reading};

/// Reads one message of a format.
pub type DecodeFn = fn(&[u8], &DecodeContext<'_>) -> Reading;

/// Every provider format by its configured name.
pub const FORMATS: &[(&str, DecodeFn)] = &[("leie", leie), ("nppes", nppes), ("nppes-api", nppes_api)];
