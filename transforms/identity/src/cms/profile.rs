//! All known values of a person: what the combinations compare.

use super::combinations::Field;
use super::member::{dependent_suffix, medicare_id, taxpayer_last_four};
use panorama_model::{Date, IdentifierKind, Text};
use panorama_standardize::{Generation, StandardIdentifier, StandardPerson, nickname};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Texts without repeats, in the order they became known.
pub(super) type Texts = SmallVec<[Text; 2]>;

/// A birth date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    pub(super) date: Date,
    /// A January 1st.
    pub(super) weak: bool,
}

/// House number and street, with the postal code that a fuzzy match asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Street {
    pub(super) line: Text,
    pub(super) postal_code: Text,
}

/// Everything that is or was known of one person, of one record or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub(super) first_names: Texts,
    pub(super) last_names: Texts,
    pub(super) birth_dates: SmallVec<[Birth; 1]>,
    pub(super) streets: SmallVec<[Street; 1]>,
    postal_codes: Texts,
    phones: Texts,
    emails: Texts,
    social_security: SmallVec<[u16; 1]>,
    taxpayer: SmallVec<[u16; 1]>,
    medicare: SmallVec<[Text; 1]>,
    government: SmallVec<[Text; 1]>,
    namespaces: SmallVec<[Text; 1]>,
    members: SmallVec<[Text; 1]>,
    subscribers: SmallVec<[Text; 1]>,
    pub(super) generations: SmallVec<[Generation; 1]>,
    /// Made for a test.
    pub(super) test: bool,
}

impl Profile {
    /// What one record says.
    pub fn of(person: &StandardPerson) -> Self {
        let mut profile = Self::default();
        profile.absorb(person);
        profile
    }

    /// True where the two have a value of some field in common. Every combination needs one of a field other than the
    /// postal code, so who shares none fulfils none.
    pub fn shares_a_value(&self, other: &Self) -> bool {
        let fields = Field::ALL.into_iter().filter(|field| *field != Field::PostalCode);
        let mut shared = fields.map(|field| (self.hashes(field), other.hashes(field)));
        shared.any(|(own, others)| own.iter().any(|hash| others.contains(hash)))
    }

    /// Adds what another record of the same person says.
    ///
    /// - Nulls: of a record whose identity is unreliable only its identifiers count.
    pub fn absorb(&mut self, person: &StandardPerson) {
        self.test |= person.flags.test;
        for identifier in &person.identifiers {
            self.absorb_identifier(identifier);
        }
        if person.flags.unreliable {
            return;
        }
        self.absorb_names(person);
        for address in &person.addresses {
            if address.has_street() {
                let street = Street {
                    line: Text::from(format!("{} {}", address.number, address.street)),
                    postal_code: address.postal_code.clone(),
                };
                add(&mut self.streets, street);
            }
            if !address.postal_code.is_empty() {
                add(&mut self.postal_codes, address.postal_code.clone());
            }
        }
        if let Some(birth) = person.birth_date
            && let Some(date) = birth.date.to_date()
        {
            let weak = birth.weak;
            add(&mut self.birth_dates, Birth { date, weak });
        }
        person
            .phones
            .iter()
            .for_each(|phone| add(&mut self.phones, phone.clone()));
        person
            .emails
            .iter()
            .for_each(|email| add(&mut self.emails, email.clone()));
        if let Some(number) = person.ssn {
            add(&mut self.social_security, number.last_four());
        }
    }

    fn absorb_names(&mut self, person: &StandardPerson) {
        let givens = [&person.given, &person.given_canonical]
            .into_iter()
            .chain(&person.other_givens);
        // An initial fits too many: it is no name.
        for given in givens.filter(|given| given.chars().nth(1).is_some()) {
            add(&mut self.first_names, given.clone());
            for formal in nickname::formals(given) {
                add(&mut self.first_names, Text::new_static(formal));
            }
        }
        for family in person.families().filter(|family| family.chars().nth(1).is_some()) {
            add(&mut self.last_names, family.clone());
        }
        if let Some(generation) = person.generation {
            add(&mut self.generations, generation);
        }
    }

