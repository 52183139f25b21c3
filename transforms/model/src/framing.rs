//! How the messages of one format lie in a file: the only thing a connector must know of a format.

use serde::{Deserialize, Serialize};

/// Where one message ends and the next begins, in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// HL7 v2 (v2.5 2.10.3): a message starts at each `MSH` line; `FHS`, `BHS` go with the message after them, `BTS`,
    /// `FTS` with the one before.
    Hl7,
    /// One JSON value per message: a whole `.json` file, or each line of NDJSON. Told apart by content.
    Json,
    /// One line per message.
    Lines,
    /// One CSV record per message (RFC 4180); the header record travels as the header `csv.header`.
    Csv,
    /// The whole file is one message.
    Whole,
}
