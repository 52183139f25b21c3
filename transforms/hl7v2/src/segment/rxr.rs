//! RXR: the route of the drug or vaccine before it (HL7 v2.5 4.14.2).

use crate::cell::SetPart;
use crate::datatype::coded;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{FactTable, fact::immunizations, fact::medications};

pub(super) fn read<'m>(reader: &mut Reader<'m>, rxr: Segment<'m>) {
    let Some((table, at)) = reader.detailed else {
        return;
    };
    let route = coded(rxr.field(1).first(), "").code_or_display();
    let site = coded(rxr.field(2).first(), "").code_or_display();
    let Some(row) = reader.fact_row(at) else {
        return;
    };
    match table {
        FactTable::Immunizations => {
            row.set_part(immunizations::ROUTE, route);
            row.set_part(immunizations::SITE, site);
        }
        FactTable::Medications => row.set_part(medications::ROUTE, route),
        _ => {}
    }
}
