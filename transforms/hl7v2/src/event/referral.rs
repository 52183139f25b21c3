//! Referrals (HL7 v2.5 11.5): RF1 and PRD say it all, but for a cancellation.

use super::{Family, nothing};
use crate::reader::Reader;
use panorama_model::{FactTable, fact::referrals};

pub(super) const FAMILY: Family = Family {
    message_types: &["REF", "RRI"],
    triggers: &[],
    begin: nothing,
    finish,
};

/// I14 cancels the referral, whatever RF1-1 still says.
fn finish(reader: &mut Reader<'_>) {
    if reader.trigger_event != "I14" {
        return;
    }
    let facts = reader.patients.iter_mut().flat_map(|p| &mut p.record.facts);
    for fact in facts.filter(|fact| fact.table == FactTable::Referrals) {
        fact.row.set(referrals::STATUS, "revoked");
    }
}
