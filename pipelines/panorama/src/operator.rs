//! Operator calls: asked of the running service over HTTP, or of its data directory where nothing runs.

use crate::{bus, service};
use anyhow::{Context, anyhow, bail};
use panorama_config::Config;
use panorama_log_local::LocalLog;
use panorama_patient_360::Admin;
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest wait for a running service's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks the pipeline of this configuration.
pub(crate) fn call(config: &Config, request: &Value) -> anyhow::Result<Value> {
    let dir = service::data_dir(config);
    if !dir.exists() {
        bail!(
            "{} does not exist: nothing has run with this configuration yet",
            dir.display()
        );
    }
    match service::open_log(config) {
        Ok(log) => call_here(config, log, request),
        Err(error) if service::is_in_use(&error) => call_service(config, request),
        Err(error) => Err(error).context("cannot open the data directory"),
    }
}

fn call_here(config: &Config, log: LocalLog, request: &Value) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let bus = bus::open(config, Some(&log), None)?.bus;
    let scorer = service::scorer(config)?;
    let admin = service::admin(config, Arc::new(log), bus, scorer, runtime.handle().clone());
    admin.call(request).map_err(|error| anyhow!("{error}"))
}

fn call_service(config: &Config, request: &Value) -> anyhow::Result<Value> {
    let listen = &config.http.listen;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER_TIMEOUT))
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent
        .post(format!("http://{listen}/api/admin"))
        .send_json(request)
        .with_context(|| format!("the pipeline is running but does not answer at http://{listen}"))?;
    if response.status().is_success() {
        return Ok(response.body_mut().read_json()?);
    }
    bail!("{}", response.body_mut().read_to_string()?.trim());
}

/// Admin calls for the HTTP side, once state is open.
#[derive(Default)]
pub(crate) struct Backend(OnceLock<Admin>);

impl Backend {
    /// Answers from now on.
    pub(crate) fn open(&self, admin: Admin) {
        // There is one opening of state in a process.
        drop(self.0.set(admin));
    }
}

impl panorama_console::Backend for Backend {
    fn call(&self, request: &Value) -> Result<Value, String> {
        match self.0.get() {
            Some(admin) => admin.call(request).map_err(|error| error.to_string()),
            None => Err("this process stands by: ask the one that works on the pipeline".into()),
        }
    }
}
