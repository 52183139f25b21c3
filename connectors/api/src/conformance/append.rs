//! The rules of appending: order, offsets, durability, large payloads, headers.

use super::bus::with_topic;
use super::{OpenBus, Outcome, Rule, Violation};
use crate::{Appended, Bus, LogRecord, NewMessage, ReadLimits};
use bytes::Bytes;
use panorama_model::{Headers, Timestamp};
use std::sync::Arc;

/// A message of this text, received at a time made from its length.
pub(super) fn message(text: &str) -> NewMessage {
    NewMessage {
        received_at: Timestamp(1_700_000_000_000_000 + text.len() as i64),
        payload: Bytes::copy_from_slice(text.as_bytes()),
        headers: Arc::default(),
        dedupe: None,
    }
}

/// Appends texts in one call and checks that the offsets follow each other.
pub(super) async fn append_all(rule: Rule, bus: &dyn Bus, topic: &str, texts: &[&str]) -> Outcome {
    let messages = texts.iter().map(|text| message(text)).collect();
    let end = rule.ok(bus.bounds(topic, 0))?.1;
    let appended = rule.ok(bus.append(topic, 0, messages, None).await)?;
    let expected = (end..end + texts.len() as u64).map(Appended::At).collect();
    rule.equal("what an append returned", appended, expected)
}

/// Reads all records from an offset on, in small reads, and checks that there is no gap.
pub(super) fn read_all(
    rule: Rule,
    bus: &dyn Bus,
    topic: &str,
    partition: u32,
) -> Result<Vec<LogRecord>, Violation> {
    let limits = ReadLimits {
        records_max: 7,
        bytes_max: 64 * 1024,
    };
    let (mut next, end) = rule.ok(bus.bounds(topic, partition))?;
    let mut all = Vec::new();
    while next < end {
        let records = rule.ok(bus.read(topic, partition, next, limits))?;
        rule.that(!records.is_empty(), || {
            format!("nothing at {next}, though the end is {end}")
        })?;
        for record in records {
            rule.equal("an offset", record.offset, next)?;
            next += 1;
            all.push(record);
        }
    }
    Ok(all)
}

/// The records' payloads as text.
pub(super) fn payloads(records: &[LogRecord]) -> Vec<String> {
    records
        .iter()
        .map(|record| String::from_utf8_lossy(&record.payload).into_owned())
        .collect()
}

