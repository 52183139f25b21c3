//! `panorama status`

use crate::cli::{ConfigFile, Output};
use crate::{operator, render, service};
use serde_json::{Value, json};

pub(crate) fn run(file: &ConfigFile, output: &Output) -> anyhow::Result<()> {
    let config = service::load(file)?;
    let status = operator::call(&config, &json!({"op": "status"}))?;
    if output.json {
        render::json(&status);
        return Ok(());
    }
    let number = |key: &str| render::thousands(status.get(key).and_then(Value::as_u64).unwrap_or(0));
    render::line(format!(
        "{}   epoch {}",
        render::member(&status, "name"),
        number("epoch")
    ));
    render::line(format!(
        "{} persons from {} source records; {} messages decoded, {} in quarantine\n",
        number("persons"),
        number("source_records"),
        number("messages_decoded"),
        number("messages_quarantined")
    ));
    let list = |key: &str| {
        status
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    render::objects(
        &["source", "format", "stored", "processed", "lag"],
        &list("sources"),
    );
    render::objects(&["source", "reason", "count"], &list("quarantine"));
    service::print_tables(&config)
}
