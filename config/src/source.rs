//! One source: what every source has, and what only its connector and its format understand.

use crate::document::{Content, Node};
use crate::problem::{ConfigProblem, Place, child};
use crate::shape;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt;

/// One source of messages.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct SourceConfig {
    /// Unique name, `source` in every table: lower-case letters, digits, hyphens. Do not change it later.
    pub id: String,
    /// The connector: how messages arrive. Its own options stand beside.
    pub r#type: String,
    /// The format: how messages are read. Its own options stand beside.
    pub format: String,
    /// The site's time zone, for times that carry none: an IANA name such as `America/Chicago`, or an offset such as
    /// `-06:00`.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Options of connector and format, as they were written, references resolved.
    #[serde(flatten)]
    pub options: Map<String, Value>,
    /// Where it stands.
    #[serde(skip)]
    pub(crate) place: SourcePlace,
}

/// A source's own tree, for problems found later.
#[derive(Clone, Default)]
pub(crate) struct SourcePlace {
    pub(crate) path: String,
    pub(crate) node: Option<Node>,
}

/// Keys every source has.
const COMMON: [&str; 4] = ["id", "type", "format", "timezone"];

impl fmt::Debug for SourceConfig {
    /// Names only: options may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceConfig")
            .field("id", &self.id)
            .field("type", &self.r#type)
            .field("format", &self.format)
            .field("timezone", &self.timezone)
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl SourceConfig {
    /// Reads all options but those of these names, which are somebody else's.
    ///
    /// # Errors
    /// Every problem, with its place: unknown keys, wrong types, missing ones.
    pub fn params<T: DeserializeOwned + JsonSchema>(
        &self,
        not_mine: &[&str],
    ) -> Result<T, Vec<ConfigProblem>> {
        self.read(|key| !not_mine.contains(&key))
    }

    /// Reads the options of these names only.
    ///
    /// # Errors
    /// As [`SourceConfig::params`].
    pub fn options<T: DeserializeOwned + JsonSchema>(&self, mine: &[&str]) -> Result<T, Vec<ConfigProblem>> {
        self.read(|key| mine.contains(&key))
    }

    /// A problem with one of its options, at its place.
    pub fn problem(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) -> ConfigProblem {
        let node = self.place.node.as_ref();
        let place = node.map(|n| n.at(key).unwrap_or(n).place).unwrap_or_default();
        ConfigProblem::new(&child(&self.place.path, key), place, message, hint)
    }

    fn read<T: DeserializeOwned + JsonSchema>(
        &self,
        is_mine: impl Fn(&str) -> bool,
    ) -> Result<T, Vec<ConfigProblem>> {
        let mut node = self.place.node.clone().unwrap_or(Node {
            content: Content::Map(Vec::new()),
            place: Place::default(),
            is_secret: false,
        });
        if let Content::Map(entries) = &mut node.content {
            entries.retain(|e| !COMMON.contains(&e.key.as_str()) && is_mine(&e.key));
        }
        let mut problems = Vec::new();
        let schema = schemars::schema_for!(T).to_value();
        shape::check(&mut node, &schema, &self.place.path, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        typed(&node, &self.place.path).map_err(|problem| vec![problem])
    }
}

/// The typed value of a tree whose shape is right.
pub(crate) fn typed<T: DeserializeOwned>(node: &Node, path: &str) -> Result<T, ConfigProblem> {
    serde_path_to_error::deserialize(node.to_json()).map_err(|error| {
        let inner = error.path().to_string();
        let at = node.at(&inner).unwrap_or(node);
        let message = match at.is_secret {
            true => "the referenced value does not fit here".to_owned(),
            false => error.inner().to_string(),
        };
        let full = if inner == "." {
            path.to_owned()
        } else {
            child(path, &inner)
        };
        ConfigProblem::new(&full, at.place, message, "")
    })
}
