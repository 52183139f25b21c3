//! What a reference means: another entry, a literal type and id, a contained resource, a business identifier.
//!
//! - Spec: FHIR R4 references (literal, logical, contained), bundle (resolving references in bundles).

use crate::bundle::{Bundle, profile_of};
use crate::datatype::{Concept, is_npi_system};
use crate::node::Node;
use crate::r4_type;
use panorama_model::Text;
use std::borrow::Cow;

/// The meaning of one `Reference`.
#[derive(Clone, Debug)]
pub(crate) enum Resolution<'t> {
    /// No reference is there, or it has a `display` at most.
    None,
    /// A resource by type and id, and its entry if this payload holds it.
    Literal {
        type_name: &'t str,
        id: &'t str,
        entry: Option<u32>,
    },
    /// A resource within this resource.
    Contained(Node<'t>),
    /// A business identifier, not found in this payload.
    Logical {
        system: Cow<'t, str>,
        value: Cow<'t, str>,
    },
    /// It points to something, but cannot be followed.
    Unresolved,
}

impl<'t> Resolution<'t> {
    /// The type of the resource, if it is told.
    pub(crate) fn type_name(&self) -> Option<&'t str> {
        match self {
            Self::Literal { type_name, .. } => Some(type_name),
            Self::Contained(node) => node.get("resourceType").str(),
            _ => None,
        }
    }
}

/// Who or what a reference names, for columns that hold one id and one name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Party {
    /// NPI, where known.
    pub(crate) npi: Option<Text>,
    /// The resource's id, or its business identifier.
    pub(crate) id: Option<Text>,
    /// `display`, or the name the resource itself has.
    pub(crate) name: Option<Text>,
    /// `code` of the resource.
    pub(crate) concept: Concept,
}

impl Party {
    /// The NPI, or else the literal id.
    pub(crate) fn npi_or_id(&self) -> Option<Text> {
        self.npi.clone().or_else(|| self.id.clone())
    }

    /// The name, or else the id.
    pub(crate) fn name_or_id(&self) -> Option<Text> {
        self.name.clone().or_else(|| self.id.clone())
    }
}

impl<'a> Bundle<'a> {
    /// What the reference at this node means.
    pub(crate) fn resolve<'t>(&'t self, reference: Node<'t>) -> Resolution<'t> {
        if !reference.exists() {
            return Resolution::None;
        }
        let Some(text) = reference.get("reference").str() else {
            return self.resolve_logical(reference);
        };
        if let Some(fragment) = text.strip_prefix('#') {
            let root = Node::root(reference.document());
            return root
                .list("contained")
                .find(|node| node.get("id").str() == Some(fragment))
                .map_or(Resolution::Unresolved, Resolution::Contained);
        }
        if let Some(found) = self.by_url(text).and_then(|entry| self.literal(entry)) {
            return found;
        }
        if let Some((type_name, query)) = text.split_once('?') {
            return self.resolve_conditional(type_name, query);
        }
        let literal = parse_literal(text).or_else(|| {
            // A bare id with the type beside it, as some servers write it.
            let type_name = r4_type::known(reference.get("type").str_if_text()?)?;
            (!text.contains([':', '/', '?'])).then_some((type_name, text))
        });
        match literal {
            Some((type_name, id)) => Resolution::Literal {
                type_name,
                id,
                entry: self.by_name(type_name, id),
            },
            None => Resolution::Unresolved,
        }
    }

    /// - Spec: FHIR R4 http, transaction rules, conditional references; only those by identifier.
    fn resolve_conditional<'t>(&'t self, type_name: &str, query: &'t str) -> Resolution<'t> {
        let token = query.split('&').find_map(|term| term.strip_prefix("identifier="));
        let Some(token) = token else {
            return Resolution::Unresolved;
        };
        let (system, value) = match percent_decoded(token) {
            Cow::Borrowed(token) => {
                let (system, value) = token.split_once('|').unwrap_or(("", token));
                (Cow::Borrowed(system), Cow::Borrowed(value))
            }
            Cow::Owned(token) => {
                let (system, value) = token.split_once('|').unwrap_or(("", &token));
                (Cow::Owned(system.to_owned()), Cow::Owned(value.to_owned()))
            }
        };
        self.logical(r4_type::known(type_name), system, value)
    }

