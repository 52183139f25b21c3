//! Whose a partition is to append to: taken over at the first append where one process brings in all messages, claimed
//! where several share a topic, and let go. Blocking, all of it.

use crate::KafkaBusError;
use crate::append::{Delivery, refused};
use crate::core::Core;
use crate::cursor;
use crate::envelope::{self, Writer};
use crate::error::Result;
use crate::partition::Partition;
use crate::recover::{REPORTS_POLL, await_reports, look_up};
use panorama_api::Offset;
use rdkafka::producer::BaseRecord;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot::{self, error::TryRecvError};

/// Partitions looked up at once.
const AT_ONCE: usize = 16;
/// How long a partition that is taken away waits for reports: its next owner waits too.
const RELEASE_MAX: Duration = Duration::from_secs(3);

/// Before the first append of this process: looks up what another one has appended since the partition was looked at.
///
/// # Errors
/// [`KafkaBusError::NotOurs`] where processes share the topic: partitions are given there, and claimed.
pub(crate) fn take_over(core: &Core, partition: &Arc<Partition>) -> Result<()> {
    let _settling = settling(partition);
    loop {
        if partition.log().is_ours {
            return Ok(());
        }
        if core.is_stopping() {
            return Err(KafkaBusError::Closed);
        }
        if core.is_shared(&partition.home.topic) {
            return Err(KafkaBusError::NotOurs);
        }
        let (low, high) = core.watermarks(&partition.topic, partition.number())?;
        let is_known = {
            let log = partition.log();
            (log.looked_up, log.next) == (high, high)
        };
        if !is_known {
            look_up(core, partition, low, high)?;
        }
        let mut log = partition.log();
        // Those who shared it before are kept out, as they keep out each other.
        if log.is_lost() {
            drop(log);
            return claim_all(core, &[partition]);
        }
        // Else somebody has appended meanwhile: it is looked up again.
        log.is_ours = log.next == high;
    }
}

/// Claims partitions that processes share: what others append to them from now on is void. Each that can be is, whatever
/// becomes of the others.
///
/// # Errors
/// The first one's that could not be.
pub(crate) fn claim(core: &Core, partitions: &[Arc<Partition>]) -> Result<()> {
    let mut not_ours: Vec<_> = partitions.iter().filter(|p| !p.log().is_ours).collect();
    let _settling: Vec<_> = not_ours.iter().map(|partition| settling(partition)).collect();
    not_ours.retain(|partition| !partition.log().is_ours);
    claim_all(core, &not_ours)
}

/// Lets partitions go to other processes, once what is on its way has arrived, or does not for long.
pub(crate) fn release(partitions: &[Arc<Partition>]) {
    for partition in partitions {
        partition.log().is_ours = false;
    }
    let deadline = Instant::now() + RELEASE_MAX;
    for partition in partitions {
        while partition.log().outstanding > 0 && Instant::now() < deadline {
            std::thread::sleep(REPORTS_POLL);
        }
        partition.log().let_go();
    }
}

fn settling(partition: &Arc<Partition>) -> MutexGuard<'_, ()> {
    partition.settling.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A claim, and where it is stored once it is.
pub(crate) type Claim<'a> = (&'a Arc<Partition>, Writer, oneshot::Receiver<Result<Offset>>);

fn claim_all(core: &Core, partitions: &[&Arc<Partition>]) -> Result<()> {
    if partitions.is_empty() {
        return Ok(());
    }
    let mut failure = None;
    let mut note = |outcome: Result<()>| {
        if let Err(error) = outcome {
            failure.get_or_insert(error);
        }
    };
    let mut sent = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let claim = await_reports(core, partition).and_then(|()| send_claim(core, partition));
        note(claim.map(|claim| sent.push(claim)));
    }
    let mut claimed = Vec::with_capacity(sent.len());
    for (partition, writer, stored) in sent {
        let stored = stored_at(core, stored);
        note(stored.map(|at| claimed.push((partition, (writer, at)))));
    }
    // Only now: what stands behind a claim is nobody's but ours.
    core.load_positions()?;
    for few in claimed.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let look = |(partition, claimed): &(&Arc<Partition>, (Writer, Offset))| {
                let (partition, claimed) = (Arc::clone(partition), *claimed);
                scope.spawn(move || begin(core, &partition, claimed))
            };
            let looking: Vec<_> = few.iter().map(look).collect();
            for look in looking {
                match look.join() {
                    Ok(begun) => note(begun),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }
    core.shared.appended.send_modify(|count| *count += 1);
    failure.map_or(Ok(()), Err)
}

pub(crate) fn send_claim<'a>(core: &Core, partition: &'a Arc<Partition>) -> Result<Claim<'a>> {
    let writer: Writer = RandomState::new().hash_one(&partition.topic);
    let (answer, stored) = oneshot::channel();
    let record: BaseRecord<'_, [u8], [u8], _> =
        BaseRecord::with_opaque_to(&partition.topic, Box::new(Delivery::Entry(answer)))
            .partition(partition.number())
            .headers(envelope::claim(writer));
    core.producer
        .send(record)
        .map_err(|(error, _)| refused(core, &error))?;
    Ok((partition, writer, stored))
}

pub(crate) fn stored_at(core: &Core, mut stored: oneshot::Receiver<Result<Offset>>) -> Result<Offset> {
    loop {
        match stored.try_recv() {
            Ok(stored) => return stored,
            Err(TryRecvError::Empty) if !core.is_stopping() => std::thread::sleep(REPORTS_POLL),
            Err(_) => return Err(KafkaBusError::Closed),
        }
    }
}

/// Looks up all that is there, and appends behind a claim, if no other one was made meanwhile.
pub(crate) fn begin(
    core: &Core,
    partition: &Partition,
    (writer, claimed_at): (Writer, Offset),
) -> Result<()> {
    let (low, high) = core.watermarks(&partition.topic, partition.number())?;
    let high = high.max(claimed_at + 1);
    {
        let mut log = partition.log();
        log.failure = None;
        if let Some(mark) = core.marks().get(&partition.home) {
            log.covered = log.covered.max(mark.covered);
            log.has_ids |= mark.has_ids;
        }
        let known = core.claims().get(&partition.home).cloned().unwrap_or_default();
        for (offset, writer) in known.all().iter().chain(&[(claimed_at, writer)]) {
            log.claims.note(*offset, *writer);
        }
        log.claims.forget_below(low);
    }
    // Mostly nothing is behind the claim, and the claim itself is known.
    let until = if high == claimed_at + 1 { claimed_at } else { high };
    look_up(core, partition, low, until)?;
    // Who appends to it need not read it.
    if core.is_shared(&partition.home.topic) {
        cursor::release(core, partition);
    }
    core.shared.positions().rewrite(&partition.home);
    let mut log = partition.log();
    log.stands(low, high);
    log.is_ours = log.claims.last() == Some(writer);
    log.claimed = log.is_ours.then_some((writer, claimed_at));
    if !log.is_ours {
        return Err(KafkaBusError::NotOurs);
    }
    drop(log);
    tracing::info!(topic = %partition.topic, partition = partition.home.partition, "claimed");
    Ok(())
}
