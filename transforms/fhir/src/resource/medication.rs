//! Medication: known by code to those who refer to it; no table of its own.

use super::{Reader, Resource};
use crate::output::Output;
use panorama_model::Severity;

pub(super) const READER: Reader = Reader {
    name: "Medication",
    said_at: &[],
    read,
};

fn read(resource: &Resource<'_>, _output: &mut Output) {
    resource.root.complain("directory_only", Severity::Information);
}
