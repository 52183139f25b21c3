//! The numbers under which tables are kept in state. A number is never reused for another table.

use panorama_model::FactTable;
use panorama_tables::Definition;

pub(crate) const PATIENT_360: u8 = 32;
pub(crate) const PATIENT_IDENTITY: u8 = 33;
pub(crate) const IDENTITY_EVENTS: u8 = 34;
pub(crate) const MATCH_REVIEW: u8 = 35;
pub(crate) const JOURNEY: u8 = 36;
pub(crate) const QUARANTINE: u8 = 37;
pub(crate) const MESSAGE_ISSUES: u8 = 38;

/// Tables that are not fact tables but are kept, row by row, in state.
pub(crate) const KEPT: &[(u8, &str)] = &[
    (PATIENT_360, "patient_360"),
    (PATIENT_IDENTITY, "patient_identity"),
    (IDENTITY_EVENTS, "identity_events"),
    (MATCH_REVIEW, "match_review"),
    (JOURNEY, "journey"),
    (QUARANTINE, "quarantine"),
    (MESSAGE_ISSUES, "message_issues"),
];

/// Tables that are only added to: from the log, from publications, from measurements.
pub(crate) const STREAMED: &[&str] = &[
    "raw_messages",
    "pipeline_epochs",
    "data_quality",
    "identity_metrics",
];

/// True for a table of facts.
pub(crate) const fn is_fact(number: u8) -> bool {
    number < PATIENT_360
}

/// The table of a number.
pub(crate) fn definition(number: u8) -> Option<&'static Definition> {
    if let Some(table) = FactTable::from_number(number) {
        return panorama_tables::fact(table);
    }
    let (_, name) = KEPT.iter().find(|(kept, _)| *kept == number)?;
    panorama_tables::find(name)
}

/// The names of all tables that this pipeline keeps.
pub fn table_names() -> Vec<&'static str> {
    let facts = FactTable::ALL.iter().map(|table| table.schema().name);
    facts
        .chain(KEPT.iter().map(|(_, name)| *name))
        .chain(STREAMED.iter().copied())
        .collect()
}
