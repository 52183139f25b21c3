//! PD1: the patient's primary care provider (HL7 v2.5 3.4.10).

use crate::datatype::provider;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::Presence;

pub(super) fn read<'m>(reader: &mut Reader<'m>, pd1: Segment<'m>) {
    let field = pd1.field(4);
    let said = if field.is_null() {
        Presence::Null
    } else {
        provider(field).id.text().into()
    };
    if !said.is_absent() {
        let record = &mut reader.patient().record;
        record.person.get_or_insert_default().primary_care_npi = said;
    }
}
