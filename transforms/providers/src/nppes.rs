//! NPPES dissemination files, full and weekly: the national registry of providers, 330 columns found by name.
//!
//! Spec: CMS, NPPES Data Dissemination File, Readme and code values.

use crate::statement::{self, Names, own, said};
use crate::table::{self, Layout, Record, Wanted};
use panorama_model::csv::Layouts;
use panorama_model::fact::providers as column;
use panorama_model::{
    DecodeContext, Decoded, Issue, PartialDate, Reading, Row, Sex, Text, Timestamp, Unreadable,
};

/// Declares the wanted columns: the place of each, and their names in that order.
macro_rules! columns {
    ($($place:ident: $($name:literal)|+;)*) => {
        #[derive(Clone, Copy)]
        enum Place { $($place),* }
        const FIXED: &[&[&str]] = &[$(&[$($name),+]),*];
    };
}

columns! {
    Npi: "NPI";
    EntityType: "Entity Type Code";
    Organization: "Provider Organization Name (Legal Business Name)";
    Family: "Provider Last Name (Legal Name)";
    Given: "Provider First Name";
    Middle: "Provider Middle Name";
    Suffix: "Provider Name Suffix Text";
    Credential: "Provider Credential Text";
    Line: "Provider First Line Business Practice Location Address";
    Line2: "Provider Second Line Business Practice Location Address";
    City: "Provider Business Practice Location Address City Name";
    State: "Provider Business Practice Location Address State Name";
    PostalCode: "Provider Business Practice Location Address Postal Code";
    Phone: "Provider Business Practice Location Address Telephone Number";
    Enumerated: "Provider Enumeration Date";
    Updated: "Last Update Date";
    Deactivated: "NPI Deactivation Date";
    Reactivated: "NPI Reactivation Date";
    SexCode: "Provider Sex Code" | "Provider Gender Code";
}

/// The columns of one taxonomy, numbered 1 to 15; they follow the fixed ones.
const TAXONOMY: [&str; 4] = [
    "Healthcare Provider Taxonomy Code",
    "Provider License Number",
    "Provider License Number State Code",
    "Healthcare Provider Primary Taxonomy Switch",
];
const TAXONOMIES: usize = 15;

fn wanted() -> Wanted {
    let fixed = FIXED
        .iter()
        .map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let taxonomies =
        (1..=TAXONOMIES).flat_map(|number| TAXONOMY.iter().map(move |name| vec![format!("{name}_{number}")]));
    fixed.chain(taxonomies).collect()
}

/// Headers seen; a pure memory of compiled headers, no state of the data (INV-1).
static LAYOUTS: Layouts<Layout> = Layouts::new();

/// Reads one row.
///
/// - Shape: a `Provider` record named by its NPI, with one `providers` fact as of the row's last update.
/// - Nulls: a blank cell is none, except in a deactivated row: the registry blanks those, and what was known stays.
/// - Units: dates are `MM/DD/YYYY`, kept as midnight UTC.
pub fn decode(payload: &[u8], context: &DecodeContext<'_>) -> Reading {
    let mut decoded = Decoded {
        kind: Text::new_static("provider"),
        ..Decoded::default()
    };
    if table::says_nothing(payload, context, &mut decoded.issues) {
        return Reading::Read(decoded);
    }
    let text = table::text(payload, &mut decoded.issues);
    let required = [Place::Npi as usize, Place::Updated as usize];
    let read = Record::read(&text, context, &LAYOUTS, wanted, &required)
        .and_then(|record| read_row(&Row330(record), payload, context, &mut decoded));
    match read {
        Ok(()) => Reading::Read(decoded),
        Err(reason) => Reading::Unreadable(reason),
    }
}

struct Row330<'a>(Record<'a>);

/// A primary or other taxonomy, as the row has it.
struct Taxonomy<'a> {
    code: &'a str,
    license: Option<&'a str>,
    license_state: Option<&'a str>,
}

