//! The patient-360 topology: decode, standardize, dedupe, identify, unify, publish, wired into epochs.
//!
//! | step | where |
//! |---|---|
//! | which formats there are | `formats` |
//! | decode, standardize (pure, parallel) | `decode` |
//! | apply in order: records, identity, facts | `apply` |
//! | one atomic commit per epoch (INV-4) | `apply`, `meta`, `spaces` |
//! | unify: rows of persons from their members | `project` |
//! | publish: state to tables (INV-5) | `publish`, `render`, `current` |
//! | tell other systems what changed | `announce`, `message`, `told`, `aside` |
//! | what the log lets go of, and how it comes back | `retention`, `kept` |
//! | the threads that carry it | `pipeline`, `reader` |

mod admin;
mod announce;
mod announce_schema;
mod apply;
mod aside;
mod commit;
mod current;
mod decode;
mod deterministic;
mod epochs;
mod evidence;
mod explain;
mod facts;
mod filing;
mod flushing;
mod formats;
mod identity_rows;
mod identity_store;
mod kept;
mod matching;
mod message;
mod meta;
mod oversize;
mod people;
mod pipeline;
mod project;
mod publish;
mod quality;
mod quarantined;
mod reader;
mod records;
mod render;
mod repetition;
mod retention;
mod rows;
mod spaces;
mod steward;
mod stretches;
mod table_number;
mod told;
mod topic;
mod touched;
mod unpacked;

pub use admin::{Admin, AdminError};
pub use announce_schema::changes_schema;
pub use decode::SourceDecoder;
pub use formats::{FORMATS, Format, FormatError};
pub use identity_store::PipelineIdentityStore;
pub use kept::KeptMessages;
pub use panorama_crm::PersonMapping;
pub use pipeline::{Finish, Options, Outcome, Pipeline};
pub use spaces::ALL as STATE_SPACES;
pub use table_number::table_names;
pub use topic::{partitions_of, source_of, topic_of};
