//! Messages that could not be read, with the reason, ready to be replayed (INV-2).

use crate::definition::{Partition, PartitionKind};

table! {
    "quarantine", "One row per message, or part of one, that could not be read.",
    Some(Partition {
        column: "received_date",
        comment: "UTC day the message was received",
        kind: PartitionKind::Day,
    });
    QUARANTINE_ID quarantine_id: Text, "Stable id of the entry, for show and replay", key;
    SOURCE source: Text, "Configured id of the source";
    TOPIC topic: Text, "Topic the message stands in";
    PARTITION partition: Int, "Partition of the topic";
    OFFSET offset: Int, "Offset in the partition";
    RECEIVED_AT received_at: Time, "When the message was received, UTC";
    FORMAT format: Text, "Configured format of the source";
    REASON_CODE reason_code: Text, "Stable code of the reason, for counting";
    REASON reason: Text, "The reason in words; never patient data";
    LOCATION location: Text, "Where in the message, in the format's own words";
    PAYLOAD payload: Bytes, "The message, byte for byte", identifying;
    HEADERS headers: Map, "Transport headers", identifying;
    QUARANTINED_AT quarantined_at: Time, "When it was set aside, UTC";
    STATUS status: Text, "open, replayed or discarded";
}
