//! The rules of [`Bus`], one after the other; those of appending and of copies have files of their own.

use super::append::{append_all, message, payloads, read_all};
use super::{OpenBus, Outcome, Rule, append, duplicates};
use crate::{Bus, ReadLimits, SourcePosition};
use std::sync::Arc;

/// The topics the suite makes.
pub const BUS_TOPICS: &str = "conformance.";

/// Checks all rules of the bus.
///
/// # Errors
/// The first rule that is broken.
pub async fn bus(open: OpenBus<'_>) -> Outcome {
    topics(open).await?;
    unknown_places(open).await?;
    empty_reads(open).await?;
    append::order_and_offsets(open).await?;
    append::durability(open).await?;
    append::partitions_are_apart(open).await?;
    append::concurrent_appenders(open).await?;
    append::big_payload(open).await?;
    append::headers(open).await?;
    duplicates::within_one_call(open).await?;
    duplicates::across_calls_and_reopen(open).await?;
    duplicates::same_id_other_content(open).await?;
    duplicates::racing_copies(open).await?;
    positions(open).await?;
    limits(open).await?;
    wake_up(open).await?;
    trim(open).await
}

/// Opens the bus and makes a topic of one partition.
pub(super) async fn with_topic(
    rule: Rule,
    open: OpenBus<'_>,
    topic: &str,
) -> Result<Arc<dyn Bus>, super::Violation> {
    let bus = rule.ok(open())?;
    rule.ok(bus.ensure_topic(topic, 1).await)?;
    Ok(bus)
}

async fn topics(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("topics are made once and last");
    let bus = rule.ok(open())?;
    rule.ok(bus.ensure_topic("conformance.topics", 3).await)?;
    rule.ok(bus.ensure_topic("conformance.topics", 3).await)?;
    rule.fails(
        "another partition count",
        bus.ensure_topic("conformance.topics", 4).await,
    )?;
    drop(bus);
    let bus = rule.ok(open())?;
    let topics = rule.ok(bus.topics())?;
    let found = topics
        .iter()
        .filter(|(name, count)| name == "conformance.topics" && *count == 3)
        .count();
    rule.equal("count of the topic after reopening", found, 1)?;
    for partition in 0..3 {
        rule.equal(
            "bounds",
            rule.ok(bus.bounds("conformance.topics", partition))?,
            (0, 0),
        )?;
    }
    Ok(())
}

async fn unknown_places(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("unknown topics and partitions are errors");
    let bus = with_topic(rule, open, "conformance.unknown").await?;
    let limits = ReadLimits {
        records_max: 1,
        bytes_max: 1,
    };
    let append = bus.append("conformance.nowhere", 0, vec![message("a")], None);
    rule.fails("an append to no topic", append.await)?;
    let append = bus.append("conformance.unknown", 1, vec![message("a")], None);
    rule.fails("an append to no partition", append.await)?;
    rule.fails(
        "a read of no topic",
        bus.read("conformance.nowhere", 0, 0, limits),
    )?;
    rule.fails(
        "a read of no partition",
        bus.read("conformance.unknown", 1, 0, limits),
    )?;
    rule.fails("bounds of no topic", bus.bounds("conformance.nowhere", 0))
}

async fn empty_reads(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("reads at and past the end are empty");
    let topic = "conformance.empty";
    let bus = with_topic(rule, open, topic).await?;
    let limits = ReadLimits {
        records_max: 10,
        bytes_max: 1000,
    };
    for from in [0, 1, u64::MAX] {
        let records = rule.ok(bus.read(topic, 0, from, limits))?;
        rule.that(records.is_empty(), || format!("a read from {from} of nothing"))?;
    }
    rule.equal(
        "an append of nothing",
        rule.ok(bus.append(topic, 0, Vec::new(), None).await)?,
        Vec::new(),
    )?;
    append_all(rule, &*bus, topic, &["a", "b"]).await?;
    for from in [2, 3, u64::MAX] {
        let records = rule.ok(bus.read(topic, 0, from, limits))?;
        rule.that(records.is_empty(), || format!("a read from {from} of two"))?;
    }
    Ok(())
}

