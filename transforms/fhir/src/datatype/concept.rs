//! FHIR `Coding`, `CodeableConcept`.

use crate::node::Node;
use panorama_model::{Column, Row, Severity, Text};

/// One code and its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Concept {
    pub(crate) code: Option<Text>,
    pub(crate) system: Option<Text>,
    pub(crate) display: Option<Text>,
}

impl Concept {
    pub(crate) const fn is_empty(&self) -> bool {
        self.code.is_none() && self.display.is_none()
    }

    /// The code, or else the words.
    pub(crate) fn code_or_words(self) -> Option<Text> {
        self.code.or(self.display)
    }

    /// The words, or else the code.
    pub(crate) fn words_or_code(self) -> Option<Text> {
        self.display.or(self.code)
    }
}

/// Reads a CodeableConcept, or a Coding in its place.
///
/// - Shape: of several codings the one of the first system in `prefer` that occurs, else the one the user selected, else
///   the first with a code; words are the coding's `display`, else `text`.
pub(crate) fn concept(node: Node<'_>, prefer: &[&str]) -> Concept {
    if !node.exists() {
        return Concept::default();
    }
    if node.is_text() {
        node.complain("type_coerced", Severity::Warning);
        return Concept {
            display: node.text(),
            ..Concept::default()
        };
    }
    let mut best: Option<(usize, Node<'_>)> = None;
    for coding in node.list("coding") {
        let rank = rank(coding, prefer);
        if best.is_none_or(|(other, _)| rank < other) {
            best = Some((rank, coding));
        }
    }
    let text = node.get("text");
    let Some((_, coding)) = best else {
        // A bare Coding, as `Encounter.class` is in R4 and CodeableConcepts are in sloppy data.
        return Concept {
            code: node.get("code").text(),
            system: node.get("system").str().map(uri),
            display: node.get("display").text().or_else(|| text.text()),
        };
    };
    Concept {
        code: coding.get("code").text(),
        system: coding.get("system").str().map(uri),
        display: coding.get("display").text().or_else(|| text.text()),
    }
}

fn rank(coding: Node<'_>, prefer: &[&str]) -> usize {
    let system = coding.get("system").str_if_text().unwrap_or_default();
    if let Some(rank) = prefer.iter().position(|preferred| *preferred == system) {
        return rank;
    }
    let unpreferred = prefer.len();
    if !coding.get("code").exists() {
        return unpreferred + 2;
    }
    let selected = coding.get("userSelected");
    if selected.exists() && selected.bool() == Some(true) {
        unpreferred
    } else {
        unpreferred + 1
    }
}

/// Sets code, code system and words.
pub(crate) fn set_concept(
    row: &mut Row,
    (code, system, display): (Column, Column, Column),
    concept: Concept,
) {
    row.set_some(code, concept.code);
    row.set_some(system, concept.system);
    row.set_some(display, concept.display);
}

macro_rules! well_known {
    ($($uri:literal)*) => {
        /// A code system's URI; the common ones without allocation.
        pub(crate) fn uri(text: &str) -> Text {
            match text {
                $($uri => Text::new_static($uri),)*
                _ => Text::new(text),
            }
        }
    };
}
well_known! {
    "http://snomed.info/sct"
    "http://loinc.org"
    "http://www.nlm.nih.gov/research/umls/rxnorm"
    "http://hl7.org/fhir/sid/cvx"
    "http://hl7.org/fhir/sid/icd-10-cm"
    "http://hl7.org/fhir/sid/icd-9-cm"
    "http://hl7.org/fhir/sid/ndc"
    "http://www.ama-assn.org/go/cpt"
    "http://unitsofmeasure.org"
    "http://hl7.org/fhir/sid/us-npi"
    "http://hl7.org/fhir/sid/us-ssn"
    "http://nucc.org/provider-taxonomy"
    "http://terminology.hl7.org/CodeSystem/v2-0203"
}

/// The identifier system of the National Provider Identifier, as URI or OID.
pub(crate) fn is_npi_system(system: &str) -> bool {
    matches!(
        system,
        "http://hl7.org/fhir/sid/us-npi" | "urn:oid:2.16.840.1.113883.4.6"
    )
}
