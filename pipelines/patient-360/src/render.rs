//! State to record batches: the rows of a partition, made as they are asked for, so that memory stays bounded.

use crate::current::{Change, outbox_key};
use crate::facts::{FactState, resolved_row};
use crate::filing::{chunks_of, each_fact};
use crate::stretches::{Days, Stretch};
use crate::{spaces, table_number};
use arrow::array::RecordBatch;
use panorama_api::{Bus, ConnectorError, PartitionMode, PartitionWrite, ReadLimits, Result, StateRead};
use panorama_model::{PersonId, Row, Text, Timestamp};
use panorama_tables::table::raw_messages;
use panorama_tables::{Definition, FactRow, Origin, RowBatcher};
use std::iter::Peekable;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows per batch: large enough to encode columns well, small enough for the cache.
const BATCH_ROWS_MAX: usize = 8192;
/// Bytes per batch: bounds memory where rows are large.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Rows between two that are wanted beyond which looking for the next one anew is cheaper.
const OTHER_ROWS_MAX: usize = 24;

/// The write of one partition of a table that is kept in state.
pub(crate) fn partition_write(
    snapshot: &Arc<dyn StateRead>,
    table: u8,
    definition: &'static Definition,
    partition: i32,
    change: &Change,
) -> PartitionWrite {
    let value = (partition != crate::current::PARTITION_UNKNOWN).then_some(partition);
    let value = value.filter(|_| definition.partition.is_some());
    let (batcher, state) = (RowBatcher::new(definition), Arc::clone(snapshot));
    let facts_from = match change {
        Change::AppendedFrom(number) => Some(*number),
        Change::Changed if table_number::is_fact(table) => Some(0),
        Change::Changed | Change::Appended(_) => None,
    };
    let batches: Box<dyn Iterator<Item = Result<RecordBatch>> + Send> = match (facts_from, change) {
        (Some(number), _) => Box::new(FiledFacts {
            state,
            place: (table, partition),
            number,
            chunks: None,
            batcher,
            topics: Topics::default(),
            partition: value,
        }),
        (None, Change::Appended(rows)) => {
            let mut rows: Vec<u128> = rows.iter().copied().collect();
            rows.sort_unstable();
            Box::new(KeptRows::new(
                state,
                (table, partition),
                Some(rows),
                batcher,
                value,
            ))
        }
        (None, _) => Box::new(KeptRows::new(state, (table, partition), None, batcher, value)),
    };
    let mode = match change {
        Change::Changed => PartitionMode::Replace,
        Change::AppendedFrom(_) | Change::Appended(_) => PartitionMode::Append,
    };
    PartitionWrite {
        partition: value,
        mode,
        batches,
    }
}

/// The facts of a partition from a number on, chunk by chunk.
struct FiledFacts {
    state: Arc<dyn StateRead>,
    place: (u8, i32),
    number: u64,
    /// Those still to come; `None` before the first is asked for.
    chunks: Option<std::vec::IntoIter<u64>>,
    batcher: RowBatcher,
    topics: Topics,
    partition: Option<i32>,
}

impl FiledFacts {
    fn fill(&mut self) -> Result<()> {
        let (batcher, topics, partition) = (&mut self.batcher, &mut self.topics, self.partition);
        let chunks = match &mut self.chunks {
            Some(chunks) => chunks,
            None => self
                .chunks
                .insert(chunks_of(&*self.state, self.place, self.number)?.into_iter()),
        };
        while batcher.rows() < BATCH_ROWS_MAX && batcher.bytes() < BATCH_BYTES_MAX {
            let Some(chunk) = chunks.next() else { break };
            each_fact(&*self.state, chunk, |fact| {
                push_fact(batcher, fact, topics, partition)
            })?;
        }
        Ok(())
    }
}

impl Iterator for FiledFacts {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.fill() {
            Ok(()) => finish(&mut self.batcher),
            Err(error) => {
                self.chunks = Some(Vec::new().into_iter());
                Some(Err(error))
            }
        }
    }
}

/// The rows of a partition that are kept one by one.
struct KeptRows {
    state: Arc<dyn StateRead>,
    prefix: Vec<u8>,
    /// Where the scan goes on, after the prefix.
    next: Vec<u8>,
    /// The rows to append; all of the partition where there are none.
    keys: Option<Peekable<std::vec::IntoIter<u128>>>,
    done: bool,
    batcher: RowBatcher,
    partition: Option<i32>,
}

impl KeptRows {
    fn new(
        state: Arc<dyn StateRead>,
        (table, partition): (u8, i32),
        rows: Option<Vec<u128>>,
        batcher: RowBatcher,
        value: Option<i32>,
    ) -> Self {
        Self {
            state,
            prefix: outbox_key(table, partition),
            next: Vec::new(),
            keys: rows.map(|rows| rows.into_iter().peekable()),
            done: false,
            batcher,
            partition: value,
        }
    }

    fn fill(&mut self) -> Result<()> {
        if self.keys.is_some() {
            self.fill_from_keys()
        } else {
            self.fill_from_scan()
        }
    }

