//! The thread of the log: serves the client's reports, and writes positions to the compacted topic from time to time.

use crate::core::Core;
use crate::error::{KafkaBusError, Result};
use crate::partition::Partition;
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
        for reader in core.readers.iter().map(|reader| &**reader).chain([&core.asker]) {
            if let Some(Err(error)) = reader.poll(POLL) {
                tracing::debug!(%error, "the reader reports");
            }
        }
    }
}

/// What is written of a partition that is ours.
struct Ours {
    partition: Arc<Partition>,
    claimed_at: Option<Offset>,
    /// Up to where its positions are written with this, if that is news.
    mark: Option<Mark>,
}

/// What is ours now, and the claims that stand beside new marks.
fn gather(core: &Core) -> (HashMap<Home, Ours>, Vec<Entry>) {
    let mut ours = HashMap::new();
    let mut claims = Vec::new();
    for partition in core.all_known().iter().flat_map(|topic| &topic.partitions) {
        let mut log = partition.log();
        if !log.is_ours {
            continue;
        }
        let claimed_at = log.claimed.map(|(_, offset)| offset);
        let covered = log.coverable(core.options.copies_max);
        let is_new = log.marked != Some((covered, log.has_ids, claimed_at));
        let mark = (is_new && log.failure.is_none()).then(|| Mark {
            home: partition.home.clone(),
            covered,
            has_ids: log.has_ids,
        });
        if mark.is_some() && claimed_at.is_some() {
            claims.push(Entry::Claims(partition.home.clone(), log.claims.all().to_vec()));
        }
        let partition = Arc::clone(partition);
        ours.insert(
            partition.home.clone(),
            Ours {
                partition,
                claimed_at,
                mark,
            },
        );
    }
    (ours, claims)
}

/// Writes the positions that are only in messages, then the marks that say so.
fn flush(core: &Core) {
    // Marks first: what is durable by now has its positions among those taken next.
    let (mut ours, claims) = gather(core);
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
    // Claimed anew meanwhile: all is to be written again under that claim.
    let stays = |ours: &Ours| ours.partition.log().claimed.map(|(_, offset)| offset) == ours.claimed_at;
    for (home, _) in ours.extract_if(|_, ours| !stays(ours)) {
        core.shared.positions().rewrite(&home);
    }
    let marks = ours.values().filter_map(|ours| ours.mark.clone());
    if let Err(error) = write(core, &ours, marks.map(Entry::Mark)) {
        tracing::warn!(%error, "marks could not be written; they will be later");
        return;
    }
    let mut old_keys = Vec::new();
    for Ours {
        partition,
        claimed_at,
        mark,
    } in ours.into_values()
    {
        let Some(mark) = mark else { continue };
        {
            let mut log = partition.log();
            log.covered = mark.covered;
            log.marked = Some((mark.covered, mark.has_ids, claimed_at));
        }
        if let Some(claimed_at) = claimed_at {
            old_keys.extend(keys_before(core, &partition.home, claimed_at));
        }
        core.marks().insert(mark.home.clone(), mark);
    }
    if let Err(error) = forget(core, &old_keys) {
        tracing::warn!(%error, "keys that are no longer used could not be deleted; whoever claims next will");
    }
}

/// Keys under which was written before our claim what now is under ours. A later claim's are not ours to delete.
fn keys_before(core: &Core, home: &Home, claimed_at: Offset) -> Vec<String> {
    let is_old = |key: &String| {
        let claimed = key.rsplit_once('@').and_then(|(_, offset)| offset.parse().ok());
        claimed.is_none_or(|offset: Offset| offset < claimed_at)
    };
    let mut all = core.old_keys();
    let keys = all.get_mut(home);
    keys.map(|keys| keys.extract_if(is_old).collect())
        .unwrap_or_default()
}

/// Sends entries and waits for their reports.
fn write(core: &Core, ours: &HashMap<Home, Ours>, entries: impl Iterator<Item = Entry>) -> Result<()> {
    let mut waiting = Vec::new();
    for entry in entries {
        let (answer, written) = oneshot::channel();
        let claimed_at = ours.get(entry.home()).and_then(|ours| ours.claimed_at);
        core.send_entry(&entry, claimed_at, answer)?;
        waiting.push(written);
    }
    reports(core, waiting)
}

/// Deletes keys, and waits for the reports.
fn forget(core: &Core, keys: &[String]) -> Result<()> {
    let mut waiting = Vec::new();
    for key in keys {
        let (answer, written) = oneshot::channel();
        core.send_value(key, None, answer)?;
        waiting.push(written);
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
