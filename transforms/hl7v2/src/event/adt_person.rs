//! Person and allergy information (HL7 v2.5 3.3.28, 3.3.31, 3.3.60): the segments say it all.

use super::{Family, nothing};

pub(super) const FAMILY: Family = Family {
    message_types: &["ADT"],
    triggers: &["A28", "A31", "A60"],
    begin: nothing,
    finish: nothing,
};
