//! `panorama validate`

use crate::cli::{Output, Validate};
use crate::exit::BadConfiguration;
use crate::{bus, match_model, registry, render, service};
use panorama_config::ConfigProblem;
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn run(validate: &Validate, output: &Output) -> anyhow::Result<()> {
    let (config, mut problems) = service::read(&validate.file)?;
    if let Some(config) = &config {
        // That the file is not here is for the environment to say; what it says is wrong anywhere.
        let model = config.identity.model.as_ref();
        if !validate.no_environment || model.is_none_or(|path| Path::new(path).exists()) {
            problems.extend(match_model::problems_of(config));
        }
    }
    if let Some(config) = config.filter(|_| problems.is_empty() && !validate.no_environment) {
        let runtime = tokio::runtime::Runtime::new()?;
        let file = validate.file.config.display().to_string();
        for source in &config.sources {
            let Ok(wired) = registry::wire(source) else {
                continue;
            };
            for problem in runtime.block_on(wired.source.check()) {
                let warning = problem
                    .message
                    .strip_prefix("warning:")
                    .map(|m| m.trim().to_owned());
                let found = source.problem(
                    problem.key,
                    warning.clone().unwrap_or(problem.message),
                    problem.hint,
                );
                match warning {
                    Some(_) => service::eprint_line(&format!("warning: {}", found.in_file(&file))),
                    None => problems.push(found),
                }
            }
        }
        if let Some(message) = bus::check(&config) {
            problems.push(ConfigProblem::unplaced("bus", message, ""));
        }
        let (location, options) = (&config.tables.location, service::table_options(&config));
        if let Err(error) = runtime.block_on(panorama_delta::probe(location, options)) {
            let message = format!("{error}: {}", error.cause);
            problems.push(ConfigProblem::unplaced("tables.location", message, ""));
        }
        for (path, dir) in [
            ("data_dir", &config.data_dir),
            ("tables.location", &config.tables.location),
        ] {
            if let Some(message) = unwritable(dir) {
                problems.push(ConfigProblem::unplaced(path, message, ""));
            }
        }
    }
    if output.json {
        let list: Vec<Value> = problems
            .iter()
            .map(|p| json!({"path": p.path, "line": p.line, "column": p.column, "message": p.message, "hint": p.hint}))
            .collect();
        render::json(&Value::Array(list));
        return if problems.is_empty() {
            Ok(())
        } else {
            Err(BadConfiguration.into())
        };
    }
    if !problems.is_empty() {
        return Err(service::tell(&validate.file.config, &problems));
    }
    render::line(format!("{} is fine", validate.file.config.display()));
    Ok(())
}

/// Why a local directory cannot be written to; remote locations are told apart by their scheme.
fn unwritable(dir: &str) -> Option<String> {
    if dir.contains("://") {
        return None;
    }
    let mut existing = Path::new(dir);
    while !existing.exists() {
        existing = existing
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
    }
    if !existing.is_dir() {
        return Some(format!("{} is not a directory", existing.display()));
    }
    let probe = existing.join(format!(".panorama-probe-{}", std::process::id()));
    match std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => None,
        Err(error) => Some(format!("{} cannot be written to: {error}", existing.display())),
    }
}
