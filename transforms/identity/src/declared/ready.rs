//! Declarations made ready for use.

use super::Declarations;
use super::blocked::ReadyBlocked;
use super::blocking::ReadyBlocking;
use super::comparison::ReadyComparison;
use super::identifiers::ReadyIdentifiers;
use super::sources::Ignored;
use crate::blocking::BlockKeys;
use crate::score::MatchWeight;
use panorama_model::Text;
use panorama_standardize::StandardPerson;
use std::collections::HashMap;

/// Declarations made ready. Of a model without any, each question costs one look at an empty list.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    blocking: Vec<ReadyBlocking>,
    comparisons: Vec<ReadyComparison>,
    identifiers: Option<ReadyIdentifiers>,
    blocked: Option<ReadyBlocked>,
    ignored: HashMap<Text, Vec<Ignored>>,
    weights_max: HashMap<Text, MatchWeight>,
}

impl Ready {
    pub(crate) fn new(declared: &Declarations) -> Self {
        let identifiers =
            (!declared.identifiers.is_empty()).then(|| ReadyIdentifiers::new(&declared.identifiers));
        let canonical = |authority: &Text| match &identifiers {
            Some(identifiers) => identifiers.canonical(authority),
            None => authority.clone(),
        };
        let blocked = (!declared.blocked.is_empty()).then(|| ReadyBlocked::new(&declared.blocked, canonical));
        let sources = || declared.sources.iter();
        Self {
            blocking: declared.blocking.iter().map(ReadyBlocking::new).collect(),
            comparisons: declared.comparisons.iter().map(ReadyComparison::new).collect(),
            identifiers,
            blocked,
            ignored: sources()
                .filter(|s| !s.ignore.is_empty())
                .map(|s| (s.source.clone(), s.ignore.clone()))
                .collect(),
            weights_max: sources()
                .filter_map(|s| {
                    let weight = MatchWeight::of_probability(s.probability_max?);
                    Some((s.source.clone(), weight))
                })
                .collect(),
        }
    }

    /// The comparison of this name.
    pub(crate) fn comparison(&self, name: &str) -> Option<&ReadyComparison> {
        self.comparisons.iter().find(|c| c.name == name)
    }

    /// Adds a record's keys under the declared rules.
    pub(crate) fn keys_of(&self, person: &StandardPerson, keys: &mut BlockKeys) {
        for rule in &self.blocking {
            rule.keys_of(person, keys);
        }
    }

    /// What the model sees of what a record of this source says; `None` where that is all of it as it stands.
    pub(crate) fn matched(&self, source: &str, person: &StandardPerson) -> Option<Box<StandardPerson>> {
        let ignored = self.ignored.get(source);
        if ignored.is_none() && self.identifiers.is_none() && self.blocked.is_none() {
            return None;
        }
        let mut out = Box::new(person.clone());
        for field in ignored.into_iter().flatten() {
            field.take_from(&mut out);
        }
        if let Some(identifiers) = &self.identifiers {
            for identifier in &mut out.identifiers {
                identifiers.apply(identifier);
            }
            let mut kept = 0;
            // Two names of one authority make one identifier of two.
            while let Some(identifier) = out.identifiers.get(kept) {
                let is_repeated = out.identifiers.iter().take(kept).any(|known| known == identifier);
                if is_repeated {
                    out.identifiers.remove(kept);
                } else {
                    kept += 1;
                }
            }
        }
        if let Some(blocked) = &self.blocked {
            blocked.take_from(&mut out);
        }
        (*out != *person).then_some(out)
    }

    /// A pair's weight as far as the sources of its records are believed, and the source that holds it down, if any.
    pub(crate) fn trusted<'a>(
        &self,
        weight: MatchWeight,
        sources: [&'a str; 2],
    ) -> (MatchWeight, Option<&'a str>) {
        if self.weights_max.is_empty() {
            return (weight, None);
        }
        let most = sources
            .into_iter()
            .filter_map(|s| Some((*self.weights_max.get(s)?, s)));
        match most.min() {
            Some((most, source)) if most < weight => (most, Some(source)),
            _ => (weight, None),
        }
    }
}
