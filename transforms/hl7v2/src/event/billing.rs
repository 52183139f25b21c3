//! Charges and accounts (HL7 v2.5 6.3): the visit, its diagnoses, procedures and coverage. Charges themselves (FT1) have no table.

use super::{Family, nothing};

pub(super) const FAMILY: Family = Family {
    message_types: &["DFT", "BAR", "DPR"],
    triggers: &[],
    begin: nothing,
    finish: nothing,
};
