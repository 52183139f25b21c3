//! The vocabulary of Panorama: what one source says about one person, before anybody decides who that person is.
//!
//! Every step of the data path speaks in these types. They hold data and the laws of combining it (versions, layers),
//! never I/O (INV-1).

pub mod attributes;
pub mod csv;
mod decode;
pub mod fact;
mod framing;
mod id;
mod identity_event;
mod issue;
pub mod json;
mod layers;
mod person;
mod phi;
mod presence;
mod quantity;
mod record;
mod row;
mod steward;
mod text;
mod time;
mod value;
mod version;

pub use decode::{Decode, DecodeContext, Decoded, Headers, Reading, Unreadable};
pub use fact::{Fact, FactId, FactSchema, FactTable};
pub use framing::Framing;
pub use id::{PersonId, RecordKind, SourceRecordKey};
pub use identity_event::{IdentityEvent, IdentityEventKind};
pub use issue::{Issue, Severity};
pub use layers::{Layer, Layers, Overlay};
pub use person::{
    Address, AddressUse, ContactUse, Email, HumanName, Identifier, IdentifierKind, NameUse, Person, Phone,
    Sex,
};
pub use phi::Phi;
pub use presence::Presence;
pub use quantity::{ByteCount, Period};
pub use record::SourceRecord;
pub use row::Row;
pub use steward::{StewardDecision, StewardVerdict};
pub use text::text;
pub use time::{Date, PartialDate, TimeError, Timestamp, Zone};
pub use value::{Column, ColumnType, ToValue, Value};
pub use version::Version;

/// Text as it travels: inline up to 23 bytes, shared beyond, cheap to clone.
pub type Text = smol_str::SmolStr;
/// Text that is put together; inline too where it is short.
pub type TextBuilder = smol_str::SmolStrBuilder;
