//! One resource as a flat list of JSON values, borrowed from the payload: no allocation per object or field.
//!
//! A value's descendants follow it directly, and `end` tells where they stop; so a child is found by skipping, and the
//! path of any value is found again from its place alone - locations cost nothing until there is a complaint.

use panorama_model::{Issue, Severity, Zone};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::{self, Write};

/// A JSON value without its children.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List,
    Object,
}

/// A JSON value in its place.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    /// The property name, empty for elements of a list.
    pub(crate) key: Cow<'a, str>,
    pub(crate) content: Content<'a>,
    /// Index after the last descendant.
    pub(crate) end: u32,
}

/// Where a resource stands in the payload, for locations.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The resource of this entry of the bundle.
    Entry(usize),
    /// The payload is the resource, of this type.
    Whole(&'static str),
}

impl Place {
    /// The path of the resource itself.
    pub(crate) fn path(self) -> String {
        match self {
            Self::Entry(index) => format!("entry[{index}].resource"),
            Self::Whole(name) => name.to_owned(),
        }
    }
}

/// One resource, with the complaints about it.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) slots: Vec<Slot<'a>>,
    pub(crate) place: Place,
    /// For times that carry no zone.
    pub(crate) zone: Option<&'a Zone>,
    issues: RefCell<Vec<Issue>>,
}

impl<'a> Document<'a> {
    /// Reads one resource; `slots` is memory to use again. `None` where a value cannot be represented (numbers beyond a
    /// double, nesting beyond 128 levels, a lone surrogate).
    pub(crate) fn read(
        json: &'a str,
        place: Place,
        zone: Option<&'a Zone>,
        mut slots: Vec<Slot<'a>>,
    ) -> Option<Self> {
        slots.clear();
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let root = Grow {
            slots: &mut slots,
            key: Cow::Borrowed(""),
            is_root: true,
        };
        root.deserialize(&mut deserializer).ok()?;
        Some(Self {
            slots,
            place,
            zone,
            issues: RefCell::default(),
        })
    }

    /// Gives back the complaints and the memory.
    pub(crate) fn into_parts(self) -> (Vec<Slot<'a>>, Vec<Issue>) {
        (self.slots, self.issues.into_inner())
    }

    pub(crate) fn slot(&self, at: u32) -> Option<&Slot<'a>> {
        self.slots.get(at as usize)
    }

    /// Records a complaint about the value at `at` (its property `below`, if given), once.
    pub(crate) fn complain(&self, code: &'static str, severity: Severity, at: u32, below: &str) {
        let mut path = self.path(at);
        if !below.is_empty() {
            path.push('.');
            path.push_str(below);
        }
        let issue = match severity {
            Severity::Error => Issue::error(code, path),
            Severity::Warning => Issue::warning(code, path),
            Severity::Information => Issue::information(code, path),
        };
        let mut issues = self.issues.borrow_mut();
        if !issues.contains(&issue) {
            issues.push(issue);
        }
    }

    fn path(&self, target: u32) -> String {
        let mut path = self.place.path();
        let mut parent = 0;
        while parent != target {
            let Some(slot) = self.slot(parent) else { break };
            let in_list = matches!(slot.content, Content::List);
            let (mut child, end, mut index) = (parent + 1, slot.end, 0usize);
            let found = loop {
                match self.slot(child) {
                    Some(slot) if child < end && target >= slot.end => {
                        child = slot.end;
                        index += 1;
                    }
                    Some(slot) if child < end => break Some(slot),
                    _ => break None,
                }
            };
            let Some(slot) = found else { break };
            // Writing to a String cannot fail.
            let _infallible = if in_list {
                write!(path, "[{index}]")
            } else {
                write!(path, ".{}", slot.key)
            };
            parent = child;
        }
        path
    }
}

/// The content of a property `data`: the text as it lies in the payload, escapes and all, for an attachment may be as
/// big as the payload and only its size is of interest. It is a string in all of FHIR; another value becomes one that
/// no reader takes for text.
fn base64_content(json: &str) -> Content<'_> {
    let text = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match text {
        Some(text) => Content::Text(Cow::Borrowed(text)),
        None if json == "null" => Content::Null,
        None => Content::Object,
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Appends one JSON value and its descendants.
struct Grow<'s, 'a> {
    slots: &'s mut Vec<Slot<'a>>,
    key: Cow<'a, str>,
    is_root: bool,
}

impl<'a> Grow<'_, 'a> {
    fn push<E: Error>(self, content: Content<'a>) -> Result<(), E> {
        let end = u32::try_from(self.slots.len() + 1).map_err(|_| E::custom("too many values"))?;
        self.slots.push(Slot {
            key: self.key,
            content,
            end,
        });
        Ok(())
    }
}

fn close(slots: &mut [Slot<'_>], at: usize) {
    let end = u32::try_from(slots.len()).unwrap_or(u32::MAX);
    if let Some(slot) = slots.get_mut(at) {
        slot.end = end;
    }
}

impl<'a> DeserializeSeed<'a> for Grow<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Grow<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push(Content::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(Content::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push(Content::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push(Content::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push(Content::Number(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'a str) -> Result<(), E> {
        self.push(Content::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.push(Content::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { slots, key, .. } = self;
        let at = slots.len();
        Grow {
            slots,
            key,
            is_root: false,
        }
        .push(Content::List)?;
        loop {
            let element = Grow {
                slots,
                key: Cow::Borrowed(""),
                is_root: false,
            };
            if list.next_element_seed(element)?.is_none() {
                close(slots, at);
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'a>>(self, mut object: A) -> Result<(), A::Error> {
        let Self { slots, key, is_root } = self;
        let at = slots.len();
        Grow {
            slots,
            key,
            is_root: false,
        }
        .push(Content::Object)?;
        while let Some(Key(key)) = object.next_key()? {
            // The narrative says in HTML what the fields say: never read.
            if is_root && key == "text" {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            if key == "data" {
                let raw: &RawValue = object.next_value()?;
                let content = base64_content(raw.get());
                Grow {
                    slots,
                    key,
                    is_root: false,
                }
                .push(content)?;
                continue;
            }
            object.next_value_seed(Grow {
                slots,
                key,
                is_root: false,
            })?;
        }
        close(slots, at);
        Ok(())
    }
}
