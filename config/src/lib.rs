//! The configuration: read once, checked whole, typed from then on.
//!
//! [`load`] reads YAML text into a tree that knows the place of each value, applies `--set` overrides, resolves `${ENV_VAR}`
//! and `file:` references, checks the shape against the schema made from the types in [`Config`], then the meaning, and
//! tells every problem at once with its place and a hint. Values that came through references are never printed (INV-8).
//! It touches neither disk nor environment itself: both come in as functions.
//!
//! Parameters of connectors stay raw, so that this crate never learns their names: [`SourceConfig::params`] gives them
//! to whoever owns them, with the same checks.

mod config;
mod document;
mod load;
mod meaning;
mod problem;
mod reference;
mod resolve;
mod shape;
mod source;

pub use config::{
    BusConfig, BusType, Config, Durability, HttpConfig, IdentityConfig, LimitsConfig, Rebalance, Secrets,
    TablesConfig,
};
pub use load::{Known, KnownFormat, Surroundings, TimezoneNeed, load};
pub use problem::ConfigProblem;
pub use reference::{Part, example, json_schema, reference};
pub use source::SourceConfig;

#[cfg(test)]
mod tests;
