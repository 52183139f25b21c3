//! Problem lists and pathways (HL7 v2.5 12.3): PRB says it all.

use super::{Family, nothing};

pub(super) const FAMILY: Family = Family {
    message_types: &["PPR", "PGL", "PPP", "PPG", "PPT"],
    triggers: &[],
    begin: nothing,
    finish: nothing,
};
