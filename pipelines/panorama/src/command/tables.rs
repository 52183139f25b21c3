//! `panorama tables`

use crate::cli::{ExportForm, Output, Tables, TablesAt};
use crate::{render, service};
use anyhow::{Context, bail};
use panorama_delta::{
    ExportFormat, Optimized, ReadRequest, describe, export, history, list, optimize, read_table, vacuum,
};
use panorama_model::Timestamp;
use panorama_runtime::now;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::stdout;
use std::path::Path;
use tokio::runtime::Runtime;

/// Where tables are.
pub(crate) struct Location {
    pub place: String,
    pub options: HashMap<String, String>,
    pub runtime: Runtime,
}

/// Which rows to show.
#[derive(Default)]
pub(crate) struct Rows {
    pub person: Option<String>,
    pub limit: Option<usize>,
    pub columns: Vec<String>,
}

pub(crate) fn run(what: Tables, output: &Output) -> anyhow::Result<()> {
    match what {
        Tables::List { at } => show_list(&Location::of(&at)?, output),
        Tables::Describe { at, name } => show_description(&Location::of(&at)?, &name, output),
        Tables::Show {
            at,
            name,
            person,
            limit,
            columns,
            csv,
        } => {
            let rows = Location::of(&at)?.rows(
                &name,
                Rows {
                    person,
                    limit: Some(limit),
                    columns,
                },
            )?;
            show_rows(&rows, csv, output)
        }
        Tables::History { at, name, limit } => {
            let at = Location::of(&at)?;
            let entries = at
                .runtime
                .block_on(history(&at.place, &name, at.options.clone(), limit))?;
            let entries = serde_json::to_value(entries)?;
            if output.json {
                render::json(&entries);
            } else {
                let keys = ["version", "committed_at", "operation", "epoch", "application"];
                render::objects(&keys, entries.as_array().map_or(&[], Vec::as_slice));
            }
            Ok(())
        }
        Tables::Optimize { at, names } => Location::of(&at)?.each(names, "files_compacted", output, optimize),
        Tables::Vacuum { at, names } => Location::of(&at)?.each(names, "files_deleted", output, vacuum),
        Tables::Export {
            at,
            name,
            out,
            format,
        } => write_file(&Location::of(&at)?, &name, &out, format, output),
        Tables::Query { at, sql, limit, csv } => {
            super::query::run(&Location::of(&at)?, &sql, limit, csv, output)
        }
    }
}

impl Location {
    pub(crate) fn of(at: &TablesAt) -> anyhow::Result<Self> {
        let (place, options) = match &at.location {
            Some(place) => (place.clone(), HashMap::new()),
            None => {
                let config = service::load(&at.file)?;
                (
                    config.tables.location,
                    config.tables.options.0.into_iter().collect(),
                )
            }
        };
        Ok(Self {
            place,
            options,
            runtime: Runtime::new()?,
        })
    }

    /// Does something to the tables named, or to all, and says what it did.
    fn each(
        &self,
        names: Vec<String>,
        done: &str,
        output: &Output,
        act: impl AsyncFn(&str, &str, HashMap<String, String>, Timestamp) -> panorama_api::Result<Optimized>,
    ) -> anyhow::Result<()> {
        let names = if names.is_empty() {
            self.runtime.block_on(list(&self.place, self.options.clone()))?
        } else {
            names
        };
        let mut told = Vec::new();
        for name in names {
            let acted = act(&self.place, &name, self.options.clone(), now());
            let acted = serde_json::to_value(self.runtime.block_on(acted)?)?;
            told.push(json!({"table": name, done: acted.get(done), "version": acted.get("version")}));
        }
        if output.json {
            render::json(&Value::Array(told));
        } else {
            render::objects(&["table", done, "version"], &told);
        }
        Ok(())
    }

