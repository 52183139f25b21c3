//! What the user writes to map a list: canonical fields to columns. Checked whole before the first record.

use crate::moment::{BirthDateFormat, TimeFormat};
use crate::{hint, plan};
use panorama_model::fact::interactions;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What one record of the list is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordShape {
    /// A person of a CRM or list.
    #[default]
    Person,
    /// A patient of a clinical system: makes its person a patient.
    Patient,
    /// Something a person did or got: a touchpoint.
    Event,
}

/// The columns of one canonical field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Columns {
    /// One column.
    One(String),
    /// Several: joined by a space, or alternatives where the field stands in `multiple`.
    Many(Vec<String>),
}

impl Columns {
    /// The columns' names.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// How a list's columns name persons, and what they did.
///
/// - Shape: `columns` maps canonical fields to columns (CSV) or dotted paths (NDJSON). Fields of every record are the
///   person fields of the contract, and `updated_at`; a record of shape `event` has `event_id`, and the columns of the
///   table `interactions`, besides.
/// - Nulls: an empty cell is not spoken of, unless `constants` gives the field a value.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PersonMapping {
    /// What one record is.
    pub record: RecordShape,
    /// Canonical field to its columns.
    pub columns: BTreeMap<String, Columns>,
    /// Fields whose columns are alternatives, each its own value: of `phone`, `email`, `address_line`.
    pub multiple: Vec<String>,
    /// Canonical field to the value it has where its column is empty or not mapped.
    pub constants: BTreeMap<String, String>,
    /// The column that says when the record last changed; the same as `columns.updated_at`.
    pub updated_at: Option<String>,
    /// How birth dates are written, as strftime (`%Y%m%d`); ISO 8601 and `YYYYMMDD` where not said.
    pub birth_date_format: Option<String>,
    /// How times are written, as strftime; ISO 8601 or seconds or milliseconds since the epoch where not said.
    pub time_format: Option<String>,
    /// What stands between cells: one ASCII character; a comma where not said.
    pub delimiter: Option<char>,
    /// The list's encoding (WHATWG label: `utf-8`, `windows-1252`, `latin1`); UTF-8 where not said.
    pub encoding: Option<String>,
}

/// What is wrong with a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// No such canonical field.
    #[error("no canonical field is called {field}{hint}")]
    FieldUnknown {
        /// The name as written.
        field: String,
        /// A likely meant name, or the known ones.
        hint: String,
    },
    /// A field that a record of this shape cannot do without.
    #[error("columns.{field} is required: {why}")]
    FieldRequired {
        /// The field.
        field: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A field is mapped to nothing.
    #[error("columns.{field} names no column")]
    ColumnsEmpty {
        /// The field.
        field: String,
    },
    /// A field that cannot have alternatives.
    #[error("multiple: {field} cannot have alternatives, only mapped phone, email and address_line can")]
    MultipleUnknown {
        /// The field.
        field: String,
    },
    /// A strftime pattern that does not read a date or time back.
    #[error("{option}: {pattern} is no strftime pattern that reads what it writes")]
    Pattern {
        /// The option.
        option: &'static str,
        /// The pattern as written.
        pattern: String,
    },
    /// A delimiter that cannot delimit.
    #[error("delimiter: one ASCII character other than a quote or a line end")]
    Delimiter,
    /// An encoding nobody knows, or one whose line ends are not ASCII.
    #[error("encoding: {label} is unknown, or is one that cannot be split into lines (UTF-16)")]
    Encoding {
        /// The label as written.
        label: String,
    },
}

/// A mapping that was checked.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) mapping: PersonMapping,
    pub(crate) birth_date: BirthDateFormat,
    pub(crate) time: TimeFormat,
    pub(crate) delimiter: u8,
    pub(crate) encoding: &'static encoding_rs::Encoding,
}

/// The fields that may have alternatives.
const MULTIPLE: &[&str] = &["phone", "email", "address_line"];

/// What can name the person of an event.
const PERSON_KEYS: &[&str] = &["source_record_id", "mrn", "member_id", "phone", "email"];

impl PersonMapping {
    pub(crate) fn check(mut self) -> Result<Checked, MappingError> {
        if let Some(column) = self.updated_at.take() {
            self.columns
                .entry("updated_at".to_owned())
                .or_insert(Columns::One(column));
        }
        let known = self.known_fields();
        for field in self.columns.keys().chain(self.constants.keys()) {
            if !known.contains(&field.as_str()) {
                return Err(MappingError::FieldUnknown {
                    field: field.clone(),
                    hint: hint::hint(field, known.iter().copied()),
                });
            }
        }
        if let Some((field, _)) = self
            .columns
            .iter()
            .find(|(_, columns)| columns.names().is_empty())
        {
            return Err(MappingError::ColumnsEmpty { field: field.clone() });
        }
        if let Some(field) = self
            .multiple
            .iter()
            .find(|field| !MULTIPLE.contains(&field.as_str()) || !self.columns.contains_key(*field))
        {
            return Err(MappingError::MultipleUnknown { field: field.clone() });
        }
        self.check_required()?;
        Ok(Checked {
            birth_date: BirthDateFormat::new(self.birth_date_format.as_deref())?,
            time: TimeFormat::new(self.time_format.as_deref())?,
            delimiter: self.check_delimiter()?,
            encoding: self.check_encoding()?,
            mapping: self,
        })
    }

    fn known_fields(&self) -> Vec<&'static str> {
        let mut known = plan::PERSON_FIELDS.to_vec();
        if self.record == RecordShape::Event {
            known.push("event_id");
            known.extend(interactions::SCHEMA.columns.iter().map(|column| column.name));
        }
        known
    }

    fn check_required(&self) -> Result<(), MappingError> {
        let mapped = |field: &str| self.columns.contains_key(field);
        let missing = |field, why| Err(MappingError::FieldRequired { field, why });
        if self.record != RecordShape::Event {
            if !mapped("source_record_id") {
                return missing(
                    "source_record_id",
                    "it names the record, so that its next version replaces it",
                );
            }
            return Ok(());
        }
        if !mapped("event_time") {
            return missing("event_time", "an event happens at some time");
        }
        if !mapped("event_type") && !self.constants.contains_key("event_type") {
            return missing("event_type", "map it, or give it in constants");
        }
        if !PERSON_KEYS.iter().any(|field| mapped(field)) {
            return missing(
                "source_record_id",
                "an event needs its person: source_record_id, mrn, member_id, phone or email",
            );
        }
        Ok(())
    }

    fn check_delimiter(&self) -> Result<u8, MappingError> {
        let delimiter = self.delimiter.unwrap_or(',');
        u8::try_from(delimiter)
            .ok()
            .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r'))
            .ok_or(MappingError::Delimiter)
    }

    fn check_encoding(&self) -> Result<&'static encoding_rs::Encoding, MappingError> {
        let label = self.encoding.as_deref().unwrap_or("utf-8");
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())
            .filter(|encoding| encoding.is_ascii_compatible())
            .ok_or_else(|| MappingError::Encoding {
                label: label.to_owned(),
            })
    }
}
