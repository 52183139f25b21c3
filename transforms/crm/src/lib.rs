//! Decodes lists of persons, and of what they did, whose columns the user maps to canonical fields (data path: decode;
//! INV-1, INV-2): CRM exports, call lists, patient lists, event lists.
//!
//! A mapping is checked once, when its decoder is made; a list's header is compiled once, when it is first seen; after
//! that a record costs one split and one pass over the mapped cells.

mod assemble;
mod csv;
mod hint;
mod mapping;
mod moment;
mod ndjson;
mod plan;

pub use csv::CsvDecoder;
pub use mapping::{Columns, MappingError, PersonMapping, RecordShape};
pub use ndjson::NdjsonDecoder;
pub use plan::PERSON_FIELDS;

use panorama_model::Decode;

/// Makes the decoder of a format from the user's mapping.
pub type MakeDecoder = fn(PersonMapping) -> Result<Box<dyn Decode>, MappingError>;

/// Every mapped format by its configured name.
pub const FORMATS: &[(&str, MakeDecoder)] = &[
    ("csv", |mapping| Ok(Box::new(CsvDecoder::new(mapping)?))),
    ("ndjson", |mapping| Ok(Box::new(NdjsonDecoder::new(mapping)?))),
];
