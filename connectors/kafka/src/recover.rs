//! What is found again from the messages themselves: copies, positions, and appends that were cut short.

use crate::admin;
use crate::bounds::at_once;
use crate::copies::Copies;
use crate::core::{Core, Topic};
use crate::cursor::{self, Until};
use crate::envelope::{Feed, Place, Stored, content_hash};
use crate::error::{KafkaBusError, Result};
use crate::partition::{Beginning, Log, Partition};
use crate::positions::{Home, Position};
use panorama_api::{ErrorClass, Offset, ReadLimits};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Messages read at a time, of each of many partitions at once.
const CHUNK: ReadLimits = ReadLimits {
    records_max: 5_000,
    bytes_max: 1 << 20,
};
/// Into how many parts the bytes to be read for copies are divided: after each, half of the rest is left out where all of
/// it would be too much.
const SCAN_PARTS: u64 = 16;
/// How long the reports of messages may take beyond the time messages have themselves.
const REPORTS_GRACE: Duration = Duration::from_secs(10);
/// How often it is looked whether the last report has come.
pub(crate) const REPORTS_POLL: Duration = Duration::from_millis(10);

/// Looks at a topic for the first time; none where there is no such topic. Blocking.
pub(crate) fn attach(core: &Core, topic: &str) -> Result<Option<Topic>> {
    let Some(count) = admin::partitions(core, topic)? else {
        return Ok(None);
    };
    let message_bytes_max = admin::message_bytes_max(core, topic)?;
    cursor::introduce(core, &[core.full_name(topic)]);
    let numbers: Vec<u32> = (0..count).collect();
    let looked_at = Mutex::new(Vec::new());
    let attached = at_once(&numbers, |number| {
        let partition = Arc::new(attach_one(core, topic, *number)?);
        lock(&looked_at).push(Arc::clone(&partition));
        let (low, high) = {
            let log = partition.log();
            (log.start, log.end)
        };
        look_up(core, &partition, low, high)?;
        Ok(partition)
    });
    if attached.is_err() {
        // Nobody else knows of them: what they read ahead would be read for nothing, and could not be read again.
        for partition in &*lock(&looked_at) {
            cursor::release(core, partition);
        }
    }
    Ok(Some(Topic {
        partitions: attached?,
        message_bytes_max,
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn attach_one(core: &Core, topic: &str, number: u32) -> Result<Partition> {
    let home = Home {
        topic: topic.to_owned(),
        partition: number,
    };
    let name = core.full_name(topic);
    let (low, high) = core.watermarks(&name, i32::try_from(number).unwrap_or(i32::MAX))?;
    let mark = core.marks().get(&home).cloned();
    let covered = mark.as_ref().map_or(low, |mark| mark.covered);
    if covered > high {
        return Err(KafkaBusError::Shrunk {
            end: high,
            next: covered,
        });
    }
    if covered < low {
        tracing::warn!(topic = %name, partition = number, covered, low, "messages were deleted before the positions in them were written elsewhere");
    }
    let mut log = Log::new(low, high);
    log.claims = core.claims().get(&home).cloned().unwrap_or_default();
    log.claims.forget_below(low);
    log.covered = covered.max(low);
    log.has_ids = mark.is_none_or(|mark| mark.has_ids);
    Ok(Partition::new(home, name, Arc::clone(&core.shared), log))
}

/// After a failure: waits for the last report, and looks up what was stored. Blocking.
///
/// # Errors
/// The failure itself, where it will not pass.
pub(crate) fn settle(core: &Core, partition: &Partition) -> Result<()> {
    let _settling = partition.settling.lock().unwrap_or_else(PoisonError::into_inner);
    match &partition.log().failure {
        None => return Ok(()),
        Some(failure) if failure.class() == ErrorClass::Fatal => return Err(failure.clone()),
        Some(_) => {}
    }
    await_reports(core, partition)?;
    let (low, high) = core.watermarks(&partition.topic, partition.number())?;
    look_up(core, partition, low, high)?;
    let mut log = partition.log();
    log.failure = None;
    if log.is_ours && log.is_lost() {
        tracing::warn!(topic = %partition.topic, partition = partition.home.partition, "another process has claimed the partition");
        (log.is_ours, log.claimed) = (false, None);
    }
    drop(log);
    tracing::info!(topic = %partition.topic, partition = partition.home.partition, "what was stored is known again");
    core.shared.appended.send_modify(|count| *count += 1);
    Ok(())
}

/// Waits for the last report of what was sent.
pub(crate) fn await_reports(core: &Core, partition: &Partition) -> Result<()> {
    let deadline = Instant::now() + core.options.delivery_timeout + REPORTS_GRACE;
    while partition.log().outstanding > 0 {
        if Instant::now() > deadline || core.is_stopping() {
            return Err(partition.log().failure.clone().unwrap_or(KafkaBusError::Closed));
        }
        std::thread::sleep(REPORTS_POLL);
    }
    core.fatal()
        .map_or(Ok(()), |reason| Err(KafkaBusError::Fenced { reason }))
}

/// Reads what came after the mark, and, where there are senders' ids, the newest messages before it.
pub(crate) fn look_up(core: &Core, partition: &Partition, low: Offset, high: Offset) -> Result<()> {
    let (boundary, covered, has_ids, failed) = {
        let log = partition.log();
        (
            log.boundary,
            log.covered.clamp(low, high),
            log.has_ids,
            log.failure.is_some(),
        )
    };
    let window = high.saturating_sub(core.options.copies_max as u64).max(low);
    // After a failure what is older is known still.
    let mut next = if failed || !has_ids {
        covered
    } else {
        window.min(covered)
    };
    let mut copies = Vec::new();
    let mut runs = Runs::default();
    let mut scan = Scan::new(core.options.copies_scan_bytes_max, next);
    while next < high {
        let found = cursor::read(core, partition, next, Until::Offset(high), CHUNK)?;
        next = found.next;
        for stored in &found.records {
            scan.read += stored.record.payload.len() as u64;
            copies.extend(stored.dedupe.map(|key| (key, stored.record.offset)));
            if stored.record.offset >= covered {
                runs.see(stored);
            }
        }
        if next < covered {
            next = scan.go_on(next, covered);
        }
    }
    let (positions, mut unfinished) = runs.finish();
    let mut known = core.shared.positions();
    for (feed, as_of, value) in positions {
        let position = Position {
            home: partition.home.clone(),
            as_of,
            value,
        };
        known.advance(feed, position);
    }
    unfinished.retain(|feed, beginning| {
        let done = known
            .get(*feed)
            .filter(|position| position.home == partition.home);
        beginning.retain(|(_, offset)| done.is_none_or(|position| *offset >= position.as_of));
        !beginning.is_empty()
    });
    drop(known);
    let mut log = partition.log();
    if failed {
        log.copies.roll_back(boundary);
        copies.retain(|(_, offset)| *offset >= boundary);
    } else {
        log.copies = Copies::default();
    }
    log.has_ids |= !copies.is_empty();
    for (key, offset) in copies {
        log.copies.remember(key, offset, core.options.copies_max);
    }
    log.unfinished = unfinished;
    log.stands(low, high);
    Ok(())
}

/// How far a look for senders' ids has come, in bytes.
struct Scan {
    bytes_max: u64,
    read_before: u64,
    /// In this part, and where that began.
    read: u64,
    from: Offset,
}

impl Scan {
    const fn new(bytes_max: u64, from: Offset) -> Self {
        Self {
            bytes_max,
            read_before: 0,
            read: 0,
            from,
        }
    }

    /// Where to read on, having come to `next` of what ends at `end`: the newest messages are what is likeliest sent again.
    fn go_on(&mut self, next: Offset, end: Offset) -> Offset {
        if self.read <= self.bytes_max / SCAN_PARTS {
            return next;
        }
        self.read_before += self.read;
        let each = self.read / (next - self.from).max(1);
        let is_too_much = each.saturating_mul(end - next) > self.bytes_max.saturating_sub(self.read_before);
        let next = if is_too_much {
            next + (end - next) / 2
        } else {
            next
        };
        (self.read, self.from) = (0, next);
        next
    }
}

/// Appends with positions, as they lie in a partition: whole ones, and beginnings of those that were cut short.
#[derive(Default)]
struct Runs {
    open: Option<Run>,
    positions: Vec<Found>,
    unfinished: HashMap<Feed, Beginning>,
}

/// A position that counts: its feed, the offset behind its last message, its value.
type Found = (Feed, Offset, Vec<u8>);

struct Run {
    feed: Feed,
    count: u32,
    messages: Beginning,
}

impl Runs {
    fn see(&mut self, stored: &Stored) {
        let offset = stored.record.offset;
        let Some(Place { feed, index, count }) = stored.place else {
            return self.cut();
        };
        let goes_on = self.open.as_ref().is_some_and(|run| {
            run.feed == feed
                && run.count == count
                && u32::try_from(run.messages.len()) == Ok(index)
                && index > 0
        });
        if !goes_on {
            self.cut();
        }
        let run = self.open.get_or_insert_with(|| Run {
            feed,
            count,
            messages: Beginning::new(),
        });
        run.messages
            .push_back((content_hash(&stored.record.payload), offset));
        // One that begins in its middle never becomes whole: a part of it is missing.
        let whole = u32::try_from(run.messages.len()) == Ok(count);
        if index + 1 == count {
            match stored.position.as_ref().filter(|_| whole) {
                Some(value) => {
                    self.positions.push((feed, offset + 1, value.clone()));
                    self.unfinished.remove(&feed);
                    self.open = None;
                }
                None => self.cut(),
            }
        }
    }

    /// The open append ends here, without its end.
    fn cut(&mut self) {
        if let Some(run) = self.open.take() {
            self.unfinished.entry(run.feed).or_default().extend(run.messages);
        }
    }

    fn finish(mut self) -> (Vec<Found>, HashMap<Feed, Beginning>) {
        self.cut();
        (self.positions, self.unfinished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use panorama_api::LogRecord;
    use panorama_model::Timestamp;

    /// Messages `feed.index/count`, or `-` for one without a place; what is whole, and what is left of others.
    fn check(messages: &str, whole: &[(Feed, Offset)], left: &[(Feed, &[Offset])]) {
        let mut runs = Runs::default();
        for (offset, text) in (0..).zip(messages.split_whitespace()) {
            let place = text.split_once('.').map(|(feed, rest)| {
                let (index, count) = rest.split_once('/').unwrap();
                Place {
                    feed: feed.parse().unwrap(),
                    index: index.parse().unwrap(),
                    count: count.parse().unwrap(),
                }
            });
            runs.see(&Stored {
                record: LogRecord {
                    offset,
                    received_at: Timestamp(0),
                    payload: Bytes::copy_from_slice(text.as_bytes()),
                    headers: Arc::default(),
                },
                dedupe: None,
                place,
                position: place.filter(|p| p.index + 1 == p.count).map(|_| vec![1]),
                writer: None,
                claim: None,
                key: None,
            });
        }
        let (positions, unfinished) = runs.finish();
        let positions: Vec<_> = positions.iter().map(|(feed, as_of, _)| (*feed, *as_of)).collect();
        assert_eq!(positions, whole, "{messages}");
        let mut found: Vec<(Feed, Vec<Offset>)> = unfinished
            .into_iter()
            .map(|(feed, beginning)| (feed, beginning.into_iter().map(|(_, offset)| offset).collect()))
            .collect();
        found.sort();
        let left: Vec<_> = left
            .iter()
            .map(|(feed, offsets)| (*feed, offsets.to_vec()))
            .collect();
        assert_eq!(found, left, "{messages}");
    }

    #[test]
    fn a_position_counts_with_all_its_messages_or_not_at_all() {
        check("7.0/1 7.0/2 7.1/2", &[(7, 1), (7, 3)], &[]);
        check("7.0/3 7.1/3", &[], &[(7, &[0, 1])]);
        check("7.0/3 - 8.0/1", &[(8, 3)], &[(7, &[0])]);
        // A message in front, in the middle, is missing: the position at the end does not count.
        check("7.1/3 7.2/3", &[], &[(7, &[0, 1])]);
        check("7.0/3 7.2/3", &[], &[(7, &[0, 1])]);
        // The append that goes on where another was cut short.
        check("7.0/3 7.0/2 7.1/2", &[(7, 3)], &[]);
        check("7.0/3 8.0/2 8.1/2 7.0/3", &[(8, 3)], &[(7, &[0, 3])]);
    }
}
