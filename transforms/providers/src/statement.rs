//! A registry's statement about one provider: the record and its one fact.

use crate::is_npi;
use panorama_model::fact::providers as column;
use panorama_model::{
    Column, DecodeContext, Decoded, Fact, FactTable, Issue, RecordKind, Row, SourceRecord, SourceRecordKey,
    Text, Timestamp, ToValue, Value, Version,
};

/// Adds the statement `row` about the provider `npi`, made at `at`.
///
/// - Shape: never a whole row: other registries speak of other columns of the same provider.
/// - Nulls: an NPI with a wrong check digit is kept as its registry has it, with the issue `npi_invalid`.
pub(crate) fn add(
    decoded: &mut Decoded,
    context: &DecodeContext<'_>,
    npi: &str,
    (at, bytes): (Timestamp, &[u8]),
    row: Row,
    location: &'static str,
) {
    if !is_npi(npi) {
        decoded.issues.push(Issue::warning("npi_invalid", location));
    }
    let version = Version::new(at, 0, bytes);
    let mut fact = Fact::new(FactTable::Providers, npi, version);
    fact.row = row;
    let key = SourceRecordKey::new(context.source, RecordKind::Provider, npi);
    let mut record = SourceRecord::new(key, version);
    record.facts.push(fact);
    decoded.records.push(record);
}

/// Sets a column the registry owns: what it leaves blank is none, and no longer what an older version said.
pub(crate) fn own(row: &mut Row, column: Column, value: Option<impl ToValue>) {
    match value {
        Some(value) => row.set(column, value),
        None => row.set(column, Value::Null),
    }
}

/// Two address lines as one.
pub(crate) fn joined(first: Option<&str>, second: Option<&str>) -> Option<Text> {
    match (first, second) {
        (Some(first), Some(second)) => Some(Text::from(format!("{first} {second}"))),
        (first, second) => first.or(second).map(Text::new),
    }
}

/// The name columns of a person or an organisation; those of the other kind are none.
pub(crate) struct Names {
    pub(crate) family: Option<Text>,
    pub(crate) given: Option<Text>,
    pub(crate) middle: Option<Text>,
    pub(crate) suffix: Option<Text>,
    pub(crate) credential: Option<Text>,
    pub(crate) organization: Option<Text>,
}

impl Names {
    pub(crate) fn set(self, row: &mut Row) {
        own(row, column::FAMILY_NAME, self.family);
        own(row, column::GIVEN_NAME, self.given);
        own(row, column::MIDDLE_NAME, self.middle);
        own(row, column::NAME_SUFFIX, self.suffix);
        own(row, column::CREDENTIAL, self.credential);
        own(row, column::ORGANIZATION_NAME, self.organization);
    }
}

/// A cell's text; the registry writes `--` where it has nothing.
pub(crate) fn said(text: Option<&str>) -> Option<Text> {
    text.filter(|text| *text != "--" && *text != "<UNAVAIL>")
        .map(Text::new)
}
