//! The NPI Registry API, version 2.1: the registry's answer in JSON, with specialties in words.
//!
//! Spec: CMS, NPPES NPI Registry API v2.1.

use crate::statement::{self, Names, own, said};
use panorama_model::fact::providers as column;
use panorama_model::json::{self, Node};
use panorama_model::{Date, DecodeContext, Decoded, Issue, PartialDate, Reading, Row, Sex, Text, Timestamp};

/// Reads an answer of the API, or one of its results.
///
/// - Shape: per result a `Provider` record named by its NPI, with one `providers` fact as of `last_updated_epoch`.
/// - Nulls: a member that is missing or `--` is none.
pub fn decode(payload: &[u8], context: &DecodeContext<'_>) -> Reading {
    let value = match json::parse(payload) {
        Ok(value) => value,
        Err(reading) => return reading,
    };
    let root = Node::from(&value);
    let mut decoded = Decoded {
        kind: Text::new_static("provider"),
        ..Decoded::default()
    };
    let results = root.at("results");
    if !results.exists() && !root.at("number").exists() {
        return Reading::unreadable(
            "results_missing",
            "results",
            "an answer of the NPI Registry API has `results`; an answer with `Errors` holds no provider",
        );
    }
    let results = if results.exists() { results } else { root };
    for result in results.items() {
        match result.at("number").text() {
            Some(npi) => read_result(result, &npi, context, &mut decoded),
            None => decoded.issues.push(Issue::error("npi_missing", "results.number")),
        }
    }
    Reading::Read(decoded)
}

fn read_result(result: Node<'_>, npi: &str, context: &DecodeContext<'_>, decoded: &mut Decoded) {
    let basic = result.at("basic");
    let text = |name: &str| said(basic.at(name).str());
    let date = |name: &str| {
        let date = PartialDate::parse(basic.at(name).str()?)?;
        date.to_date().map(Date::at_midnight_utc)
    };
    let mut row = Row::new();
    own(
        &mut row,
        column::ENTITY_TYPE,
        match result.at("enumeration_type").str() {
            Some("NPI-1") => Some("individual"),
            Some("NPI-2") => Some("organization"),
            _ => None,
        },
    );
    Names {
        family: text("last_name"),
        given: text("first_name"),
        middle: text("middle_name"),
        suffix: text("name_suffix"),
        credential: text("credential"),
        organization: text("organization_name"),
    }
    .set(&mut row);
    address(&mut row, result);
    taxonomy(&mut row, result);
    own(
        &mut row,
        column::SEX,
        basic
            .any(&["sex", "gender"])
            .str()
            .and_then(Sex::parse)
            .map(Sex::code),
    );
    own(
        &mut row,
        column::NPPES_STATUS,
        basic.at("status").str().map(|status| match status {
            "A" => "active",
            _ => "deactivated",
        }),
    );
    own(&mut row, column::DEACTIVATED_AT, date("deactivation_date"));
    own(&mut row, column::ENUMERATED_AT, date("enumeration_date"));
    let updated = date("last_updated");
    row.set_some(column::UPDATED_IN_REGISTRY_AT, updated);
    let told = result
        .at("last_updated_epoch")
        .integer()
        .map(Timestamp::from_milliseconds);
    let at = told.or(updated).unwrap_or_default();
    statement::add(
        decoded,
        context,
        npi,
        (at, &result.to_bytes()),
        row,
        "results.number",
    );
}

fn address(row: &mut Row, result: Node<'_>) {
    let practice = result
        .at("addresses")
        .items()
        .find(|address| address.at("address_purpose").str() == Some("LOCATION"))
        .unwrap_or(Node::NOWHERE);
    let line = statement::joined(practice.at("address_1").str(), practice.at("address_2").str());
    own(row, column::PRACTICE_LINE, line);
    own(row, column::PRACTICE_CITY, practice.at("city").text());
    own(row, column::PRACTICE_STATE, practice.at("state").text());
    own(
        row,
        column::PRACTICE_POSTAL_CODE,
        practice.at("postal_code").text(),
    );
    own(
        row,
        column::PRACTICE_PHONE,
        practice.at("telephone_number").text(),
    );
}

fn taxonomy(row: &mut Row, result: Node<'_>) {
    let primary = |taxonomy: &Node<'_>| taxonomy.at("primary").boolean() == Some(true);
    let all = || result.at("taxonomies").items();
    let taxonomy = all()
        .find(primary)
        .or_else(|| all().next())
        .unwrap_or(Node::NOWHERE);
    own(row, column::TAXONOMY_CODE, taxonomy.at("code").text());
    own(row, column::SPECIALTY, taxonomy.at("desc").text());
    own(row, column::LICENSE_NUMBER, taxonomy.at("license").text());
    own(row, column::LICENSE_STATE, taxonomy.at("state").text());
}

#[cfg(test)]
mod tests;
