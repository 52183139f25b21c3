//! What the four medication resources share: the drug, and how it is taken.

use super::Resource;
use crate::datatype::{Concept, concept, quantity, set_concept};
use crate::node::Node;
use panorama_model::fact::medications as column;
use panorama_model::{Row, Text};

const DRUG_SYSTEMS: &[&str] = &[
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://hl7.org/fhir/sid/ndc",
];

/// Sets the drug: `medicationCodeableConcept`, or the Medication resource referred to.
pub(super) fn set_drug(row: &mut Row, resource: &Resource<'_>) {
    let mut drug = concept(resource.get("medicationCodeableConcept"), DRUG_SYSTEMS);
    let reference = resource.get("medicationReference");
    if drug.is_empty() && reference.exists() {
        let party = resource.bundle.party(reference);
        drug = Concept {
            display: party.concept.display.or(party.name),
            ..party.concept
        };
    }
    set_concept(row, (column::CODE, column::CODE_SYSTEM, column::DISPLAY), drug);
}

/// Sets dose, route and frequency from a `Dosage`.
pub(super) fn set_dosage(row: &mut Row, dosage: Node<'_>) {
    if !dosage.exists() {
        return;
    }
    row.set_some(column::DOSE_TEXT, dosage.get("text").text());
    let rate = dosage.first("doseAndRate");
    if rate.exists() {
        let range = rate.get("doseRange");
        let dose =
            quantity(
                rate.get("doseQuantity")
                    .or(if range.exists() { range.get("low") } else { range }),
            );
        row.set_some(column::DOSE, dose.value);
        row.set_some(column::DOSE_UNIT, dose.unit);
    }
    row.set_some(column::ROUTE, concept(dosage.get("route"), &[]).words_or_code());
    if let Some(timing) = dosage.get_if_there("timing") {
        row.set_some(column::FREQUENCY, frequency(timing));
    }
}

/// Timing in words: its code (`BID`), or `2 per 1 d`.
fn frequency(timing: Node<'_>) -> Option<Text> {
    let code = concept(timing.get("code"), &[]);
    if !code.is_empty() {
        return code.code_or_words();
    }
    let repeat = timing.get_if_there("repeat")?;
    let count = repeat.get("frequency").number()?;
    let every = repeat.get("period").number()?;
    let unit = repeat.get("periodUnit").text()?;
    Some(format!("{count} per {every} {unit}").into())
}

/// A quantity that may be a duration, in whole days.
pub(super) fn days(node: Node<'_>) -> Option<i64> {
    let duration = quantity(node);
    let days = duration.value?
        * match duration.unit.as_deref() {
            None | Some("d" | "day" | "days" | "Day" | "Days") => 1.0,
            Some("wk" | "week" | "weeks") => 7.0,
            Some("mo" | "month" | "months") => 30.0,
            Some("a" | "year" | "years") => 365.0,
            Some(_) => return None,
        };
    (0.0..1e6).contains(&days).then_some(days.round() as i64)
}
