//! PR1: a procedure (HL7 v2.5 6.5.4).

use crate::datatype::{coded, provider_id};
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Row, fact::procedures as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, pr1: Segment<'m>) {
    let code = coded(pr1.field(3).first(), "");
    let described = pr1.field(4).text();
    let Some(what) = code.code_or_display().cloned().or_else(|| described.clone()) else {
        return;
    };
    let performed = pr1.field(5).component(1).text().unwrap_or_default();
    let id = match pr1.field(19).component(1).text() {
        Some(id) => id,
        None => reader.visit_scoped_id(&[&what, &performed]),
    };
    let performed_at = reader.time(pr1, 5);
    let minutes: Option<i64> = pr1.field(7).component(1).text().and_then(|n| n.parse().ok());
    let deleted = pr1.field(20).component(1).raw() == "D";
    let performer = [11, 12, 8]
        .into_iter()
        .find_map(|n| provider_id(pr1.field(n).repetitions()));
    let mut fact = Fact::new(FactTable::Procedures, id, reader.version);
    fact.deleted = deleted;
    fact.row = Row::with_capacity(table::SCHEMA.columns.len());
    let row = &mut fact.row;
    row.set_some(table::CODE, code.code);
    row.set_some(
        table::CODE_SYSTEM,
        code.system.or_else(|| pr1.field(2).component(1).text()),
    );
    row.set_some(table::DISPLAY, code.display.or(described));
    row.set(
        table::STATUS,
        if deleted { "entered-in-error" } else { "completed" },
    );
    row.set_some(table::PERFORMED_AT, performed_at);
    row.set_some(
        table::END_AT,
        performed_at
            .zip(minutes.filter(|m| *m > 0))
            .map(|(at, m)| at.plus_seconds(m.saturating_mul(60))),
    );
    row.set_some(table::PERFORMER_NPI, performer);
    row.set_some(table::REASON, coded(pr1.field(15).first(), "").display_or_code());
    row.set_some(
        table::RANK,
        pr1.field(14)
            .component(1)
            .text()
            .and_then(|n| n.parse::<i64>().ok()),
    );
    reader.add(fact, Again::Same);
}
