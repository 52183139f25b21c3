//! Topics: made with stated settings, or checked against what a Kafka team made.

use crate::client::{Admin, Clients};
use crate::core::Core;
use crate::error::{KafkaBusError, Result};
use crate::positions;
use futures_executor::block_on;
use rdkafka::admin::{AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{IsError, RDKafkaErrorCode as Code};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How often the brokers are asked whether a topic that was made is there.
const MADE_POLL: Duration = Duration::from_millis(20);

/// Copies of a topic, and those of them in sync, with which one broker may be lost without losing what was acknowledged.
const COPIES_MIN: usize = 3;
const IN_SYNC_MIN: usize = 2;

fn options(core: &Core) -> AdminOptions {
    within(core.options.request_timeout)
}

fn within(timeout: Duration) -> AdminOptions {
    let timeout = Some(timeout);
    AdminOptions::new()
        .request_timeout(timeout)
        .operation_timeout(timeout)
}

/// The topics below our prefix, without it, and their partition counts. Blocking.
pub(crate) fn topics(core: &Core) -> Result<Vec<(String, u32)>> {
    let metadata = core
        .clients
        .metadata(&core.asker, None, core.options.request_timeout)?;
    let below = metadata.topics().iter().filter_map(|topic| {
        let name = topic.name().strip_prefix(&core.options.topic_prefix)?;
        Some((
            name.to_owned(),
            u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX),
        ))
    });
    Ok(below.collect())
}

/// How many partitions a topic has, and that each has a leader; none where there is no such topic.
pub(crate) fn partitions(core: &Core, topic: &str) -> Result<Option<u32>> {
    let name = core.full_name(topic);
    let metadata = core
        .clients
        .metadata(&core.asker, Some(&name), core.options.request_timeout)?;
    let found = metadata.topics().iter().find(|found| found.name() == name);
    match found.and_then(MetadataTopic::error).map(Code::from) {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::InvalidTopic) => return Ok(None),
        Some(code) => return Err(KafkaBusError::of(code, &core.clients.brokers, None)),
        None => {}
    }
    let Some(found) = found else { return Ok(None) };
    if let Some(error) = found
        .partitions()
        .iter()
        .find_map(|p| p.error().filter(IsError::is_error))
    {
        return Err(KafkaBusError::of(error.into(), &core.clients.brokers, None));
    }
    let count = found.partitions().len();
    Ok((count > 0).then(|| u32::try_from(count).unwrap_or(u32::MAX)))
}

/// Makes a topic for a source, or checks the one that is there. Blocking.
pub(crate) fn ensure(core: &Core, topic: &str, wanted: u32) -> Result<()> {
    if let Some(existing) = partitions(core, topic)? {
        return if existing == wanted {
            Ok(())
        } else {
            Err(KafkaBusError::PartitionsDiffer { existing, wanted })
        };
    }
    let retention = match core.options.retention {
        Some(retention) => retention.as_millis().to_string(),
        None => "-1".into(),
    };
    let bytes = core.options.message_bytes_max.to_string();
    let settings = [
        ("cleanup.policy", "delete"),
        ("retention.ms", retention.as_str()),
        // By arrival: a message that was received long ago is not deleted at once.
        ("message.timestamp.type", "LogAppendTime"),
        ("max.message.bytes", bytes.as_str()),
    ];
    make(core, topic, wanted, &settings)
}

/// What an acknowledgement is worth in a topic: how many brokers may be lost.
fn check_durability(core: &Core, topic: &str, in_sync_min: Option<&str>) -> Result<()> {
    let name = core.full_name(topic);
    let metadata = core
        .clients
        .metadata(&core.asker, Some(&name), core.options.request_timeout)?;
    let found = metadata.topics().iter().find(|found| found.name() == name);
    let partitions = found.map(MetadataTopic::partitions).unwrap_or_default();
    let copies = partitions.iter().map(|p| p.replicas().len()).min().unwrap_or(0);
    let harm = "lets acknowledged messages be lost with one broker";
    let weak = if copies < COPIES_MIN {
        Some(("replication.factor", copies.to_string(), COPIES_MIN))
    } else {
        let in_sync = in_sync_min
            .and_then(|text| text.parse().ok())
            .unwrap_or(IN_SYNC_MIN);
        (in_sync < IN_SYNC_MIN).then(|| ("min.insync.replicas", in_sync.to_string(), IN_SYNC_MIN))
    };
    match weak {
        Some((setting, existing, wanted)) if core.options.strict => Err(KafkaBusError::TopicSetting {
            name: setting,
            existing,
            harm,
            wanted: format!("{wanted} or more, or set bus.durability to standard"),
        }),
        Some((setting, existing, _)) => {
            tracing::warn!(topic = %name, setting, existing, "the topic's setting {harm}");
            Ok(())
        }
        None => Ok(()),
    }
}

/// Makes the compacted topic of positions.
pub(crate) fn make_positions(core: &Core) -> Result<()> {
    // Small segments, because the newest is not compacted and all of it is read at every start.
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "16777216"),
        ("min.cleanable.dirty.ratio", "0.1"),
        // Tells the brokers' time.
        ("message.timestamp.type", "LogAppendTime"),
    ];
    make(core, positions::TOPIC, 1, &settings)
}

