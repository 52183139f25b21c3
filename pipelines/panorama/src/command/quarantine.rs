//! `panorama quarantine`

use crate::cli::{Output, Quarantine};
use crate::{operator, render, service};
use anyhow::Context;
use serde_json::{Value, json};
use std::fs;

pub(crate) fn run(what: Quarantine, output: &Output) -> anyhow::Result<()> {
    match what {
        Quarantine::List { file, limit } => {
            let config = service::load(&file)?;
            let answer = operator::call(&config, &json!({"op": "quarantine_list", "limit": limit}))?;
            if output.json {
                render::json(&answer);
            } else {
                let keys = [
                    "quarantine_id",
                    "source",
                    "offset",
                    "received_at",
                    "reason_code",
                    "location",
                    "reason",
                    "status",
                ];
                render::objects(&keys, answer.as_array().map_or(&[], Vec::as_slice));
            }
        }
        Quarantine::Show { file, id } => {
            let config = service::load(&file)?;
            let entry = operator::call(&config, &json!({"op": "quarantine_show", "id": id}))?;
            if output.json {
                render::json(&entry);
            } else {
                show(&entry);
            }
        }
        Quarantine::Replay { file, all, ids } => {
            let config = service::load(&file)?;
            let answer = operator::call(
                &config,
                &json!({"op": "quarantine_replay", "all": all, "ids": ids}),
            )?;
            if output.json {
                render::json(&answer);
            } else {
                let count = answer.get("replayed").and_then(Value::as_u64).unwrap_or(0);
                render::line(format!(
                    "{count} messages put back; they are read again by the next run"
                ));
            }
        }
        Quarantine::Export { file, out } => {
            let config = service::load(&file)?;
            fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
            let list = operator::call(&config, &json!({"op": "quarantine_list", "limit": u32::MAX}))?;
            let mut written = 0;
            for entry in list.as_array().into_iter().flatten() {
                let id = render::member(entry, "quarantine_id");
                let shown = operator::call(&config, &json!({"op": "quarantine_show", "id": id}))?;
                let path = out.join(format!("{id}.bin"));
                fs::write(&path, bytes_of(&shown))
                    .with_context(|| format!("cannot write {}", path.display()))?;
                written += 1;
            }
            render::line(format!("{written} messages written to {}", out.display()));
        }
    }
    Ok(())
}

fn show(entry: &Value) {
    for (key, value) in entry.as_object().into_iter().flatten() {
        if key != "payload_hex" {
            render::line(format!("{key:16} {}", render::cell(value)));
        }
    }
    render::line("");
    let bytes = bytes_of(entry);
    render::line(String::from_utf8_lossy(&bytes).replace('\r', "\n"));
}

/// The exact bytes, which travel as hexadecimal because JSON has no bytes.
fn bytes_of(entry: &Value) -> Vec<u8> {
    let hex = entry
        .get("payload_hex")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
            .unwrap_or(0)
    };
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0u8, |byte, d| byte.wrapping_shl(4) | digit(d)))
        .collect()
}
