//! `panorama config`

use crate::cli::ConfigCommand;
use crate::{registry, render};

pub(crate) fn run(what: &ConfigCommand) -> anyhow::Result<()> {
    match what {
        ConfigCommand::Example => render::line(panorama_config::example().trim_end()),
        ConfigCommand::Schema { changes: false } => render::line(registry::json_schema()),
        ConfigCommand::Schema { changes: true } => {
            render::line(serde_json::to_string_pretty(
                &panorama_patient_360::changes_schema(),
            )?);
        }
        ConfigCommand::Reference => render::line(registry::reference()),
    }
    Ok(())
}
