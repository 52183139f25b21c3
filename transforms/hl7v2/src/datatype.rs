//! The data types that segments share: names, addresses, telecoms, identifiers, codes, providers (HL7 v2.5 chapter 2A).

use crate::syntax::{Component, Field, Repetition, Subcomponent};
use panorama_model::{
    Address, AddressUse, ContactUse, Email, HumanName, Identifier, IdentifierKind, NameUse, Phone, Text,
    TextBuilder,
};
use std::borrow::Cow;

fn text(component: Component<'_>) -> Text {
    component.text().unwrap_or_default()
}

/// FN: the surname as one part, else its own prefix and its own name.
pub(crate) fn surname(family: Component<'_>) -> [Subcomponent<'_>; 2] {
    let whole = family.subcomponent(1);
    if whole.has_value() {
        [whole, Subcomponent::default()]
    } else {
        [2, 3].map(|number| family.subcomponent(number))
    }
}

/// XPN: a person's name; `None` where it names nobody.
pub(crate) fn human_name(name: Repetition<'_>) -> Option<HumanName> {
    if name.is_empty() {
        return None;
    }
    let [family, given, middle, suffix, prefix, _degree, kind] = name.first_components::<7>();
    let name = HumanName {
        family: join(surname(family).into_iter().filter_map(Subcomponent::text), " "),
        given: text(given),
        middle: text(middle),
        suffix: text(suffix),
        prefix: text(prefix),
        usage: match kind.raw() {
            "M" => NameUse::Maiden,
            "B" => NameUse::Maiden,
            "N" => NameUse::Nickname,
            "A" | "S" | "I" => NameUse::Alias,
            "BAD" | "NOUSE" | "F" => NameUse::Old,
            _ => NameUse::Official,
        },
    };
    (!name.family.is_empty() || !name.given.is_empty()).then_some(name)
}

/// XAD: an address; `None` where it says nothing.
pub(crate) fn address(address: Repetition<'_>) -> Option<Address> {
    if address.is_empty() {
        return None;
    }
    let [street, other, city, state, postal_code, country, kind, _, county] = address.first_components::<9>();
    let address = Address {
        // SAD: street address, street name, dwelling number.
        line: join(street.subcomponents().filter_map(|s| s.text()), " "),
        line2: text(other),
        city: text(city),
        state: text(state),
        postal_code: text(postal_code),
        country: text(country),
        county: text(county),
        usage: match kind.raw() {
            "O" | "B" => AddressUse::Work,
            "C" | "M" | "SH" => AddressUse::Temporary,
            "BI" => AddressUse::Billing,
            "BA" | "BR" | "N" | "F" | "BDL" => AddressUse::Old,
            _ => AddressUse::Home,
        },
    };
    let empty = [
        &address.line,
        &address.line2,
        &address.city,
        &address.state,
        &address.postal_code,
        &address.country,
        &address.county,
    ];
    empty.iter().any(|part| !part.is_empty()).then_some(address)
}

/// What an XTN is.
pub(crate) enum Telecom {
    /// A telephone.
    Phone(Phone),
    /// An e-mail address.
    Email(Email),
}

/// XTN: a phone number or e-mail address; `None` for fax, pager, and what is empty.
pub(crate) fn telecom(telecom: Repetition<'_>, usage: ContactUse) -> Option<Telecom> {
    if telecom.is_empty() {
        return None;
    }
    let [
        number,
        use_code,
        equipment,
        email,
        country,
        area,
        local,
        _,
        _,
        _,
        _,
        unformatted,
    ] = telecom.first_components::<12>();
    let usage = match (equipment.raw(), use_code.raw()) {
        ("CP", _) => ContactUse::Mobile,
        (_, "WPN") => ContactUse::Work,
        (_, "PRN" | "ORN" | "VHN" | "PRS") => ContactUse::Home,
        _ => usage,
    };
    let is_email = |text: &Text| text.contains('@') && !text.contains(char::is_whitespace);
    if let Some(address) = email
        .text()
        .filter(is_email)
        .or_else(|| number.text().filter(is_email))
    {
        return Some(Telecom::Email(Email { address, usage }));
    }
    if matches!(equipment.raw(), "FX" | "BP" | "MD" | "X.400") || is_internet(equipment, use_code) {
        return None;
    }
    // The unformatted number took the place of the first component in v2.7.
    let number = unformatted.text().or_else(|| number.text());
    let number = number.or_else(|| composed(country, area, local))?;
    let digits = number.bytes().any(|b| b.is_ascii_digit());
    digits.then_some(Telecom::Phone(Phone { number, usage }))
}

fn is_internet(equipment: Component<'_>, use_code: Component<'_>) -> bool {
    equipment.raw().eq_ignore_ascii_case("Internet") || use_code.raw() == "NET"
}

