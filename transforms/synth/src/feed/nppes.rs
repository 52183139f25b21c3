//! The registry of providers: the 330 columns of the NPPES file, made by rule.

use crate::catalog::SERVICES;
use crate::text::{Page, put};
use crate::world::Provider;

/// Names and identity of a provider.
const IDENTITY: &[&str] = &[
    "NPI",
    "Entity Type Code",
    "Replacement NPI",
    "Employer Identification Number (EIN)",
    "Provider Organization Name (Legal Business Name)",
    "Provider Last Name (Legal Name)",
    "Provider First Name",
    "Provider Middle Name",
    "Provider Name Prefix Text",
    "Provider Name Suffix Text",
    "Provider Credential Text",
    "Provider Other Organization Name",
    "Provider Other Organization Name Type Code",
];
const OTHER_NAME: &[&str] = &[
    "Last Name",
    "First Name",
    "Middle Name",
    "Name Prefix Text",
    "Name Suffix Text",
    "Credential Text",
];
const REGISTRATION: &[&str] = &[
    "Provider Enumeration Date",
    "Last Update Date",
    "NPI Deactivation Reason Code",
    "NPI Deactivation Date",
    "NPI Reactivation Date",
    "Provider Sex Code",
    "Authorized Official Last Name",
    "Authorized Official First Name",
    "Authorized Official Middle Name",
    "Authorized Official Title or Position",
    "Authorized Official Telephone Number",
];
const STANDING: &[&str] = &[
    "Is Sole Proprietor",
    "Is Organization Subpart",
    "Parent Organization LBN",
    "Parent Organization TIN",
    "Authorized Official Name Prefix Text",
    "Authorized Official Name Suffix Text",
    "Authorized Official Credential Text",
];

/// The column names, in the registry's order.
pub(crate) fn columns() -> Vec<String> {
    let mut columns: Vec<String> = IDENTITY.iter().map(ToString::to_string).collect();
    columns.extend(OTHER_NAME.iter().map(|name| format!("Provider Other {name}")));
    columns.push("Provider Other Last Name Type Code".to_owned());
    for place in ["Mailing", "Practice Location"] {
        columns.push(format!("Provider First Line Business {place} Address"));
        columns.push(format!("Provider Second Line Business {place} Address"));
        for part in [
            "City Name",
            "State Name",
            "Postal Code",
            "Country Code (If outside U.S.)",
            "Telephone Number",
            "Fax Number",
        ] {
            columns.push(format!("Provider Business {place} Address {part}"));
        }
    }
    columns.extend(REGISTRATION.iter().map(ToString::to_string));
    for n in 1..=15 {
        columns.push(format!("Healthcare Provider Taxonomy Code_{n}"));
        columns.push(format!("Provider License Number_{n}"));
        columns.push(format!("Provider License Number State Code_{n}"));
        columns.push(format!("Healthcare Provider Primary Taxonomy Switch_{n}"));
    }
    for n in 1..=50 {
        for part in ["", " Type Code", " State", " Issuer"] {
            columns.push(format!("Other Provider Identifier{part}_{n}"));
        }
    }
    columns.extend(STANDING.iter().map(ToString::to_string));
    columns.extend((1..=15).map(|n| format!("Healthcare Provider Taxonomy Group_{n}")));
    columns.push("Certification Date".to_owned());
    columns
}

/// Writes the header line.
pub(crate) fn write_header(out: &mut Page) {
    for (nth, column) in columns().iter().enumerate() {
        put!(out, "{}\"{column}\"", if nth == 0 { "" } else { "," });
    }
    out.text("\n");
}

/// Writes one provider. Of one that has left, the registry keeps the number and the day.
pub(crate) fn write(out: &mut Page, provider: &Provider) {
    put!(out, "\"{}\"", provider.npi);
    let mut column = 1;
    let mut at = |wanted: usize, out: &mut Page, value: &dyn std::fmt::Display| {
        while column < wanted {
            out.text(",\"\"");
            column += 1;
        }
        put!(out, ",\"{value}\"");
        column += 1;
    };
    if provider.deactivated {
        at(39, out, &"03/14/2025");
        return end(out, column);
    }
    let organization = provider.given.is_empty();
    let service = SERVICES.get(provider.service);
    at(1, out, &if organization { "2" } else { "1" });
    if organization {
        at(
            4,
            out,
            &format_args!(
                "{} {} GROUP",
                provider.family.to_uppercase(),
                service.map_or("", |s| s.name).to_uppercase()
            ),
        );
    } else {
        at(5, out, &provider.family.to_uppercase());
        at(6, out, &provider.given.to_uppercase());
        at(10, out, &provider.credential);
    }
    let address = provider.address;
    for first in [20, 28] {
        at(first, out, &address.line(false));
        at(first + 2, out, &address.city());
        at(first + 3, out, &address.state());
        at(first + 4, out, &format_args!("{:05}", address.zip()));
        at(first + 5, out, &"US");
        at(first + 6, out, &provider.phone.0);
    }
    at(
        36,
        out,
        &format_args!("{:02}/15/{}", provider.npi % 12 + 1, 2006 + provider.npi / 7 % 15),
    );
    at(37, out, &format_args!("{:02}/02/2025", provider.npi % 9 + 1));
    if !organization {
        at(41, out, &if provider.male { "M" } else { "F" });
    }
    at(47, out, &service.map_or("", |s| s.taxonomy));
    at(48, out, &format_args!("036{:06}", provider.npi % 1_000_000));
    at(49, out, &address.state());
    at(50, out, &"Y");
    at(if organization { 308 } else { 307 }, out, &"N");
    at(329, out, &"01/10/2025");
    end(out, column);
}

fn end(out: &mut Page, column: usize) {
    for _ in column..330 {
        out.text(",\"\"");
    }
    out.text("\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[test]
    fn every_row_has_the_registrys_columns() {
        assert_eq!(columns().len(), 330);
        assert_eq!(columns()[47], "Healthcare Provider Taxonomy Code_1");
        assert_eq!(columns()[107], "Other Provider Identifier_1");
        assert_eq!(columns()[307], "Is Sole Proprietor");
        let world = World::new(20_000, 3, 0, 86_400 * 300);
        let (mut organizations, mut gone) = (0, 0);
        for provider in &world.providers {
            let mut page = Page::default();
            write(&mut page, provider);
            assert_eq!(page.0.matches("\",\"").count(), 329);
            assert!(page.0.starts_with(&format!("\"{}\"", provider.npi)) && page.0.ends_with("\"\n"));
            organizations += u32::from(provider.given.is_empty());
            gone += u32::from(provider.deactivated);
        }
        assert!(organizations > 0 && gone > 0);
    }
}
