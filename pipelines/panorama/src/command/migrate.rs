//! `panorama migrate`: a pipeline moves from the embedded log to another one.
//!
//! Every message it ever received goes over, in order, and keeps its offset: what the log has let go of is read from
//! `raw_messages`. Where sources have read to goes over too. State and tables are made anew by the next run.

use crate::bus::{self, OpenBus};
use crate::cli::{ConfigFile, Migrate, Output};
use crate::registry::Wired;
use crate::{registry, render, service};
use anyhow::{Context, bail, ensure};
use panorama_api::{Appended, Bus, LogRecord, NewMessage, Offset, ReadLimits, SourcePosition};
use panorama_config::{BusType, Config};
use panorama_delta::{ReadRequest, list, read_table};
use panorama_log_local::{LocalLog, LocalLogOptions};
use panorama_patient_360::{KeptMessages, SourceDecoder, partitions_of, source_of, topic_of};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Messages moved at once.
const CHUNK: ReadLimits = ReadLimits {
    records_max: 2_000,
    bytes_max: 4 << 20,
};
const RAW_MESSAGES: &str = "raw_messages";

pub(crate) fn run(arguments: &Migrate, output: &Output) -> anyhow::Result<()> {
    let from = service::load(&ConfigFile {
        config: arguments.from.clone(),
        set: Vec::new(),
    })?;
    let to = service::load(&arguments.file)?;
    let runtime = Runtime::new()?;
    check(&from, &to, &runtime)?;
    let old = service::open_log(&from)
        .with_context(|| format!("{}: stop the pipeline before it moves", from.data_dir))?;
    let OpenBus { bus: new, .. } = match to.bus.r#type {
        BusType::Local => bus::open(&to, Some(&service::open_log(&to)?), None)?,
        BusType::Kafka => bus::open(&to, None, None)?,
    };
    let moving = Moving {
        topics: topics(&old, &from, &to)?,
        partitions: service::partitions(&to),
        // They can be: it was found out when the configuration was read.
        sources: to
            .sources
            .iter()
            .filter_map(|source| registry::wire(source).ok())
            .collect(),
        old,
        new,
        runtime,
    };
    let progress = moving.look()?;
    let kept = moving.sort_kept(&from, &to, &progress)?;
    let mut moved = BTreeMap::new();
    for ((topic, partition), at) in &progress {
        let count = moving.messages(topic, *partition, *at, kept.as_ref())?;
        *moved.entry(topic.as_str()).or_insert(0) += count;
    }
    let positions = moving.positions()?;
    drop(kept);
    remove_kept(&to)?;
    if output.json {
        render::json(&json!({"messages": moved, "positions": positions}));
        return Ok(());
    }
    let row = |(topic, count): (&str, u64)| vec![topic.to_owned(), render::thousands(count)];
    render::table(&["topic", "messages"], moved.into_iter().map(row));
    let file = arguments.file.config.display();
    render::line(format!(
        "and how far sources have read: {positions} positions. Now: panorama run --config {file}"
    ));
    Ok(())
}

/// What must be so before anything moves.
fn check(from: &Config, to: &Config, runtime: &Runtime) -> anyhow::Result<()> {
    ensure!(
        from.bus.r#type == BusType::Local,
        "--from: bus.type is kafka; only a pipeline on the embedded log can move"
    );
    ensure!(
        service::data_dir(from) != service::data_dir(to),
        "data_dir is that of the old pipeline; a moved pipeline makes its state anew: name another directory"
    );
    let place = &to.tables.location;
    let found = runtime.block_on(list(place, service::table_options(to)))?;
    if found.iter().any(|name| name == RAW_MESSAGES) {
        bail!(
            "tables.location {place} has tables; a moved pipeline makes its tables anew: name an empty place"
        );
    }
    Ok(())
}

/// The topics that move and their partitions: each has a source there that reads it as the old one did.
fn topics(old: &LocalLog, from: &Config, to: &Config) -> anyhow::Result<Vec<(String, u32)>> {
    let steward = SourceDecoder::steward().source;
    let mut topics = Vec::new();
    for (topic, partitions) in old.topics()? {
        let Some(source) = source_of(&topic) else { continue };
        let [before, after] = [from, to].map(|config| {
            let found = config.sources.iter().find(|there| there.id == source);
            found.map(|found| &found.format)
        });
        ensure!(
            source == steward || after.is_some(),
            "sources: none has the id {source}, whose messages would never be read; add it as it was"
        );
        ensure!(
            before.is_none() || before == after,
            "sources: {source} has another format than before, in which its messages cannot be read; leave it as it was"
        );
        topics.push((topic.to_string(), partitions));
    }
    Ok(topics)
}

/// One partition of a topic.
type Place = (String, u32);

struct Moving {
    topics: Vec<(String, u32)>,
    /// Of each source's topic, as the new pipeline has them.
    partitions: u32,
    /// Of the new pipeline.
    sources: Vec<Wired>,
    old: LocalLog,
    new: Arc<dyn Bus>,
    runtime: Runtime,
}

