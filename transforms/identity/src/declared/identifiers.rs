//! Declared identifiers: one authority under several names, and what its numbers say of a person.

use panorama_model::{IdentifierKind, Text};
use panorama_standardize::StandardIdentifier;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Whom a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identifies {
    /// One person: the same number joins by itself.
    Person,
    /// One family, as a plan member number does: it finds candidates, and does not tell members apart.
    Family,
    /// Nobody: no evidence, unless a declared comparison asks for it.
    Nobody,
}

/// What the numbers of an authority, or of a kind, mean. The first entry that fits an identifier counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeclaredIdentifier {
    /// Who issues them; every authority where not said.
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub authority: Text,
    /// Other names of the authority: a number counts as the same under any of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Text>,
    /// What the numbers are; all of them where not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<IdentifierKind>,
    /// Whom they stand for; as their kind has it where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifies: Option<Identifies>,
    /// True where a person has one number only, so that two numbers speak for two people; false where one person may well
    /// have several. As their kind has it where not said: medical record numbers are one a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_per_person: Option<bool>,
}

/// An authority's name as identifiers have it.
pub(super) fn authority_name(name: &str) -> Text {
    Text::from(name.trim().to_uppercase())
}

/// Declared identifiers ready for use.
#[derive(Debug, Default)]
pub(super) struct ReadyIdentifiers {
    /// The name under which an authority is known, by its other names.
    names: HashMap<Text, Text>,
    rules: Vec<DeclaredIdentifier>,
}

impl ReadyIdentifiers {
    pub(super) fn new(declared: &[DeclaredIdentifier]) -> Self {
        let mut out = Self::default();
        for rule in declared {
            let authority = authority_name(&rule.authority);
            for alias in &rule.aliases {
                out.names.insert(authority_name(alias), authority.clone());
            }
            out.rules.push(DeclaredIdentifier {
                authority,
                ..rule.clone()
            });
        }
        out
    }

    /// The name under which an authority is known.
    pub(super) fn canonical(&self, authority: &Text) -> Text {
        self.names.get(authority).unwrap_or(authority).clone()
    }

    /// Gives an identifier the name and the kind that are declared.
    pub(super) fn apply(&self, identifier: &mut StandardIdentifier) {
        identifier.authority = self.canonical(&identifier.authority);
        if let Some(rule) = self.rules.iter().find(|rule| rule.fits(identifier)) {
            identifier.kind = rule.kind_of(identifier.kind);
        }
    }
}

impl DeclaredIdentifier {
    /// True where it says what numbers mean, not only how their authority is called.
    pub(super) const fn says_meaning(&self) -> bool {
        self.identifies.is_some() || self.one_per_person.is_some()
    }

    /// True where the entry is about such identifiers: the authority in one spelling.
    fn fits(&self, identifier: &StandardIdentifier) -> bool {
        self.says_meaning()
            && (self.authority.is_empty() || self.authority == identifier.authority)
            && (self.kinds.is_empty() || self.kinds.contains(&identifier.kind))
    }

    /// The kind that means to the comparisons what is declared.
    const fn kind_of(&self, kind: IdentifierKind) -> IdentifierKind {
        use crate::comparison::is_strong_identifier as is_strong;
        match (self.identifies, self.one_per_person) {
            (Some(Identifies::Family), _) => IdentifierKind::Member,
            (Some(Identifies::Nobody), _) => IdentifierKind::Account,
            (Some(Identifies::Person), Some(true)) => IdentifierKind::MedicalRecord,
            (Some(Identifies::Person), Some(false)) => IdentifierKind::Patient,
            (Some(Identifies::Person), None) if is_strong(kind) => kind,
            (Some(Identifies::Person), None) => IdentifierKind::Patient,
            (None, Some(true)) if is_strong(kind) => IdentifierKind::MedicalRecord,
            (None, Some(false)) if matches!(kind, IdentifierKind::MedicalRecord) => IdentifierKind::Patient,
            (None, _) => kind,
        }
    }
}
