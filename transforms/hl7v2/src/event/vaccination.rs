//! Vaccinations (HL7 v2.5 4.17): RXA is a vaccine given, refused, or reported.

use super::{Family, nothing};
use crate::reader::Reader;

pub(super) const FAMILY: Family = Family {
    message_types: &["VXU", "VXR", "VXX"],
    triggers: &[],
    begin,
    finish: nothing,
};

fn begin(reader: &mut Reader<'_>) {
    reader.gives_vaccines = true;
}
