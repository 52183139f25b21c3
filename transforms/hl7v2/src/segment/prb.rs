//! PRB: a problem of the problem list (HL7 v2.5 12.4.2).

use crate::cell::SetPart;
use crate::datatype::coded;
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, fact::conditions as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, prb: Segment<'m>) {
    let code = coded(prb.field(3).first(), "SCT");
    let what = code.code_or_display().value();
    let id = match (prb.first(4).text(), what) {
        (Some(id), _) => id,
        (None, Some(what)) => reader.patient_scoped_id(&["problem", &what]),
        (None, None) => return,
    };
    let deleted = prb.first_raw(1) == "DE";
    let recorded_at = reader.time(prb, 7).or_else(|| reader.time(prb, 2));
    let resolved_at = reader.time(prb, 9);
    let onset_at = reader.time(prb, 16);
    let mut fact = Fact::new(FactTable::Conditions, id, reader.version);
    fact.deleted = deleted;
    let row = &mut fact.row;
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, code.system);
    row.set_part(table::DISPLAY, code.display);
    row.set(table::CATEGORY, "problem-list-item");
    row.set(
        table::CLINICAL_STATUS,
        if resolved_at.is_some() {
            "resolved"
        } else {
            "active"
        },
    );
    let confirmation = coded(prb.field(13).first(), "").display_or_code();
    row.set_some(
        table::VERIFICATION_STATUS,
        if deleted {
            Some("entered-in-error")
        } else {
            confirmation.value().as_deref().and_then(verification)
        },
    );
    row.set_some(table::ONSET_AT, onset_at);
    row.set_some(table::RECORDED_AT, recorded_at);
    row.set_some(table::ABATEMENT_AT, resolved_at);
    reader.add(fact, Again::Same);
}

/// PRB-13 in the words of FHIR R4 condition-ver-status.
fn verification(words: &str) -> Option<&'static str> {
    let words = words.to_ascii_lowercase();
    [
        "unconfirmed",
        "provisional",
        "differential",
        "confirmed",
        "refuted",
    ]
    .into_iter()
    .find(|known| words.contains(known))
}
