//! OBX: one observation (HL7 v2.5 7.4.2), or a piece of a document's content.

use crate::datatype::{Coded, coded, provider};
use crate::order::Panel;
use crate::patient::Again;
use crate::reader::{Note, Reader, join_id, number};
use crate::syntax::{Field, Segment};
use panorama_model::{Fact, FactTable, Row, Text, fact::observations as table, text};

pub(super) fn read<'m>(reader: &mut Reader<'m>, obx: Segment<'m>) {
    let value_type = obx.field(2).component(1).value().unwrap_or_default();
    if reader.document.carries_content && super::txa::content(reader, obx, &value_type) {
        return;
    }
    let code = coded(obx.field(3).first(), "LN");
    let effective_at = reader.time(obx, 14).or(reader.order.panel.observed_at);
    let id = id(reader, obx, &code);
    let mut fact = Fact::new(FactTable::Observations, id, reader.version);
    let encounter = reader.encounter_id();
    let panel = &reader.order.panel;
    fact.deleted = obx.field(11).component(1).raw() == "D";
    fact.row = Row::with_capacity(20);
    let row = &mut fact.row;
    // In the order of the columns: each cell goes to the end.
    let category = category(panel, &code);
    row.set_some(table::ENCOUNTER_ID, encounter);
    row.set_some(table::ORDER_ID, panel.number.clone());
    row.set_some(table::CODE, code.code);
    row.set_some(table::CODE_SYSTEM, code.system);
    row.set_some(table::DISPLAY, code.display);
    row.set_some(table::PANEL_CODE, panel.code.code.clone());
    row.set_some(table::PANEL_DISPLAY, panel.code.display.clone());
    row.set_some(table::CATEGORY, category.map(Text::new_static));
    row.set_some(table::EFFECTIVE_AT, effective_at);
    row.set_some(table::ISSUED_AT, panel.issued_at);
    value(row, obx, &value_type);
    reference_range(row, obx);
    row.set_some(table::INTERPRETATION, obx.field(8).component(1).text());
    let status = status(obx.field(11).component(1).raw(), &panel.status);
    row.set_some(table::STATUS, status.map(Text::new_static));
    row.set_some(table::PERFORMER, performer(obx));
    let at = reader.add(fact, Again::Another);
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
fn id(reader: &mut Reader<'_>, obx: Segment<'_>, code: &Coded) -> Text {
    let what = code.code_or_display().map_or("", Text::as_str);
    let sub_id = obx.field(4).raw();
    let set_id = obx.field(1).raw();
    let panel = &reader.order.panel;
    if let (Some(order), true) = (&panel.number, panel.present) {
        let panel = panel.code.code_or_display().map_or("", Text::as_str);
        let parts = [order.as_str(), panel, what, sub_id, set_id];
        return join_id(&mut reader.buffer, parts.into_iter());
    }
    let panel = panel.code.code_or_display().cloned().unwrap_or_default();
    let observed = match (obx.field(14).component(1).text(), &reader.order.panel.observed) {
        (Some(at), _) => at,
        (None, panel) => panel.clone(),
    };
    let order = reader.order.number().map(Text::new).unwrap_or_default();
    reader.visit_scoped_id(&[&order, &panel, what, sub_id, set_id, &observed])
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

fn category(panel: &Panel, code: &Coded) -> Option<&'static str> {
    if code.code.as_deref().is_some_and(is_vital_sign) {
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
    if !value_type.is_empty() {
        row.set(table::VALUE_TYPE, text(value_type));
    }
    let unit = obx.field(6).first();
    let unit = if unit.is_empty() {
        None
    } else {
        let unit = coded(unit, "UCUM");
        unit.code.or(unit.display)
    };
    match value_type {
        "NM" => return numeric(row, field, unit),
        "SN" => return structured_numeric(row, field, unit),
        _ => row.set_some(table::UNIT, unit),
    }
    match value_type {
        "CE" | "CWE" | "CNE" | "CF" | "IS" | "ID" => coded_value(row, field),
        // The content of an encapsulated document is no text to show.
        "ED" => {}
        "TX" | "FT" => row.set_some(table::VALUE_TEXT, all_text(field, "\n")),
        "RP" => row.set_some(table::VALUE_TEXT, field.component(1).text()),
        _ => row.set_some(table::VALUE_TEXT, all_text(field, "; ")),
    }
}

fn all_text(field: Field<'_>, between: &str) -> Option<Text> {
    if !field.repeats() {
        return field.text();
    }
    let texts = field.repetitions().filter_map(|r| r.text());
    crate::datatype::non_empty(crate::datatype::join(texts, between))
}

fn numeric(row: &mut Row, field: Field<'_>, unit: Option<Text>) {
    let text = all_text(field, "; ");
    let (comparator, rest) = bound(text.as_deref().unwrap_or_default());
    let number = number(rest);
    row.set_some(table::VALUE_NUM, number);
    row.set_some(table::UNIT, unit);
    let comparator = comparator.filter(|_| number.is_some());
    let comparator = comparator.map(Text::new_static);
    row.set_some(table::VALUE_TEXT, text);
    row.set_some(table::COMPARATOR, comparator);
}

/// SN: comparator, number, separator, number.
fn structured_numeric(row: &mut Row, field: Field<'_>, unit: Option<Text>) {
    let [comparator, first, separator, second] = field.first().first_components::<4>();
    let comparator = comparator.text().filter(|c| c != "=");
    let single = separator.is_empty() && second.is_empty();
    if single {
        row.set_some(table::VALUE_NUM, number(first.raw()));
    }
    row.set_some(table::UNIT, unit);
    let parts = comparator
        .clone()
        .into_iter()
        .chain([first, separator, second].into_iter().filter_map(|c| c.text()));
    row.set_some(
        table::VALUE_TEXT,
        crate::datatype::non_empty(crate::datatype::join(parts, "")),
    );
    row.set_some(table::COMPARATOR, comparator.filter(|_| single));
}

fn coded_value(row: &mut Row, field: Field<'_>) {
    let several = field.repeats();
    let value = coded(field.first(), "");
    let words = if several {
        let all = field.repetitions().filter_map(|r| coded(r, "").display_or_code());
        Some(crate::datatype::join(all, "; "))
    } else {
        value.clone().display_or_code()
    };
    row.set_some(table::VALUE_TEXT, words);
    row.set_some(table::VALUE_CODE, value.code);
    row.set_some(table::VALUE_CODE_SYSTEM, value.system);
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
    let Some(text) = obx.field(7).text() else {
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
    row.set(table::REFERENCE_TEXT, text);
}

/// OBX-23 organisation, OBX-16 observer, or OBX-15 producer.
fn performer(obx: Segment<'_>) -> Option<Text> {
    if obx.last_field() < 15 {
        return None;
    }
    let observer = || {
        let observer = provider(obx.field(16).repetitions());
        observer.name.or(observer.id)
    };
    let organisation = obx.field(23).component(1).text();
    organisation
        .or_else(observer)
        .or_else(|| coded(obx.field(15).first(), "").display_or_code())
}
