//! FHIR `HumanName`, `Address`, `ContactPoint`, `Identifier`, `administrative-gender`.

use crate::datatype::concept::{concept, is_npi_system, uri};
use crate::node::Node;
use panorama_model::{
    Address, AddressUse, ContactUse, Email, HumanName, Identifier, IdentifierKind, NameUse, Phone, Severity,
    Sex, Text, Timestamp,
};

/// True where the value's `period` ended before the statement was made.
fn has_ended(node: Node<'_>, said_at: Timestamp) -> bool {
    let end = node.get("period").get_if_there("end").and_then(Node::time);
    end.is_some_and(|end| said_at == Timestamp(0) || end < said_at)
}

/// The names of a person, the one in use first.
pub(crate) fn human_names(root: Node<'_>, said_at: Timestamp) -> Vec<HumanName> {
    let mut names: Vec<(u8, HumanName)> = root
        .list("name")
        .filter_map(|node| {
            let mut name = human_name(node)?;
            if name.usage == NameUse::Official && has_ended(node, said_at) {
                name.usage = NameUse::Old;
            }
            let rank = match (name.usage, node.get("use").str_if_text()) {
                (NameUse::Official, Some("official")) => 0,
                (NameUse::Official, _) => 1,
                (NameUse::Nickname | NameUse::Alias, _) => 2,
                (NameUse::Old | NameUse::Maiden, _) => 3,
            };
            Some((rank, name))
        })
        .collect();
    names.sort_by_key(|(rank, _)| *rank);
    names.into_iter().map(|(_, name)| name).collect()
}

/// One name; of a name that is text only, the last word is taken for the family name.
pub(crate) fn human_name(node: Node<'_>) -> Option<HumanName> {
    if !node.exists() {
        return None;
    }
    let usage = match node.get("use").str() {
        Some("old") => NameUse::Old,
        Some("maiden") => NameUse::Maiden,
        Some("nickname") => NameUse::Nickname,
        Some("anonymous" | "temp") => NameUse::Alias,
        _ => NameUse::Official,
    };
    let mut given = node.list("given").filter_map(Node::text);
    let mut name = HumanName {
        family: node.get("family").text().unwrap_or_default(),
        given: given.next().unwrap_or_default(),
        middle: joined(given, " "),
        suffix: joined(node.list("suffix").filter_map(Node::text), " "),
        prefix: joined(node.list("prefix").filter_map(Node::text), " "),
        usage,
    };
    if name.family.is_empty() && name.given.is_empty() {
        let text = node.get("text").str()?;
        node.complain("name_from_text", Severity::Information);
        let (given, family) = match text.split_once(',') {
            Some((family, given)) => (given, family),
            None => text.rsplit_once(' ').unwrap_or(("", text)),
        };
        let (first, rest) = given.trim().split_once(' ').unwrap_or((given.trim(), ""));
        name.family = family.trim().into();
        name.given = first.into();
        name.middle = rest.trim().into();
    }
    Some(name)
}

/// A name as people read it.
pub(crate) fn shown_name(name: &HumanName) -> Text {
    let parts = [
        &name.prefix,
        &name.given,
        &name.middle,
        &name.family,
        &name.suffix,
    ];
    joined(parts.into_iter().filter(|part| !part.is_empty()).cloned(), " ")
}

/// Texts in one, without copying where there is only one.
pub(crate) fn joined(mut parts: impl Iterator<Item = Text>, separator: &str) -> Text {
    let Some(first) = parts.next() else {
        return Text::default();
    };
    let Some(second) = parts.next() else { return first };
    let mut whole = String::from(first.as_str());
    for part in std::iter::once(second).chain(parts) {
        whole.push_str(separator);
        whole.push_str(&part);
    }
    whole.into()
}

/// The addresses, the one in use first.
pub(crate) fn addresses(root: Node<'_>, said_at: Timestamp) -> Vec<Address> {
    let mut addresses: Vec<Address> = root
        .list("address")
        .map(|node| address(node, said_at))
        .filter(|a| {
            !(a.line.is_empty() && a.city.is_empty() && a.postal_code.is_empty() && a.state.is_empty())
        })
        .collect();
    addresses.sort_by_key(|a| match a.usage {
        AddressUse::Home => 0,
        AddressUse::Work | AddressUse::Billing => 1,
        AddressUse::Temporary => 2,
        AddressUse::Old => 3,
    });
    addresses
}

fn address(node: Node<'_>, said_at: Timestamp) -> Address {
    let usage = match (node.get("use").str(), node.get("type").str()) {
        (Some("old"), _) => AddressUse::Old,
        _ if has_ended(node, said_at) => AddressUse::Old,
        (Some("work"), _) => AddressUse::Work,
        (Some("billing"), _) => AddressUse::Billing,
        (Some("temp"), _) | (_, Some("postal")) => AddressUse::Temporary,
        _ => AddressUse::Home,
    };
    let mut lines = node.list("line").filter_map(Node::text);
    let mut address = Address {
        line: lines.next().unwrap_or_default(),
        line2: joined(lines, " "),
        city: node.get("city").text().unwrap_or_default(),
        state: node.get("state").text().unwrap_or_default(),
        postal_code: node.get("postalCode").text().unwrap_or_default(),
        country: node.get("country").text().unwrap_or_default(),
        county: node.get("district").text().unwrap_or_default(),
        usage,
    };
    if address.line.is_empty() && address.city.is_empty() {
        address.line = node.get("text").text().unwrap_or_default();
    }
    address
}

