//! From text to a checked configuration.

use crate::Config;
use crate::document::{Content, parse};
use crate::meaning;
use crate::problem::ConfigProblem;
use crate::resolve::{override_value, resolve};
use crate::shape;
use crate::source::{SourcePlace, typed};
use std::io;

/// What this build can do, told by the registry that knows every connector and format.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Source types.
    pub source_types: &'a [&'a str],
    /// Formats.
    pub formats: &'a [KnownFormat<'a>],
    /// Bus types.
    pub bus_types: &'a [&'a str],
}

/// A format that can be read.
#[derive(Clone, Copy, Debug)]
pub struct KnownFormat<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether a source has to say its time zone.
    pub timezone: TimezoneNeed,
}

/// Whether a source of a format has to say its time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimezoneNeed {
    /// Its times are instants.
    None,
    /// Its times may lack a zone: those are not read without one. A missing one is a warning.
    Advised,
    /// Its times never carry one.
    Required,
}

/// What references lead to.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The content of a file.
    pub read_file: &'a dyn Fn(&str) -> io::Result<String>,
}

/// Reads a configuration and checks its shape and meaning.
///
/// - Shape: YAML text and `--set` overrides (path, YAML value) -> one [`Config`].
///
/// # Errors
/// Every problem that can be told at once, in the order of the file.
pub fn load(
    text: &str,
    overrides: &[(String, String)],
    known: &Known<'_>,
    around: &Surroundings<'_>,
) -> Result<Config, Vec<ConfigProblem>> {
    let mut root = parse(text).map_err(|problem| vec![problem])?;
    if matches!(root.content, Content::Null) {
        root.content = Content::Map(Vec::new());
    }
    let mut problems = Vec::new();
    for (path, value) in overrides {
        if let Err(problem) = override_value(&mut root, path, value) {
            problems.push(problem);
        }
    }
    resolve(&mut root, "", around, &mut problems);
    shape::check(
        &mut root,
        &schemars::schema_for!(Config).to_value(),
        "",
        &mut problems,
    );
    let warnings = meaning::check(&root, known, &mut problems);
    let config = if problems.is_empty() {
        typed::<Config>(&root, "").map_err(|p| problems.push(p)).ok()
    } else {
        None
    };
    let Some(mut config) = config else {
        problems.sort_by_key(|p| (p.line == 0, p.line, p.column));
        problems.dedup();
        return Err(problems);
    };
    config.warnings = warnings;
    for (at, source) in config.sources.iter_mut().enumerate() {
        let path = format!("sources[{at}]");
        source.place = SourcePlace {
            node: root.at(&path).cloned(),
            path,
        };
    }
    Ok(config)
}
