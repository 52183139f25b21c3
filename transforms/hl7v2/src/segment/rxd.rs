//! RXD: a dispense (HL7 v2.5 4.14.5).

use super::rxo::drug_id;
use crate::cell::SetPart;
use crate::datatype::coded;
use crate::patient::Again;
use crate::reader::{Reader, number};
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Row, fact::medications as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, rxd: Segment<'m>) {
    let code = coded(rxd.field(2).first(), "RXNORM");
    let prescription = rxd.first(7).content();
    let which = format!("{}/{prescription}/{}", rxd.first_raw(3), rxd.field(1).raw());
    let id = drug_id(reader, "dispense", code, &which);
    let dispensed_at = reader.time(rxd, 3);
    let mut fact = Fact::new(FactTable::Medications, id, reader.version);
    fact.row = Row::with_capacity(table::SCHEMA.columns.len());
    let row = &mut fact.row;
    row.set(table::KIND, "dispense");
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, code.system);
    row.set_part(table::DISPLAY, code.display);
    row.set(table::STATUS, "completed");
    row.set_some(table::AUTHORED_AT, dispensed_at);
    row.set_part(table::PRESCRIBER_NPI, reader.order.orderer.id);
    row.set_some(table::QUANTITY, number(rxd.first_raw(4)));
    row.set_part(
        table::DOSE_UNIT,
        coded(rxd.field(5).first(), "").display_or_code(),
    );
    row.set_some(
        table::REFILLS,
        rxd.first(8).value().and_then(|n| n.parse::<i64>().ok()),
    );
    let at = reader.add(fact, Again::Another);
    reader.detailed = Some((FactTable::Medications, at));
}
