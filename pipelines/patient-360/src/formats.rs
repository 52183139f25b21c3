//! The formats: name -> how its messages lie in a file and how one is read. One line here adds a format.

use panorama_crm::{CsvDecoder, NdjsonDecoder};
use panorama_model::{Decode, Framing};

/// Reads a format's own options (a mapping, say) and makes its decoder.
type Make = fn(&serde_json::Value) -> Result<Box<dyn Decode>, FormatError>;

/// One format.
pub struct Format {
    /// Its name in configurations and tables.
    pub name: &'static str,
    /// How its messages lie in a file.
    pub framing: Framing,
    /// Its times may carry no zone: the source has to name one.
    pub needs_timezone: bool,
    /// The configuration keys of its own, beside those of the connector.
    pub options: &'static [&'static str],
    make: Make,
}

/// Why a decoder cannot be made from a source's options.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FormatError {
    /// The option at fault, under the source.
    pub key: String,
    /// What is wrong, with a hint.
    pub message: String,
}

/// The mapping options of list formats.
const MAPPING: &[&str] = &[
    "record",
    "columns",
    "multiple",
    "birth_date_format",
    "time_format",
    "delimiter",
    "encoding",
    "updated_at",
    "constants",
];

/// Every format.
pub const FORMATS: &[Format] = &[
    plain("hl7v2", Framing::Hl7, true, |_| {
        Ok(Box::new(panorama_hl7v2::decode))
    }),
    plain("fhir-r4", Framing::Json, false, |_| {
        Ok(Box::new(panorama_fhir::decode))
    }),
    mapped("csv", Framing::Csv, |options| mapping(options, CsvDecoder::new)),
    mapped("ndjson", Framing::Json, |options| {
        mapping(options, NdjsonDecoder::new)
    }),
    plain("amazon-connect", Framing::Json, false, |_| {
        Ok(Box::new(panorama_calls::amazon_connect))
    }),
    plain("sendgrid", Framing::Json, false, |_| {
        Ok(Box::new(panorama_marketing::sendgrid))
    }),
    plain("segment", Framing::Json, false, |_| {
        Ok(Box::new(panorama_marketing::segment))
    }),
    plain("nppes", Framing::Csv, false, |_| {
        Ok(Box::new(panorama_providers::nppes))
    }),
    plain("nppes-api", Framing::Json, false, |_| {
        Ok(Box::new(panorama_providers::nppes_api))
    }),
    plain("leie", Framing::Csv, false, |_| {
        Ok(Box::new(panorama_providers::leie))
    }),
    plain(panorama_stewardship::FORMAT, Framing::Json, false, |_| {
        Ok(Box::new(panorama_stewardship::decode))
    }),
];

const fn plain(name: &'static str, framing: Framing, needs_timezone: bool, make: Make) -> Format {
    Format {
        name,
        framing,
        needs_timezone,
        options: &[],
        make,
    }
}

const fn mapped(name: &'static str, framing: Framing, make: Make) -> Format {
    Format {
        name,
        framing,
        needs_timezone: false,
        options: MAPPING,
        make,
    }
}

impl Format {
    /// The format of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// A decoder for a source with these options.
    ///
    /// # Errors
    /// [`FormatError`] naming the option that is wrong.
    pub fn decoder(&self, options: &serde_json::Value) -> Result<Box<dyn Decode>, FormatError> {
        (self.make)(options)
    }
}

fn mapping<D: Decode + 'static, E: std::fmt::Display>(
    options: &serde_json::Value,
    make: fn(panorama_crm::PersonMapping) -> Result<D, E>,
) -> Result<Box<dyn Decode>, FormatError> {
    let error = |message: String| FormatError {
        key: "columns".to_owned(),
        message,
    };
    let mapping = serde_json::from_value(options.clone()).map_err(|e| error(e.to_string()))?;
    make(mapping)
        .map(|d| Box::new(d) as Box<dyn Decode>)
        .map_err(|e| error(e.to_string()))
}
