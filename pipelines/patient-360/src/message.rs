//! Rows as the messages that tell of them: JSON written from the columns, without a value in between.

use crate::told::{GONE, UNKNOWN};
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use panorama_api::{ConnectorError, Result};
use panorama_model::PersonId;
use panorama_tables::table::{identity_events, patient_360};
use panorama_tables::{CellJson, Definition};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128, xxh3_128_with_seed};

/// Columns that name a source record.
const RECORD_KEY: [&str; 4] = ["source", "record_kind", "assigning_authority", "source_record_id"];
/// When a row was made, which is not what it says.
const UPDATED_AT: &str = "updated_at";

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The event itself: under its person's key it would take the person's place when the topic is compacted.
    Event,
    /// The person: what is told last of one stays.
    Person,
    /// The source record, by a hash whose key is the pipeline's name (INV-8).
    Record,
}

impl Subject {
    /// The key of the message that takes a row back. None of an event: it has happened.
    pub(crate) fn key_of(self, name: u128) -> Option<String> {
        match self {
            Self::Event => None,
            Self::Person => Some(PersonId(name).to_string()),
            Self::Record => Some(format!("{name:032x}")),
        }
    }
}

/// The rows of a batch, to be written one by one.
pub(crate) struct Messages<'a> {
    /// What stands before the row.
    head: String,
    columns: Vec<Column<'a>>,
    subject: Subject,
    /// Those that name it.
    key: Vec<&'a StringArray>,
    /// The pipeline's.
    seed: u64,
}

struct Column<'a> {
    /// `"name":`, behind a comma where it is not the first.
    name: String,
    cells: &'a dyn Array,
    is_said: bool,
}

/// A row, written.
pub(crate) struct Message {
    /// What names the row among those of its table.
    pub name: u128,
    pub key: String,
    /// Of what the row says, but when it was made.
    pub hash: u64,
}

impl<'a> Messages<'a> {
    /// The rows of `batch`, each called `what` in its message.
    pub(crate) fn new(
        batch: &'a RecordBatch,
        definition: &Definition,
        (what, subject): (&str, Subject),
        (pipeline, epoch): (&str, u64),
    ) -> Result<Self> {
        let names = match subject {
            Subject::Event => &[identity_events::EVENT_ID.name][..],
            Subject::Person => &[patient_360::PERSON_ID.name],
            Subject::Record => &RECORD_KEY,
        };
        let column = |name: &&str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let key: Vec<_> = names.iter().filter_map(column).collect();
        if key.len() < names.len() {
            return Err(broken("a column that names the row is missing"));
        }
        let schema = batch.schema_ref();
        let partition = definition.partition.map(|partition| partition.column);
        let mut columns: Vec<Column<'a>> = Vec::new();
        for (field, cells) in schema.fields().iter().zip(batch.columns()) {
            if Some(field.name().as_str()) != partition {
                let comma = if columns.is_empty() { "" } else { "," };
                columns.push(Column {
                    name: format!("{comma}\"{}\":", field.name()),
                    cells,
                    is_said: field.name() != UPDATED_AT,
                });
            }
        }
        Ok(Self {
            head: format!("{{\"type\":\"{what}\",\"epoch\":{epoch},\"{what}\":{{"),
            columns,
            subject,
            key,
            seed: xxh3_64(pipeline.as_bytes()),
        })
    }

    /// Writes the message of a row to `out`.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<Message> {
        out.clear();
        out.extend_from_slice(self.head.as_bytes());
        let (mut hash, mut hashed) = (0, out.len());
        for column in &self.columns {
            let from = out.len();
            out.extend_from_slice(column.name.as_bytes());
            serde_json::to_writer(&mut *out, &CellJson(column.cells, row)).map_err(broken)?;
            if !column.is_said {
                hash = xxh3_64_with_seed(out.get(hashed..from).unwrap_or_default(), hash);
                hashed = out.len();
            }
        }
        hash = xxh3_64_with_seed(out.get(hashed..).unwrap_or_default(), hash);
        out.extend_from_slice(b"}}");
        let (name, key) = self.name(row)?;
        // Two hashes say something else.
        let hash = hash.clamp(UNKNOWN + 1, GONE - 1);
        Ok(Message { name, key, hash })
    }

    fn name(&self, row: usize) -> Result<(u128, String)> {
        let text = |column: &&'a StringArray| {
            if column.is_valid(row) {
                column.value(row)
            } else {
                ""
            }
        };
        let only = || self.key.first().map(text).unwrap_or_default();
        match self.subject {
            Subject::Event => Ok((xxh3_128(only().as_bytes()), only().to_owned())),
            Subject::Person => {
                let person = PersonId::parse(only()).ok_or_else(|| broken("not the id of a person"))?;
                Ok((person.0, only().to_owned()))
            }
            Subject::Record => {
                let parts: Vec<&str> = self.key.iter().map(text).collect();
                let name = xxh3_128_with_seed(parts.join("\u{0}").as_bytes(), self.seed);
                Ok((name, format!("{name:032x}")))
            }
        }
    }
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::fatal("encode", "changes", error)
}
