//! The registry: the one place that names every connector. One line adds one.

use crate::acknowledge::Hl7Acknowledge;
use crate::bus;
use panorama_api::Source;
use panorama_config::{ConfigProblem, Known, KnownFormat, Part, SourceConfig, TimezoneNeed};
use panorama_file::{FileParams, FileSource};
use panorama_mllp::{MllpParams, MllpSource};
use panorama_model::{Text, Zone};
use panorama_patient_360::{FORMATS, Format, SourceDecoder};
use schemars::{JsonSchema, Schema, schema_for};
use serde_json::{Map, Value};
use std::sync::Arc;

type Make = fn(&SourceConfig, &'static Format) -> Result<Box<dyn Source>, Vec<ConfigProblem>>;

/// One kind of source.
struct Connector {
    name: &'static str,
    make: Make,
    schema: fn() -> Schema,
}

const CONNECTORS: &[Connector] = &[
    Connector {
        name: "file",
        make: file,
        schema: || schema_for!(FileParams),
    },
    Connector {
        name: "mllp",
        make: mllp,
        schema: || schema_for!(MllpParams),
    },
    #[cfg(feature = "kafka")]
    Connector {
        name: "kafka",
        make: kafka,
        schema: || schema_for!(panorama_kafka::KafkaParams),
    },
];

/// A source and the decoder of its messages.
pub(crate) struct Wired {
    pub source: Arc<dyn Source>,
    pub decoder: Arc<SourceDecoder>,
}

fn file(config: &SourceConfig, format: &'static Format) -> Result<Box<dyn Source>, Vec<ConfigProblem>> {
    let params: FileParams = config.params(format.options)?;
    Ok(Box::new(FileSource::new(params, format.framing)))
}

fn mllp(config: &SourceConfig, format: &'static Format) -> Result<Box<dyn Source>, Vec<ConfigProblem>> {
    if format.name != "hl7v2" {
        let message = format!("an mllp source carries HL7 v2, not {}", format.name);
        return Err(vec![config.problem("format", message, "write `format: hl7v2`")]);
    }
    let params: MllpParams = config.params(format.options)?;
    Ok(Box::new(MllpSource::new(
        params,
        Arc::new(Hl7Acknowledge::default()),
    )))
}

#[cfg(feature = "kafka")]
fn kafka(config: &SourceConfig, format: &'static Format) -> Result<Box<dyn Source>, Vec<ConfigProblem>> {
    let params: panorama_kafka::KafkaParams = config.params(format.options)?;
    Ok(Box::new(panorama_kafka::KafkaSource::new(params)))
}

/// Makes a configured source and its decoder.
pub(crate) fn wire(config: &SourceConfig) -> Result<Wired, Vec<ConfigProblem>> {
    let unknown = |key: &str, what: &str| vec![config.problem(key, format!("unknown {key} `{what}`"), "")];
    let format = Format::find(&config.format).ok_or_else(|| unknown("format", &config.format))?;
    let connector = CONNECTORS.iter().find(|c| c.name == config.r#type);
    let connector = connector.ok_or_else(|| unknown("type", &config.r#type))?;
    let mut problems = Vec::new();
    let source = (connector.make)(config, format)
        .map_err(|found| problems.extend(found))
        .ok();
    let mine = |(key, value): (&String, &Value)| {
        format
            .options
            .contains(&key.as_str())
            .then(|| (key.clone(), value.clone()))
    };
    let options: Map<String, Value> = config.options.iter().filter_map(mine).collect();
    let decoder = match format.decoder(&Value::Object(options)) {
        Ok(decoder) => Some(decoder),
        Err(error) => {
            problems.push(config.problem(&error.key, error.message, ""));
            None
        }
    };
    match (source, decoder) {
        (Some(source), Some(decoder)) if problems.is_empty() => Ok(Wired {
            source: Arc::from(source),
            decoder: Arc::new(SourceDecoder {
                source: Text::from(config.id.as_str()),
                format: format.name.into(),
                zone: config.timezone.as_deref().and_then(Zone::named),
                decoder,
            }),
        }),
        _ => Err(problems),
    }
}

/// HL7 v2 times mostly carry no zone; a source that says none is read in UTC, with a warning.
const fn need(format: &Format) -> TimezoneNeed {
    if format.needs_timezone {
        TimezoneNeed::Advised
    } else {
        TimezoneNeed::None
    }
}

/// Calls `ask` with what this build knows.
pub(crate) fn with_known<T>(ask: impl FnOnce(&Known<'_>) -> T) -> T {
    let formats: Vec<KnownFormat<'_>> = FORMATS
        .iter()
        .map(|f| KnownFormat {
            name: f.name,
            timezone: need(f),
        })
        .collect();
    let source_types: Vec<&str> = CONNECTORS.iter().map(|c| c.name).collect();
    ask(&Known {
        source_types: &source_types,
        formats: &formats,
        bus_types: bus::TYPES,
    })
}

fn parts() -> Vec<Part> {
    let connectors = CONNECTORS.iter().map(|c| Part {
        key: "type",
        name: c.name,
        schema: (c.schema)(),
    });
    let lists = ["csv", "ndjson"].map(|name| Part {
        key: "format",
        name,
        schema: mapping_schema(),
    });
    connectors.chain(lists).collect()
}

fn mapping_schema() -> Schema {
    fn of<T: JsonSchema>() -> Schema {
        schema_for!(T)
    }
    of::<panorama_patient_360::PersonMapping>()
}

/// The JSON Schema of configurations.
pub(crate) fn json_schema() -> String {
    panorama_config::json_schema(&parts())
}

/// Every option, documented.
pub(crate) fn reference() -> String {
    panorama_config::reference(&parts())
}
