//! IN1: an insurance coverage (HL7 v2.5 6.5.6).

use crate::datatype::{coded, human_name, join, non_empty};
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::{Field, Segment};
use panorama_model::{Fact, FactTable, Row, Text, fact::coverage as table, fact::encounters};

pub(super) fn read<'m>(reader: &mut Reader<'m>, in1: Segment<'m>) {
    let payer_id = in1.field(3).component(1).text();
    let payer = in1.field(4).component(1).text();
    let plan = coded(in1.field(2).first(), "");
    let member_id = in1
        .field(36)
        .component(1)
        .text()
        .or_else(|| in1.field(49).component(1).text());
    let rank = in1.field(1).component(1).text();
    let by = payer_id
        .as_ref()
        .or(payer.as_ref())
        .or(plan.code.as_ref())
        .cloned()
        .unwrap_or_default();
    let number = member_id.as_ref().or(rank.as_ref()).cloned().unwrap_or_default();
    let id = reader.patient_scoped_id(&[&by, &number]);
    let (start_at, end_at) = (reader.time_said(in1, 12), reader.time_said(in1, 13));
    let mut fact = Fact::new(FactTable::Coverage, id, reader.version);
    fact.row = Row::with_capacity(table::SCHEMA.columns.len());
    let row = &mut fact.row;
    row.set(table::STATUS, "active");
    row.set_some(table::RANK, rank.and_then(|n| n.parse::<i64>().ok()));
    row.set_some(table::PAYER_ID, payer_id);
    row.set_some(table::PAYER, payer.clone());
    row.set_some(table::PLAN_ID, plan.code.clone());
    row.set_some(table::PLAN, plan.display.clone());
    row.set_some(table::PLAN_TYPE, in1.field(15).component(1).text());
    row.set_some(table::GROUP_NUMBER, in1.field(8).component(1).text());
    row.set_some(table::MEMBER_ID, member_id);
    row.set_some(table::RELATIONSHIP, relationship(in1.field(17)));
    let insured = human_name(in1.field(16).first()).map(|name| {
        join(
            [name.given, name.family].into_iter().filter(|p| !p.is_empty()),
            " ",
        )
    });
    row.set_some(table::SUBSCRIBER_NAME, insured.and_then(non_empty));
    row.set_presence(table::START_AT, start_at);
    row.set_presence(table::END_AT, end_at);
    reader.add(fact, Again::Same);
    if let Some(encounter) = reader.encounter_row()
        && encounter.get(encounters::PAYER).is_none()
    {
        encounter.set_some(encounters::PAYER, payer.or_else(|| plan.display_or_code()));
    }
}

/// HL7 tables 0063 and 0344, and X12 codes in common use.
fn relationship(field: Field<'_>) -> Option<Text> {
    let coded = coded(field.first(), "");
    let known = match coded.code.as_deref().unwrap_or_default() {
        "SEL" | "18" | "S" => "self",
        "SPO" | "01" | "02" => "spouse",
        "CHD" | "NCH" | "FCH" | "SCH" | "19" | "03" => "child",
        _ => return coded.display_or_code(),
    };
    Some(Text::new_static(known))
}
