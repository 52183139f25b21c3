//! JSON as feeds write it: any casing of keys, numbers as text, text as numbers. Reading never fails past the parse.

mod tree;

pub use self::tree::Json;
use crate::{Reading, Text};

/// Parses one JSON text.
///
/// # Errors
/// The [`Reading::Unreadable`] `json_invalid` with line and column, where the bytes are no JSON.
#[allow(
    clippy::result_large_err,
    reason = "the error is the reading that the caller returns as it is"
)]
pub fn parse(payload: &[u8]) -> Result<Json<'_>, Reading> {
    let payload = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload);
    serde_json::from_slice(payload).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "the text ends inside a value",
            _ => "not valid JSON (a trailing comma, a comment or a missing quote?)",
        };
        Reading::unreadable(
            "json_invalid",
            format!("line {} column {}", error.line(), error.column()),
            what,
        )
    })
}

/// A place in a JSON value that may not be there.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a>(Option<&'a Json<'a>>);

impl<'a> From<&'a Json<'a>> for Node<'a> {
    fn from(value: &'a Json<'a>) -> Self {
        Self(Some(value))
    }
}

impl<'a> Node<'a> {
    /// A place that is not there.
    pub const NOWHERE: Self = Self(None);

    /// The member of this name: spelled so, or else the first by name that differs only by case, `_`, `-` or spaces
    /// (`ContactId`, `contactId`, `contact_id`).
    #[must_use]
    pub fn get(self, name: &str) -> Self {
        let Some(value) = self.0 else {
            return Self(None);
        };
        Self(value.member(name).or_else(|| {
            let like_it = value.members().filter(|(key, _)| same_name(key, name));
            like_it.min_by_key(|(key, _)| *key).map(|(_, value)| value)
        }))
    }

    /// The first of these members that is there and not null.
    #[must_use]
    pub fn any(self, names: &[&str]) -> Self {
        names
            .iter()
            .map(|name| self.get(name))
            .find(|node| node.exists())
            .unwrap_or(Self(None))
    }

    /// The place at a dotted path (`traits.address.city`, `phones.0`), each name spelled exactly.
    #[must_use]
    pub fn at(self, path: &str) -> Self {
        path.split('.').fold(self, |node, name| {
            Self(match node.0 {
                Some(object @ Json::Object(_)) => object.member(name),
                Some(Json::Array(items)) => name.parse().ok().and_then(|at: usize| items.get(at)),
                _ => None,
            })
        })
    }

    /// True where there is something other than null.
    pub const fn exists(self) -> bool {
        !matches!(self.0, None | Some(Json::Null))
    }

    /// True for an object.
    pub const fn is_object(self) -> bool {
        matches!(self.0, Some(Json::Object(_)))
    }

    /// The string, trimmed, if it is one and not blank.
    pub fn str(self) -> Option<&'a str> {
        let text = match self.0? {
            Json::String(text) => text.trim(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// The scalar as text: strings trimmed and not blank, numbers and booleans as JSON writes them.
    pub fn text(self) -> Option<Text> {
        match self.0? {
            Json::String(_) => self.str().map(Text::from),
            Json::Number(number) => Some(Text::from(number.to_string())),
            Json::Bool(value) => Some(Text::from(if *value { "true" } else { "false" })),
            _ => None,
        }
    }

    /// The number, written as a number or as text.
    pub fn number(self) -> Option<f64> {
        match self.0? {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }

    /// The whole number, written as a number or as text.
    pub fn integer(self) -> Option<i64> {
        match self.0? {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The truth, written as a boolean, as 0 or 1, or as text.
    pub fn boolean(self) -> Option<bool> {
        match self.0? {
            Json::Bool(value) => Some(*value),
            Json::Number(number) => number.as_i64().map(|n| n != 0),
            Json::String(text) => match text.trim() {
                "true" | "True" | "1" => Some(true),
                "false" | "False" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The items of an array; a value that is no array is its own only item; nothing has none.
    pub fn items(self) -> impl Iterator<Item = Node<'a>> {
        let items = match self.0 {
            Some(Json::Array(items)) => items.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        items.iter().map(Node::from)
    }

    /// The value as JSON text, for hashing. Nothing is no bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        self.0
            .and_then(|value| serde_json::to_vec(value).ok())
            .unwrap_or_default()
    }

    /// The members of an object, as written.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let members = self.0.into_iter().flat_map(Json::members);
        members.map(|(name, value)| (name, Node::from(value)))
    }
}

/// True where two names differ at most by case, `_`, `-` and spaces.
pub fn same_name(a: &str, b: &str) -> bool {
    squeeze(a).eq(squeeze(b))
}

/// The letters and digits of a name in lower case: what stays the same between `patient_mrn` and `PatientMRN`.
pub fn squeeze(name: &str) -> impl Iterator<Item = u8> {
    name.bytes()
        .filter(|byte| !matches!(byte, b'_' | b'-' | b' '))
        .map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_casing_and_values_of_any_type() {
        let value = parse(
            b"\xef\xbb\xbf{\"ContactId\":\" c1 \",\"queue\":{\"Duration\":\"12\"},\"n\":7,\"t\":\"1\",\"list\":[{\"a\":1},2],\"blank\":\" \",\"nothing\":null}",
        )
        .unwrap();
        let node = Node::from(&value);
        assert_eq!(node.get("contact_id").str(), Some("c1"));
        assert_eq!(node.get("Queue").get("duration").number(), Some(12.0));
        assert_eq!(node.get("n").text().as_deref(), Some("7"));
        assert_eq!(node.get("t").boolean(), Some(true));
        assert_eq!(node.at("list.0.a").integer(), Some(1));
        assert_eq!(node.get("list").items().count(), 2);
        assert_eq!(node.get("n").items().count(), 1);
        assert_eq!(node.get("blank").text(), None);
        assert!(!node.get("nothing").exists());
        assert_eq!(node.any(&["nothing", "n"]).integer(), Some(7));
    }

    #[test]
    fn bad_json_is_located() {
        let Err(Reading::Unreadable(reason)) = parse(b"{\n \"a\": 1,\n}") else {
            panic!("read")
        };
        assert_eq!(
            (reason.code, reason.location.as_str()),
            ("json_invalid", "line 3 column 1")
        );
    }
}
