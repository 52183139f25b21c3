//! Source trust: how far the word of a source counts in matching.

use panorama_model::Text;
use panorama_standardize::StandardPerson;
use serde::{Deserialize, Serialize};

/// A field of which a source's word is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// Issued identifiers.
    Identifiers,
    /// Social security numbers.
    SocialSecurity,
    /// Phone numbers.
    Phones,
    /// E-mail addresses.
    Emails,
    /// Addresses.
    Addresses,
    /// Birth dates.
    BirthDate,
    /// Sex.
    Sex,
}

impl Ignored {
    pub(super) fn take_from(self, person: &mut StandardPerson) {
        match self {
            Self::Identifiers => person.identifiers.clear(),
            Self::SocialSecurity => person.ssn = None,
            Self::Phones => person.phones.clear(),
            Self::Emails => person.emails.clear(),
            Self::Addresses => person.addresses.clear(),
            Self::BirthDate => person.birth_date = None,
            Self::Sex => person.sex = None,
        }
    }
}

/// How far one source is believed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTrust {
    /// The configured source id.
    pub source: Text,
    /// The most a score that rests on a record of this source may state. Below the auto-link threshold its records are
    /// never linked by scores alone, a steward is asked; below the review threshold nobody is. Statements (merges, stewards)
    /// and contact points, which join nobody, are not held down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability_max: Option<f64>,
    /// Fields of which this source's word is no evidence: not for finding, not for scoring.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Ignored>,
}
