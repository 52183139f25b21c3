//! All resources of one payload by name, so that references find what they mean in any entry order (INV-6).

use crate::datatype::{Concept, concept, human_name, is_npi_system, shown_name};
use crate::document::{Document, Place};
use crate::envelope::{RawEntry, header};
use crate::node::Node;
use crate::r4_type;
use panorama_model::{Text, Timestamp, Zone};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// One entry, with its effective type and id.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) raw: RawEntry<'a>,
    pub(crate) place: Place,
    pub(crate) type_name: Option<Cow<'a, str>>,
    /// `Resource.id`, or what the entry's `fullUrl` names it.
    pub(crate) id: Option<Cow<'a, str>>,
}

/// The payload's resources and what is known beside them.
#[derive(Debug)]
pub(crate) struct Bundle<'a> {
    pub(crate) zone: Option<&'a Zone>,
    /// When the bundle was made.
    pub(crate) said_at: Option<Timestamp>,
    pub(crate) entries: Vec<Entry<'a>>,
    by_url: HashMap<Cow<'a, str>, u32>,
    by_name: HashMap<(Cow<'a, str>, Cow<'a, str>), u32>,
    by_identifier: OnceCell<HashMap<String, u32>>,
    profiles: RefCell<HashMap<u32, Rc<Profile>>>,
}

/// What other resources want to know of a resource they refer to.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    pub(crate) npi: Option<Text>,
    pub(crate) name: Option<Text>,
    /// `code` of a Medication or Condition.
    pub(crate) concept: Concept,
}

/// The resource types that are referred to by identifier in practice.
const REFERRED_BY_IDENTIFIER: &[&str] = &[
    "Patient",
    "Practitioner",
    "Organization",
    "Location",
    "RelatedPerson",
];

impl<'a> Bundle<'a> {
    /// Names the entries of a bundle.
    pub(crate) fn new(
        zone: Option<&'a Zone>,
        said_at: Option<Timestamp>,
        entries: Vec<RawEntry<'a>>,
        place: impl Fn(usize) -> Place,
    ) -> Self {
        let mut bundle = Self {
            zone,
            said_at,
            entries: Vec::with_capacity(entries.len()),
            by_url: HashMap::with_capacity(entries.len()),
            by_name: HashMap::with_capacity(entries.len()),
            by_identifier: OnceCell::new(),
            profiles: RefCell::default(),
        };
        for (index, raw) in entries.into_iter().enumerate() {
            bundle.add(raw, place(index));
        }
        bundle
    }

    fn add(&mut self, raw: RawEntry<'a>, place: Place) {
        let (type_name, id) = raw.resource.map_or((None, None), header);
        let id = id.or_else(|| raw.full_url.as_ref().and_then(id_of_url));
        let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if raw.resource.is_some() {
            if let Some(url) = &raw.full_url {
                keep(&mut self.by_url, url.clone(), index, &self.entries, raw.resource);
            }
            if let (Some(type_name), Some(id)) = (&type_name, &id) {
                let name = (type_name.clone(), id.clone());
                keep(&mut self.by_name, name, index, &self.entries, raw.resource);
            }
        }
        self.entries.push(Entry {
            raw,
            place,
            type_name,
            id,
        });
    }

