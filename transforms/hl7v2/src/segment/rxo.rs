//! RXO: the drug as the prescriber ordered it (HL7 v2.5 4.14.1), and what RXO and RXE share.

use crate::cell::SetPart;
use crate::datatype::{Coded, coded};
use crate::patient::Again;
use crate::reader::{Reader, join_id, number};
use crate::syntax::{Component, Segment};
use panorama_model::{Fact, FactTable, Row, Text, fact::medications as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, rxo: Segment<'m>) {
    let mut drug = Drug::new(coded(rxo.field(1).first(), "RXNORM"));
    drug.dose = number(rxo.first_raw(2));
    drug.dose_unit = coded(rxo.field(4).first(), "").display_or_code();
    drug.dose_text = coded(rxo.field(7).first(), "").display_or_code();
    drug.quantity = number(rxo.first_raw(11));
    drug.refills = rxo.first(13).value().and_then(|n| n.parse().ok());
    order(reader, drug);
}

/// An ordered drug.
#[derive(Default)]
pub(super) struct Drug<'m> {
    pub(super) code: Coded<'m>,
    pub(super) dose: Option<f64>,
    pub(super) dose_unit: Component<'m>,
    pub(super) dose_text: Component<'m>,
    pub(super) frequency: Component<'m>,
    pub(super) quantity: Option<f64>,
    pub(super) refills: Option<i64>,
}

impl<'m> Drug<'m> {
    pub(super) fn new(code: Coded<'m>) -> Self {
        Self {
            code,
            ..Self::default()
        }
    }
}

/// One row per order: what the pharmacy encoded (RXE) completes what was ordered (RXO).
pub(super) fn order<'m>(reader: &mut Reader<'m>, drug: Drug<'m>) {
    let id = drug_id(reader, "request", drug.code, "");
    let mut fact = Fact::new(FactTable::Medications, id, reader.version);
    let status = reader.order.request_status();
    fact.row = Row::with_capacity(table::SCHEMA.columns.len());
    let row = &mut fact.row;
    row.set(table::KIND, "request");
    row.set_part(table::CODE, drug.code.code);
    row.set_part(table::CODE_SYSTEM, drug.code.system);
    row.set_part(table::DISPLAY, drug.code.display);
    row.set_some(table::STATUS, status);
    row.set(table::INTENT, "order");
    row.set(
        table::AUTHORED_AT,
        reader.order.ordered_at.unwrap_or(reader.version.at),
    );
    row.set_part(table::PRESCRIBER_NPI, reader.order.orderer.id);
    row.set_part(table::DOSE_TEXT, drug.dose_text);
    row.set_some(table::DOSE, drug.dose);
    row.set_part(table::DOSE_UNIT, drug.dose_unit);
    row.set_part(table::FREQUENCY, drug.frequency);
    row.set_some(table::QUANTITY, drug.quantity);
    row.set_some(table::REFILLS, drug.refills);
    let at = reader.add(fact, Again::Same);
    reader.detailed = Some((FactTable::Medications, at));
}

/// The order's number names an order; a drug without one is named by its patient and code. `which` tells the dispenses
/// and administrations of one order apart.
pub(super) fn drug_id(reader: &mut Reader<'_>, kind: &str, code: Coded<'_>, which: &str) -> Text {
    let what = code.code_or_display().content();
    match reader.order.number().value() {
        Some(order) if which.is_empty() => join_id(&mut reader.buffer, [kind, &*order].into_iter()),
        Some(order) => join_id(&mut reader.buffer, [kind, &*order, which].into_iter()),
        None => {
            let ordered = reader
                .order
                .ordered_at
                .map(|at| Text::from(at.0.to_string()))
                .unwrap_or_default();
            reader.patient_scoped_id(&[kind, &what, &ordered, which])
        }
    }
}
