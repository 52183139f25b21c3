//! IN1: an insurance coverage (HL7 v2.5 6.5.6).

use crate::cell::SetPart;
use crate::datatype::{coded, surname};
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Row, fact::coverage as table, fact::encounters};

pub(super) fn read<'m>(reader: &mut Reader<'m>, in1: Segment<'m>) {
    let [rank, payer_id, payer, member_id, other_id] = [1, 3, 4, 36, 49].map(|number| in1.first(number));
    let plan = coded(in1.field(2).first(), "");
    let member_id = member_id.or(other_id);
    let by = payer_id.or(payer).or(plan.code).content();
    let number = member_id.or(rank).content();
    let id = reader.patient_scoped_id(&[&by, &number]);
    let (start_at, end_at) = (reader.time_said(in1, 12), reader.time_said(in1, 13));
    let mut fact = Fact::new(FactTable::Coverage, id, reader.version);
    fact.row = Row::with_capacity(table::SCHEMA.columns.len());
    let row = &mut fact.row;
    row.set(table::STATUS, "active");
    row.set_some(table::RANK, rank.value().and_then(|n| n.parse::<i64>().ok()));
    row.set_part(table::PAYER_ID, payer_id);
    row.set_part(table::PAYER, payer);
    row.set_part(table::PLAN_ID, plan.code);
    row.set_part(table::PLAN, plan.display);
    row.set_part(table::PLAN_TYPE, in1.first(15));
    row.set_part(table::GROUP_NUMBER, in1.first(8));
    row.set_part(table::MEMBER_ID, member_id);
    let related = coded(in1.field(17).first(), "");
    match relationship(&related.code.content()) {
        Some(known) => row.set(table::RELATIONSHIP, known),
        None => row.set_part(table::RELATIONSHIP, related.display_or_code()),
    }
    let [family, given] = in1.field(16).first().first_components::<2>();
    let [own_prefix, own] = surname(family);
    row.set_parts(table::SUBSCRIBER_NAME, [given.into(), own_prefix, own], " ");
    row.set_presence(table::START_AT, start_at);
    row.set_presence(table::END_AT, end_at);
    reader.add(fact, Again::Same);
    if let Some(encounter) = reader.encounter_row()
        && encounter.get(encounters::PAYER).is_none()
    {
        encounter.set_part(encounters::PAYER, payer.or(plan.display_or_code()));
    }
}

/// HL7 tables 0063 and 0344, and X12 codes in common use.
fn relationship(code: &str) -> Option<&'static str> {
    Some(match code {
        "SEL" | "18" | "S" => "self",
        "SPO" | "01" | "02" => "spouse",
        "CHD" | "NCH" | "FCH" | "SCH" | "19" | "03" => "child",
        _ => return None,
    })
}
