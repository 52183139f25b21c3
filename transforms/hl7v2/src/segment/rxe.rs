//! RXE: the drug as the pharmacy encoded the order (HL7 v2.5 4.14.4).

use super::rxo::{Drug, order};
use crate::datatype::{coded, provider};
use crate::reader::{Reader, number};
use crate::syntax::Segment;

pub(super) fn read<'m>(reader: &mut Reader<'m>, rxe: Segment<'m>) {
    let mut drug = Drug::new(coded(rxe.field(2).first(), "RXNORM"));
    drug.dose = number(rxe.first_raw(3));
    drug.dose_unit = coded(rxe.field(5).first(), "").display_or_code();
    drug.dose_text = coded(rxe.field(7).first(), "").display_or_code();
    // TQ of versions before 2.5: the interval's pattern.
    drug.frequency = rxe.field(1).component(2);
    drug.quantity = number(rxe.first_raw(10));
    drug.refills = rxe.first(12).value().and_then(|n| n.parse().ok());
    if !reader.order.orderer.id.has_value() {
        reader.order.orderer = provider(rxe.field(13));
    }
    order(reader, drug);
}
