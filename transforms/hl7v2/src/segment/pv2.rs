//! PV2: the reason of the visit and when it is expected (HL7 v2.5 3.4.4).

use crate::cell::SetPart;
use crate::datatype::coded;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Value, fact::encounters as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, pv2: Segment<'m>) {
    let reason = pv2.field(3);
    let expected = reader.time(pv2, 8);
    if let Some(row) = reader.encounter_row() {
        if reason.is_null() {
            row.set(table::REASON, Value::Null);
        } else {
            row.set_part(table::REASON, coded(reason.first(), "").display_or_code());
        }
        let planned = row.text(table::STATUS) == Some("planned") || row.text(table::CLASS) == Some("PRENC");
        if planned && row.get(table::START_AT).is_none() {
            row.set_some(table::START_AT, expected);
        }
    }
}
