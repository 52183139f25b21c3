//! RXA: a vaccine or a drug given, refused or reported (HL7 v2.5 4.14.7).

use super::rxo::drug_id;
use crate::datatype::{Coded, coded, provider_id};
use crate::patient::Again;
use crate::reader::{Reader, number};
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Timestamp, fact::immunizations, fact::medications};

pub(super) fn read<'m>(reader: &mut Reader<'m>, rxa: Segment<'m>) {
    let given_at = reader.time(rxa, 3);
    let vaccine = coded(rxa.field(5).first(), "CVX");
    if reader.gives_vaccines || vaccine.system.as_deref() == Some("CVX") {
        immunization(reader, rxa, vaccine, given_at);
    } else {
        administration(reader, rxa, given_at);
    }
}

fn immunization<'m>(reader: &mut Reader<'m>, rxa: Segment<'m>, code: Coded, given_at: Option<Timestamp>) {
    use immunizations as table;
    let what = code.code_or_display().cloned().unwrap_or_default();
    // An order number is the dose's own; without one the day tells doses apart.
    let day = rxa.field(3).component(1).raw().get(..8).unwrap_or_default();
    let order = reader.order.number().map(panorama_model::Text::new);
    let id = match &order {
        Some(order) => reader.patient_scoped_id(&[order, &what]),
        None => reader.patient_scoped_id(&[&what, day]),
    };
    let expires_at = reader.time(rxa, 16);
    let mut fact = Fact::new(FactTable::Immunizations, id, reader.version);
    fact.deleted = rxa.field(21).component(1).raw() == "D";
    let (status, refused) = (rxa.field(20).component(1).raw(), !rxa.field(18).is_empty());
    let row = &mut fact.row;
    row.set_some(table::CODE, code.code);
    row.set_some(table::CODE_SYSTEM, code.system);
    row.set_some(table::DISPLAY, code.display);
    row.set(
        table::STATUS,
        match status {
            _ if fact.deleted => "entered-in-error",
            "RE" | "NA" => "not-done",
            "" if refused => "not-done",
            _ => "completed",
        },
    );
    row.set_some(
        table::STATUS_REASON,
        coded(rxa.field(18).first(), "").display_or_code(),
    );
    row.set_some(table::OCCURRED_AT, given_at);
    row.set_some(table::LOT_NUMBER, rxa.field(15).component(1).text());
    row.set_some(table::EXPIRES_AT, expires_at);
    row.set_some(table::MANUFACTURER, rxa.field(17).component(1).text());
    // 999 stands for "amount not known" (CDC guide).
    row.set_some(
        table::DOSE,
        number(rxa.field(6).component(1).raw()).filter(|dose| *dose < 999.0),
    );
    row.set_some(table::DOSE_UNIT, rxa.field(7).component(1).text());
    row.set_some(table::PERFORMER_NPI, provider_id(rxa.field(10).repetitions()));
    let source = coded(rxa.field(9).first(), "NIP001").code;
    row.set_some(table::IS_HISTORICAL, source.map(|code| code != "00"));
    let at = reader.add(fact, Again::Another);
    reader.detailed = Some((FactTable::Immunizations, at));
}

fn administration<'m>(reader: &mut Reader<'m>, rxa: Segment<'m>, given_at: Option<Timestamp>) {
    use medications as table;
    let code = coded(rxa.field(5).first(), "RXNORM");
    let which = panorama_model::Text::new(rxa.field(3).component(1).raw());
    let id = drug_id(reader, "administration", &code, &which);
    let end_at = reader.time(rxa, 4);
    let mut fact = Fact::new(FactTable::Medications, id, reader.version);
    fact.deleted = rxa.field(21).component(1).raw() == "D";
    let row = &mut fact.row;
    row.set(table::KIND, "administration");
    row.set_some(table::CODE, code.code);
    row.set_some(table::CODE_SYSTEM, code.system);
    row.set_some(table::DISPLAY, code.display);
    row.set(
        table::STATUS,
        match rxa.field(20).component(1).raw() {
            "RE" | "NA" => "cancelled",
            _ => "completed",
        },
    );
    row.set_some(table::AUTHORED_AT, given_at);
    row.set_some(table::START_AT, given_at);
    row.set_some(table::END_AT, end_at);
    row.set_some(table::DOSE, number(rxa.field(6).component(1).raw()));
    row.set_some(table::DOSE_UNIT, coded(rxa.field(7).first(), "").code);
    let at = reader.add(fact, Again::Another);
    reader.detailed = Some((FactTable::Medications, at));
}
