//! Finds the candidates of a query in a large population with bounded work.
//!
//! At most one field of a combination may be fuzzy, so all the others agree exactly: a combination is found under the
//! exact values of its fields, each fuzzy one left out in turn. No key has to spell out edits.

use super::agreement::satisfied;
use super::combinations::{Field, FieldSet, Rules};
use super::profile::Profile;
use super::response::{Candidate, Response};
use panorama_standardize::StandardPerson;
use smallvec::SmallVec;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use xxhash_rust::xxh3::{Xxh3DefaultBuilder, xxh3_64_with_seed};

/// What bounds the work of one query (INV-9).
#[derive(Clone, Copy, Debug)]
pub struct IndexLimits {
    /// Persons looked at for one query. Where more share its values nobody is unique: the response is
    /// [`super::Uniqueness::Many`]. Larger costs time, smaller refuses queries with common values.
    pub candidates_max: usize,
    /// Keys of one person under one set of fields. Only records of many people joined by mistake have more; what is
    /// left out is counted.
    pub keys_max: usize,
}

impl Default for IndexLimits {
    fn default() -> Self {
        Self {
            candidates_max: 256,
            keys_max: 1024,
        }
    }
}

/// What the index met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexCounters {
    /// Keys left out because a person had too many. Where this is not 0, a person may be overlooked.
    pub keys_dropped: usize,
}

/// The persons of a population by the values that combinations need. `S` names a person.
///
/// Several records of one person count together: every value of any of them is a known value of the person.
#[derive(Clone, Debug)]
pub struct Index<S> {
    rules: Rules,
    limits: IndexLimits,
    /// The sets of fields under which persons lie.
    plans: Vec<FieldSet>,
    /// Vacant where the person was removed.
    profiles: Vec<Option<(S, Profile)>>,
    places: HashMap<S, u32, Xxh3DefaultBuilder>,
    keys: HashMap<u64, SmallVec<[u32; 2]>, Xxh3DefaultBuilder>,
    counters: IndexCounters,
}

impl<S: Clone + Eq + Hash> Index<S> {
    /// An empty index under rules.
    pub fn new(rules: Rules, limits: IndexLimits) -> Self {
        Self {
            rules,
            limits,
            plans: plans(rules),
            profiles: Vec::new(),
            places: HashMap::default(),
            keys: HashMap::default(),
            counters: IndexCounters::default(),
        }
    }

    /// Adds what a record says of a person; the person's other records stand beside it.
    pub fn insert(&mut self, subject: &S, record: &StandardPerson) {
        let place = self.place_of(subject);
        let Some(Some((_, profile))) = self.profiles.get_mut(place as usize) else {
            return;
        };
        profile.absorb(record);
        let (keys, dropped) = keys(&self.plans, profile, self.limits.keys_max);
        self.counters.keys_dropped += dropped;
        for key in keys {
            let block = self.keys.entry(key).or_default();
            if let Err(at) = block.binary_search(&place) {
                block.insert(at, place);
            }
        }
    }

    /// Forgets a person with all records.
    pub fn remove(&mut self, subject: &S) {
        let slot = self
            .places
            .remove(subject)
            .map(|place| (place, self.profiles.get_mut(place as usize)));
        let Some((place, Some(slot))) = slot else {
            return;
        };
        let Some((_, profile)) = slot.take() else {
            return;
        };
        for key in keys(&self.plans, &profile, self.limits.keys_max).0 {
            if let Some(block) = self.keys.get_mut(&key) {
                block.retain(|held| *held != place);
                if block.is_empty() {
                    self.keys.remove(&key);
                }
            }
        }
    }

    /// Responds to a query.
    ///
    /// - Shape: candidates in the order in which their persons came into the index.
    pub fn respond(&self, query: &StandardPerson) -> Response<S> {
        self.respond_to(&Profile::of(query))
    }

    /// Responds to a query of several records.
    pub fn respond_to(&self, query: &Profile) -> Response<S> {
        let (keys, dropped) = keys(&self.plans, query, self.limits.keys_max);
        let mut crowded = dropped > 0;
        let mut found = BTreeSet::new();
        for block in keys.iter().filter_map(|key| self.keys.get(key)) {
            for place in block {
                if found.len() < self.limits.candidates_max {
                    found.insert(*place);
                } else if !found.contains(place) {
                    crowded = true;
                    break;
                }
            }
        }
        let candidates = found.into_iter().filter_map(|place| {
            let (subject, profile) = self.profiles.get(place as usize)?.as_ref()?;
            let matches = satisfied(self.rules, query, profile);
            let subject = subject.clone();
            (!matches.is_empty()).then_some(Candidate { subject, matches })
        });
        Response::of(candidates.collect(), crowded)
    }

    /// How many persons it holds.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// True where it holds nobody.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What it met.
    pub const fn counters(&self) -> IndexCounters {
        self.counters
    }

    fn place_of(&mut self, subject: &S) -> u32 {
        if let Some(place) = self.places.get(subject) {
            return *place;
        }
        let place = u32::try_from(self.profiles.len()).unwrap_or(u32::MAX);
        self.profiles.push(Some((subject.clone(), Profile::default())));
        self.places.insert(subject.clone(), place);
        place
    }
}

/// The sets of fields that find every combination, none of which holds another.
fn plans(rules: Rules) -> Vec<FieldSet> {
    let mut all: Vec<FieldSet> = Vec::new();
    for combination in rules.combinations() {
        if combination.fuzzy.is_empty() {
            all.push(combination.fields);
        }
        all.extend(
            combination
                .fuzzy
                .iter()
                .map(|field| combination.fields.without(FieldSet::of(field))),
        );
    }
    all.sort_unstable();
    all.dedup();
    let is_smallest = |plan: &&FieldSet| !all.iter().any(|other| other != *plan && other.is_subset(**plan));
    all.iter().filter(is_smallest).copied().collect()
}

/// The keys of a profile, without repeats, and how many were left out.
fn keys(plans: &[FieldSet], profile: &Profile, keys_max: usize) -> (Vec<u64>, usize) {
    let (mut out, mut dropped) = (Vec::new(), 0);
    let hashes = Field::ALL.map(|field| profile.hashes(field));
    for plan in plans {
        let mut product = vec![u64::from(plan.bits())];
        for (field, hashes) in Field::ALL.into_iter().zip(&hashes) {
            if !FieldSet::of(field).is_subset(*plan) {
                continue;
            }
            let wanted = product.len() * hashes.len();
            let pairs = product.iter().flat_map(|key| {
                hashes
                    .iter()
                    .map(|hash| xxh3_64_with_seed(&hash.to_le_bytes(), *key))
            });
            product = pairs.take(keys_max).collect();
            dropped += wanted - product.len();
        }
        out.append(&mut product);
    }
    out.sort_unstable();
    out.dedup();
    (out, dropped)
}
