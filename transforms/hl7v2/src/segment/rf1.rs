//! RF1: a referral (HL7 v2.5 11.6.1).

use super::obr::priority;
use crate::cell::SetPart;
use crate::datatype::coded;
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, fact::referrals as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, rf1: Segment<'m>) {
    let external = rf1.first(11);
    let own = rf1.first(6);
    let id = own.or(external).text().unwrap_or_else(|| reader.message_id());
    let effective_at = reader.time(rf1, 7);
    let expires_at = reader.time(rf1, 8);
    let processed_at = reader.time(rf1, 9);
    let mut fact = Fact::new(FactTable::Referrals, id, reader.version);
    let row = &mut fact.row;
    row.set_part(table::EXTERNAL_ID, external);
    row.set_part(
        table::SERVICE_LINE,
        coded(rf1.field(3).first(), "").display_or_code(),
    );
    row.set_some(table::PRIORITY, priority(rf1.first_raw(2)));
    row.set_some(table::STATUS, status(rf1.first_raw(1)));
    row.set(table::CATEGORY, "referral");
    row.set_part(table::REASON, coded(rf1.field(10).first(), "").display_or_code());
    row.set(table::ORDERED_AT, effective_at.unwrap_or(reader.version.at));
    row.set_some(table::AUTHORISED_AT, processed_at);
    row.set_some(table::EXPIRES_AT, expires_at);
    let at = reader.add(fact, Again::Same);
    reader.detailed = Some((FactTable::Referrals, at));
}

/// HL7 table 0283 as FHIR R4 request-status.
fn status(code: &str) -> Option<&'static str> {
    Some(match code {
        "P" => "draft",
        "A" => "active",
        "R" => "revoked",
        "E" => "completed",
        _ => return None,
    })
}