    /// Rows to append are often most of those around them: one look at the space goes from each to the next, as long as
    /// few others lie between.
    fn fill_from_keys(&mut self) -> Result<()> {
        let Some(keys) = &mut self.keys else { return Ok(()) };
        while let Some(first) = keys.peek() {
            let from = row_key(&self.prefix, *first);
            let (batcher, partition, prefix) = (&mut self.batcher, self.partition, &self.prefix);
            let mut pushed = Ok(());
            let mut others = 0;
            let mut ended = true;
            self.state.scan(spaces::ROWS, &from, None, &mut |key, value| {
                let row = key
                    .strip_prefix(prefix.as_slice())
                    .and_then(|rest| rest.try_into().ok());
                let Some(row) = row.map(u128::from_be_bytes) else {
                    return ControlFlow::Break(());
                };
                // Rows that are gone are passed over.
                while keys.next_if(|wanted| *wanted < row).is_some() {}
                if keys.next_if_eq(&row).is_some() {
                    others = 0;
                    pushed = push_rows(batcher, value, partition);
                } else {
                    others += 1;
                }
                ended = false;
                let full = batcher.rows() >= BATCH_ROWS_MAX || batcher.bytes() >= BATCH_BYTES_MAX;
                if full || others > OTHER_ROWS_MAX || keys.peek().is_none() || pushed.is_err() {
                    return ControlFlow::Break(());
                }
                ended = true;
                ControlFlow::Continue(())
            })?;
            pushed?;
            if ended {
                // Behind the last row of the partition none can be.
                *keys = Vec::new().into_iter().peekable();
            }
            if batcher.rows() >= BATCH_ROWS_MAX || batcher.bytes() >= BATCH_BYTES_MAX {
                return Ok(());
            }
        }
        self.done = true;
        Ok(())
    }

    fn fill_from_scan(&mut self) -> Result<()> {
        let mut from = self.prefix.clone();
        from.extend_from_slice(&self.next);
        let prefix = self.prefix.clone();
        let (batcher, next) = (&mut self.batcher, &mut self.next);
        let partition = self.partition;
        let mut failed = Ok(());
        let mut more = false;
        self.state.scan(spaces::ROWS, &from, None, &mut |key, value| {
            let Some(rest) = key.strip_prefix(prefix.as_slice()) else {
                return ControlFlow::Break(());
            };
            if batcher.rows() >= BATCH_ROWS_MAX || batcher.bytes() >= BATCH_BYTES_MAX {
                rest.clone_into(next);
                more = true;
                return ControlFlow::Break(());
            }
            failed = push_rows(batcher, value, partition);
            if failed.is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        self.done = !more;
        failed
    }
}

impl Iterator for KeptRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        if let Err(error) = self.fill() {
            self.done = true;
            return Some(Err(error));
        }
        finish(&mut self.batcher)
    }
}

fn row_key(prefix: &[u8], row: u128) -> Vec<u8> {
    [prefix, &row.to_be_bytes()].concat()
}

fn push_rows(batcher: &mut RowBatcher, value: &[u8], partition: Option<i32>) -> Result<()> {
    let rows: Vec<Row> =
        postcard::from_bytes(value).map_err(|e| ConnectorError::fatal("read", spaces::ROWS.0, e))?;
    for row in &rows {
        batcher.push_row(row, partition);
    }
    Ok(())
}

/// The topics of sources, each made once: there are as many facts as messages, and few sources.
#[derive(Default)]
struct Topics(Vec<(Text, Text)>);

impl Topics {
    fn of(&mut self, source: &Text) -> Text {
        if let Some((_, topic)) = self.0.iter().find(|(known, _)| known == source) {
            return topic.clone();
        }
        let topic = crate::topic_of(source);
        self.0.push((source.clone(), topic.clone()));
        topic
    }
}

fn push_fact(batcher: &mut RowBatcher, fact: FactState, topics: &mut Topics, partition: Option<i32>) {
    let topic = topics.of(&fact.key.source);
    let mut digits = [0; PersonId::TEXT_BYTES];
    let person = fact.person.map(|person| person.text(&mut digits));
    let row = resolved_row(fact.layers);
    batcher.push_fact(
        &FactRow {
            id: &fact.id,
            person_id: person,
            row: &row,
            origin: Origin {
                source: &fact.key.source,
                source_record_id: &fact.key.id,
                assigning_authority: &fact.key.authority,
                record_kind: fact.key.kind.name(),
                topic: &topic,
                message_partition: i64::from(fact.position.partition),
                message_offset: i64::try_from(fact.position.offset).unwrap_or(i64::MAX),
            },
            source_updated_at: fact.version.at,
            is_deleted: fact.deleted,
            updated_at: fact.updated_at,
        },
        partition,
    );
}

fn finish(batcher: &mut RowBatcher) -> Option<Result<RecordBatch>> {
    if batcher.rows() == 0 {
        return None;
    }
    Some(
        batcher
            .finish()
            .map_err(|e| ConnectorError::fatal("encode", "rows", e)),
    )
}

