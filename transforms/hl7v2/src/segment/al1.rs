//! AL1: an allergy of the snapshot kind (HL7 v2.5 3.4.6).

use crate::cell::SetPart;
use crate::datatype::{coded, join, non_empty};
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::{Field, Segment};
use panorama_model::{Fact, FactTable, Row, Text, fact::allergies as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, al1: Segment<'m>) {
    let recorded_at = reader.time(al1, 6);
    let Some((id, mut row)) = allergy(reader, al1) else {
        return;
    };
    row.set_some(table::RECORDED_AT, recorded_at);
    let mut fact = Fact::new(FactTable::Allergies, id, reader.version);
    fact.row = row;
    reader.add(fact, Again::Same);
}

/// Fields 2 to 5, which AL1 and IAM share. The id is the patient and the allergen, so that both speak of one row.
pub(super) fn allergy(reader: &mut Reader<'_>, segment: Segment<'_>) -> Option<(Text, Row)> {
    let code = coded(segment.field(3).first(), "");
    let what = code.code_or_display().value()?;
    let id = reader.patient_scoped_id(&[&what]);
    let mut row = Row::with_capacity(12);
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, code.system);
    row.set_part(table::DISPLAY, code.display);
    let kind = segment.first(2);
    match category(kind.content().as_ref()) {
        Some(category) => row.set(table::CATEGORY, category),
        None => row.set_part(table::CATEGORY, kind),
    }
    row.set_some(table::SEVERITY, severity(segment.first_raw(4)));
    reaction(&mut row, segment.field(5));
    row.set(table::CLINICAL_STATUS, "active");
    Some((id, row))
}

fn reaction(row: &mut Row, field: Field<'_>) {
    let words = |repetition| coded(repetition, "").display_or_code();
    if field.repeats() {
        let all = field.repetitions().filter_map(|r| words(r).text());
        row.set_some(table::REACTION, non_empty(join(all, "; ")));
    } else {
        row.set_part(table::REACTION, words(field.first()));
    }
}

/// HL7 table 0127 as FHIR R4 allergy-intolerance-category.
fn category(code: &str) -> Option<&'static str> {
    Some(match code {
        "DA" => "medication",
        "FA" => "food",
        "EA" | "AA" | "PA" | "LA" => "environment",
        _ => return None,
    })
}

/// HL7 table 0128.
fn severity(code: &str) -> Option<&'static str> {
    Some(match code {
        "MI" => "mild",
        "MO" => "moderate",
        "SV" => "severe",
        _ => return None,
    })
}
