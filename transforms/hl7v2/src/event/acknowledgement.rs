//! Acknowledgements and queries: of nobody's health.

use super::{Family, nothing};

pub(super) const FAMILY: Family = Family {
    message_types: &["ACK", "MCF", "QBP", "QRY", "RSP", "MFN", "MFK", "NMD"],
    triggers: &[],
    begin: nothing,
    finish: nothing,
};
