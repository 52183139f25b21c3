//! A table as one file, for those who want a file.

use crate::read::{self, ReadRequest, TableRows};
use arrow::array::RecordBatch;
use panorama_api::{ConnectorError, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Form of an export. What a cell looks like as text is the caller's to say: this crate knows columns, not their meaning.
#[derive(Clone, Copy, Debug)]
pub enum ExportFormat {
    /// One Parquet file.
    Parquet,
    /// One CSV file with a header, RFC 4180; a row of a batch to its cells.
    Csv(fn(&RecordBatch, usize) -> Vec<String>),
    /// One JSON object per line; a row of a batch to its object.
    Ndjson(fn(&RecordBatch, usize) -> Map<String, Value>),
}

/// Writes a table's newest version into one local file; returns the rows written.
///
/// The file is there once it is whole: a failed export leaves what was there before.
///
/// # Errors
/// Fatal where there is no such table; retry where the file cannot be written.
pub async fn export(
    location: &str,
    name: &str,
    options: HashMap<String, String>,
    format: ExportFormat,
    file: &Path,
) -> Result<u64> {
    let rows = read::read_table(location, name, options, ReadRequest::default()).await?;
    let wrong = |cause: Cause| ConnectorError::retry("export", format!("table {name}"), cause);
    let unfinished = Unfinished::beside(file);
    let output = File::create_new(&unfinished.0).map_err(|cause| wrong(cause.into()))?;
    let written = match format {
        ExportFormat::Parquet => parquet(rows, output, wrong).await?,
        ExportFormat::Csv(cells) => {
            let header = csv_line(rows.schema().fields().iter().map(|field| field.name().as_str()));
            let line = |batch: &RecordBatch, row| csv_line(cells(batch, row).iter().map(String::as_str));
            lines(rows, output, header, line, wrong).await?
        }
        ExportFormat::Ndjson(object) => {
            let line = |batch: &RecordBatch, row| format!("{}\n", Value::Object(object(batch, row)));
            lines(rows, output, String::new(), line, wrong).await?
        }
    };
    std::fs::rename(&unfinished.0, file).map_err(|cause| wrong(cause.into()))?;
    Ok(written)
}

/// The file an export grows in; gone where it is not renamed.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(file: &Path) -> Self {
        let mut name = OsString::from(".");
        name.push(file.file_name().unwrap_or_default());
        name.push(format!(".{:016x}.tmp", RandomState::new().hash_one(file)));
        Self(file.with_file_name(name))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

async fn parquet(mut rows: TableRows, output: File, wrong: impl Fn(Cause) -> ConnectorError) -> Result<u64> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    let writer = ArrowWriter::try_new(output, rows.schema(), Some(properties.build()));
    let mut writer = writer.map_err(|cause| wrong(cause.into()))?;
    let mut written = 0;
    while let Some(batch) = rows.next().await? {
        written += batch.num_rows() as u64;
        writer.write(&batch).map_err(|cause| wrong(cause.into()))?;
    }
    let output = writer.into_inner().map_err(|cause| wrong(cause.into()))?;
    output.sync_all().map_err(|cause| wrong(cause.into()))?;
    Ok(written)
}

async fn lines(
    mut rows: TableRows,
    output: File,
    header: String,
    line: impl Fn(&RecordBatch, usize) -> String,
    wrong: impl Fn(Cause) -> ConnectorError,
) -> Result<u64> {
    let mut output = BufWriter::new(output);
    let mut put = |text: String| {
        output
            .write_all(text.as_bytes())
            .map_err(|cause| wrong(cause.into()))
    };
    put(header)?;
    let mut written = 0;
    while let Some(batch) = rows.next().await? {
        for row in 0..batch.num_rows() {
            put(line(&batch, row))?;
        }
        written += batch.num_rows() as u64;
    }
    let output = output
        .into_inner()
        .map_err(|cause| wrong(cause.into_error().into()))?;
    output.sync_all().map_err(|cause| wrong(cause.into()))?;
    Ok(written)
}

fn csv_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            line.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            line.push('"');
            line.push_str(&cell.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(cell);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (cells, expected) in [
            (vec!["a", "", "b c"], "a,,b c\n"),
            (
                vec!["a,b", "say \"x\"", "two\nlines"],
                "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n",
            ),
        ] {
            assert_eq!(csv_line(cells.into_iter()), expected);
        }
    }
}
