//! The outermost layer of a payload: which type it is and, for a bundle, where each entry's resource lies in the text.
//!
//! One scan that keeps slices, never a tree: memory stays near the payload's size however big its attachments are.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// What a payload's top level says.
#[derive(Debug, Default)]
pub(crate) struct Envelope<'a> {
    /// The payload is a JSON object.
    pub(crate) is_object: bool,
    pub(crate) resource_type: Option<Cow<'a, str>>,
    /// `Bundle.timestamp`, or `Bundle.meta.lastUpdated` where there is none.
    pub(crate) timestamp: Option<Cow<'a, str>>,
    pub(crate) entries: Entries<'a>,
}

/// `Bundle.entry`.
#[derive(Debug, Default)]
pub(crate) struct Entries<'a> {
    pub(crate) list: Vec<RawEntry<'a>>,
    /// There is something, but no list.
    pub(crate) malformed: bool,
}

/// One `Bundle.entry`, its parts as text.
#[derive(Debug, Default)]
pub(crate) struct RawEntry<'a> {
    pub(crate) full_url: Option<Cow<'a, str>>,
    /// Resource as JSON text.
    pub(crate) resource: Option<&'a str>,
    pub(crate) method: Option<Cow<'a, str>>,
    pub(crate) url: Option<Cow<'a, str>>,
    pub(crate) last_modified: Option<Cow<'a, str>>,
    /// The entry is no object.
    pub(crate) malformed: bool,
}

/// Type and id of a resource, without reading more of it than needed.
pub(crate) fn header(json: &str) -> (Option<Cow<'_, str>>, Option<Cow<'_, str>>) {
    let mut header = Header::default();
    // Reading stops with an error as soon as both are found.
    let _stopped_early = serde_json::Deserializer::from_str(json).deserialize_map(HeaderVisitor(&mut header));
    (header.resource_type, header.id)
}

/// The text of a JSON string; `None` for other values.
fn string_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The string property of a small object.
fn property_of<'a>(raw: &'a RawValue, key: &str) -> Option<Cow<'a, str>> {
    let Object(fields) = serde_json::from_str::<Object<'a>>(raw.get()).ok()?;
    fields
        .into_iter()
        .find(|(name, _)| name == key)
        .and_then(|(_, value)| string_of(value))
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[derive(Default)]
struct Header<'a> {
    resource_type: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
}

struct HeaderVisitor<'h, 'a>(&'h mut Header<'a>);

impl<'a> Visitor<'a> for HeaderVisitor<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let header = self.0;
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "resourceType" => header.resource_type = string_of(map.next_value()?),
                "id" => header.id = string_of(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if header.resource_type.is_some() && header.id.is_some() {
                break;
            }
        }
        Ok(())
    }
}

/// Reads `$value` from an object or list; any other JSON value gives `$otherwise`.
macro_rules! lenient {
    ($type:ident, $otherwise:expr, $($method:tt)*) => {
        impl<'de> Deserialize<'de> for $type<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Lenient;
                impl<'de> Visitor<'de> for Lenient {
                    type Value = $type<'de>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("any JSON value")
                    }
                    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                        Ok($otherwise)
                    }
                    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                        Ok($otherwise)
                    }
                    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                        Ok($otherwise)
                    }
                    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                        Ok($otherwise)
                    }
                    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                        Ok($otherwise)
                    }
                    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                        Ok($otherwise)
                    }
                    $($method)*
                }
                deserializer.deserialize_any(Lenient)
            }
        }
    };
}

fn skip_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

lenient! { Envelope, Envelope::default(),
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip_list(list)?;
        Ok(Envelope::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope { is_object: true, ..Envelope::default() };
        let mut last_updated = None;
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "resourceType" => envelope.resource_type = string_of(map.next_value()?),
                "timestamp" => envelope.timestamp = string_of(map.next_value()?),
                "meta" => last_updated = property_of(map.next_value()?, "lastUpdated"),
                "entry" => envelope.entries = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        envelope.timestamp = envelope.timestamp.or(last_updated);
        Ok(envelope)
    }
}

lenient! { Entries, Entries { malformed: true, ..Entries::default() },
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = elements.next_element()? {
            list.push(entry);
        }
        Ok(Entries { list, malformed: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        skip_object(map)?;
        Ok(Entries { malformed: true, ..Entries::default() })
    }
}

lenient! { RawEntry, RawEntry { malformed: true, ..RawEntry::default() },
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip_list(list)?;
        Ok(RawEntry { malformed: true, ..RawEntry::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entry = RawEntry::default();
        while let Some(Key(key)) = map.next_key()? {
            match key.as_ref() {
                "fullUrl" => entry.full_url = string_of(map.next_value()?),
                "resource" => {
                    let raw: &RawValue = map.next_value()?;
                    entry.resource = Some(raw.get()).filter(|json| *json != "null");
                }
                "request" => {
                    let raw: &RawValue = map.next_value()?;
                    entry.method = property_of(raw, "method");
                    entry.url = property_of(raw, "url");
                }
                "response" => entry.last_modified = property_of(map.next_value()?, "lastModified"),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(entry)
    }
}
