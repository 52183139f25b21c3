//! DG1: a diagnosis (HL7 v2.5 6.5.2).

use crate::cell::SetPart;
use crate::datatype::{coded, provider};
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::{Segment, Subcomponent};
use panorama_model::{Fact, FactTable, Row, fact::conditions as table, fact::encounters};

pub(super) fn read<'m>(reader: &mut Reader<'m>, dg1: Segment<'m>) {
    let code = coded(dg1.field(3).first(), "");
    let described = Subcomponent::from(dg1.field(4));
    let Some(what) = code.code_or_display().value().or_else(|| described.value()) else {
        return;
    };
    let kind = dg1.first(6);
    let id = match dg1.first(20).text() {
        Some(id) => id,
        None => reader.visit_scoped_id(&[&what, &kind.content()]),
    };
    let recorded_at = reader.time(dg1, 5);
    let deleted = dg1.first_raw(21) == "D";
    let system = code.system.or(dg1.first(2));
    let rank: Option<i64> = dg1.first(15).value().and_then(|n| n.parse().ok());
    if let Some(row) = reader.encounter_row()
        && !deleted
        && (rank == Some(1) || row.get(encounters::PRIMARY_DX_CODE).is_none())
    {
        row.set_part(encounters::PRIMARY_DX_CODE, code.code);
        row.set_part(encounters::PRIMARY_DX_SYSTEM, system);
    }
    let mut fact = Fact::new(FactTable::Conditions, id, reader.version);
    fact.deleted = deleted;
    fact.row = Row::with_capacity(table::SCHEMA.columns.len());
    let row = &mut fact.row;
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, system);
    row.set_part(table::DISPLAY, Subcomponent::from(code.display).or(described));
    row.set_part(table::CATEGORY, kind);
    row.set(
        table::VERIFICATION_STATUS,
        if deleted { "entered-in-error" } else { "confirmed" },
    );
    row.set_some(table::RECORDED_AT, recorded_at);
    row.set_some(table::RANK, rank);
    row.set_part(table::RECORDER_NPI, provider(dg1.field(16)).id);
    reader.add(fact, Again::Same);
}
