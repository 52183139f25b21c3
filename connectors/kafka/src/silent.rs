//! Partitions that did not answer with the others: it is looked who leads them, and each leader asked for itself, until they
//! answer.

use crate::bounds::{AT_ONCE, WAIT_MAX, at_once, key};
use crate::core::Core;
use crate::cursor;
use crate::partition::Partition;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use std::collections::{BTreeSet, HashMap};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

/// How long they are left alone: at first, and at most while nobody answers.
const REST: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(1);

/// Asks about silent partitions until the log is closed.
pub(crate) fn serve(core: &Core) {
    let mut rest = REST;
    // They may be led by another broker now, of which others would hear once the old one is taken for lost.
    let mut untold = BTreeSet::new();
    while !core.is_stopping() {
        std::thread::sleep(rest);
        rest = match ask(core) {
            // A broker that is away, or a topic that is gone, may be so for long.
            Some(back) if back.is_empty() => REST_MAX.min(rest * 2),
            back => {
                untold.extend(back.unwrap_or_default());
                REST
            }
        };
        // Some at a time: clients whose broker is silent too take long to hear of it.
        let some: Vec<_> = std::iter::from_fn(|| untold.pop_first()).take(AT_ONCE).collect();
        untold.extend(cursor::introduce(core, &some));
    }
}

fn is_silent(partition: &Arc<Partition>) -> bool {
    partition.log().is_silent
}

/// Asks about all silent partitions. The topics of those that answered; none if all had before.
fn ask(core: &Core) -> Option<Vec<String>> {
    let silent: Vec<_> = core.all_partitions().filter(is_silent).collect();
    if silent.is_empty() {
        return None;
    }
    let leaders = leaders(core, &silent);
    let mut led: HashMap<i32, Vec<Arc<Partition>>> = HashMap::new();
    for partition in silent {
        if let Some(leader) = leaders.get(&key(&partition)) {
            led.entry(*leader).or_default().push(partition);
        }
    }
    let led: Vec<_> = led.into_values().collect();
    let asked = at_once(&led, |partitions| {
        if let Err(error) = ask_leader(core, partitions) {
            // What is known still holds; a read or an append will say what is wrong.
            tracing::debug!(%error, "no news of the bounds");
        }
        Ok(())
    });
    drop(asked);
    let back = led.iter().flatten().filter(|partition| !is_silent(partition));
    Some(back.map(|partition| partition.topic.clone()).collect())
}

/// Asks a broker about partitions that it leads. One of which it knows nothing fails the question about all.
fn ask_leader(core: &Core, partitions: &[Arc<Partition>]) -> KafkaResult<()> {
    let asked = core.learn(partitions, partitions);
    let code = asked.as_ref().err().and_then(KafkaError::rdkafka_error_code);
    if code.is_none_or(|code| code == Code::OperationTimedOut) || partitions.len() == 1 {
        return asked;
    }
    let one_by_one = at_once(partitions, |one| {
        Ok(core.learn(slice::from_ref(one), slice::from_ref(one)))
    });
    one_by_one.unwrap_or_default().into_iter().collect()
}

/// The broker that leads, of each partition that one does. The client hears of it, too, sooner than it would by itself.
fn leaders(core: &Core, partitions: &[Arc<Partition>]) -> HashMap<(String, i32), i32> {
    let topics: BTreeSet<&str> = partitions
        .iter()
        .map(|partition| partition.topic.as_str())
        .collect();
    let looked = at_once(&topics.into_iter().collect::<Vec<_>>(), |topic| {
        if core.is_stopping() {
            return Ok(Vec::new());
        }
        let looked = core.asker.fetch_metadata(Some(topic), WAIT_MAX);
        let Ok(metadata) =
            looked.inspect_err(|error| tracing::debug!(topic, %error, "who leads is not known"))
        else {
            return Ok(Vec::new());
        };
        let found = metadata.topics().iter().flat_map(|found| {
            let partitions = found.partitions().iter();
            let led = partitions.filter(|partition| partition.leader() >= 0);
            led.map(|partition| ((found.name().to_owned(), partition.id()), partition.leader()))
        });
        Ok(found.collect())
    });
    looked.unwrap_or_default().into_iter().flatten().collect()
}