    /// Rows of a table, as JSON objects with the table's columns in order.
    pub(crate) fn rows(&self, name: &str, what: Rows) -> anyhow::Result<Vec<Value>> {
        let request = ReadRequest {
            columns: (!what.columns.is_empty()).then_some(what.columns),
            person_id: what.person,
            limit: what.limit,
        };
        self.runtime.block_on(async {
            let mut rows = Vec::new();
            let mut table = read_table(&self.place, name, self.options.clone(), request).await?;
            while let Some(batch) = table.next().await? {
                for at in 0..batch.num_rows() {
                    rows.push(Value::Object(panorama_tables::row_json(&batch, at)));
                }
            }
            Ok(rows)
        })
    }
}

fn write_file(
    at: &Location,
    name: &str,
    out: &Path,
    form: Option<ExportForm>,
    output: &Output,
) -> anyhow::Result<()> {
    let ending = out.extension().and_then(std::ffi::OsStr::to_str);
    let format = match (form, ending) {
        (Some(ExportForm::Parquet), _) | (None, Some("parquet")) => ExportFormat::Parquet,
        (Some(ExportForm::Csv), _) | (None, Some("csv")) => ExportFormat::Csv(panorama_tables::row_texts),
        (Some(ExportForm::Ndjson), _) | (None, Some("ndjson" | "jsonl")) => {
            ExportFormat::Ndjson(panorama_tables::row_json)
        }
        (None, _) => bail!(
            "the ending of {} names no form: say --format parquet, csv or ndjson",
            out.display()
        ),
    };
    let written = at
        .runtime
        .block_on(export(&at.place, name, at.options.clone(), format, out))?;
    if output.json {
        render::json(&json!({"table": name, "rows": written, "file": out.display().to_string()}));
    } else {
        render::line(format!(
            "{} rows of {name} in {}",
            render::thousands(written),
            out.display()
        ));
    }
    Ok(())
}

fn show_list(at: &Location, output: &Output) -> anyhow::Result<()> {
    let names = at.runtime.block_on(list(&at.place, at.options.clone()))?;
    let mut tables = Vec::new();
    for name in names {
        let table = at
            .runtime
            .block_on(describe(&at.place, &name, at.options.clone()))?;
        tables.push(json!({
            "table": table.name, "rows": table.rows, "files": table.files, "bytes": table.bytes, "version": table.version,
            "comment": table.comment,
        }));
    }
    if output.json {
        render::json(&Value::Array(tables));
    } else {
        render::objects(
            &["table", "rows", "files", "bytes", "version", "comment"],
            &tables,
        );
    }
    Ok(())
}

fn show_description(at: &Location, name: &str, output: &Output) -> anyhow::Result<()> {
    let table = at
        .runtime
        .block_on(describe(&at.place, name, at.options.clone()))?;
    let value = serde_json::to_value(&table)?;
    if output.json {
        render::json(&value);
        return Ok(());
    }
    render::line(format!("{}: {}", table.name, table.comment));
    render::line(format!(
        "{} rows, {} files, {} bytes, version {}, protocol {}/{}\n",
        render::thousands(table.rows),
        table.files,
        render::thousands(table.bytes),
        table.version,
        table.protocol.0,
        table.protocol.1
    ));
    let columns = value
        .get("columns")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    render::objects(&["name", "type", "comment"], &columns);
    Ok(())
}

pub(crate) fn show_rows(rows: &[Value], csv: bool, output: &Output) -> anyhow::Result<()> {
    if output.json {
        render::json(&Value::Array(rows.to_vec()));
        return Ok(());
    }
    let keys: Vec<&str> = rows
        .first()
        .and_then(Value::as_object)
        .map_or(Vec::new(), |o| o.keys().map(String::as_str).collect());
    if csv {
        let mut writer = csv::Writer::from_writer(stdout());
        writer.write_record(&keys).context("cannot write")?;
        for row in rows {
            writer.write_record(keys.iter().map(|key| render::member(row, key)))?;
        }
        return Ok(writer.flush()?);
    }
    // A person reads a wide row downwards, and many rows across only where they are narrow.
    if keys.len() <= 10 {
        render::objects(&keys, rows);
        return Ok(());
    }
    for row in rows {
        for key in &keys {
            let cell = render::member(row, key);
            if !cell.is_empty() {
                render::line(format!("{key:24} {cell}"));
            }
        }
        render::line("");
    }
    Ok(())
}