/// Makes a compacted topic of changes, or checks the one that is there. Blocking.
pub(crate) fn ensure_changes(core: &Core, topic: &str, wanted: u32) -> Result<()> {
    if partitions(core, topic)?.is_none() {
        let bytes = core.options.message_bytes_max.to_string();
        let settings = [
            ("cleanup.policy", "compact"),
            ("max.message.bytes", bytes.as_str()),
        ];
        return make(core, topic, wanted, &settings);
    }
    let settings = described(core, topic)?;
    match settings
        .get("cleanup.policy")
        .and_then(|entry| entry.value.clone())
    {
        // By time alone, what has not changed lately would be gone.
        Some(existing) if !existing.contains("compact") => Err(KafkaBusError::TopicSetting {
            name: "cleanup.policy",
            existing,
            harm: "forgets the newest message of a key",
            wanted: "compact".into(),
        }),
        _ => Ok(()),
    }
}

fn make(core: &Core, topic: &str, partitions: u32, settings: &[(&str, &str)]) -> Result<()> {
    let name = core.full_name(topic);
    // -1 leaves the count of copies to the brokers.
    let copies = core.options.replication.map_or(-1, i32::from);
    let count = i32::try_from(partitions).unwrap_or(i32::MAX);
    let mut new = NewTopic::new(&name, count, TopicReplication::Fixed(copies));
    for (key, value) in settings {
        new = new.set(key, value);
    }
    let made = block_on(core.admin.create_topics(&[new], &options(core)));
    let made = made.map_err(|error| core.clients.error(&error))?;
    match made.into_iter().next() {
        // Somebody else was quicker: what they made is checked when it is attached.
        Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) => {}
        Some(Err((_, code))) => return Err(KafkaBusError::of(code, &core.clients.brokers, None)),
        None => return Err(core.unreachable()),
    }
    tracing::info!(topic = %name, partitions, "topic made");
    let deadline = Instant::now() + core.options.request_timeout;
    loop {
        match self::partitions(core, topic) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) | Err(KafkaBusError::Client { may_pass: true, .. }) if Instant::now() < deadline => {
                std::thread::sleep(MADE_POLL);
            }
            Ok(None) => return Err(core.unreachable()),
            Err(error) => return Err(error),
        }
    }
}

fn described(core: &Core, topic: &str) -> Result<ConfigResource> {
    let timeout = core.options.request_timeout;
    describe(&core.admin, &core.clients, &core.full_name(topic), timeout)
}

/// A topic's settings, as the brokers have them, by its whole name. Blocking.
pub(crate) fn describe(
    admin: &Admin,
    clients: &Clients,
    name: &str,
    timeout: Duration,
) -> Result<ConfigResource> {
    let described = block_on(admin.describe_configs(&[ResourceSpecifier::Topic(name)], &within(timeout)));
    let described = described.map_err(|error| clients.error(&error))?;
    match described.into_iter().next() {
        Some(Ok(settings)) => Ok(settings),
        Some(Err(code)) => Err(KafkaBusError::of(code, &clients.brokers, None)),
        None => Err(clients.unreachable()),
    }
}

/// The largest message a topic takes; refuses a topic whose settings break a promise. Blocking.
pub(crate) fn message_bytes_max(core: &Core, topic: &str) -> Result<usize> {
    let settings = described(core, topic)?;
    let value = |name: &str| settings.get(name).and_then(|entry| entry.value.clone());
    if let Some(existing) = value("cleanup.policy").filter(|policy| policy.contains("compact")) {
        return Err(KafkaBusError::TopicSetting {
            name: "cleanup.policy",
            existing,
            harm: "throws messages away",
            wanted: "delete".into(),
        });
    }
    check_durability(core, topic, value("min.insync.replicas").as_deref())?;
    let theirs = value("max.message.bytes").and_then(|bytes| bytes.parse().ok());
    let ours = core.options.message_bytes_max;
    Ok(theirs.map_or(ours, |theirs: usize| theirs.min(ours)))
}

/// Deletes messages below an offset; says the first that is kept. Blocking.
pub(crate) fn delete_records(core: &Core, topic: &str, partition: i32, below: u64) -> Result<u64> {
    let mut list = TopicPartitionList::new();
    let offset = KafkaOffset::Offset(i64::try_from(below).unwrap_or(i64::MAX));
    list.add_partition_offset(topic, partition, offset)
        .map_err(|error| core.clients.error(&error))?;
    let deleted = block_on(core.admin.delete_records(&list, &options(core)));
    let deleted = deleted.map_err(|error| core.clients.error(&error))?;
    let Some(element) = deleted.find_partition(topic, partition) else {
        return Err(core.unreachable());
    };
    element.error().map_err(|error| core.clients.error(&error))?;
    Ok(match element.offset() {
        KafkaOffset::Offset(first) => u64::try_from(first).unwrap_or(0),
        _ => 0,
    })
}
