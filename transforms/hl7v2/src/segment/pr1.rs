//! PR1: a procedure (HL7 v2.5 6.5.4).

use crate::cell::SetPart;
use crate::datatype::{coded, provider};
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::{Segment, Subcomponent};
use panorama_model::{Fact, FactTable, Row, fact::procedures as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, pr1: Segment<'m>) {
    let code = coded(pr1.field(3).first(), "");
    let described = Subcomponent::from(pr1.field(4));
    let Some(what) = code.code_or_display().value().or_else(|| described.value()) else {
        return;
    };
    let performed = pr1.first(5).content();
    let id = match pr1.first(19).text() {
        Some(id) => id,
        None => reader.visit_scoped_id(&[&what, &performed]),
    };
    let performed_at = reader.time(pr1, 5);
    let minutes: Option<i64> = pr1.first(7).value().and_then(|n| n.parse().ok());
    let deleted = pr1.first_raw(20) == "D";
    let performer = [11, 12, 8]
        .into_iter()
        .map(|n| provider(pr1.field(n)).id)
        .find(|id| id.has_value());
    let mut fact = Fact::new(FactTable::Procedures, id, reader.version);
    fact.deleted = deleted;
    fact.row = Row::with_capacity(table::SCHEMA.columns.len());
    let row = &mut fact.row;
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, code.system.or(pr1.first(2)));
    row.set_part(table::DISPLAY, Subcomponent::from(code.display).or(described));
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
    row.set_part(table::PERFORMER_NPI, performer.unwrap_or_default());
    row.set_part(table::REASON, coded(pr1.field(15).first(), "").display_or_code());
    row.set_some(
        table::RANK,
        pr1.first(14).value().and_then(|n| n.parse::<i64>().ok()),
    );
    reader.add(fact, Again::Same);
}
