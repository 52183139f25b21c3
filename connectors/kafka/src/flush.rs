//! The thread of the log: serves the client's reports, and writes positions to the compacted topic from time to time.

use crate::core::Core;
use crate::error::{KafkaBusError, Result};
use crate::positions::{Entry, Home, Mark};
use panorama_api::Offset;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long one wait for reports is: how late a stop or a flush may be.
const POLL: Duration = Duration::from_millis(50);

/// How long a close waits for brokers that do not answer. What is not written is in the messages.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Serves until the log is closed, then writes what is left.
pub(crate) fn serve(core: &Core) {
    let mut flushed = Instant::now();
    while !core.is_stopping() {
        core.producer.poll(POLL);
        if flushed.elapsed() >= core.options.flush_interval {
            flush(core);
            flushed = Instant::now();
        }
    }
    flush(core);
}

/// Serves the readers' own events; messages never come this way.
pub(crate) fn serve_reader(core: &Core) {
    while !core.is_stopping() {
        for reader in &core.readers {
            if let Some(Err(error)) = reader.poll(POLL) {
                tracing::debug!(%error, "the reader reports");
            }
        }
    }
}

/// Writes the positions that are only in messages, then the marks that say so.
fn flush(core: &Core) {
    // Marks first: what is durable by now has its positions among those taken next.
    let mut marks = Vec::new();
    let mut claims = Vec::new();
    let mut ours = HashMap::new();
    let topics = core.all_known();
    for topic in &topics {
        for partition in &topic.partitions {
            let mut log = partition.log();
            if !log.is_ours {
                continue;
            }
            let claimed_at = log.claimed.map(|(_, offset)| offset);
            ours.insert(partition.home.clone(), claimed_at);
            let covered = log.coverable(core.options.copies_max);
            let mark = Mark {
                home: partition.home.clone(),
                covered,
                has_ids: log.has_ids,
            };
            let is_new = core.marks().get(&partition.home) != Some(&mark);
            if is_new && log.failure.is_none() {
                marks.push((Arc::clone(partition), mark));
                if claimed_at.is_some() {
                    claims.push(Entry::Claims(partition.home.clone(), log.claims.all().to_vec()));
                }
            }
        }
    }
    let unwritten = core
        .shared
        .positions()
        .take_unwritten(|home| ours.contains_key(home));
    let feeds: Vec<_> = unwritten.iter().map(|(feed, _)| *feed).collect();
    let positions = unwritten
        .into_iter()
        .map(|(feed, position)| Entry::Position(feed, position));
    if let Err(error) = write(core, &ours, positions.chain(claims)) {
        tracing::warn!(%error, "positions could not be written; they are in their messages, and will be written later");
        core.shared.positions().put_back(feeds);
        return;
    }
    if let Err(error) = write(
        core,
        &ours,
        marks.iter().map(|(_, mark)| Entry::Mark(mark.clone())),
    ) {
        tracing::warn!(%error, "marks could not be written; they will be later");
        return;
    }
    for (partition, mark) in marks {
        partition.log().covered = mark.covered;
        core.marks().insert(mark.home.clone(), mark);
    }
    if let Err(error) = forget_old_keys(core, &ours) {
        tracing::warn!(%error, "keys that are no longer used could not be deleted; whoever claims next will");
    }
}

/// Where we have claimed the partitions that are ours, if we have.
type Ours = HashMap<Home, Option<Offset>>;

/// Sends entries and waits for their reports, serving them itself.
fn write(core: &Core, ours: &Ours, entries: impl Iterator<Item = Entry>) -> Result<()> {
    let mut waiting = Vec::new();
    for entry in entries {
        let (answer, written) = oneshot::channel();
        core.send_entry(&entry, ours.get(entry.home()).copied().flatten(), answer)?;
        waiting.push(written);
    }
    reports(core, waiting)
}

/// Deletes what is written anew under our own claim.
fn forget_old_keys(core: &Core, ours: &Ours) -> Result<()> {
    let mut waiting = Vec::new();
    for (home, claimed_at) in ours {
        let Some(claimed_at) = claimed_at else { continue };
        let keys = core.old_keys().remove(home).unwrap_or_default();
        let under_ours = format!("@{claimed_at}");
        for key in keys.iter().filter(|key| !key.ends_with(&under_ours)) {
            let (answer, written) = oneshot::channel();
            core.send_value(key, None, answer)?;
            waiting.push(written);
        }
    }
    reports(core, waiting)
}

/// Waits for reports, serving them itself.
fn reports(core: &Core, waiting: Vec<oneshot::Receiver<Result<Offset>>>) -> Result<()> {
    let closing = Instant::now();
    for mut written in waiting {
        loop {
            if core.is_stopping() && closing.elapsed() > CLOSE_MAX {
                return Err(KafkaBusError::Closed);
            }
            match written.try_recv() {
                Ok(outcome) => {
                    outcome?;
                    break;
                }
                Err(oneshot::error::TryRecvError::Empty) => core.producer.poll(Duration::from_millis(1)),
                Err(oneshot::error::TryRecvError::Closed) => return Err(KafkaBusError::Closed),
            }
        }
    }
    Ok(())
}
