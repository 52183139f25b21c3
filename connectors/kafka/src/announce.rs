//! Telling others of changes: compacted topics, spread over partitions by key as Kafka's own clients do it.

use crate::append::{self, Delivery};
use crate::bus::{KafkaBus, blocking};
use crate::core::Core;
use crate::error::{KafkaBusError, Result as KafkaResult};
use crate::{admin, envelope};
use async_trait::async_trait;
use panorama_api::{Announcement, Announcer, Result};
use rdkafka::producer::BaseRecord;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Partitions of topics that are made: so many readers of one group can share the work.
const PARTITIONS: u32 = 6;
/// Changes on their way at once. More: fewer waits for reports; fewer: less memory.
const AT_ONCE: usize = 1_000;

#[async_trait]
impl Announcer for KafkaBus {
    async fn announce(&self, topic: &str, changes: Vec<Announcement>) -> Result<()> {
        let core = self.core();
        let at = |error: KafkaBusError| error.at("tell changes to", core.full_name(topic));
        if !core.announced().contains(topic) {
            let (checked, name) = (Arc::clone(core), topic.to_owned());
            let ensured = blocking(move || admin::ensure_changes(&checked, &name, PARTITIONS));
            ensured.await.map_err(at)?;
            core.announced().insert(topic.to_owned());
        }
        for some in changes.chunks(AT_ONCE) {
            send(core, topic, some).await.map_err(at)?;
        }
        Ok(())
    }
}

async fn send(core: &Arc<Core>, topic: &str, changes: &[Announcement]) -> KafkaResult<()> {
    let topic = core.full_name(topic);
    let weight = |change: &Announcement| {
        change.key.len() + change.value.as_ref().map_or(0, bytes::Bytes::len) + envelope::OVERHEAD_BYTES
    };
    let bytes_max = core.options.message_bytes_max;
    if let Some(bytes) = changes.iter().map(weight).find(|bytes| *bytes > bytes_max) {
        return Err(KafkaBusError::MessageTooLarge { bytes, bytes_max });
    }
    let _permit = core.admit(changes.iter().map(weight).sum()).await?;
    let mut reports = Vec::with_capacity(changes.len());
    for change in changes {
        let (answer, report) = oneshot::channel();
        let mut record: BaseRecord<'_, str, [u8], _> =
            BaseRecord::with_opaque_to(&topic, Box::new(Delivery::Entry(answer))).key(change.key.as_str());
        if let Some(value) = &change.value {
            record = record.payload(value.as_ref());
        }
        core.producer
            .send(record)
            .map_err(|(error, _)| append::refused(core, &error))?;
        reports.push(report);
    }
    for report in reports {
        report.await.map_err(|_| KafkaBusError::Closed)??;
    }
    Ok(())
}
