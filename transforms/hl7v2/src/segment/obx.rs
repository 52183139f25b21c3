//! OBX: one observation (HL7 v2.5 7.4.2), or a piece of a document's content.

use crate::cell::SetPart;
use crate::datatype::{Coded, coded, join, non_empty, provider};
use crate::order::Panel;
use crate::patient::Again;
use crate::reader::{Note, Reader, join_id, number};
use crate::syntax::{Component, Field, Segment, Subcomponent};
use panorama_model::{Fact, FactTable, Row, Text, fact::observations as table};
use std::borrow::Cow;

pub(super) fn read<'m>(reader: &mut Reader<'m>, obx: Segment<'m>) {
    let value_type = obx.first(2).value().unwrap_or_default();
    if reader.document.carries_content && super::txa::content(reader, obx, &value_type) {
        return;
    }
    let code = coded(obx.field(3).first(), "LN");
    let effective_at = reader.time(obx, 14).or(reader.order.panel.observed_at);
    let id = id(reader, obx, code);
    let mut fact = Fact::new(FactTable::Observations, id, reader.version);
    fact.deleted = obx.first_raw(11) == "D";
    fact.row = Row::with_capacity(20);
    let at = reader.add(fact, Again::Another);
    // Filled where it stays.
    let panel = &reader.order.panel;
    let Some(patient) = reader.patients.last_mut() else {
        return;
    };
    let Some(Fact { row, .. }) = patient.record.facts.get_mut(at) else {
        return;
    };
    // In the order of the columns: each cell goes to the end.
    let category = category(panel, code);
    let encounter = patient.encounters.last().map(|(_, id)| id);
    row.set_some(table::ENCOUNTER_ID, encounter);
    row.set_part(table::ORDER_ID, panel.number);
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, code.system);
    row.set_part(table::DISPLAY, code.display);
    row.set_part(table::PANEL_CODE, panel.code.code);
    row.set_part(table::PANEL_DISPLAY, panel.code.display);
    row.set_some(table::CATEGORY, category);
    row.set_some(table::EFFECTIVE_AT, effective_at);
    row.set_some(table::ISSUED_AT, panel.issued_at);
    value(row, obx, &value_type);
    reference_range(row, obx);
    row.set_part(table::INTERPRETATION, obx.first(8));
    let status = status(obx.first_raw(11), &panel.status.content());
    row.set_some(table::STATUS, status);
    row.set_some(table::PERFORMER, performer(obx));
    reader.end_note();
    reader.note = Some(Note {
        patient: reader.patients.len().saturating_sub(1),
        fact: at,
        text: String::new(),
    });
}

/// The same result told again - preliminary, final, corrected - has the same id.
///
/// - Shape: order number / panel / observation / sub-id / set id. Without an order number: the patient (and visit) in its
///   place, and when it was observed.
fn id<'m>(reader: &mut Reader<'m>, obx: Segment<'m>, code: Coded<'m>) -> Text {
    let what = &*code.code_or_display().content();
    let sub_id = obx.field(4).raw();
    let set_id = obx.field(1).raw();
    let panel = &reader.order.panel;
    let panel_code = &*panel.code.code_or_display().content();
    if let (Some(order), true) = (panel.number.value(), panel.present) {
        let parts = [&*order, panel_code, what, sub_id, set_id];
        return join_id(&mut reader.buffer, parts.into_iter());
    }
    let observed = obx.first(14).or(panel.observed).content();
    let order = reader.order.number().content();
    reader.visit_scoped_id(&[&order, panel_code, what, sub_id, set_id, &observed])
}

/// LOINC codes of the vital signs (FHIR R4 vital signs profiles, and weight, height, oxygen in common use).
fn is_vital_sign(loinc: &str) -> bool {
    matches!(
        loinc,
        "8867-4"
            | "9279-1"
            | "8310-5"
            | "8480-6"
            | "8462-4"
            | "85354-9"
            | "8302-2"
            | "29463-7"
            | "39156-5"
            | "59408-5"
            | "2708-6"
            | "3141-9"
            | "9843-4"
            | "8478-0"
            | "85353-1"
    )
}

fn category(panel: &Panel<'_>, code: Coded<'_>) -> Option<&'static str> {
    if is_vital_sign(&code.code.content()) {
        Some("vital-signs")
    } else {
        panel.category
    }
}

/// OBX-11 (HL7 table 0085), else OBR-25 (table 0123), as FHIR R4 observation-status.
fn status(result: &str, panel: &str) -> Option<&'static str> {
    Some(match result {
        "F" | "U" | "B" | "V" => "final",
        "C" => "corrected",
        "A" => "amended",
        "P" | "R" | "S" => "preliminary",
        "I" | "O" => "registered",
        "X" | "N" => "cancelled",
        "D" | "W" => "entered-in-error",
        _ => match panel {
            "F" => "final",
            "C" => "corrected",
            "M" => "amended",
            "P" | "R" | "S" | "A" => "preliminary",
            "I" | "O" => "registered",
            "X" => "cancelled",
            _ => return None,
        },
    })
}

