//! NTE: a note on the observation before it (HL7 v2.5 2.15.10).

use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Text, fact::observations as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, nte: Segment<'m>) {
    let Some((patient, at)) = reader.noted else {
        return;
    };
    let lines: Vec<Text> = nte.field(3).repetitions().filter_map(|r| r.text()).collect();
    let row = patient
        .checked_sub(1)
        .and_then(|index| reader.patients.get_mut(index))
        .and_then(|patient| patient.record.facts.get_mut(at))
        .map(|fact| &mut fact.row);
    if let Some(row) = row {
        for line in lines {
            let note = match row.text(table::NOTE) {
                Some(before) => Text::from(format!("{before}\n{line}")),
                None => line,
            };
            row.set(table::NOTE, note);
        }
    }
}
