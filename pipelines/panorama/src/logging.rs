//! The log: standard error, text or JSON, filtered by `PANORAMA_LOG` or `-v`/`-q`. Never patient data (INV-8).

use crate::cli::{LogFormat, Output};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts the log.
pub(crate) fn start(output: &Output) {
    let default = match (output.quiet, output.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info,deltalake_core=warn,delta_kernel=warn,buoyant_kernel=warn",
        (false, _) => "debug,deltalake_core=info,delta_kernel=info,buoyant_kernel=info",
    };
    let filter = EnvFilter::try_from_env("PANORAMA_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Fails only where a log is already there; then that one serves.
    let started = match output.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.unwrap_or_default();
}
