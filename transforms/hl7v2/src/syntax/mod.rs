//! The syntax of HL7 v2 (chapter 2): lines, delimiters, escapes, character sets. Knows no segment's meaning but MSH's.

mod charset;
mod delimiters;
mod escape;
mod header;
mod message;
mod part;
mod segment;
mod separators;

pub(crate) use charset::utf16_to_utf8;
pub(crate) use message::{is_junk, messages};
pub(crate) use part::trim;
pub(crate) use segment::code_of;

pub use escape::escape;
pub use header::{HeaderFields, header};
pub use message::Message;
pub use part::{Component, Field, Repetition, Subcomponent};
pub use segment::Segment;
pub use separators::Separators;