fn composed(country: Component<'_>, area: Component<'_>, local: Component<'_>) -> Option<Text> {
    let local = local.text()?;
    let country = country.text().filter(|_| !area.is_empty()).map(|c| {
        let plain = c.trim_start_matches('+');
        Text::from(format!("+{plain}"))
    });
    Some(join(country.into_iter().chain(area.text()).chain([local]), " "))
}

/// CX: an identifier with its authority and its type code.
pub(crate) struct Cx<'m> {
    pub(crate) value: Text,
    pub(crate) authority: Text,
    pub(crate) kind: Cow<'m, str>,
}

/// CX; `None` where there is no id.
pub(crate) fn cx(identifier: Repetition<'_>) -> Option<Cx<'_>> {
    if identifier.is_empty() {
        return None;
    }
    let [value, _check, _scheme, authority, kind] = identifier.first_components::<5>();
    let value = value.text()?;
    let namespace = authority.subcomponent(1).text();
    Some(Cx {
        value,
        authority: namespace
            .or_else(|| authority.subcomponent(2).text())
            .unwrap_or_default(),
        kind: kind.value().unwrap_or_default(),
    })
}

impl Cx<'_> {
    pub(crate) fn is_medical_record(&self) -> bool {
        self.kind.eq_ignore_ascii_case("MR")
    }

    /// HL7 table 0203 `SS`: goes to the person's social security number.
    pub(crate) fn is_ssn(&self) -> bool {
        matches!(&*self.kind, "SS" | "SSN")
    }

    pub(crate) fn identifier(self) -> Identifier {
        let kind = match &*upper_case(&self.kind) {
            "MR" | "MRN" | "MRT" => IdentifierKind::MedicalRecord,
            "PI" | "EI" | "PT" | "PE" | "EPI" => IdentifierKind::Patient,
            "MB" | "MA" | "MC" | "MCD" | "MCR" | "HC" | "SN" | "PN" => IdentifierKind::Member,
            "AN" | "VN" | "ANON" => IdentifierKind::Account,
            "DL" => IdentifierKind::DriverLicense,
            "PPN" => IdentifierKind::Passport,
            "NPI" => IdentifierKind::Npi,
            kind if kind == "NI" || (kind.len() == 5 && kind.starts_with("NN")) => IdentifierKind::National,
            _ => IdentifierKind::Other,
        };
        Identifier {
            value: self.value,
            authority: self.authority,
            kind,
        }
    }
}

/// CWE, CE, CNE: a code, its system, and its words.
#[derive(Clone, Copy, Default)]
pub(crate) struct Coded<'m> {
    pub(crate) code: Component<'m>,
    pub(crate) system: Component<'m>,
    pub(crate) display: Component<'m>,
}

impl<'m> Coded<'m> {
    /// Code, or words where there is no code.
    pub(crate) fn code_or_display(self) -> Component<'m> {
        self.code.or(self.display)
    }

    /// Words, or code where there are no words.
    pub(crate) fn display_or_code(self) -> Component<'m> {
        self.display.or(self.code)
    }
}

/// The coded element; the alternate code where it alone is of the `preferred` system, or the first is missing.
pub(crate) fn coded<'m>(element: Repetition<'m>, preferred: &str) -> Coded<'m> {
    if element.is_empty() {
        return Coded::default();
    }
    let [code, display, system, other_code, other_display, other_system] = element.first_components::<6>();
    let alternate = !other_code.is_empty()
        && (code.is_empty()
            || (!preferred.is_empty() && system.raw() != preferred && other_system.raw() == preferred));
    let (code, display, system) = if alternate {
        (other_code, other_display, other_system)
    } else {
        (code, display, system)
    };
    let mut display = display.or(other_display);
    if !display.has_value() {
        // The original text.
        display = element.component(9);
    }
    Coded {
        code,
        system,
        display,
    }
}

/// XCN: who, by id and name; among repetitions the one with an NPI first.
#[derive(Clone, Copy, Default)]
pub(crate) struct Provider<'m> {
    pub(crate) id: Component<'m>,
    given: Component<'m>,
    family: Subcomponent<'m>,
}

impl<'m> Provider<'m> {
    fn is_named(self) -> bool {
        self.id.has_value() || self.given.has_value() || self.family.has_value()
    }

    /// Given and family name.
    pub(crate) fn names(self) -> [Subcomponent<'m>; 2] {
        [self.given.into(), self.family]
    }

    /// Given and family name as one.
    pub(crate) fn name(self) -> Option<Text> {
        let names = self.names().into_iter().filter_map(Subcomponent::text);
        non_empty(join(names, " "))
    }
}

