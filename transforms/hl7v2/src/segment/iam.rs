//! IAM: an allergy, added, changed or taken back (HL7 v2.5 3.4.7).

use super::al1::allergy;
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, fact::allergies as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, iam: Segment<'m>) {
    let onset_at = reader.time(iam, 11);
    let recorded_at = reader.time(iam, 13).or_else(|| reader.time(iam, 20));
    let Some((id, mut row)) = allergy(reader, iam) else {
        return;
    };
    let deleted = iam.first_raw(6) == "D";
    // HL7 table 0438.
    let verification = match iam.first_raw(17) {
        "C" => Some("confirmed"),
        "D" => Some("refuted"),
        "E" => Some("entered-in-error"),
        "U" | "P" | "S" => Some("unconfirmed"),
        _ => None,
    };
    if iam.first_raw(17) == "I" {
        row.set(table::CLINICAL_STATUS, "inactive");
    }
    row.set_some(
        table::VERIFICATION_STATUS,
        if deleted {
            Some("entered-in-error")
        } else {
            verification
        },
    );
    row.set_some(table::ONSET_AT, onset_at);
    row.set_some(table::RECORDED_AT, recorded_at);
    let mut fact = Fact::new(FactTable::Allergies, id, reader.version);
    fact.deleted = deleted;
    fact.row = row;
    reader.add(fact, Again::Same);
}