/// Phones and e-mails, the preferred first. Fax, pager and web addresses reach no person and are left out.
pub(crate) fn contact_points(root: Node<'_>, said_at: Timestamp) -> (Vec<Phone>, Vec<Email>) {
    let (mut phones, mut emails) = (Vec::new(), Vec::new());
    for node in root.list("telecom") {
        let system = contact_system(node);
        let usage = match (node.get("use").str(), system) {
            (Some("old"), _) => ContactUse::Old,
            _ if has_ended(node, said_at) => ContactUse::Old,
            (Some("mobile"), _) | (_, Some("sms")) => ContactUse::Mobile,
            (Some("work"), _) => ContactUse::Work,
            _ => ContactUse::Home,
        };
        let rank_node = node.get("rank");
        let rank = (usage == ContactUse::Old, rank_node.int().unwrap_or(i64::MAX));
        let Some(value) = node.get("value").text() else {
            continue;
        };
        match system {
            Some("email") => {
                let address = value
                    .strip_prefix("mailto:")
                    .map_or_else(|| value.clone(), Text::new);
                emails.push((rank, Email { address, usage }));
            }
            Some("phone" | "sms") => {
                let number = value
                    .strip_prefix("tel:")
                    .map_or_else(|| value.clone(), Text::new);
                phones.push((rank, Phone { number, usage }));
            }
            _ => {}
        }
    }
    phones.sort_by_key(|(rank, _)| *rank);
    emails.sort_by_key(|(rank, _)| *rank);
    (
        phones.into_iter().map(|(_, phone)| phone).collect(),
        emails.into_iter().map(|(_, email)| email).collect(),
    )
}

/// What kind of contact point it is; where that is not said, what its value looks like.
fn contact_system(node: Node<'_>) -> Option<&str> {
    if let Some(system) = node.get("system").str() {
        return Some(system);
    }
    let value = node.get("value").str()?;
    node.complain_below("system_missing", Severity::Warning, "system");
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    if value.contains('@') {
        Some("email")
    } else {
        (digits >= 7).then_some("phone")
    }
}

/// The issued identifiers, and the US social security number apart.
///
/// - Spec: HL7 table 0203 (identifier type); FHIR R4 identifier registry for systems.
pub(crate) fn identifiers(root: Node<'_>) -> (Vec<Identifier>, Option<Text>) {
    let (mut identifiers, mut ssn) = (Vec::new(), None);
    for node in root.list("identifier") {
        let Some(value) = node.get("value").text() else {
            continue;
        };
        let system = node.get("system").str().unwrap_or_default();
        let type_concept = concept(
            node.get("type"),
            &["http://terminology.hl7.org/CodeSystem/v2-0203"],
        );
        let code = type_concept.code.unwrap_or_default();
        if code == "SS" || matches!(system, SSN_SYSTEM | "urn:oid:2.16.840.1.113883.4.1") {
            ssn = ssn.or(Some(value));
            continue;
        }
        let authority = if system.is_empty() {
            let assigner = node.get("assigner");
            let name = assigner.get_if_there("display").and_then(Node::text);
            name.unwrap_or_default()
        } else {
            uri(system)
        };
        identifiers.push(Identifier {
            value,
            authority,
            kind: identifier_kind(&code, system),
        });
    }
    (identifiers, ssn)
}

const SSN_SYSTEM: &str = "http://hl7.org/fhir/sid/us-ssn";

fn identifier_kind(code: &str, system: &str) -> IdentifierKind {
    match code {
        "MR" | "MRT" => IdentifierKind::MedicalRecord,
        "PI" | "EI" | "PT" => IdentifierKind::Patient,
        "MB" | "MA" | "MC" | "HC" | "SN" | "SR" => IdentifierKind::Member,
        "AN" | "VN" | "ANON" | "ANC" => IdentifierKind::Account,
        "DL" => IdentifierKind::DriverLicense,
        "PPN" => IdentifierKind::Passport,
        "NPI" => IdentifierKind::Npi,
        "NI" | "NIIP" => IdentifierKind::National,
        // NNxxx: a national person identifier, xxx the ISO 3166 country.
        _ if code.len() == 5 && code.starts_with("NN") => IdentifierKind::National,
        _ if is_npi_system(system) => IdentifierKind::Npi,
        _ if matches!(
            system,
            "http://hl7.org/fhir/sid/us-mbi" | "http://hl7.org/fhir/sid/us-medicare"
        ) =>
        {
            IdentifierKind::Member
        }
        _ if system.starts_with("http://hl7.org/fhir/sid/passport-") => IdentifierKind::Passport,
        _ => IdentifierKind::Other,
    }
}

/// Administrative gender; also the one-letter codes of US Core birth sex.
pub(crate) fn sex(code: &str) -> Option<Sex> {
    match code {
        "female" | "F" | "f" | "Female" => Some(Sex::Female),
        "male" | "M" | "m" | "Male" => Some(Sex::Male),
        "other" | "OTH" | "O" => Some(Sex::Other),
        "unknown" | "UNK" | "U" | "ASKU" => Some(Sex::Unknown),
        _ => None,
    }
}
