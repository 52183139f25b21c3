//! The commands, one file each.

pub(crate) mod cms;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod identity;
pub(crate) mod matching;
pub(crate) mod migrate;
pub(crate) mod quarantine;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod steward;
pub(crate) mod synth;
pub(crate) mod tables;
pub(crate) mod validate;
