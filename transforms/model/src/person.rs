//! What one source record says of one person's demographics and identifiers.

use crate::{Overlay, PartialDate, Presence, Text, Timestamp};
use serde::{Deserialize, Serialize};

/// Administrative sex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Other, ambiguous, not applicable.
    Other,
    /// Known to be unknown.
    Unknown,
}

impl Sex {
    /// The FHIR code (`administrative-gender`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the codes and words lists use: `F`, `female`, `M`, `O`, `X`, `U`. `None` where it is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        const WORDS: &[(&str, Sex)] = &[
            ("f", Sex::Female),
            ("female", Sex::Female),
            ("m", Sex::Male),
            ("male", Sex::Male),
            ("o", Sex::Other),
            ("x", Sex::Other),
            ("other", Sex::Other),
            ("u", Sex::Unknown),
            ("unknown", Sex::Unknown),
        ];
        let text = text.trim();
        WORDS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text))
            .map(|(_, sex)| *sex)
    }
}

/// What a name is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NameUse {
    /// The legal or official name, or one whose use is not said.
    #[default]
    Official,
    /// Used to be called so.
    Old,
    /// The name at birth.
    Maiden,
    /// Nickname.
    Nickname,
    /// Alias, anonymous, temporary.
    Alias,
}

/// One name of a person, as the source spells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HumanName {
    /// Family name.
    pub family: Text,
    /// First given name.
    pub given: Text,
    /// Second and further given names.
    pub middle: Text,
    /// Jr, Sr, III.
    pub suffix: Text,
    /// Dr, Mrs.
    pub prefix: Text,
    /// What it is used for.
    pub usage: NameUse,
}

impl HumanName {
    /// Splits a name written as one: `Given Middle Family`, or `Family, Given Middle`.
    pub fn from_full(text: &str) -> Self {
        let (family, given) = match text.split_once(',') {
            Some((family, given)) => (family.trim(), given.trim()),
            None => {
                let text = text.trim();
                text.rsplit_once(char::is_whitespace)
                    .map_or((text, ""), |(given, family)| (family, given.trim()))
            }
        };
        let (given, middle) = given
            .split_once(char::is_whitespace)
            .map_or((given, ""), |(given, middle)| (given, middle.trim()));
        Self {
            family: family.into(),
            given: given.into(),
            middle: middle.into(),
            ..Self::default()
        }
    }
}

/// What an address is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AddressUse {
    /// Home, or not said.
    #[default]
    Home,
    /// Work.
    Work,
    /// Mailing only, temporary.
    Temporary,
    /// Billing.
    Billing,
    /// No longer in use, or bad.
    Old,
}

/// One postal address, as the source spells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Street line.
    pub line: Text,
    /// Apartment, unit, other designation.
    pub line2: Text,
    /// City.
    pub city: Text,
    /// State or province.
    pub state: Text,
    /// Postal code.
    pub postal_code: Text,
    /// Country.
    pub country: Text,
    /// County or parish.
    pub county: Text,
    /// What it is used for.
    pub usage: AddressUse,
}

/// What a phone number or e-mail address is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ContactUse {
    /// Home, or not said.
    #[default]
    Home,
    /// Mobile.
    Mobile,
    /// Work.
    Work,
    /// No longer in use.
    Old,
}

/// One phone number, as the source spells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Phone {
    /// The number.
    pub number: Text,
    /// What it is used for.
    pub usage: ContactUse,
}

/// One e-mail address, as the source spells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Email {
    /// The address.
    pub address: Text,
    /// What it is used for.
    pub usage: ContactUse,
}

/// What an identifier is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// Medical record number (HL7 table 0203 `MR`).
    MedicalRecord,
    /// Enterprise or external patient id (`PI`, `EI`, `PT`).
    Patient,
    /// Health plan member or subscriber id (`MB`, `MA`, `MC`, `HC`, `SN`).
    Member,
    /// Account or visit number (`AN`, `VN`): names an event, not a person.
    Account,
    /// Driver's licence.
    DriverLicense,
    /// Passport.
    Passport,
    /// National id other than the US social security number.
    National,
    /// An id issued by a CRM or marketing system.
    Crm,
    /// National Provider Identifier.
    Npi,
    /// Device, cookie or advertising id: attaches, never joins two people.
    Device,
    /// Not said.
    #[default]
    Other,
}

/// One identifier with the authority that issued it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// The identifier.
    pub value: Text,
    /// Who issued it: HL7 CX.4, FHIR `Identifier.system`. Empty where not said.
    pub authority: Text,
    /// What it is.
    pub kind: IdentifierKind,
}

macro_rules! person {
    ($($(#[$doc:meta])* $field:ident: $ty:ty = $bit:literal,)*) => {
        /// What one source record says of one person. Each field is said, said to be none, or not spoken of.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub struct Person {
            $($(#[$doc])* pub $field: Presence<$ty>,)*
        }

        impl Overlay for Person {
            fn spoken(&self) -> u64 {
                0 $(| (u64::from(!self.$field.is_absent()) << $bit))*
            }

            fn forget(&mut self, fields: u64) {
                $(if fields & (1 << $bit) != 0 {
                    self.$field = Presence::Absent;
                })*
            }

            fn fill_from(&mut self, older: &Self) {
                $(if self.$field.is_absent() {
                    self.$field = older.$field.clone();
                })*
            }
        }
    };
}

person! {
    /// Names, the one in use first.
    names: Vec<HumanName> = 0,
    /// Birth date.
    birth_date: PartialDate = 1,
    /// Administrative sex.
    sex: Sex = 2,
    /// Social security number, digits as the source has them.
    ssn: Text = 3,
    /// Addresses, the one in use first.
    addresses: Vec<Address> = 4,
    /// Phone numbers, the preferred first.
    phones: Vec<Phone> = 5,
    /// E-mail addresses, the preferred first.
    emails: Vec<Email> = 6,
    /// Issued identifiers.
    identifiers: Vec<Identifier> = 7,
    /// True where the person is known to have died.
    deceased: bool = 8,
    /// When the person died.
    death_at: Timestamp = 9,
    /// Race code or text.
    race: Text = 10,
    /// Ethnicity code or text.
    ethnicity: Text = 11,
    /// Preferred language (BCP 47 where the source has it).
    language: Text = 12,
    /// Marital status code.
    marital_status: Text = 13,
    /// Part of a multiple birth: a twin guard.
    multiple_birth: bool = 14,
    /// Order within a multiple birth, from 1.
    birth_order: u8 = 15,
    /// Mother's maiden family name.
    mother_maiden_name: Text = 16,
    /// Identity unknown or unreliable (PID-31, PID-32): never joined to others by demographics.
    identity_unreliable: bool = 17,
    /// Made for a test (MSH-11 `T`, a test flag, FHIR `meta.tag`): kept out of the person tables.
    test: bool = 18,
    /// The record is inactive (FHIR `Patient.active` false, a merged-away record).
    inactive: bool = 19,
    /// Primary care provider's NPI.
    primary_care_npi: Text = 20,
    /// Religion code.
    religion: Text = 21,
}
