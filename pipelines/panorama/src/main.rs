//! The `panorama` binary: the command line and the registry of connectors.

mod acknowledge;
mod bus;
mod cli;
mod command;
mod exit;
mod home;
mod logging;
mod match_model;
mod operator;
mod registry;
mod render;
mod service;

use clap::Parser;
use cli::{Cli, Command};
use std::process::ExitCode;

/// The allocator: many small, short-lived values on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(&cli.output);
    let result = match cli.command {
        Command::Demo(demo) => command::demo::run(&demo, &cli.output),
        Command::Run(run) => command::run::run(&run, &cli.output),
        Command::Validate(validate) => command::validate::run(&validate, &cli.output),
        Command::Status(file) => command::status::run(&file, &cli.output),
        Command::Quarantine(what) => command::quarantine::run(what, &cli.output),
        Command::Identity(what) => command::identity::run(what, &cli.output),
        Command::Tables(what) => command::tables::run(what, &cli.output),
        Command::Migrate(migrate) => command::migrate::run(&migrate, &cli.output),
        Command::Synth(synth) => command::synth::run(&synth, &cli.output),
        Command::Config(what) => command::config::run(&what),
    };
    exit::code(result)
}
