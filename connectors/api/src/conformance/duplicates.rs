//! The rules of copies: known by the sender's id and the content, within a call, across calls, across a restart.

use super::append::{message, payloads, read_all};
use super::bus::with_topic;
use super::{OpenBus, Outcome, Rule};
use crate::{Appended, Bus, DedupeKey, NewMessage};
use std::sync::Arc;

fn keyed(id: u128, content: u64, text: &str) -> NewMessage {
    NewMessage {
        dedupe: Some(DedupeKey { id, content }),
        ..message(text)
    }
}

async fn check(
    rule: Rule,
    bus: &dyn Bus,
    topic: &str,
    messages: Vec<NewMessage>,
    expected: &[Appended],
) -> Outcome {
    let appended = rule.ok(bus.append(topic, 0, messages, None).await)?;
    rule.equal("what an append returned", appended, expected.to_vec())
}

pub(super) async fn within_one_call(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("a copy within one call is known");
    let topic = "conformance.copies-call";
    let bus = with_topic(rule, open, topic).await?;
    let messages = vec![
        keyed(1, 1, "a"),
        keyed(2, 2, "b"),
        keyed(1, 1, "a"),
        message("no id"),
        message("no id"),
        keyed(2, 2, "b"),
    ];
    let expected = [
        Appended::At(0),
        Appended::At(1),
        Appended::DuplicateOf(0),
        Appended::At(2),
        Appended::At(3),
        Appended::DuplicateOf(1),
    ];
    check(rule, &*bus, topic, messages, &expected).await?;
    let found = payloads(&read_all(rule, &*bus, topic, 0)?);
    rule.equal(
        "what is stored",
        found,
        ["a", "b", "no id", "no id"].map(str::to_owned).to_vec(),
    )
}

pub(super) async fn across_calls_and_reopen(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("a copy in a later call, also after reopening, is known");
    let topic = "conformance.copies-later";
    let bus = with_topic(rule, open, topic).await?;
    check(rule, &*bus, topic, vec![message("x")], &[Appended::At(0)]).await?;
    check(rule, &*bus, topic, vec![keyed(1, 1, "a")], &[Appended::At(1)]).await?;
    let copy = [Appended::DuplicateOf(1)];
    check(rule, &*bus, topic, vec![keyed(1, 1, "a")], &copy).await?;
    drop(bus);
    let bus = rule.ok(open())?;
    check(rule, &*bus, topic, vec![keyed(1, 1, "a")], &copy).await?;
    rule.equal("the end", rule.ok(bus.bounds(topic, 0))?.1, 2)?;
    // The same id elsewhere is no copy: ids are the sender's, and a topic is a source's.
    let other = "conformance.copies-other";
    rule.ok(bus.ensure_topic(other, 1).await)?;
    check(rule, &*bus, other, vec![keyed(1, 1, "a")], &[Appended::At(0)]).await
}

pub(super) async fn same_id_other_content(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("the same id with other content is stored");
    let topic = "conformance.copies-content";
    let bus = with_topic(rule, open, topic).await?;
    let messages = vec![keyed(1, 1, "a"), keyed(1, 2, "b"), keyed(1, 1, "a")];
    let expected = [Appended::At(0), Appended::At(1), Appended::DuplicateOf(0)];
    check(rule, &*bus, topic, messages, &expected).await?;
    check(
        rule,
        &*bus,
        topic,
        vec![keyed(1, 2, "b")],
        &[Appended::DuplicateOf(1)],
    )
    .await?;
    check(rule, &*bus, topic, vec![keyed(1, 3, "c")], &[Appended::At(2)]).await
}

pub(super) async fn racing_copies(open: OpenBus<'_>) -> Outcome {
    let rule = Rule("of copies appended at the same time one is stored");
    let topic = "conformance.copies-race";
    let bus = with_topic(rule, open, topic).await?;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let bus = Arc::clone(&bus);
        running.spawn(async move {
            let mut stored = 0;
            for id in 0..25 {
                let appended = bus.append(topic, 0, vec![keyed(id, 1, "a")], None).await?;
                stored += usize::from(matches!(appended.as_slice(), [Appended::At(_)]));
            }
            crate::Result::Ok(stored)
        });
    }
    let mut stored = 0;
    while let Some(joined) = running.join_next().await {
        match joined {
            Ok(outcome) => stored += rule.ok(outcome)?,
            Err(error) => rule.that(false, || format!("an appender ended: {error}"))?,
        }
    }
    rule.equal("messages stored", stored, 25)?;
    rule.equal("the end", rule.ok(bus.bounds(topic, 0))?.1, 25)
}
