//! `panorama tables query`: SQL over the tables, where it is built in; elsewhere how to get it, and the same for DuckDB.

use super::tables::Location;
use crate::cli::Output;

#[cfg(not(feature = "sql"))]
pub(crate) fn run(
    at: &Location,
    sql: &str,
    _limit: usize,
    _csv: bool,
    _output: &Output,
) -> anyhow::Result<()> {
    anyhow::bail!(
        "this build has no SQL: `cargo build --release --features sql` makes one that has. With DuckDB:\n\n  \
         duckdb -c \"INSTALL delta; LOAD delta; {}\"",
        duckdb(&at.place, sql)
    )
}

/// The question with each table's name replaced by a scan that DuckDB understands.
#[cfg(not(feature = "sql"))]
fn duckdb(place: &str, sql: &str) -> String {
    let mut asked = String::new();
    for word in sql.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_')) {
        let name = word.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
        let rest = word.strip_prefix(name).unwrap_or_default();
        if panorama_tables::find(name).is_some() {
            asked.push_str(&format!("delta_scan('{place}/{name}'){rest}"));
        } else {
            asked.push_str(word);
        }
    }
    asked
}

#[cfg(feature = "sql")]
pub(crate) use engine::run;

#[cfg(feature = "sql")]
mod engine {
    use super::{Location, Output};
    use crate::command::tables::show_rows;
    use crate::render;
    use futures_util::StreamExt;
    use futures_util::stream::try_unfold;
    use panorama_delta::{ReadRequest, list, read_table};
    use panorama_query::{BatchStream, QueryTable, query};
    use serde_json::Value;
    use std::collections::HashMap;
    use std::error::Error;
    use std::sync::Arc;

    pub(crate) fn run(
        at: &Location,
        sql: &str,
        limit: usize,
        csv: bool,
        output: &Output,
    ) -> anyhow::Result<()> {
        let (rows, more) = at.runtime.block_on(async {
            let (schema, mut answer) = query(tables(at).await?, sql).await?;
            let (mut rows, mut more) = (Vec::new(), false);
            while let Some(batch) = answer.next().await {
                let batch = batch.map_err(|error| anyhow::anyhow!("{error}"))?;
                let taken = batch.num_rows().min(limit - rows.len());
                rows.extend((0..taken).map(|row| Value::Object(panorama_tables::row_json(&batch, row))));
                if taken < batch.num_rows() {
                    more = true;
                    break;
                }
            }
            if rows.is_empty() && !output.json && !csv {
                let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
                render::line(format!("no rows ({})", names.join(", ")));
            }
            anyhow::Ok((rows, more))
        })?;
        show_rows(&rows, csv, output)?;
        if more {
            tracing::warn!(limit, "there are more rows: --limit N prints more");
        }
        Ok(())
    }

    /// Every table there is, read by our own reader.
    async fn tables(at: &Location) -> anyhow::Result<Vec<QueryTable>> {
        let mut tables = Vec::new();
        for name in list(&at.place, at.options.clone()).await? {
            let no_rows = ReadRequest {
                limit: Some(0),
                ..ReadRequest::default()
            };
            let schema = read_table(&at.place, &name, at.options.clone(), no_rows)
                .await?
                .schema();
            let (place, table, options) = (at.place.clone(), name.clone(), at.options.clone());
            let scan = move |columns: Vec<String>, limit: Option<usize>| {
                let request = ReadRequest {
                    columns: Some(columns),
                    person_id: None,
                    limit,
                };
                batches(place.clone(), table.clone(), options.clone(), request)
            };
            tables.push(QueryTable {
                name,
                schema,
                scan: Arc::new(scan),
            });
        }
        Ok(tables)
    }

    fn batches(
        place: String,
        table: String,
        options: HashMap<String, String>,
        request: ReadRequest,
    ) -> BatchStream {
        let opened = async move { read_table(&place, &table, options, request).await };
        futures_util::stream::once(opened)
            .flat_map(|opened| match opened {
                Ok(rows) => try_unfold(rows, |mut rows| async move {
                    let batch = rows.next().await?;
                    Ok::<_, Box<dyn Error + Send + Sync>>(batch.map(|batch| (batch, rows)))
                })
                .boxed(),
                Err(error) => futures_util::stream::once(async move { Err(error.into()) }).boxed(),
            })
            .boxed()
    }
}
