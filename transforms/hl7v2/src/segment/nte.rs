//! NTE: a note on the observation before it (HL7 v2.5 2.15.10).

use crate::reader::Reader;
use crate::syntax::Segment;

pub(super) fn read<'m>(reader: &mut Reader<'m>, nte: Segment<'m>) {
    let Some(note) = &mut reader.note else {
        return;
    };
    for line in nte.field(3).repetitions().filter_map(|r| r.value()) {
        if !note.text.is_empty() {
            note.text.push('\n');
        }
        note.text.push_str(&line);
    }
}