pub(super) async fn order_and_offsets(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("messages keep their order, offsets have no gaps");
    let topic = "conformance.order";
    let bus = with_topic(rule, open, topic).await?;
    let texts: Vec<String> = (0..100).map(|n| format!("message {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for size in [1, 2, 3, 5, 8, 13, 21, 34] {
        let from = rule.ok(bus.bounds(topic, 0))?.1 as usize;
        let slice = texts.get(from..from + size).unwrap_or_default();
        append_all(rule, &*bus, topic, slice).await?;
    }
    let (start, end) = rule.ok(bus.bounds(topic, 0))?;
    rule.equal("the bounds", (start, end), (0, 87))?;
    let records = read_all(rule, &*bus, topic, 0)?;
    let expected: Vec<String> = texts.iter().take(87).map(ToString::to_string).collect();
    rule.equal("what was read", payloads(&records), expected)?;
    let times: Vec<i64> = records
        .iter()
        .map(|r| r.received_at.0 - r.payload.len() as i64)
        .collect();
    rule.that(times.iter().all(|t| *t == 1_700_000_000_000_000), || {
        "a time of receipt changed".into()
    })
}

pub(super) async fn durability(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("what was appended is there after reopening");
    let topic = "conformance.durable";
    let mut expected = Vec::new();
    for round in 0..4 {
        let bus = with_topic(rule, open, topic).await?;
        let found = payloads(&read_all(rule, &*bus, topic, 0)?);
        rule.equal("what was found", found, expected.clone())?;
        for n in 0..10 {
            let text = format!("round {round} message {n}");
            append_all(rule, &*bus, topic, &[&text]).await?;
            expected.push(text);
        }
    }
    Ok(())
}

pub(super) async fn partitions_are_apart(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("partitions have offsets of their own");
    let topic = "conformance.partitions";
    let bus = rule.ok(open())?;
    rule.ok(bus.ensure_topic(topic, 3).await)?;
    for n in 0..9u32 {
        let text = format!("{n}");
        rule.ok(bus.append(topic, n % 3, vec![message(&text)], None).await)?;
    }
    for (partition, expected) in [["0", "3", "6"], ["1", "4", "7"], ["2", "5", "8"]]
        .iter()
        .enumerate()
    {
        let found = payloads(&read_all(rule, &*bus, topic, partition as u32)?);
        let expected = expected.iter().map(ToString::to_string).collect();
        rule.equal("a partition", found, expected)?;
    }
    Ok(())
}

pub(super) async fn concurrent_appenders(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("appends from many tasks are each whole, in order, at the offsets they were told");
    let topic = "conformance.concurrent";
    let bus = with_topic(rule, open, topic).await?;
    let (tasks, calls) = (16, 20);
    let mut running = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let bus = Arc::clone(&bus);
        running.spawn(async move {
            let mut told = Vec::new();
            for call in 0..calls {
                let texts: Vec<String> = (0..3).map(|n| format!("{task}.{call}.{n}")).collect();
                let messages = texts.iter().map(|text| message(text)).collect();
                let appended = bus.append(topic, 0, messages, None).await?;
                told.push((texts, appended));
            }
            crate::Result::Ok(told)
        });
    }
    let mut told = Vec::new();
    while let Some(joined) = running.join_next().await {
        match joined {
            Ok(outcome) => told.extend(rule.ok(outcome)?),
            Err(error) => rule.that(false, || format!("an appender ended: {error}"))?,
        }
    }
    let found = payloads(&read_all(rule, &*bus, topic, 0)?);
    rule.equal("the count", found.len(), tasks * calls * 3)?;
    for (texts, appended) in told {
        for (at, text) in texts.iter().enumerate() {
            let first = match appended.first() {
                Some(Appended::At(first)) => *first,
                _ => u64::MAX,
            };
            let offset = first.saturating_add(at as u64);
            rule.equal("an answer", appended.get(at), Some(&Appended::At(offset)))?;
            rule.equal("a message", found.get(offset as usize), Some(text))?;
        }
    }
    Ok(())
}

pub(super) async fn big_payload(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("a payload of 8 MiB comes back byte for byte");
    let topic = "conformance.big";
    let bytes: Bytes = (0..8 * 1024 * 1024u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let big = NewMessage {
        payload: bytes.clone(),
        ..message("")
    };
    let bus = with_topic(rule, open, topic).await?;
    rule.ok(bus
        .append(topic, 0, vec![message("before"), big, message("")], None)
        .await)?;
    let same = |records: &[LogRecord]| {
        records.len() == 3 && records.get(1).is_some_and(|record| record.payload == bytes)
    };
    rule.that(same(&read_all(rule, &*bus, topic, 0)?), || {
        "the payload changed".into()
    })?;
    drop(bus);
    let bus = rule.ok(open())?;
    rule.that(same(&read_all(rule, &*bus, topic, 0)?), || {
        "the payload changed after reopening".into()
    })
}

pub(super) async fn headers(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("each message keeps its own headers");
    let topic = "conformance.headers";
    let sets: Vec<Arc<Headers>> = vec![
        Arc::default(),
        Arc::new(vec![("csv.header".into(), vec![b'h'; 9000])]),
        Arc::new(vec![
            ("file.name".into(), b"a.csv".to_vec()),
            ("peer".into(), Vec::new()),
        ]),
        Arc::new(vec![("file.name".into(), vec![0, 255, 10])]),
    ];
    let bus = with_topic(rule, open, topic).await?;
    for round in 0..3 {
        let messages = sets
            .iter()
            .cycle()
            .skip(round)
            .take(8)
            .map(|headers| NewMessage {
                headers: Arc::clone(headers),
                ..message("row")
            })
            .collect();
        rule.ok(bus.append(topic, 0, messages, None).await)?;
    }
    drop(bus);
    let bus = rule.ok(open())?;
    let records = read_all(rule, &*bus, topic, 0)?;
    rule.equal("the count", records.len(), 24)?;
    for (at, record) in records.iter().enumerate() {
        let expected = sets.get((at / 8 + at % 8) % sets.len());
        rule.that(Some(&record.headers) == expected, || {
            format!("other headers at {at}")
        })?;
    }
    Ok(())
}
