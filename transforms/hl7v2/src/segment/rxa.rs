//! RXA: a vaccine or a drug given, refused or reported (HL7 v2.5 4.14.7).

use super::rxo::drug_id;
use crate::cell::SetPart;
use crate::datatype::{Coded, coded, provider};
use crate::patient::Again;
use crate::reader::{Reader, number};
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Timestamp, fact::immunizations, fact::medications};

pub(super) fn read<'m>(reader: &mut Reader<'m>, rxa: Segment<'m>) {
    let given_at = reader.time(rxa, 3);
    let vaccine = coded(rxa.field(5).first(), "CVX");
    if reader.gives_vaccines || vaccine.system.content() == "CVX" {
        immunization(reader, rxa, vaccine, given_at);
    } else {
        administration(reader, rxa, given_at);
    }
}

fn immunization<'m>(reader: &mut Reader<'m>, rxa: Segment<'m>, code: Coded<'m>, given_at: Option<Timestamp>) {
    use immunizations as table;
    let what = code.code_or_display().content();
    // An order number is the dose's own; without one the day tells doses apart.
    let day = rxa.first_raw(3).get(..8).unwrap_or_default();
    let id = match reader.order.number().value() {
        Some(order) => reader.patient_scoped_id(&[&order, &what]),
        None => reader.patient_scoped_id(&[&what, day]),
    };
    let expires_at = reader.time(rxa, 16);
    let mut fact = Fact::new(FactTable::Immunizations, id, reader.version);
    fact.deleted = rxa.first_raw(21) == "D";
    let (status, refused) = (rxa.first_raw(20), !rxa.field(18).is_empty());
    let row = &mut fact.row;
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, code.system);
    row.set_part(table::DISPLAY, code.display);
    row.set(
        table::STATUS,
        match status {
            _ if fact.deleted => "entered-in-error",
            "RE" | "NA" => "not-done",
            "" if refused => "not-done",
            _ => "completed",
        },
    );
    row.set_part(
        table::STATUS_REASON,
        coded(rxa.field(18).first(), "").display_or_code(),
    );
    row.set_some(table::OCCURRED_AT, given_at);
    row.set_part(table::LOT_NUMBER, rxa.first(15));
    row.set_some(table::EXPIRES_AT, expires_at);
    row.set_part(table::MANUFACTURER, rxa.first(17));
    // 999 stands for "amount not known" (CDC guide).
    row.set_some(table::DOSE, number(rxa.first_raw(6)).filter(|dose| *dose < 999.0));
    row.set_part(table::DOSE_UNIT, rxa.first(7));
    row.set_part(table::PERFORMER_NPI, provider(rxa.field(10)).id);
    let source = coded(rxa.field(9).first(), "NIP001").code.value();
    row.set_some(table::IS_HISTORICAL, source.map(|code| code != "00"));
    let at = reader.add(fact, Again::Another);
    reader.detailed = Some((FactTable::Immunizations, at));
}

fn administration<'m>(reader: &mut Reader<'m>, rxa: Segment<'m>, given_at: Option<Timestamp>) {
    use medications as table;
    let code = coded(rxa.field(5).first(), "RXNORM");
    let which = rxa.first_raw(3);
    let id = drug_id(reader, "administration", code, which);
    let end_at = reader.time(rxa, 4);
    let mut fact = Fact::new(FactTable::Medications, id, reader.version);
    fact.deleted = rxa.first_raw(21) == "D";
    let row = &mut fact.row;
    row.set(table::KIND, "administration");
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, code.system);
    row.set_part(table::DISPLAY, code.display);
    row.set(
        table::STATUS,
        match rxa.first_raw(20) {
            "RE" | "NA" => "cancelled",
            _ => "completed",
        },
    );
    row.set_some(table::AUTHORED_AT, given_at);
    row.set_some(table::START_AT, given_at);
    row.set_some(table::END_AT, end_at);
    row.set_some(table::DOSE, number(rxa.first_raw(6)));
    row.set_part(table::DOSE_UNIT, coded(rxa.field(7).first(), "").code);
    let at = reader.add(fact, Again::Another);
    reader.detailed = Some((FactTable::Medications, at));
}