/// OBX-5 by the type of OBX-2, and its unit, OBX-6.
fn value(row: &mut Row, obx: Segment<'_>, value_type: &str) {
    let field = obx.field(5);
    row.set_part(table::VALUE_TYPE, obx.first(2));
    let unit = coded(obx.field(6).first(), "UCUM").code_or_display();
    match value_type {
        "NM" => return numeric(row, field, unit),
        "SN" => return structured_numeric(row, field, unit),
        _ => row.set_part(table::UNIT, unit),
    }
    match value_type {
        "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" => coded_value(row, field),
        // The content of an encapsulated document is no text to show.
        "ED" => {}
        "TX" | "FT" => set_all_text(row, field, "\n"),
        "RP" => row.set_part(table::VALUE_TEXT, field.component(1)),
        _ => set_all_text(row, field, "; "),
    }
}

/// The text of all repetitions.
fn all_text<'m>(field: Field<'m>, between: &str) -> Cow<'m, str> {
    if !field.repeats() {
        return field.content();
    }
    let texts = field.repetitions().filter_map(|r| r.text());
    Cow::Owned(join(texts, between).into())
}

fn set_all_text(row: &mut Row, field: Field<'_>, between: &str) {
    if field.repeats() {
        row.set_some(table::VALUE_TEXT, non_empty(all_text(field, between).into()));
    } else {
        row.set_part(table::VALUE_TEXT, field);
    }
}

fn numeric(row: &mut Row, field: Field<'_>, unit: Component<'_>) {
    let text = all_text(field, "; ");
    let (comparator, rest) = bound(&text);
    let number = number(rest);
    row.set_some(table::VALUE_NUM, number);
    row.set_part(table::UNIT, unit);
    let comparator = comparator.filter(|_| number.is_some());
    set_all_text(row, field, "; ");
    row.set_some(table::COMPARATOR, comparator);
}

/// SN: comparator, number, separator, number.
fn structured_numeric(row: &mut Row, field: Field<'_>, unit: Component<'_>) {
    let [comparator, first, separator, second] = field.first().first_components::<4>();
    let comparator = Some(comparator)
        .filter(|c| c.content() != "=")
        .unwrap_or_default();
    let single = separator.is_empty() && second.is_empty();
    if single {
        row.set_some(table::VALUE_NUM, number(first.raw()));
    }
    row.set_part(table::UNIT, unit);
    let parts = [comparator, first, separator, second].map(Subcomponent::from);
    row.set_parts(table::VALUE_TEXT, parts, "");
    if single {
        row.set_part(table::COMPARATOR, comparator);
    }
}

fn coded_value(row: &mut Row, field: Field<'_>) {
    let several = field.repeats();
    let value = coded(field.first(), "");
    if several {
        let all = field
            .repetitions()
            .filter_map(|r| coded(r, "").display_or_code().text());
        row.set(table::VALUE_TEXT, join(all, "; "));
    } else {
        row.set_part(table::VALUE_TEXT, value.display_or_code());
    }
    row.set_part(table::VALUE_CODE, value.code);
    row.set_part(table::VALUE_CODE_SYSTEM, value.system);
}

/// `<5`, `>= 10`: a bound and what it bounds.
fn bound(text: &str) -> (Option<&'static str>, &str) {
    for comparator in ["<=", ">=", "<", ">"] {
        if let Some(rest) = text.strip_prefix(comparator) {
            return (Some(comparator), rest.trim());
        }
    }
    (None, text)
}

/// OBX-7: `3.5-5.0`, `<5`, `>10`, or words.
fn reference_range(row: &mut Row, obx: Segment<'_>) {
    let field = obx.field(7);
    let Some(text) = field.value() else {
        return;
    };
    let (comparator, rest) = bound(&text);
    match comparator {
        Some("<" | "<=") => row.set_some(table::REFERENCE_HIGH, number(rest)),
        Some(_) => row.set_some(table::REFERENCE_LOW, number(rest)),
        None => {
            // The hyphen between, not the sign of a negative bound.
            let hyphen = text
                .char_indices()
                .skip(1)
                .find(|(_, c)| *c == '-')
                .map(|(at, _)| at);
            if let Some((low, high)) = hyphen.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)))
                && let (Some(low), Some(high)) = (number(low), number(high))
            {
                row.set(table::REFERENCE_LOW, low);
                row.set(table::REFERENCE_HIGH, high);
            }
        }
    }
    row.set_part(table::REFERENCE_TEXT, field);
}

/// OBX-23 organisation, OBX-16 observer, or OBX-15 producer.
fn performer(obx: Segment<'_>) -> Option<Text> {
    if obx.last_field() < 15 {
        return None;
    }
    let observer = || {
        let observer = provider(obx.field(16));
        observer.name().or_else(|| observer.id.text())
    };
    let organisation = obx.first(23).text();
    organisation
        .or_else(observer)
        .or_else(|| coded(obx.field(15).first(), "").display_or_code().text())
}