async fn positions(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("a source position is saved with its messages");
    let topic = "conformance.positions";
    let position = |name: &str, value: &str| {
        Some(SourcePosition {
            name: name.into(),
            value: value.into(),
            claim: None,
        })
    };
    let bus = with_topic(rule, open, topic).await?;
    rule.equal(
        "a position never saved",
        rule.ok(bus.source_position(b"conformance.file"))?,
        None,
    )?;
    for value in ["10", "20"] {
        let append = bus.append(
            topic,
            0,
            vec![message(value)],
            position("conformance.file", value),
        );
        rule.ok(append.await)?;
    }
    rule.ok(bus
        .append(topic, 0, Vec::new(), position("conformance.other", "7"))
        .await)?;
    let refused = bus.append(topic, 9, vec![message("x")], position("conformance.file", "99"));
    rule.fails("an append to no partition", refused.await)?;
    drop(bus);
    let bus = rule.ok(open())?;
    let saved = rule.ok(bus.source_position(b"conformance.file"))?;
    rule.equal("the saved position", saved, Some(b"20".to_vec()))?;
    let saved = rule.ok(bus.source_position(b"conformance.other"))?;
    rule.equal("a position saved alone", saved, Some(b"7".to_vec()))?;
    rule.equal("the end", rule.ok(bus.bounds(topic, 0))?.1, 2)
}

async fn limits(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("a read keeps its limits and returns at least one record");
    let topic = "conformance.limits";
    let bus = with_topic(rule, open, topic).await?;
    append_all(
        rule,
        &*bus,
        topic,
        &["1234567890", "1234567890", "1234567890", "1234567890"],
    )
    .await?;
    let cases = [
        ((100, 1_000_000), 4),
        ((2, 1_000_000), 2),
        ((100, 25), 2),
        ((100, 20), 2),
        ((100, 19), 1),
        ((100, 1), 1),
        ((100, 0), 1),
        ((0, 1_000_000), 1),
        ((usize::MAX, usize::MAX), 4),
    ];
    for ((records_max, bytes_max), expected) in cases {
        let limits = ReadLimits {
            records_max,
            bytes_max,
        };
        let count = rule.ok(bus.read(topic, 0, 0, limits))?.len();
        rule.that(count == expected, || {
            format!("{limits:?} returned {count} records, not {expected}")
        })?;
    }
    Ok(())
}

async fn wake_up(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("a reader that waits is woken by an append");
    let topic = "conformance.wake";
    let bus = with_topic(rule, open, topic).await?;
    // Appended after the call and before the first poll: it counts.
    let waiting = bus.appended();
    append_all(rule, &*bus, topic, &["a"]).await?;
    waiting.await;
    let reader = {
        let bus = Arc::clone(&bus);
        tokio::spawn(async move {
            loop {
                let waiting = bus.appended();
                if bus.bounds(topic, 0)?.1 >= 50 {
                    return Ok(());
                }
                waiting.await;
            }
        })
    };
    for _ in 1..50 {
        append_all(rule, &*bus, topic, &["b"]).await?;
    }
    match reader.await {
        Ok(outcome) => rule.ok(outcome),
        Err(error) => rule.that(false, || format!("the reader ended: {error}")),
    }
}

async fn trim(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("trimming forgets at most what it may");
    let topic = "conformance.trim";
    let bus = with_topic(rule, open, topic).await?;
    let texts: Vec<String> = (0..40).map(|n| format!("trim {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for text in &texts {
        append_all(rule, &*bus, topic, &[text]).await?;
    }
    for (offset, start_max) in [(0, 0), (17, 17), (17, 17), (5, 17), (u64::MAX, 40)] {
        let before = rule.ok(bus.bounds(topic, 0))?.0;
        rule.ok(bus.trim(topic, 0, offset))?;
        let (start, end) = rule.ok(bus.bounds(topic, 0))?;
        rule.equal("the end after trimming", end, 40)?;
        rule.that(before <= start && start <= start_max, || {
            format!("trim({offset}) moved the start from {before} to {start}")
        })?;
        let kept = read_all(rule, &*bus, topic, 0)?;
        rule.equal("the oldest record", kept.first().map_or(end, |r| r.offset), start)?;
        rule.equal(
            "what is kept",
            payloads(&kept),
            texts
                .iter()
                .skip(start as usize)
                .map(ToString::to_string)
                .collect(),
        )?;
    }
    let bounds = rule.ok(bus.bounds(topic, 0))?;
    drop(bus);
    let bus = rule.ok(open())?;
    rule.equal(
        "the bounds after reopening",
        rule.ok(bus.bounds(topic, 0))?,
        bounds,
    )?;
    append_all(rule, &*bus, topic, &["after"]).await?;
    rule.equal("the end", rule.ok(bus.bounds(topic, 0))?.1, 41)
}
