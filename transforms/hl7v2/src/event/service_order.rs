//! Orders for services (HL7 v2.5 4.4 to 4.8): what OBR asks for becomes a request; OBX are its results or prior results.

use super::{Family, nothing};
use crate::reader::Reader;

pub(super) const FAMILY: Family = Family {
    message_types: &["ORM", "OML", "OMG", "OMI", "OMN", "OMS", "OMD", "ORR", "ORG", "ORL"],
    triggers: &[],
    begin,
    finish: nothing,
};

fn begin(reader: &mut Reader<'_>) {
    // Order responses (ORR, ORG, ORL) repeat the request with the filler's number.
    reader.requests_services = true;
}
