//! Deterministic matching by the approved field combinations of the CMS Patient Matching & Response Proposal.
//!
//! Stands beside the scores: a responder that must answer "is this one of yours?" by published rules asks an [`Index`] and
//! gets a [`Response`] whose [`Audit`] names the rule. No weights, no learning; INV-1 and INV-6 hold as everywhere, and an
//! audit holds names of fields, never their values (INV-8).
//!
//! - Spec: CMS Patient Matching & Response Proposal, draft 3.3.0: combinations 01-37, at most one fuzzy field, all known
//!   values of a person count, a generation may veto, one candidate is an answer.
//!
//! How the fields of the proposal are read from a [`panorama_standardize::StandardPerson`]:
//!
//! - F: every given name and the formal names it may stand for; initials are no names. L: every family name, former ones
//!   and parts of double ones. B: whole dates; a January 1st, the favourite of those who do not know, is never fuzzy.
//! - A: house number and street; the unit is a line of its own. Z, T, E: as standardized.
//! - M: a plan member number in the form of an MBI. Numbers from before 2018 (HICN) hold a social security number and are
//!   no MBI.
//! - G: driver's licence, passport, national id, each with its issuer. N: record, patient and CRM numbers with their
//!   authority, and numbers of an unsaid kind where the authority is a system (URI or OID).
//! - U: every plan member number with its payer, without the dependent suffix. P: the same where a dependent suffix is
//!   written apart (`W123-01`), since a number without it may be the whole family's.
//! - I: a number whose authority is called ITIN and that has the form of one.
//!
//! Not representable: whether a plan member number is the subscriber's or the member's own (one kind for both, hence the
//! rule above), an ITIN in the field of the social security number (dropped as impossible when standardized), a former
//! birth date of one record (only several records of a person bring several), and a suffix that is not a generation.

mod agreement;
mod combinations;
mod index;
mod member;
mod profile;
mod response;

pub use agreement::{CombinationMatch, satisfied};
pub use combinations::{
    COMBINATIONS, Combination, CombinationId, Field, FieldSet, HOUSEHOLD_UNSAFE, RULES_VERSION, Rules,
};
pub use index::{Index, IndexCounters, IndexLimits};
pub use profile::Profile;
pub use response::{Action, Audit, Candidate, Grade, Response, Uniqueness, respond};

#[cfg(test)]
mod tests;
