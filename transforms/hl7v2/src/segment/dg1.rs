//! DG1: a diagnosis (HL7 v2.5 6.5.2).

use crate::datatype::{coded, provider_id};
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Row, fact::conditions as table, fact::encounters};

pub(super) fn read<'m>(reader: &mut Reader<'m>, dg1: Segment<'m>) {
    let code = coded(dg1.field(3).first(), "");
    let described = dg1.field(4).text();
    let Some(what) = code.code_or_display().cloned().or_else(|| described.clone()) else {
        return;
    };
    let kind = dg1.field(6).component(1).text();
    let id = match dg1.field(20).component(1).text() {
        Some(id) => id,
        None => reader.visit_scoped_id(&[&what, kind.as_deref().unwrap_or_default()]),
    };
    let recorded_at = reader.time(dg1, 5);
    let deleted = dg1.field(21).component(1).raw() == "D";
    let system = code.system.or_else(|| dg1.field(2).component(1).text());
    let rank: Option<i64> = dg1.field(15).component(1).text().and_then(|n| n.parse().ok());
    if let Some(row) = reader.encounter_row()
        && !deleted
        && (rank == Some(1) || row.get(encounters::PRIMARY_DX_CODE).is_none())
    {
        row.set_some(encounters::PRIMARY_DX_CODE, code.code.clone());
        row.set_some(encounters::PRIMARY_DX_SYSTEM, system.clone());
    }
    let mut fact = Fact::new(FactTable::Conditions, id, reader.version);
    fact.deleted = deleted;
    fact.row = Row::with_capacity(table::SCHEMA.columns.len());
    let row = &mut fact.row;
    row.set_some(table::CODE, code.code);
    row.set_some(table::CODE_SYSTEM, system);
    row.set_some(table::DISPLAY, code.display.or(described));
    row.set_some(table::CATEGORY, kind);
    row.set(
        table::VERIFICATION_STATUS,
        if deleted { "entered-in-error" } else { "confirmed" },
    );
    row.set_some(table::RECORDED_AT, recorded_at);
    row.set_some(table::RANK, rank);
    row.set_some(table::RECORDER_NPI, provider_id(dg1.field(16).repetitions()));
    reader.add(fact, Again::Same);
}
