//! Reads tables and makes random choices, for tests that compare runs.

use arrow::array::AsArray;
use panorama_delta::{ReadRequest, list, read_table};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The rows of every table below a directory, payloads as [`latin1`] text.
pub(crate) fn tables(location: &Path, names: &[&str]) -> BTreeMap<String, Vec<Map<String, Value>>> {
    tables_of(&location.display().to_string(), &HashMap::new(), names)
}

/// The same of tables in an object store with these settings.
pub(crate) fn tables_of(
    place: &str,
    options: &HashMap<String, String>,
    names: &[&str],
) -> BTreeMap<String, Vec<Map<String, Value>>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let known = list(place, options.clone()).await.expect("tables");
        let mut all = BTreeMap::new();
        for name in known {
            if !names.is_empty() && !names.contains(&name.as_str()) {
                continue;
            }
            let mut rows = Vec::new();
            let mut reading = read_table(place, &name, options.clone(), ReadRequest::default())
                .await
                .expect("a table");
            while let Some(batch) = reading.next().await.expect("rows") {
                let payloads = batch
                    .column_by_name("payload")
                    .map(|c| c.as_binary::<i32>().clone());
                rows.extend((0..batch.num_rows()).map(|at| {
                    let mut row = panorama_tables::row_json(&batch, at);
                    if let Some(payloads) = &payloads {
                        row.insert("payload".to_owned(), Value::String(latin1(payloads.value(at))));
                    }
                    row
                }));
            }
            all.insert(name, rows);
        }
        all
    })
}

/// One column of a table, as text; nothing where there is no such table yet.
#[cfg(feature = "kafka")]
pub(crate) fn column(location: &Path, table: &str, column: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let request = ReadRequest {
        columns: Some(vec![column.to_owned()]),
        ..ReadRequest::default()
    };
    let place = location.display().to_string();
    runtime.block_on(async {
        let mut all = Vec::new();
        let Ok(mut reading) = read_table(&place, table, HashMap::new(), request).await else {
            return all;
        };
        while let Some(batch) = reading.next().await.expect("rows") {
            let rows = (0..batch.num_rows()).map(|at| panorama_tables::row_json(&batch, at));
            all.extend(rows.map(|row| text(&row, column).to_owned()));
        }
        all
    })
}

/// Bytes as text, one character each, so that no byte is lost in JSON.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The text of a column; empty where it is null.
pub(crate) fn text<'a>(row: &'a Map<String, Value>, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// What is left of the bytes of a file, or of messages one after the other, once what only separates messages is gone.
pub(crate) fn without_separators(bytes: &str) -> String {
    let mark = latin1("\u{feff}".as_bytes());
    let kept = bytes.replace(&mark, "");
    kept.chars()
        .filter(|c| !c.is_ascii_whitespace() && !"\0\u{b}\u{1a}\u{1c}".contains(*c))
        .collect()
}

/// The messages of each file, in their order: file name -> payloads.
pub(crate) fn payloads_by_file(raw: &[Map<String, Value>]) -> BTreeMap<String, Vec<String>> {
    let mut files: BTreeMap<String, BTreeMap<i64, String>> = BTreeMap::new();
    for row in raw {
        let file = row["headers"]["file.name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let offset = row["offset"].as_i64().expect("an offset");
        files
            .entry(file)
            .or_default()
            .insert(offset, text(row, "payload").to_owned());
    }
    files
        .into_iter()
        .map(|(file, payloads)| (file, payloads.into_values().collect()))
        .collect()
}

/// A small generator: the same seed, the same choices.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("below a usize")
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