/// The provider a field names: the first repetition with an NPI, else the first that names anybody.
pub(crate) fn provider(field: Field<'_>) -> Provider<'_> {
    if field.is_empty() {
        return Provider::default();
    }
    let mut found = Provider::default();
    let mut repetitions = field.repetitions().filter(|r| !r.is_empty()).peekable();
    while let Some(repetition) = repetitions.next() {
        let [id, family, given] = repetition.first_components::<3>();
        let alone = !found.is_named() && repetitions.peek().is_none();
        // Where there is one to choose from, its kind does not matter.
        let is_npi = !alone && has_npi(repetition);
        if found.is_named() && !is_npi {
            continue;
        }
        let family = family.subcomponent(1);
        let named = Provider { id, given, family };
        if named.is_named() {
            found = named;
        }
        if is_npi {
            break;
        }
    }
    found
}

/// XCN-9 or XCN-13 says that the id is an NPI.
fn has_npi(provider: Repetition<'_>) -> bool {
    let [.., authority, _, _, _, kind] = provider.first_components::<13>();
    kind.raw() == "NPI" || authority.subcomponent(1).raw() == "NPI"
}

/// A code in upper case, as most are sent.
pub(crate) fn upper_case(code: &str) -> Cow<'_, str> {
    if code.bytes().any(|b| b.is_ascii_lowercase()) {
        Cow::Owned(code.to_ascii_uppercase())
    } else {
        Cow::Borrowed(code)
    }
}

/// Texts joined, without an allocation where there is one only.
pub(crate) fn join(mut parts: impl Iterator<Item = Text>, between: &str) -> Text {
    let Some(first) = parts.next() else {
        return Text::default();
    };
    let Some(second) = parts.next() else {
        return first;
    };
    let mut joined = TextBuilder::new();
    joined.push_str(&first);
    for part in std::iter::once(second).chain(parts) {
        joined.push_str(between);
        joined.push_str(&part);
    }
    joined.finish()
}

/// The text, where it is any.
pub(crate) fn non_empty(text: Text) -> Option<Text> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn with<R>(field: &str, read: impl Fn(Repetition<'_>) -> R) -> R {
        let text = format!("MSH|^~\\&|A\rZZZ|{field}");
        let message = Message::parse(text.as_bytes()).unwrap();
        read(message.first("ZZZ").unwrap().field(1).first())
    }

    #[test]
    fn telecoms() {
        let check = |field: &str, expected: &str| {
            let read = with(field, |r| match telecom(r, ContactUse::Home) {
                Some(Telecom::Phone(p)) => format!("{} {:?}", p.number, p.usage),
                Some(Telecom::Email(e)) => format!("{} {:?}", e.address, e.usage),
                None => String::new(),
            });
            assert_eq!(read, expected, "{field}");
        };
        check("(555)111-2222", "(555)111-2222 Home");
        check("5551112222^WPN^PH", "5551112222 Work");
        check("5551112222^PRN^CP", "5551112222 Mobile");
        check("^PRN^PH^^1^555^1112222", "+1 555 1112222 Home");
        check("^PRN^PH^^^555^1112222", "555 1112222 Home");
        check("^^PH^^^^^^^^^555-1112222", "555-1112222 Home");
        check("^NET^Internet^a@example.org", "a@example.org Home");
        check("b@example.org^WPN^Internet", "b@example.org Work");
        check("5551112222^WPN^FX", "");
        check("89898989^WPN^Internet", "");
        check("none", "");
        check("", "");
    }

    #[test]
    fn codes_prefer_the_standard_system() {
        let check = |field: &str, expected: [&str; 3]| {
            let read = with(field, |r| {
                let c = coded(r, "LN");
                [c.code, c.display, c.system].map(text)
            });
            assert_eq!(read, expected.map(Text::from), "{field}");
        };
        check(
            "GLU^Glucose^L^2345-7^Glucose SerPl^LN",
            ["2345-7", "Glucose SerPl", "LN"],
        );
        check("2345-7^Glucose^LN^GLU^Glu^L", ["2345-7", "Glucose", "LN"]);
        check("^^^GLU^Glu^L", ["GLU", "Glu", "L"]);
        check("^words", ["", "words", ""]);
    }

    #[test]
    fn providers_by_npi() {
        let text = "MSH|^~\\&|A\rZZZ|12^Doe^Ann^^^^^^L^^^^EI~1234567893^Doe^Ann^^^^^^NPI&2.16&ISO^^^^NPI";
        let message = Message::parse(text.as_bytes()).unwrap();
        let read = provider(message.first("ZZZ").unwrap().field(1));
        assert_eq!(read.id.content(), "1234567893");
        assert_eq!(read.name().as_deref(), Some("Ann Doe"));
    }
}