impl Row330<'_> {
    fn cell(&self, place: Place) -> Option<&str> {
        self.0.cell(place as usize)
    }

    fn date(&self, place: Place, issues: &mut Vec<Issue>) -> Option<Timestamp> {
        let text = self.cell(place)?;
        let date = PartialDate::parse_us(text).and_then(PartialDate::to_date);
        if date.is_none() {
            let name = FIXED
                .get(place as usize)
                .and_then(|names| names.first())
                .copied()
                .unwrap_or_default();
            issues.push(Issue::warning("date_invalid", format!("column {name}")));
        }
        date.map(panorama_model::Date::at_midnight_utc)
    }

    /// The taxonomy marked primary (`Y`); where none is, one that is not said (`X`), then any (`N`). The first of equals.
    fn taxonomy(&self) -> Option<Taxonomy<'_>> {
        let part = |number: usize, part: usize| self.0.cell(FIXED.len() + number * TAXONOMY.len() + part);
        (0..TAXONOMIES)
            .filter_map(|number| {
                let rank = match part(number, 3) {
                    Some("Y") => 0,
                    Some("X") => 1,
                    _ => 2,
                };
                let taxonomy = Taxonomy {
                    code: part(number, 0)?,
                    license: part(number, 1),
                    license_state: part(number, 2),
                };
                Some((rank, number, taxonomy))
            })
            .min_by_key(|(rank, number, _)| (*rank, *number))
            .map(|(_, _, taxonomy)| taxonomy)
    }
}

fn read_row(
    cells: &Row330<'_>,
    payload: &[u8],
    context: &DecodeContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), Unreadable> {
    let npi = cells.cell(Place::Npi).ok_or(Unreadable {
        code: "npi_missing",
        location: Text::new_static("column NPI"),
        reason: "a row of the registry names its provider by NPI".into(),
    })?;
    let updated = cells.date(Place::Updated, &mut decoded.issues);
    let deactivated = cells.date(Place::Deactivated, &mut decoded.issues);
    let reactivated = cells.date(Place::Reactivated, &mut decoded.issues);
    let active = deactivated.is_none() || reactivated >= deactivated;

    let mut row = Row::new();
    row.set(
        column::NPPES_STATUS,
        if active { "active" } else { "deactivated" },
    );
    own(&mut row, column::DEACTIVATED_AT, deactivated.filter(|_| !active));
    if active || cells.cell(Place::EntityType).is_some() {
        describe(&mut row, cells, &mut decoded.issues);
    }
    row.set_some(column::UPDATED_IN_REGISTRY_AT, updated);
    let at = [updated, deactivated, reactivated]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or_default();
    statement::add(decoded, context, npi, (at, payload), row, "column NPI");
    Ok(())
}

fn describe(row: &mut Row, cells: &Row330<'_>, issues: &mut Vec<Issue>) {
    let entity = match cells.cell(Place::EntityType) {
        Some("1") => Some("individual"),
        Some("2") => Some("organization"),
        Some(_) => {
            issues.push(Issue::warning("entity_type_unknown", "column Entity Type Code"));
            None
        }
        None => None,
    };
    own(row, column::ENTITY_TYPE, entity);
    let text = |place| said(cells.cell(place));
    Names {
        family: text(Place::Family),
        given: text(Place::Given),
        middle: text(Place::Middle),
        suffix: text(Place::Suffix),
        credential: text(Place::Credential),
        organization: text(Place::Organization),
    }
    .set(row);
    own(
        row,
        column::PRACTICE_LINE,
        statement::joined(cells.cell(Place::Line), cells.cell(Place::Line2)),
    );
    own(row, column::PRACTICE_CITY, text(Place::City));
    own(row, column::PRACTICE_STATE, text(Place::State));
    own(row, column::PRACTICE_POSTAL_CODE, text(Place::PostalCode));
    own(row, column::PRACTICE_PHONE, text(Place::Phone));
    let taxonomy = cells.taxonomy();
    let taxonomy = taxonomy.as_ref();
    own(row, column::TAXONOMY_CODE, taxonomy.map(|t| t.code));
    own(row, column::LICENSE_NUMBER, taxonomy.and_then(|t| t.license));
    own(row, column::LICENSE_STATE, taxonomy.and_then(|t| t.license_state));
    own(
        row,
        column::SEX,
        cells.cell(Place::SexCode).and_then(Sex::parse).map(Sex::code),
    );
    own(row, column::ENUMERATED_AT, cells.date(Place::Enumerated, issues));
}

#[cfg(test)]
mod tests;
