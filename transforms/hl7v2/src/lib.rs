//! Reads HL7 v2 messages: bytes as received in, source records, identity events and issues out (INV-1, INV-2, INV-8).
//!
//! Two layers. [`Message`] is the syntax: an offset index over the message's text, nothing decoded before it is asked for.
//! [`decode`] is the meaning: one file per segment under `segment/`, one per family of trigger events under `event/`.

mod acknowledge;
mod cell;
mod datatype;
mod decode;
mod event;
mod order;
mod patient;
mod reader;
mod segment;
mod syntax;
mod time;

pub use acknowledge::{AckCode, AckError, ErrorCondition, acknowledge};
pub use decode::decode;
pub use syntax::{
    Component, Field, HeaderFields, Message, Repetition, Segment, Separators, Subcomponent, escape, header,
};
pub use time::{Hl7Time, Precision};
