//! The YAML text as a tree in which each value knows its place.

use crate::problem::{ConfigProblem, Place};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// A value and its place.
#[derive(Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) place: Place,
    /// It came through a reference: never printed.
    pub(crate) is_secret: bool,
}

#[derive(Clone, PartialEq)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

/// Reads the text.
pub(crate) fn parse(text: &str) -> Result<Node, ConfigProblem> {
    // `no`, `on` and `y` are texts: only true and false are booleans (YAML 1.2).
    let options = serde_saphyr::options! { strict_booleans: true };
    let read: Result<Spanned<Content>, _> = serde_saphyr::from_str_with_options(text, options);
    read.map(Node::from).map_err(|error| {
        let place = error.location().map_or(Place::default(), place_of);
        let message = error.without_snippet().to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        ConfigProblem::new(
            "",
            place,
            format!("not readable as YAML: {message}"),
            "check indentation, quotes and colons",
        )
    })
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.key == key).map(|e| &e.node)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        if let Content::Map(entries) = &self.content {
            entries
        } else {
            &[]
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        if let Content::List(items) = &self.content {
            items
        } else {
            &[]
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content {
            Some(text)
        } else {
            None
        }
    }

    /// What it is, for a person; with its value where that is short and no secret.
    pub(crate) fn describe(&self) -> String {
        match &self.content {
            Content::Null => "nothing".into(),
            Content::List(_) => "a list".into(),
            Content::Map(_) => "a map".into(),
            _ if self.is_secret => "the referenced value".into(),
            Content::Bool(value) => format!("`{value}`"),
            Content::Number(number) => format!("`{number}`"),
            Content::Text(text) if text.chars().count() > 40 => "a text".into(),
            Content::Text(text) => format!("`{text}`"),
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.content {
            Content::Null => serde_json::Value::Null,
            Content::Bool(value) => (*value).into(),
            Content::Number(number) => serde_json::Value::Number(number.clone()),
            Content::Text(text) => text.as_str().into(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => {
                let pairs = entries.iter().map(|e| (e.key.clone(), e.node.to_json()));
                serde_json::Value::Object(pairs.collect())
            }
        }
    }

    /// The node at a path such as `sources[2].listen`.
    pub(crate) fn at(&self, path: &str) -> Option<&Node> {
        let mut node = self;
        for step in path.split(['.', '[']).filter(|s| !s.is_empty()) {
            node = match step.strip_suffix(']') {
                Some(index) => node.items().get(index.parse::<usize>().ok()?)?,
                None => node.get(step)?,
            };
        }
        Some(node)
    }
}

impl From<Spanned<Content>> for Node {
    fn from(spanned: Spanned<Content>) -> Self {
        Self {
            content: spanned.value,
            place: place_of(spanned.referenced),
            is_secret: false,
        }
    }
}

fn place_of(location: Location) -> Place {
    let number = |n: u64| usize::try_from(n).unwrap_or_default();
    Place {
        line: number(location.line()),
        column: number(location.column()),
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Content, E> {
        Ok(Number::from_f64(value).map_or(Content::Null, Content::Number))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Content>>()? {
            list.push(item.into());
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            map.push(Entry {
                key_place: place_of(key.referenced),
                key: key.value,
                node: entries.next_value::<Spanned<Content>>()?.into(),
            });
        }
        Ok(Content::Map(map))
    }
}
