//! AL1: an allergy of the snapshot kind (HL7 v2.5 3.4.6).

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
    let what = code.code_or_display()?.clone();
    let id = reader.patient_scoped_id(&[&what]);
    let mut row = Row::with_capacity(12);
    row.set_some(table::CODE, code.code);
    row.set_some(table::CODE_SYSTEM, code.system);
    row.set_some(table::DISPLAY, code.display);
    row.set_some(table::CATEGORY, category(segment.field(2)));
    row.set_some(table::SEVERITY, severity(segment.field(4).component(1).raw()));
    let reactions = segment
        .field(5)
        .repetitions()
        .filter_map(|r| coded(r, "").display_or_code());
    row.set_some(table::REACTION, non_empty(join(reactions, "; ")));
    row.set(table::CLINICAL_STATUS, "active");
    Some((id, row))
}

/// HL7 table 0127 as FHIR R4 allergy-intolerance-category, the code as sent where it is none of them.
fn category(kind: Field<'_>) -> Option<Text> {
    let code = kind.component(1).text()?;
    Some(match code.as_str() {
        "DA" => Text::new_static("medication"),
        "FA" => Text::new_static("food"),
        "EA" | "AA" | "PA" | "LA" => Text::new_static("environment"),
        _ => code,
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
