//! Admission, discharge, transfer and their cancellations (HL7 v2.5 3.3): what happens to the visit.

use super::{Family, nothing};
use crate::reader::Reader;

/// What an event does to the encounter of its PV1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct VisitEffect {
    /// The encounter's status from now on; `None` leaves it.
    pub(crate) status: Option<&'static str>,
    /// The visit is undone.
    pub(crate) deleted: bool,
    /// The event's time is the start where PV1-44 has none.
    pub(crate) starts: bool,
    /// The event's time is the end where PV1-45 has none.
    pub(crate) ends: bool,
    /// The end is taken back.
    pub(crate) reopened: bool,
}

pub(super) const FAMILY: Family = Family {
    message_types: &["ADT"],
    triggers: &[
        "A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10", "A11", "A12", "A13", "A14", "A15",
        "A16", "A17", "A19", "A20", "A21", "A22", "A23", "A25", "A26", "A27", "A32", "A33", "A38", "A52", "A53",
        "A54", "A55", "A61", "A62",
    ],
    begin,
    finish: nothing,
};

fn begin(reader: &mut Reader<'_>) {
    reader.visit = effect(&reader.trigger_event);
}

fn effect(trigger_event: &str) -> VisitEffect {
    let none = VisitEffect::default();
    let in_progress = VisitEffect {
        status: Some("in-progress"),
        ..none
    };
    match trigger_event {
        "A01" | "A04" => VisitEffect {
            starts: true,
            ..in_progress
        },
        "A02" | "A06" | "A07" | "A09" | "A10" | "A12" | "A17" | "A21" | "A22" | "A32" | "A33" | "A52" | "A53" => {
            in_progress
        }
        "A03" => VisitEffect {
            status: Some("finished"),
            ends: true,
            ..none
        },
        "A05" | "A14" => VisitEffect {
            status: Some("planned"),
            ..none
        },
        "A11" | "A23" | "A27" | "A38" => VisitEffect {
            status: Some("cancelled"),
            deleted: true,
            ..none
        },
        "A13" => VisitEffect {
            reopened: true,
            ..in_progress
        },
        _ => none,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancellations_take_back_what_their_event_did() {
        let check = |event: &str, status: Option<&str>, deleted: bool, reopened: bool| {
            let e = effect(event);
            assert_eq!((e.status, e.deleted, e.reopened), (status, deleted, reopened), "{event}");
        };
        check("A01", Some("in-progress"), false, false);
        check("A03", Some("finished"), false, false);
        check("A05", Some("planned"), false, false);
        check("A08", None, false, false);
        check("A11", Some("cancelled"), true, false);
        check("A13", Some("in-progress"), false, true);
        check("A23", Some("cancelled"), true, false);
        check("A27", Some("cancelled"), true, false);
        check("A38", Some("cancelled"), true, false);
        check("A25", None, false, false);
        check("A26", None, false, false);
    }
}
