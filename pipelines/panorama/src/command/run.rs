//! `panorama run`

use crate::cli::{Output, Role, Run};
use crate::render;
use crate::service::{self, Service};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

pub(crate) fn run(run: &Run, output: &Output) -> anyhow::Result<()> {
    let config = service::load(&run.file)?;
    let began = Instant::now();
    let service = Service::open(config)?;
    let metrics = Arc::clone(&service.metrics);
    let outcome = service.run(run.role, run.until_caught_up, true)?;
    let seconds = began.elapsed().as_secs_f64();
    let steps = metrics.steps();
    let answer = json!({
        "messages": outcome.messages, "epochs": outcome.epochs, "publications": outcome.publications,
        "caught_up": outcome.caught_up, "seconds": seconds,
        "step_seconds": steps.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
    });
    if output.json {
        render::json(&answer);
    } else if !output.quiet {
        let state = if outcome.caught_up { "caught up" } else { "stopped" };
        let messages = render::thousands(outcome.messages);
        let what = match run.role {
            Role::Ingest => format!("{messages} messages taken into the log"),
            Role::All | Role::Process => format!("{messages} messages in {} epochs", outcome.epochs),
        };
        render::line(format!("{state}: {what}, {seconds:.1} s"));
        if run.until_caught_up && run.role != Role::Ingest {
            render::line(format!("where the time went: {}", times(&steps)));
        }
    }
    Ok(())
}

/// Seconds by step. The steps of reading, of applying and of publishing run beside each other.
fn times(steps: &[(&'static str, f64)]) -> String {
    let told: Vec<String> = steps
        .iter()
        .filter(|(_, seconds)| *seconds >= 0.05)
        .map(|(step, seconds)| format!("{step} {seconds:.1} s"))
        .collect();
    told.join(", ")
}