    fn literal(&self, entry: u32) -> Option<Resolution<'_>> {
        let found = self.entry(entry)?;
        Some(Resolution::Literal {
            type_name: found.type_name.as_deref()?,
            id: found.id.as_deref()?,
            entry: Some(entry),
        })
    }

    fn resolve_logical<'t>(&'t self, reference: Node<'t>) -> Resolution<'t> {
        let identifier = reference.get("identifier");
        let Some(value) = identifier.get("value").str() else {
            return Resolution::None;
        };
        let system = identifier.get("system").str().unwrap_or_default();
        let type_name = reference.get("type").str_if_text().and_then(r4_type::known);
        self.logical(type_name, system.into(), value.into())
    }

    fn logical<'t>(
        &'t self,
        type_name: Option<&str>,
        system: Cow<'t, str>,
        value: Cow<'t, str>,
    ) -> Resolution<'t> {
        let found = self
            .by_identifier(&system, &value)
            .and_then(|entry| self.literal(entry))
            .filter(|found| type_name.is_none() || found.type_name() == type_name);
        found.unwrap_or(Resolution::Logical { system, value })
    }

    /// Who or what the reference at this node names, as far as this payload tells.
    pub(crate) fn party(&self, reference: Node<'_>) -> Party {
        if !reference.exists() {
            return Party::default();
        }
        let display = reference.get("display").text();
        let mut party = match self.resolve(reference) {
            Resolution::Literal { id, entry, .. } => {
                let mut party = Party {
                    id: Some(id.into()),
                    ..Party::default()
                };
                if let Some(entry) = entry {
                    let profile = self.profile(entry);
                    party.npi.clone_from(&profile.npi);
                    party.name.clone_from(&profile.name);
                    party.concept = profile.concept.clone();
                }
                party
            }
            Resolution::Contained(node) => {
                let profile = profile_of(node);
                Party {
                    npi: profile.npi,
                    id: None,
                    name: profile.name,
                    concept: profile.concept,
                }
            }
            Resolution::Logical { system, value } => Party {
                npi: is_npi_system(&system).then(|| Text::new(&value)),
                id: Some(Text::new(&value)),
                ..Party::default()
            },
            Resolution::None | Resolution::Unresolved => Party::default(),
        };
        if party.npi.is_none() {
            let identifier = reference.get("identifier");
            if identifier.get("system").str_if_text().is_some_and(is_npi_system) {
                party.npi = identifier.get("value").text();
            }
        }
        party.name = display.or(party.name);
        party
    }

    /// The id of the referred resource.
    pub(crate) fn id_of(&self, reference: Node<'_>) -> Option<Text> {
        match self.resolve(reference) {
            Resolution::Literal { id, .. } => Some(id.into()),
            Resolution::Logical { value, .. } => Some(Text::new(&value)),
            _ => None,
        }
    }
}

/// Type and id of `Patient/123`, `https://host/base/Patient/123/_history/4`.
pub(crate) fn parse_literal(text: &str) -> Option<(&str, &str)> {
    let path = text.split(['?', '#', '|']).next()?;
    let (mut head, mut id) = path.rsplit_once('/')?;
    if let Some(versioned) = head.strip_suffix("/_history") {
        (head, id) = versioned.rsplit_once('/')?;
    }
    let type_name = head.rsplit('/').next()?;
    r4_type::known(type_name)?;
    (!id.is_empty()).then_some((type_name, id))
}

/// Undoes `%7C`; what is no escape, or makes no UTF-8, stays as it is.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%');
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => {
                decoded.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(text), Cow::Owned)
}
