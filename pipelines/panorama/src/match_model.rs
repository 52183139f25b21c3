//! The match model that a configuration names, read and checked.

use panorama_config::{Config, ConfigProblem};
use panorama_identity::{Model, ModelError, Scorer};
use std::error::Error;
use std::sync::Arc;

/// Makes the model ready, or says what is wrong: with it, or with what it declares of this configuration's sources.
/// `path` of a problem is its place in the model file.
pub(crate) fn scorer(config: &Config) -> Result<Arc<Scorer>, Vec<ConfigProblem>> {
    let mut model = match &config.identity.model {
        None => Model::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                vec![ConfigProblem::unplaced(
                    "",
                    format!("cannot be read: {error}"),
                    "",
                )]
            })?;
            Model::from_json(&text).map_err(problems)?
        }
    };
    let unknown = unknown_sources(config, &model);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    model.thresholds.auto_link_probability = config.identity.auto_link_probability;
    model.thresholds.review_probability = config.identity.review_probability;
    Ok(Arc::new(Scorer::new(model).map_err(problems)?))
}

/// The same for the list of a configuration's problems: they stand where the file is named.
pub(crate) fn problems_of(config: &Config) -> Vec<ConfigProblem> {
    let Err(problems) = scorer(config) else {
        return Vec::new();
    };
    let (path, file) = match &config.identity.model {
        Some(file) => ("identity.model", file.as_str()),
        None => ("identity", ""),
    };
    let placed = problems.into_iter().map(|found| {
        let place = [file, &found.path, &found.message];
        let said: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
        ConfigProblem::unplaced(path, said.join(": "), &found.hint)
    });
    placed.collect()
}

/// Sources that a model speaks of and the configuration does not have.
fn unknown_sources(config: &Config, model: &Model) -> Vec<ConfigProblem> {
    let ids: Vec<&str> = config.sources.iter().map(|source| source.id.as_str()).collect();
    let declared = model.declared.sources.iter().enumerate();
    let unknown = declared.filter(|(_, trust)| !ids.contains(&trust.source.as_str()));
    unknown
        .map(|(at, trust)| {
            let place = format!("declared.sources[{at}].source");
            let message = format!("{} is no source of the configuration", trust.source);
            ConfigProblem::unplaced(&place, &message, format!("sources are {}", ids.join(", ")))
        })
        .collect()
}

fn problems(error: ModelError) -> Vec<ConfigProblem> {
    match error {
        ModelError::Declared(problems) => problems
            .iter()
            .map(|found| ConfigProblem::unplaced(&found.place, &found.message, &found.hint))
            .collect(),
        error => {
            let cause = error.source().map(|cause| format!(": {cause}"));
            vec![ConfigProblem::unplaced(
                "",
                format!("{error}{}", cause.unwrap_or_default()),
                "",
            )]
        }
    }
}