    pub(crate) fn entry(&self, index: u32) -> Option<&Entry<'a>> {
        self.entries.get(index as usize)
    }

    /// The entry of this `fullUrl`.
    pub(crate) fn by_url(&self, url: &str) -> Option<u32> {
        self.by_url.get(url).copied()
    }

    /// The entry of the resource of this type and id.
    pub(crate) fn by_name(&self, type_name: &str, id: &str) -> Option<u32> {
        self.by_name
            .get(&(Cow::Borrowed(type_name), Cow::Borrowed(id)) as &(Cow<'_, str>, Cow<'_, str>))
            .copied()
    }

    /// The entry of the person, organization or place with this identifier.
    pub(crate) fn by_identifier(&self, system: &str, value: &str) -> Option<u32> {
        let index = self.by_identifier.get_or_init(|| self.index_identifiers());
        index.get(&format!("{system}|{value}")).copied()
    }

    fn index_identifiers(&self) -> HashMap<String, u32> {
        let mut index = HashMap::new();
        for (at, entry) in (0u32..).zip(&self.entries) {
            let is_wanted = entry
                .type_name
                .as_deref()
                .is_some_and(|name| REFERRED_BY_IDENTIFIER.contains(&name));
            let Some(json) = entry.raw.resource.filter(|_| is_wanted) else {
                continue;
            };
            let Some(document) = Document::read(json, entry.place, self.zone, Vec::new()) else {
                continue;
            };
            for identifier in Node::root(&document).list("identifier") {
                let system = identifier.get("system").str().unwrap_or_default();
                if let Some(value) = identifier.get("value").str() {
                    keep(
                        &mut index,
                        format!("{system}|{value}"),
                        at,
                        &self.entries,
                        Some(json),
                    );
                }
            }
        }
        index
    }

    /// What others want to know of the resource at this entry; read once.
    pub(crate) fn profile(&self, index: u32) -> Rc<Profile> {
        if let Some(profile) = self.profiles.borrow().get(&index) {
            return Rc::clone(profile);
        }
        let profile = Rc::new(self.read_profile(index).unwrap_or_default());
        self.profiles.borrow_mut().insert(index, Rc::clone(&profile));
        profile
    }

    fn read_profile(&self, index: u32) -> Option<Profile> {
        let entry = self.entry(index)?;
        let document = Document::read(entry.raw.resource?, entry.place, self.zone, Vec::new())?;
        let root = Node::root(&document);
        let mut profile = profile_of(root);
        if entry.type_name.as_deref() == Some("PractitionerRole") && profile.npi.is_none() {
            let practitioner = root.get("practitioner");
            // Only a Practitioner is followed, so a circle of roles cannot hold the reader.
            if self.resolve(practitioner).type_name() == Some("Practitioner") {
                let party = self.party(practitioner);
                profile.npi = party.npi;
                profile.name = party.name;
            }
        }
        Some(profile)
    }
}

/// What a resource says of itself to those who refer to it.
pub(crate) fn profile_of(root: Node<'_>) -> Profile {
    let name = root.path("name");
    Profile {
        npi: npi_of(root),
        name: if name.is_text() {
            name.text()
        } else {
            human_name(name).map(|n| shown_name(&n)).filter(|n| !n.is_empty())
        },
        concept: concept(root.path("code"), &[]),
    }
}

/// The NPI among a resource's identifiers.
pub(crate) fn npi_of(root: Node<'_>) -> Option<Text> {
    root.list("identifier")
        .filter(|identifier| identifier.get("system").str_if_text().is_some_and(is_npi_system))
        .find_map(|identifier| identifier.get("value").text())
}

/// Of two entries with one name, the same one is kept in any order: the greater text.
fn keep<K: std::hash::Hash + Eq>(
    index: &mut HashMap<K, u32>,
    name: K,
    at: u32,
    entries: &[Entry<'_>],
    json: Option<&str>,
) {
    index
        .entry(name)
        .and_modify(|kept| {
            let other = entries.get(*kept as usize).and_then(|e| e.raw.resource);
            if other < json {
                *kept = at;
            }
        })
        .or_insert(at);
}

/// The id an entry without `Resource.id` goes by: the UUID of its `fullUrl`, or the last segment of its URL.
fn id_of_url<'a>(url: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    let cut = |url: &str| -> Option<usize> {
        if url.starts_with("urn:uuid:") {
            return Some("urn:uuid:".len());
        }
        let (head, _) = url.rsplit_once('/')?;
        let type_name = head.rsplit('/').next()?;
        r4_type::known(type_name).map(|_| head.len() + 1)
    };
    let at = cut(url)?;
    let id = match url {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(at..)?),
        Cow::Owned(text) => Cow::Owned(text.get(at..)?.to_owned()),
    };
    (!id.is_empty()).then_some(id)
}
