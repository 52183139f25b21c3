//! PV2: the reason of the visit and when it is expected (HL7 v2.5 3.4.4).

use crate::datatype::coded;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Value, fact::encounters as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, pv2: Segment<'m>) {
    let reason = pv2.field(3);
    let said = if reason.is_null() {
        Some(Value::Null)
    } else {
        coded(reason.first(), "").display_or_code().map(Value::from)
    };
    let expected = reader.time(pv2, 8);
    if let Some(row) = reader.encounter_row() {
        row.set_some(table::REASON, said);
        let planned = row.text(table::STATUS) == Some("planned") || row.text(table::CLASS) == Some("PRENC");
        if planned && row.get(table::START_AT).is_none() {
            row.set_some(table::START_AT, expected);
        }
    }
}