impl Moving {
    /// Makes the topics, and finds how far each partition has come: a move that was cut short goes on.
    fn look(&self) -> anyhow::Result<BTreeMap<Place, Offset>> {
        let mut progress = BTreeMap::new();
        for (topic, partitions) in &self.topics {
            let source = source_of(topic).unwrap_or_default();
            let wanted = partitions_of(source, self.partitions).max(*partitions);
            self.runtime.block_on(self.new.ensure_topic(topic, wanted))?;
            for partition in 0..*partitions {
                let (_, end) = self.old.bounds(topic, partition)?;
                let (_, there) = self.new.bounds(topic, partition)?;
                ensure!(
                    there <= end && self.is_same(topic, partition, there)?,
                    "topic {topic} has messages of another pipeline; name another bus.topic_prefix"
                );
                progress.insert((topic.clone(), partition), there);
            }
        }
        Ok(progress)
    }

    /// Whether the last message before an offset is the old log's, where that still has it.
    fn is_same(&self, topic: &str, partition: u32, before: Offset) -> anyhow::Result<bool> {
        let Some(last) = before.checked_sub(1) else {
            return Ok(true);
        };
        if self.old.bounds(topic, partition)?.0 > last {
            return Ok(true);
        }
        let one = ReadLimits {
            records_max: 1,
            ..CHUNK
        };
        let old = self.old.read(topic, partition, last, one)?;
        let new = self.new.read(topic, partition, last, one)?;
        let what = |record: &LogRecord| (record.offset, record.payload.clone());
        Ok(old.first().map(what) == new.first().map(what))
    }

    /// Sorts what the old log has let go of, and the new one does not have yet. None where there is no such message.
    fn sort_kept(
        &self,
        from: &Config,
        to: &Config,
        progress: &BTreeMap<Place, Offset>,
    ) -> anyhow::Result<Option<KeptMessages<LocalLog>>> {
        let mut missing = BTreeMap::new();
        for ((topic, partition), there) in progress {
            let (start, _) = self.old.bounds(topic, *partition)?;
            if *there < start {
                missing.insert((topic.as_str(), *partition), *there..start);
            }
        }
        if missing.is_empty() {
            return Ok(None);
        }
        remove_kept(to)?;
        let spaces = KeptMessages::<LocalLog>::SPACES;
        let kept = KeptMessages::new(LocalLog::open(&kept_dir(to), LocalLogOptions::default(), spaces)?);
        let columns = KeptMessages::<LocalLog>::COLUMNS
            .iter()
            .map(|name| (*name).to_owned());
        let request = ReadRequest {
            columns: Some(columns.collect()),
            ..ReadRequest::default()
        };
        self.runtime.block_on(async {
            let options = service::table_options(from);
            let mut rows = read_table(&from.tables.location, RAW_MESSAGES, options, request).await?;
            while let Some(batch) = rows.next().await? {
                kept.add(&batch, |topic, partition, offset| {
                    missing
                        .get(&(topic, partition))
                        .is_some_and(|range| range.contains(&offset))
                })?;
            }
            anyhow::Ok(())
        })?;
        Ok(Some(kept))
    }

    /// Moves the messages of a partition from an offset on; returns how many.
    fn messages(
        &self,
        topic: &str,
        partition: u32,
        from: Offset,
        kept: Option<&KeptMessages<LocalLog>>,
    ) -> anyhow::Result<u64> {
        let (start, end) = self.old.bounds(topic, partition)?;
        let mut next = from;
        while next < end {
            let records = match kept.filter(|_| next < start) {
                Some(kept) => kept.read(topic, partition, next, CHUNK)?,
                None => self.old.read(topic, partition, next, CHUNK)?,
            };
            let count = records.len();
            let present = (next..)
                .zip(&records)
                .take_while(|(offset, record)| record.offset == *offset);
            let present = present.count();
            ensure!(
                count > 0 && present == count,
                "message {} of topic {topic} is gone from the log, and {RAW_MESSAGES} does not have it",
                next + present as u64
            );
            let messages = records.into_iter().map(|record| NewMessage {
                received_at: record.received_at,
                payload: record.payload,
                headers: record.headers,
                dedupe: None,
            });
            let appended = self.new.append(topic, partition, messages.collect(), None);
            let appended = self.runtime.block_on(appended)?;
            let expected = (next..).map(Appended::At);
            ensure!(
                appended.len() == count && appended.iter().copied().zip(expected).all(|(a, b)| a == b),
                "somebody else writes to topic {topic}"
            );
            next += count as u64;
        }
        Ok(end - from)
    }

    /// Moves how far sources have read; returns how many positions there are.
    fn positions(&self) -> anyhow::Result<u64> {
        let mut count = 0;
        for position in self.old.positions() {
            let SourcePosition { name, value, .. } = position?;
            let source = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let topic = topic_of(&String::from_utf8_lossy(source));
            if !self.topics.iter().any(|(moved, _)| *moved == *topic) {
                continue;
            }
            if self.new.source_position(&name)?.as_ref() != Some(&value) {
                let of = |wired: &&Wired| topic_of(&wired.decoder.source) == topic;
                let partition = self
                    .sources
                    .iter()
                    .find(of)
                    .map_or(0, |wired| wired.source.partition_of(&name, self.partitions));
                let position = Some(SourcePosition {
                    name,
                    value,
                    claim: None,
                });
                let append = self.new.append(&topic, partition, Vec::new(), position);
                self.runtime.block_on(append)?;
            }
            count += 1;
        }
        Ok(count)
    }
}

/// Where kept messages are sorted.
fn kept_dir(to: &Config) -> PathBuf {
    service::data_dir(to).join("migrate")
}

fn remove_kept(to: &Config) -> anyhow::Result<()> {
    let dir = kept_dir(to);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(())
}
