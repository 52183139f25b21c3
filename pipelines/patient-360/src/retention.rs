//! What the embedded log lets go of: messages that are old enough, and that the tables have (INV-9).
//!
//! They stay in `raw_messages`. Kafka deletes by itself.

use crate::meta::Positions;
use panorama_api::{Bus, Offset, ReadLimits, Result};
use panorama_model::Timestamp;

const ONE: ReadLimits = ReadLimits {
    records_max: 1,
    bytes_max: 1,
};

/// Lets go of what was received before a moment, of what `published` says that the tables have.
pub(crate) fn let_go(bus: &dyn Bus, published: &Positions, before: Timestamp) -> Result<()> {
    for ((topic, partition), until) in published {
        let (start, end) = bus.bounds(topic, *partition)?;
        let is_old = |offset| -> Result<bool> {
            let found = bus.read(topic, *partition, offset, ONE)?;
            Ok(found.first().is_some_and(|record| record.received_at < before))
        };
        let young = first_that_is_not(start, end.min(*until), is_old)?;
        if young > start {
            bus.trim(topic, *partition, young)?;
        }
    }
    Ok(())
}

/// The first offset of a range that is not so, where all before it are and none behind it is.
fn first_that_is_not(start: Offset, end: Offset, is_so: impl Fn(Offset) -> Result<bool>) -> Result<Offset> {
    // Mostly the very first is not.
    if start >= end || !is_so(start)? {
        return Ok(start);
    }
    let (mut so, mut not) = (start, end);
    while not - so > 1 {
        let middle = so + (not - so) / 2;
        if is_so(middle)? {
            so = middle;
        } else {
            not = middle;
        }
    }
    Ok(not)
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_api::NewMessage;
    use panorama_log_local::{LocalLog, LocalLogOptions};
    use std::sync::Arc;

    #[tokio::test]
    async fn old_messages_go_once_the_tables_have_them() {
        let dir = tempfile::tempdir().unwrap();
        let options = LocalLogOptions {
            segment_messages_max: 10,
            ..LocalLogOptions::default()
        };
        let log = LocalLog::open(dir.path(), options, &[]).unwrap();
        log.ensure_topic("raw.adt", 1).await.unwrap();
        for second in 0..100 {
            let message = NewMessage {
                received_at: Timestamp::from_seconds(second),
                payload: vec![7].into(),
                headers: Arc::default(),
                dedupe: None,
            };
            log.append("raw.adt", 0, vec![message], None).await.unwrap();
        }
        // Segments go as a whole, so the start is a multiple of ten; the last one stays.
        for (published, before, start) in [
            (0, 50, 0),
            (35, 0, 0),
            (35, 50, 30),
            (35, 50, 30),
            (100, 50, 50),
            (100, 59, 50),
            (100, 1_000, 90),
        ] {
            let published = Positions::from([(("raw.adt".into(), 0), published)]);
            let_go(&log, &published, Timestamp::from_seconds(before)).unwrap();
            assert_eq!(log.bounds("raw.adt", 0).unwrap(), (start, 100));
        }
    }
}
