//! `message_issues`: what was odd about messages that were read, one row per complaint.

use crate::definition::{Partition, PartitionKind};

table! {
    "message_issues", "One row per located complaint about a message that was read: what was left out or guessed.",
    Some(Partition {
        column: "received_date",
        comment: "UTC day the message was received",
        kind: PartitionKind::Day,
    });
    SOURCE source: Text, "Configured source id", key;
    TOPIC topic: Text, "Topic of the message (raw.<source>)", key;
    PARTITION partition: Int, "Partition of the message", key;
    OFFSET offset: Int, "Offset of the message", key;
    RECEIVED_AT received_at: Time, "Received, UTC", key;
    KIND kind: Text, "Type of the message in its format's words: ADT^A01, Bundle";
    CODE code: Text, "Stable name of the complaint", key;
    SEVERITY severity: Text, "information, warning, error";
    LOCATION location: Text, "Place in the message, in its format's words: PID-3.4";
}
