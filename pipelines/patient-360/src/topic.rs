//! The topics of raw messages, by source.

use panorama_model::Text;

const PREFIX: &str = "raw.";

/// The topic that a source's messages go to.
pub fn topic_of(source: &str) -> Text {
    format!("{PREFIX}{source}").into()
}

/// How many partitions it has, where those of configured sources have so many.
pub fn partitions_of(source: &str, configured: u32) -> u32 {
    if source == panorama_stewardship::SOURCE {
        // One process at a time takes decisions.
        1
    } else {
        configured
    }
}

/// The source whose messages a topic holds.
pub fn source_of(topic: &str) -> Option<&str> {
    topic.strip_prefix(PREFIX)
}
