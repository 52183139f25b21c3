//! Results (HL7 v2.5 chapter 7): OBR and OBX say it all.

use super::{Family, nothing};

pub(super) const FAMILY: Family = Family {
    message_types: &["ORU", "OUL", "ORF", "OSR", "EDR", "ORA"],
    triggers: &[],
    begin: nothing,
    finish: nothing,
};