/// A stretch of one topic to be written to `raw_messages`.
#[derive(Clone)]
pub(crate) struct RawRange {
    pub topic: Text,
    pub source: Text,
    pub format: Text,
    pub partition: u32,
    pub stretch: Stretch,
}

impl RawRange {
    pub(crate) const fn is_empty(&self) -> bool {
        self.stretch.from >= self.stretch.until
    }
}

/// When the messages written were received: what freshness is measured from.
pub(crate) type ReceivedTimes = Arc<Mutex<Vec<Timestamp>>>;

/// The writes of stretches of topics, one per day of receipt.
///
/// Where days have to be looked up, a stretch is filed under those from that of its first message to that of its last; a
/// message whose clock says otherwise goes with the nearest of them, so that none is left out.
pub(crate) fn raw_writes(
    bus: &Arc<dyn Bus>,
    definition: &'static Definition,
    ranges: &[RawRange],
    received: &ReceivedTimes,
) -> Result<Vec<PartitionWrite>> {
    let ranges = || ranges.iter().filter(|range| !range.is_empty());
    let places = ranges().map(|range| (range.topic.clone(), range.partition, range.stretch.from));
    bus.prefetch(&places.collect::<Vec<_>>())?;
    let mut spans = Vec::new();
    for range in ranges() {
        let day_at = |offset| -> Result<i32> {
            let one = ReadLimits {
                records_max: 1,
                bytes_max: 1,
            };
            let found = bus.read(&range.topic, range.partition, offset, one)?;
            Ok(found.first().map_or(0, |r| r.received_at.date().0))
        };
        let Stretch { from, until, days } = &range.stretch;
        let days = match days {
            Some(days) => days.clone(),
            None => Days::between(day_at(*from)?, day_at(until - 1)?),
        };
        spans.push((range.clone(), days));
    }
    let mut days: Vec<i32> = spans.iter().flat_map(|(_, days)| days.iter()).collect();
    days.sort_unstable();
    days.dedup();
    Ok(days
        .into_iter()
        .map(|day| {
            let is_of_day = |(_, days): &&(RawRange, Days)| days.iter().any(|of| of == day);
            let rows = RawRows {
                bus: Arc::clone(bus),
                batcher: RowBatcher::new(definition),
                received: Arc::clone(received),
                day,
                spans: spans.iter().filter(is_of_day).cloned().collect(),
            };
            PartitionWrite {
                partition: Some(day),
                mode: PartitionMode::Append,
                batches: Box::new(rows),
            }
        })
        .collect())
}

struct RawRows {
    bus: Arc<dyn Bus>,
    batcher: RowBatcher,
    received: ReceivedTimes,
    day: i32,
    spans: Vec<(RawRange, Days)>,
}

impl RawRows {
    fn fill(&mut self) -> Result<()> {
        while self.batcher.rows() < BATCH_ROWS_MAX && self.batcher.bytes() < BATCH_BYTES_MAX {
            let Some((range, days)) = self.spans.last_mut() else {
                break;
            };
            let (from, until) = (range.stretch.from, range.stretch.until);
            // Not beyond its end: the next publication goes on reading there.
            let left = usize::try_from(until - from).unwrap_or(usize::MAX);
            let limits = ReadLimits {
                records_max: left.min(BATCH_ROWS_MAX / 4),
                bytes_max: BATCH_BYTES_MAX / 4,
            };
            let records = self.bus.read(&range.topic, range.partition, from, limits)?;
            let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
            for record in records.iter().filter(|record| record.offset < until) {
                if days.file(record.received_at.date().0) == self.day {
                    received.push(record.received_at);
                    push_raw(&mut self.batcher, range, record, self.day);
                }
            }
            let next = records.last().map_or(until, |last| last.offset + 1);
            range.stretch.from = next;
            if next >= until {
                self.spans.pop();
            }
        }
        Ok(())
    }
}

impl Iterator for RawRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            self.spans.clear();
            return Some(Err(error));
        }
        finish(&mut self.batcher)
    }
}

fn push_raw(batcher: &mut RowBatcher, range: &RawRange, record: &panorama_api::LogRecord, day: i32) {
    use panorama_tables::Cell;
    let headers = headers_map(&record.headers);
    debug_assert_eq!(
        raw_messages::HEADERS.index,
        7,
        "cells below stand in the order of the columns"
    );
    let cells = [
        Cell::Text(&range.source),
        Cell::Text(&range.topic),
        Cell::Int(i64::from(range.partition)),
        Cell::Int(i64::try_from(record.offset).unwrap_or(i64::MAX)),
        Cell::Time(record.received_at),
        Cell::Text(&range.format),
        Cell::Bytes(&record.payload),
        Cell::Map(&headers),
    ];
    batcher.push(cells, Some(day));
}

/// Headers as a map cell; bytes that are not UTF-8 are shown with replacement characters.
pub(crate) fn headers_map(headers: &panorama_model::Headers) -> Vec<(Text, Text)> {
    let mut map: Vec<(Text, Text)> = headers
        .iter()
        .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into()))
        .collect();
    map.sort();
    map
}
