//! What trigger events mean beyond their segments: one file per family, one line in the list.

use crate::reader::Reader;

/// A family of trigger events that act alike.
pub(crate) struct Family {
    /// MSH-9.1.
    pub(crate) message_types: &'static [&'static str],
    /// MSH-9.2; empty where all events of the type belong to the family.
    pub(crate) triggers: &'static [&'static str],
    /// Sets what the segments are read for.
    pub(crate) begin: fn(&mut Reader<'_>),
    /// Draws the conclusions.
    pub(crate) finish: fn(&mut Reader<'_>),
}

macro_rules! families {
    ($($module:ident,)*) => {
        $(mod $module;)*

        /// Every family.
        pub(crate) const ALL: &[&Family] = &[$(&$module::FAMILY),*];
    };
}

families! {
    adt_visit,
    adt_person,
    adt_identity,
    observation_result,
    service_order,
    pharmacy,
    vaccination,
    scheduling,
    document,
    referral,
    problem,
    billing,
    acknowledgement,
}

pub(crate) use adt_visit::VisitEffect;
pub(crate) use document::DocumentEffect;
pub(crate) use scheduling::status_of_code;

/// The family of a message, if the event is known.
pub(crate) fn find(message_type: &str, trigger_event: &str) -> Option<&'static Family> {
    ALL.iter().copied().find(|family| {
        family.message_types.contains(&message_type)
            && (family.triggers.is_empty() || family.triggers.contains(&trigger_event))
    })
}

/// Nothing to begin or to conclude: the segments say it all.
pub(crate) fn nothing(_: &mut Reader<'_>) {}
