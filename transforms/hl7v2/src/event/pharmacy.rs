//! Drug orders, dispenses and administrations (HL7 v2.5 4.13): ORC, RXO, RXE, RXD, RXA and RXR say it all.

use super::{Family, nothing};

pub(super) const FAMILY: Family = Family {
    message_types: &["RDE", "RDS", "RDO", "OMP", "RAS", "RGV", "RRE", "RRD", "RRA", "ORP"],
    triggers: &[],
    begin: nothing,
    finish: nothing,
};
