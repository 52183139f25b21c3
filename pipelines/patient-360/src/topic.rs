//! The topics of raw messages, by source.

use panorama_model::Text;

const PREFIX: &str = "raw.";

/// The topic that a source's messages go to.
pub fn topic_of(source: &str) -> Text {
    format!("{PREFIX}{source}").into()
}

/// The source whose messages a topic holds.
pub fn source_of(topic: &str) -> Option<&str> {
    topic.strip_prefix(PREFIX)
}
