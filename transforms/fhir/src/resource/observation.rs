//! Observation: a row, and a row per component (blood pressure: the panel, systolic, diastolic).

use super::{Reader, Resource};
use crate::datatype::{concept, quantity, set_concept};
use crate::node::Node;
use crate::output::Output;
use panorama_model::fact::observations as column;
use panorama_model::{FactTable, Row, Text};

pub(super) const READER: Reader = Reader {
    name: "Observation",
    said_at: &["issued", "effectiveDateTime", "effectiveInstant", "effectivePeriod.end", "effectivePeriod.start"],
    read,
};

const LOINC_FIRST: &[&str] = &["http://loinc.org"];
const CODE: (panorama_model::Column, panorama_model::Column, panorama_model::Column) =
    (column::CODE, column::CODE_SYSTEM, column::DISPLAY);

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut shared = Row::new();
    shared.set_some(column::ENCOUNTER_ID, resource.encounter("encounter"));
    shared.set_some(column::ORDER_ID, resource.bundle.id_of(root.first("basedOn")));
    let category = concept(root.first("category"), &[]);
    shared.set_some(column::CATEGORY, category.code_or_words());
    let effective = ["effectiveDateTime", "effectiveInstant", "effectivePeriod.start", "effectivePeriod.end"];
    shared.set_some(column::EFFECTIVE_AT, resource.time(&effective));
    shared.set_some(column::ISSUED_AT, resource.time(&["issued"]));
    shared.set_some(column::STATUS, resource.text("status"));
    let performer = resource.bundle.party(root.first("performer"));
    shared.set_some(column::PERFORMER, performer.name_or_id());

    let code = concept(resource.get("code"), LOINC_FIRST);
    for (number, component) in (1..).zip(root.list("component")) {
        let mut fact = resource.fact(FactTable::Observations, format!("{}#{number}", resource.id));
        fact.row = shared.clone();
        fact.row.set_some(column::PANEL_CODE, code.code.clone());
        fact.row.set_some(column::PANEL_DISPLAY, code.display.clone());
        set_concept(&mut fact.row, CODE, concept(component.get("code"), LOINC_FIRST));
        set_result(&mut fact.row, component);
        output.fact(owner, fact);
    }
    let mut fact = resource.fact(FactTable::Observations, resource.id.as_ref());
    fact.row = shared;
    fact.row.set_some(column::NOTE, resource.notes());
    set_concept(&mut fact.row, CODE, code);
    set_result(&mut fact.row, root);
    output.fact(owner, fact);
}

/// Value, interpretation, reference range: alike in an observation and a component.
fn set_result(row: &mut Row, node: Node<'_>) {
    set_value(row, node);
    let interpretation = concept(node.first("interpretation"), &[]);
    row.set_some(column::INTERPRETATION, interpretation.code_or_words());
    let range = node.first("referenceRange");
    if range.exists() {
        let (low, high) = (quantity(range.get("low")), quantity(range.get("high")));
        row.set_some(column::REFERENCE_TEXT, range.get("text").text());
        row.set_some(column::REFERENCE_LOW, low.value);
        row.set_some(column::REFERENCE_HIGH, high.value);
    }
    let absent = concept(node.get("dataAbsentReason"), &[]);
    if !absent.is_empty() && row.get(column::NOTE).is_none() {
        row.set_some(column::NOTE, absent.words_or_code());
    }
}

/// - Spec: FHIR R4 Observation.value[x]; value types are HL7 table 0125.
fn set_value(row: &mut Row, node: Node<'_>) {
    let value = |key: &str| node.get_if_there(key);
    let mut set = |value_type: &'static str, text: Option<Text>| {
        row.set(column::VALUE_TYPE, value_type);
        row.set_some(column::VALUE_TEXT, text);
    };
    if let Some(value) = value("valueQuantity") {
        set("NM", None);
        let quantity = quantity(value);
        row.set_some(column::VALUE_NUM, quantity.value);
        row.set_some(column::UNIT, quantity.unit);
        row.set_some(column::COMPARATOR, quantity.comparator);
    } else if let Some(value) = value("valueCodeableConcept") {
        let concept = concept(value, &[]);
        set("CWE", concept.display);
        row.set_some(column::VALUE_CODE, concept.code);
        row.set_some(column::VALUE_CODE_SYSTEM, concept.system);
    } else if let Some(value) = value("valueInteger").or_else(|| value("valueDecimal")) {
        set("NM", None);
        row.set_some(column::VALUE_NUM, value.number());
    } else if let Some(value) = value("valueString") {
        set("ST", value.text());
    } else if let Some(value) = value("valueBoolean") {
        set("ID", value.bool().map(|b| Text::new_static(if b { "true" } else { "false" })));
    } else if let Some(value) = value("valueDateTime") {
        set("DTM", value.text());
    } else if let Some(value) = value("valueTime") {
        set("TM", value.text());
    } else if let Some(value) = value("valuePeriod") {
        set("DR", pair(value.get("start").text(), "/", value.get("end").text()));
    } else if let Some(value) = value("valueRange") {
        set("NR", pair(number(value.get("low")), "-", number(value.get("high"))));
    } else if let Some(value) = value("valueRatio") {
        let (numerator, denominator) = (number(value.get("numerator")), number(value.get("denominator")));
        set("SN", pair(numerator, ":", denominator));
    } else if let Some(value) = value("valueSampledData") {
        set("NA", value.get("data").text());
    }
}

fn number(node: Node<'_>) -> Option<Text> {
    quantity(node).value.map(|value| value.to_string().into())
}

fn pair(first: Option<Text>, separator: &str, second: Option<Text>) -> Option<Text> {
    if first.is_none() && second.is_none() {
        return None;
    }
    let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
    Some(format!("{first}{separator}{second}").into())
}
