//! Bronze: every message as it was received, so that any state can be rebuilt from the tables alone.

use crate::definition::{Partition, PartitionKind};

table! {
    "raw_messages", "One row per message, byte for byte as received.",
    Some(Partition {
        column: "received_date",
        comment: "UTC day the message was received",
        kind: PartitionKind::Day,
    });
    SOURCE source: Text, "Configured id of the source", key;
    TOPIC topic: Text, "Topic the message was appended to", key;
    PARTITION partition: Int, "Partition of the topic", key;
    OFFSET offset: Int, "Offset in the partition; (topic, partition, offset) is unique", key;
    RECEIVED_AT received_at: Time, "When the message was received, UTC";
    FORMAT format: Text, "Configured format of the source: hl7v2, fhir-r4, csv ...";
    PAYLOAD payload: Bytes, "The message, byte for byte", identifying;
    HEADERS headers: Map, "Transport headers: file and line, signature result, peer", identifying;
}
