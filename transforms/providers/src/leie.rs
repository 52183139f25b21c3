//! The OIG List of Excluded Individuals and Entities: who may not be paid by federal health programs.
//!
//! Most rows carry no NPI. Those make no provider fact here: matching them by name, birth date and state is doubtful and
//! belongs to review, so the row stays in bronze and is counted.
//!
//! Spec: HHS OIG, LEIE downloadable databases, record layout.

use crate::statement;
use crate::table::{self, Layout, Record, Wanted};
use panorama_model::csv::Layouts;
use panorama_model::fact::providers as column;
use panorama_model::{
    Date, DecodeContext, Decoded, Issue, PartialDate, Reading, Row, Text, Timestamp, Unreadable, Value,
};

const NPI: usize = 0;
const EXCLUDED: usize = 1;
const REINSTATED: usize = 2;
const WAIVED: usize = 3;

/// The wanted columns, in the order of their places.
const NAMES: &[&[&str]] = &[&["NPI"], &["EXCLDATE"], &["REINDATE"], &["WAIVERDATE"]];

fn wanted() -> Wanted {
    NAMES
        .iter()
        .map(|names| names.iter().map(|name| (*name).to_owned()).collect())
        .collect()
}

/// Headers seen; a pure memory of compiled headers, no state of the data (INV-1).
static LAYOUTS: Layouts<Layout> = Layouts::new();

/// Reads one row of the full list or of a monthly supplement.
///
/// - Shape: for a row with an NPI, a `Provider` record with one `providers` fact that says only whether the provider is
///   excluded; it stands as of the exclusion or the later reinstatement.
/// - Nulls: NPI `0000000000` and date `00000000` are none.
/// - Units: dates are `YYYYMMDD`.
pub fn decode(payload: &[u8], context: &DecodeContext<'_>) -> Reading {
    let mut decoded = Decoded {
        kind: Text::new_static("exclusion"),
        ..Decoded::default()
    };
    if table::says_nothing(payload, context, &mut decoded.issues) {
        return Reading::Read(decoded);
    }
    let text = table::text(payload, &mut decoded.issues);
    let read = Record::read(&text, context, &LAYOUTS, wanted, &[NPI, EXCLUDED])
        .and_then(|record| read_row(&record, payload, context, &mut decoded));
    match read {
        Ok(()) => Reading::Read(decoded),
        Err(reason) => Reading::Unreadable(reason),
    }
}

fn read_row(
    record: &Record<'_>,
    payload: &[u8],
    context: &DecodeContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), Unreadable> {
    let excluded_at = date(record, EXCLUDED, &mut decoded.issues);
    let reinstated_at = date(record, REINSTATED, &mut decoded.issues);
    let waived_at = date(record, WAIVED, &mut decoded.issues);
    let Some(npi) = record
        .cell(NPI)
        .filter(|npi| npi.bytes().any(|byte| byte != b'0'))
    else {
        decoded
            .issues
            .push(Issue::information("npi_missing", "column NPI"));
        return Ok(());
    };
    let excluded_at = excluded_at.ok_or(Unreadable {
        code: "date_missing",
        location: Text::new_static("column EXCLDATE"),
        reason:
            "an exclusion needs its date (YYYYMMDD): without it, it cannot be told from its reinstatement"
                .into(),
    })?;
    if waived_at.is_some() {
        decoded
            .issues
            .push(Issue::information("exclusion_waived", "column WAIVERDATE"));
    }
    let reinstated = reinstated_at.filter(|at| *at >= excluded_at);
    let mut row = Row::new();
    row.set(column::LEIE_EXCLUDED, reinstated.is_none());
    let status = if reinstated.is_none() {
        Value::from("excluded")
    } else {
        Value::Null
    };
    row.set(column::CREDENTIAL_STATUS, status);
    let at = reinstated.unwrap_or(excluded_at);
    statement::add(decoded, context, npi, (at, payload), row, "column NPI");
    Ok(())
}

fn date(record: &Record<'_>, place: usize, issues: &mut Vec<Issue>) -> Option<Timestamp> {
    let text = record
        .cell(place)
        .filter(|text| text.bytes().any(|byte| byte != b'0'))?;
    let date = PartialDate::parse(text).and_then(PartialDate::to_date);
    if date.is_none() {
        let name = NAMES
            .get(place)
            .and_then(|names| names.first())
            .copied()
            .unwrap_or_default();
        issues.push(Issue::warning("date_invalid", format!("column {name}")));
    }
    date.map(Date::at_midnight_utc)
}

#[cfg(test)]
mod tests;