    fn absorb_identifier(&mut self, identifier: &StandardIdentifier) {
        let StandardIdentifier {
            authority,
            value,
            kind,
        } = identifier;
        if let Some(last_four) = taxpayer_last_four(authority, value) {
            return add(&mut self.taxpayer, last_four);
        }
        if *kind == IdentifierKind::Member
            && let Some(number) = medicare_id(value)
        {
            return add(&mut self.medicare, number);
        }
        if authority.is_empty() {
            return;
        }
        let issued = |value: &str| Text::from(format!("{authority}\u{1f}{value}"));
        match kind {
            IdentifierKind::Member => {
                let (number, suffix) = dependent_suffix(value);
                add(&mut self.subscribers, issued(number));
                if suffix.is_some() {
                    add(&mut self.members, issued(value));
                }
            }
            IdentifierKind::DriverLicense | IdentifierKind::Passport | IdentifierKind::National => {
                let government = Text::from(format!("{kind:?}\u{1f}{}", issued(value)));
                add(&mut self.government, government);
            }
            IdentifierKind::MedicalRecord | IdentifierKind::Patient | IdentifierKind::Crm => {
                add(&mut self.namespaces, issued(value));
            }
            IdentifierKind::Other if is_system(authority) => add(&mut self.namespaces, issued(value)),
            _ => {}
        }
    }

    /// One number for each value of a field: equal values have equal numbers, on every machine, in every version.
    pub(super) fn hashes(&self, field: Field) -> SmallVec<[u64; 4]> {
        let seed = field as u64;
        let number = |value: u64| xxh3_64_with_seed(&value.to_le_bytes(), seed);
        match field {
            Field::BirthDate => {
                let days = self.birth_dates.iter().map(|birth| i64::from(birth.date.0));
                days.map(|days| number(days.cast_unsigned())).collect()
            }
            Field::StreetLine => {
                let lines = self.streets.iter().map(|street| street.line.as_bytes());
                lines.map(|line| xxh3_64_with_seed(line, seed)).collect()
            }
            Field::SocialSecurity => self
                .social_security
                .iter()
                .map(|n| number(u64::from(*n)))
                .collect(),
            Field::TaxpayerId => self.taxpayer.iter().map(|n| number(u64::from(*n))).collect(),
            _ => {
                let texts = self.texts(field).iter();
                texts
                    .map(|text| xxh3_64_with_seed(text.as_bytes(), seed))
                    .collect()
            }
        }
    }

    /// The values of a field whose values are texts.
    pub(super) fn texts(&self, field: Field) -> &[Text] {
        match field {
            Field::FirstName => &self.first_names,
            Field::LastName => &self.last_names,
            Field::PostalCode => &self.postal_codes,
            Field::Phone => &self.phones,
            Field::Email => &self.emails,
            Field::MedicareId => &self.medicare,
            Field::GovernmentId => &self.government,
            Field::NamespaceId => &self.namespaces,
            Field::MemberId => &self.members,
            Field::SubscriberId => &self.subscribers,
            Field::BirthDate | Field::StreetLine | Field::SocialSecurity | Field::TaxpayerId => &[],
        }
    }

    /// The values of a field whose values are last four digits.
    pub(super) fn last_fours(&self, field: Field) -> &[u16] {
        match field {
            Field::SocialSecurity => &self.social_security,
            Field::TaxpayerId => &self.taxpayer,
            _ => &[],
        }
    }
}

/// True for a namespace as FHIR writes it: a URI or an OID.
fn is_system(authority: &str) -> bool {
    let oid =
        || authority.matches('.').count() >= 3 && authority.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    authority.contains("://") || authority.starts_with("URN:") || oid()
}

fn add<T: PartialEq, const N: usize>(list: &mut SmallVec<[T; N]>, value: T)
where
    [T; N]: smallvec::Array<Item = T>,
{
    if !list.contains(&value) {
        list.push(value);
    }
}
