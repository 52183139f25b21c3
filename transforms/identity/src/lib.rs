//! Identity: which source records are one person (Fellegi and Sunter 1969, with households; incremental, undoable).
//!
//! Sits between standardize and unify. A [`Scorer`] compares two standardized persons under a [`Model`]; an
//! [`IdentityEngine`] keeps the clusters of all records up to date over an [`IdentityStore`]. A cluster is a function of
//! its records, edges and decisions, so no arrival order can change the outcome (INV-6), and every merge can be undone
//! (INV-7). Pure and sync (INV-1): the store is the caller's.

mod block_table;
mod blocking;
mod bound;
mod chunked;
mod cluster;
pub mod cms;
pub mod comparison;
mod decision;
pub mod declared;
mod engine;
mod error;
mod evaluate;
mod explain;
mod frequency;
mod frequency_names;
mod glance;
mod hashed;
mod known_scores;
mod memory_store;
mod model;
mod newcomers;
mod outline;
mod outlines;
mod pair_kind;
mod parallel;
mod score;
mod store;
mod totals;
mod train;

pub use blocking::{AnchorKeys, BlockKey, BlockKeys};
pub use cluster::{ClusterInput, ConstraintKind, MergeRule, cluster_component};
pub use decision::{PairStatements, Statement, StatementKind, Verdict};
pub use declared::{DeclarationProblem, Declarations};
pub use engine::{
    Ahead, Changes, Counters, Evidence, IdentityChange, IdentityChangeKind, IdentityEngine, MatchMethod,
    PreparedPerson, Reassignment, Review, ReviewStatus,
};
pub use error::ModelError;
pub use evaluate::{Quality, evaluate};
pub use explain::{Explanation, ExplanationStep, Spoken};
pub use frequency::{FrequencyTable, TermFrequencies};
pub use memory_store::MemoryStore;
pub use model::{BlockingRule, ComparisonModel, Level, Limits, Model, Prior, Thresholds};
pub use newcomers::Newcomers;
pub use outline::Outline;
pub use outlines::Outlines;
pub use pair_kind::{PAIR_KINDS, PairKind};
pub use score::{MatchWeight, PairScore, Scorer, Veto};
pub use store::{Edge, IdentityStore, IdentityView, Membership, RecordEntry, RecordNumber};
pub use train::{ComparisonReport, LevelReport, ThresholdEstimate, Training, TrainingReport, train};
