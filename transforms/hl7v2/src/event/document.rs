//! Documents (HL7 v2.5 9.6): what happens to the document of TXA.

use super::{Family, nothing};
use crate::reader::Reader;

/// What an event does to the document of its TXA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DocumentEffect {
    /// OBX hold the document's content, not observations.
    pub(crate) carries_content: bool,
    /// FHIR status of the document.
    pub(crate) status: Option<&'static str>,
    /// Its text was changed.
    pub(crate) amended: bool,
    /// It takes the place of the parent document, TXA-13.
    pub(crate) replaces_parent: bool,
    /// It is taken back.
    pub(crate) deleted: bool,
}

pub(super) const FAMILY: Family = Family {
    message_types: &["MDM"],
    triggers: &["T01", "T02", "T03", "T04", "T05", "T06", "T07", "T08", "T09", "T10", "T11"],
    begin,
    finish: nothing,
};

fn begin(reader: &mut Reader<'_>) {
    let event = reader.trigger_event.as_str();
    let deleted = event == "T11";
    reader.document = DocumentEffect {
        carries_content: true,
        status: Some(if deleted { "entered-in-error" } else { "current" }),
        amended: matches!(event, "T05" | "T06" | "T07" | "T08"),
        replaces_parent: matches!(event, "T09" | "T10"),
        deleted,
    };
}
