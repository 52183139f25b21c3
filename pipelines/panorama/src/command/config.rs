//! `panorama config`

use crate::cli::ConfigCommand;
use crate::{registry, render};

pub(crate) fn run(what: &ConfigCommand) -> anyhow::Result<()> {
    match what {
        ConfigCommand::Example => render::line(panorama_config::example().trim_end()),
        ConfigCommand::Schema => render::line(registry::json_schema()),
        ConfigCommand::Reference => render::line(registry::reference()),
    }
    Ok(())
}
