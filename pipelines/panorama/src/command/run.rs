//! `panorama run`

use crate::cli::{Output, Run};
use crate::render;
use crate::service::{self, Service};
use serde_json::json;

pub(crate) fn run(run: &Run, output: &Output) -> anyhow::Result<()> {
    let config = service::load(&run.file)?;
    let outcome = Service::open(config)?.run(run.until_caught_up, true)?;
    let answer = json!({
        "messages": outcome.messages, "epochs": outcome.epochs, "publications": outcome.publications,
        "caught_up": outcome.caught_up,
    });
    if output.json {
        render::json(&answer);
    } else if !output.quiet {
        let state = if outcome.caught_up { "caught up" } else { "stopped" };
        render::line(format!(
            "{state}: {} messages in {} epochs",
            render::thousands(outcome.messages),
            outcome.epochs
        ));
    }
    Ok(())
}
