//! Exit codes: 0 done, 1 failed, 2 usage (clap), 78 configuration (`EX_CONFIG` of sysexits).

use std::process::ExitCode;

/// The configuration is wrong; its problems have been told.
#[derive(Debug)]
pub(crate) struct BadConfiguration;

impl std::fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the configuration is wrong")
    }
}

impl std::error::Error for BadConfiguration {}

const EX_CONFIG: u8 = 78;

/// The exit code of a result; a failure is told on standard error, with its causes.
#[expect(clippy::print_stderr, reason = "the one place that tells a command's failure")]
pub(crate) fn code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<BadConfiguration>() => ExitCode::from(EX_CONFIG),
        Err(error) => {
            eprintln!("panorama: {error:#}");
            ExitCode::FAILURE
        }
    }
}
