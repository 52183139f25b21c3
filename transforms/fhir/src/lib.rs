//! The lenient FHIR R4 reader: one JSON value - a Bundle or a single resource - into records, facts, issues.
//!
//! First step of the data path for FHIR feeds. A missing or wrong-typed field costs that field and leaves an issue with a
//! FHIRPath-like location; only what is no JSON object with a `resourceType` is unreadable (INV-2). No clock, no I/O
//! (INV-1); no patient data in issues (INV-8); the order of a bundle's entries does not matter (INV-6).

mod bundle;
mod datatype;
mod decode;
mod document;
mod envelope;
mod node;
mod output;
mod r4_type;
mod reference;
mod repair;
mod resource;

pub use decode::decode;

#[cfg(test)]
mod tests;
