//! What can be set about reading files.

use panorama_model::{ByteCount, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Files that match a path pattern, read in order, each from where the last run ended.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileParams {
    /// Path pattern, or a list of them: `*` within a name, `**` across directories. Files compressed with gzip or zstd
    /// are read as they are. Files whose name begins with a dot are left out.
    #[schemars(extend("examples" = ["feeds/hl7/**/*.hl7"]))]
    pub path: Patterns,
    /// Keep watching for new files and for growth. With `--until-caught-up` reading ends at the end all the same.
    #[serde(default)]
    pub follow: bool,
    /// The order in which files are read.
    #[serde(default)]
    pub order: Order,
    /// Largest record. Longer ones are cut here and go to quarantine in pieces.
    #[serde(default = "record_bytes_max")]
    #[schemars(with = "String", extend("format" = "bytes"))]
    pub record_bytes_max: ByteCount,
    /// How often to look for new files and growth, with `follow`.
    #[serde(default = "poll_interval")]
    #[schemars(with = "String", extend("format" = "period"))]
    pub poll_interval: Period,
    /// A record at the end of a file that nothing ends is taken as complete once the file has not grown for this long,
    /// with `follow`.
    #[serde(default = "settle_time")]
    #[schemars(with = "String", extend("format" = "period"))]
    pub settle_time: Period,
}

/// One pattern or several.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Patterns {
    /// One.
    One(String),
    /// Several; a file that more than one of them matches is read once.
    Several(Vec<String>),
}

/// The order in which files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By path.
    #[default]
    Name,
    /// Oldest change first.
    Modified,
}

impl FileParams {
    /// The files of this pattern, the rest by default.
    pub fn of(path: impl Into<String>) -> Self {
        Self {
            path: Patterns::One(path.into()),
            follow: false,
            order: Order::Name,
            record_bytes_max: record_bytes_max(),
            poll_interval: poll_interval(),
            settle_time: settle_time(),
        }
    }
}

impl Patterns {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }
}

const fn record_bytes_max() -> ByteCount {
    ByteCount::from_mebibytes(64)
}

const fn poll_interval() -> Period {
    Period::from_seconds(1)
}

const fn settle_time() -> Period {
    Period::from_seconds(5)
}
