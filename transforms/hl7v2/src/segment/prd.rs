//! PRD: a provider's part in the referral before it (HL7 v2.5 11.6.3).

use crate::cell::SetPart;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{FactTable, fact::referrals as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, prd: Segment<'m>) {
    let Some((FactTable::Referrals, at)) = reader.detailed else {
        return;
    };
    // PRD-7 is PLN: id, type, state.
    let ids = prd.field(7);
    let npi = ids.repetitions().find(|r| r.component(2).raw() == "NPI");
    let id = npi.unwrap_or_else(|| ids.first()).component(1);
    let organisation = prd.first(10).or(prd.field(4).component(4));
    let is_role = |role: &str| prd.field(1).repetitions().any(|r| r.component(1).raw() == role);
    let (refers, is_referred_to) = (is_role("RP"), is_role("RT"));
    if let Some(row) = reader.fact_row(at) {
        if refers {
            row.set_part(table::REFERRING_NPI, id);
        }
        if is_referred_to {
            row.set_part(table::REFERRED_TO_NPI, id);
            row.set_part(table::REFERRED_TO_ORG, organisation);
        }
    }
}
