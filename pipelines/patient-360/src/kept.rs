//! What `raw_messages` keeps: messages that the log has let go of, in the order they had there.
//!
//! A table's rows lie in no order. They are sorted in a state space, on disk, so memory stays bounded (INV-9).

use arrow::array::{Array, AsArray, MapArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use panorama_api::{ConnectorError, LogRecord, Offset, ReadLimits, Result, Space, StateBatch, StateStore};
use panorama_model::{Headers, Text, Timestamp};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Where they are sorted.
const SPACE: Space = Space("kept");

/// Rows of `raw_messages`, sorted.
pub struct KeptMessages<S>(S);

#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    received_at: i64,
    headers: Vec<(Text, Vec<u8>)>,
    #[serde(borrow)]
    payload: &'a [u8],
}

impl<S: StateStore> KeptMessages<S> {
    /// The spaces that the store must have.
    pub const SPACES: &'static [Space] = &[SPACE];
    /// The columns that rows must have.
    pub const COLUMNS: &'static [&'static str] = &[
        "topic",
        "partition",
        "offset",
        "received_at",
        "payload",
        "headers",
    ];

    /// None are there yet.
    pub const fn new(store: S) -> Self {
        Self(store)
    }

    /// Adds the rows that are asked for by topic, partition and offset.
    ///
    /// # Errors
    /// Where the rows are not those of `raw_messages`, or the store fails.
    pub fn add(&self, rows: &RecordBatch, is_wanted: impl Fn(&str, u32, Offset) -> bool) -> Result<()> {
        let columns = Columns::of(rows).ok_or_else(|| not_ours("the columns are others"))?;
        let mut batch = StateBatch::default();
        for row in 0..rows.num_rows() {
            let (topic, partition, offset) = columns.place(row).ok_or_else(|| not_ours("a place is none"))?;
            if is_wanted(topic, partition, offset) {
                let value = postcard::to_stdvec(&columns.message(row)).map_err(not_ours)?;
                batch.put(SPACE, key(topic, partition, offset), value);
            }
        }
        self.0.commit(batch)
    }

    /// Reads from an offset on, as a log does.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn read(
        &self,
        topic: &str,
        partition: u32,
        from: Offset,
        limits: ReadLimits,
    ) -> Result<Vec<LogRecord>> {
        let (mut read, mut bytes, mut wrong) = (Vec::new(), 0, None);
        let (begin, end) = (key(topic, partition, from), key(topic, partition, Offset::MAX));
        self.0.scan(SPACE, &begin, Some(&end), &mut |key, value| {
            let (Some(offset), Ok(kept)) = (key.last_chunk(), postcard::from_bytes::<Kept<'_>>(value)) else {
                wrong = Some(not_ours("a kept message is damaged"));
                return ControlFlow::Break(());
            };
            bytes += kept.payload.len();
            read.push(LogRecord {
                offset: Offset::from_be_bytes(*offset),
                received_at: Timestamp(kept.received_at),
                payload: kept.payload.to_vec().into(),
                headers: Arc::new(kept.headers),
            });
            if read.len() < limits.records_max && bytes < limits.bytes_max {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        wrong.map_or(Ok(read), Err)
    }
}

fn not_ours(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::fatal("read", "raw_messages", cause)
}

fn key(topic: &str, partition: u32, offset: Offset) -> Vec<u8> {
    let (partition, offset) = (partition.to_be_bytes(), offset.to_be_bytes());
    [topic.as_bytes(), b"\0", &partition, &offset].concat()
}

struct Columns<'a> {
    topic: &'a arrow::array::StringArray,
    partition: &'a arrow::array::Int64Array,
    offset: &'a arrow::array::Int64Array,
    received_at: &'a arrow::array::TimestampMicrosecondArray,
    payload: &'a arrow::array::BinaryArray,
    headers: &'a MapArray,
}

impl<'a> Columns<'a> {
    fn of(rows: &'a RecordBatch) -> Option<Self> {
        let column = |name: &str| rows.column_by_name(name);
        Some(Self {
            topic: column("topic")?.as_string_opt()?,
            partition: column("partition")?.as_primitive_opt::<Int64Type>()?,
            offset: column("offset")?.as_primitive_opt::<Int64Type>()?,
            received_at: column("received_at")?.as_primitive_opt::<TimestampMicrosecondType>()?,
            payload: column("payload")?.as_binary_opt()?,
            headers: column("headers")?.as_map_opt()?,
        })
    }

    fn place(&self, row: usize) -> Option<(&'a str, u32, Offset)> {
        let partition = u32::try_from(self.partition.value(row)).ok()?;
        let offset = Offset::try_from(self.offset.value(row)).ok()?;
        Some((self.topic.value(row), partition, offset))
    }

    fn message(&self, row: usize) -> Kept<'a> {
        Kept {
            received_at: self.received_at.value(row),
            headers: self.headers_of(row),
            payload: self.payload.value(row),
        }
    }

    fn headers_of(&self, row: usize) -> Headers {
        if self.headers.is_null(row) {
            return Headers::default();
        }
        let entries = self.headers.value(row);
        let (Some(names), Some(values)) = (
            entries.column(0).as_string_opt::<i32>(),
            entries.column(1).as_string_opt::<i32>(),
        ) else {
            return Headers::default();
        };
        let value = |at| if values.is_null(at) { "" } else { values.value(at) };
        (0..entries.len())
            .map(|at| (names.value(at).into(), value(at).as_bytes().to_vec()))
            .collect()
    }
}
