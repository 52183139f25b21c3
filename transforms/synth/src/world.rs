//! The world the feeds report on: who lives and practises, how sources number them, and what befalls their records.

use crate::calendar::DAY;
use crate::catalog::{PEDIATRICS, SERVICES};
use crate::names::Names;
use crate::people::{Person, Population, known};
use crate::places::{Address, PhoneNumber};
use crate::random::{Purpose, Random, mix, scatter};
use panorama_model::Text;
use std::fmt;

/// A clinician, or an organization where `given` is empty.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) npi: u64,
    pub(crate) given: &'static str,
    pub(crate) family: Text,
    pub(crate) male: bool,
    pub(crate) credential: &'static str,
    pub(crate) service: usize,
    pub(crate) address: Address,
    pub(crate) phone: PhoneNumber,
    /// Gone: the registry keeps only the number and the day.
    pub(crate) deactivated: bool,
}

impl Provider {
    /// The clinician as an HL7 XCN, identified by NPI.
    pub(crate) fn as_xcn(&self) -> Xcn<'_> {
        Xcn(self)
    }
}

/// See [`Provider::as_xcn`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Xcn<'a>(&'a Provider);

impl fmt::Display for Xcn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Provider {
            npi,
            given,
            family,
            credential,
            ..
        } = self.0;
        write!(f, "{npi}^{family}^{given}^^^^{credential}^^NPI^L^^^NPI")
    }
}

/// When a person was registered a second time, and when the hospital found out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecondRegistration {
    pub(crate) from: i64,
    /// Never, if the two records still stand side by side.
    pub(crate) merged_at: Option<i64>,
}

/// Everything that stays put while the messages are made.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    /// Seconds since the epoch.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) population: Population,
    pub(crate) providers: Vec<Provider>,
}

impl World {
    pub(crate) fn new(persons: usize, seed: u64, start: i64, end: i64) -> Self {
        let end = end.max(start + DAY);
        Self {
            seed,
            start,
            end,
            population: Population::new(persons, seed, start, end),
            providers: providers((persons / 50).max(3 * SERVICES.len()), seed),
        }
    }

    pub(crate) fn person(&self, index: u32) -> Option<&Person> {
        self.population.people.get(index as usize)
    }

    /// How long a day of an episode lasts: a whole day where the feeds span most of a year, less where they are short.
    pub(crate) fn pace(&self) -> i64 {
        ((self.end - self.start) / 300).clamp(60, DAY)
    }

    /// When the person first turns up at the hospital or the clinic.
    pub(crate) fn registered_at(&self, index: u32) -> i64 {
        let mut random = Random::new(self.seed, Purpose::Life, u64::from(index) * 2);
        let span = self.end - self.start;
        self.start + random.between(span / 25, span / 2)
    }

    /// Five in a hundred patients of the hospital are registered twice; most are merged later.
    pub(crate) fn second_registration(&self, index: u32, person: &Person) -> Option<SecondRegistration> {
        let mut random = Random::new(self.seed, Purpose::Life, u64::from(index) * 2 + 1);
        if person.known & known::HOSPITAL == 0 || !random.chance(0.05) {
            return None;
        }
        let registered = self.registered_at(index);
        let rest = self.end - registered;
        let from = registered + random.between(rest / 20, rest / 2);
        let merged_at = from + random.between(rest / 20, rest / 3);
        Some(SecondRegistration {
            from,
            merged_at: random.chance(0.75).then_some(merged_at),
        })
    }

    /// The clinician of this rank who still practises in this service line.
    pub(crate) fn provider(&self, service: usize, rank: u64) -> Option<&Provider> {
        let of_service = self.providers.len() / SERVICES.len();
        let nth = (rank % of_service.max(1) as u64) as usize;
        self.providers
            .get(nth * SERVICES.len() + service)
            .filter(|p| !p.deactivated && !p.given.is_empty())
            .or_else(|| {
                let mut fallback = self.providers.iter();
                fallback.find(|p| p.service == service && !p.deactivated && !p.given.is_empty())
            })
    }

    /// A medical record number; `second` for the duplicate.
    pub(crate) fn mrn(&self, index: u32, second: bool) -> u64 {
        const SPACE: u64 = 30_000_000;
        scatter(u64::from(index), mix(self.seed), SPACE) + if second { 50_000_000 } else { 10_000_000 }
    }

    /// A FHIR `Patient.id`.
    pub(crate) fn clinic_id(&self, index: u32) -> ClinicId {
        ClinicId(scatter(u64::from(index), mix(self.seed), 90_000_000))
    }

    /// A CRM contact id; `second` for the duplicate.
    pub(crate) fn contact_id(&self, index: u32, second: bool) -> ContactId {
        ContactId(scatter(
            u64::from(index) * 2 + u64::from(second),
            mix(self.seed),
            90_000_000,
        ))
    }

    /// The contact stands in the CRM twice.
    pub(crate) fn contact_is_double(&self, index: u32) -> bool {
        Random::new(self.seed, Purpose::Life, u64::from(index) + (1 << 40)).chance(0.06)
    }

    /// The user id of the web site.
    pub(crate) fn user_id(&self, index: u32) -> UserId {
        UserId(scatter(u64::from(index), mix(self.seed), 90_000_000))
    }
}

macro_rules! written_id {
    ($(#[$doc:meta] $name:ident, $form:literal;)*) => { $(
        #[$doc]
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name(u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $form, self.0)
            }
        }
    )* };
}

written_id! {
    /// `Patient.id` of the clinic.
    ClinicId, "pat-{:08}";
    /// A contact of the CRM.
    ContactId, "C{:08}";
    /// A user of the web site.
    UserId, "usr_{:08}";
}

/// The check digit of an NPI's first nine digits: Luhn over them with the prefix 80840.
pub(crate) fn npi(first_nine: u64) -> u64 {
    // The constant is what the prefix 80840 adds to the sum.
    let mut sum = 24;
    let mut rest = first_nine;
    for position in 0..9 {
        let digit = rest % 10;
        rest /= 10;
        sum += match (position % 2, digit * 2) {
            (0, doubled) => doubled / 10 + doubled % 10,
            _ => digit,
        };
    }
    first_nine * 10 + (10 - sum % 10) % 10
}

fn providers(count: usize, seed: u64) -> Vec<Provider> {
    let names = Names::new();
    (0..count)
        .map(|index| {
            let mut random = Random::new(seed, Purpose::Providers, index as u64);
            let male = random.chance(0.52);
            let organization = index >= 3 * SERVICES.len() && random.chance(0.04);
            let service = index % SERVICES.len();
            Provider {
                npi: npi(scatter(index as u64, mix(seed), 900_000_000) % 900_000_000 + 100_000_000),
                given: if organization {
                    ""
                } else {
                    names.given(male, &mut random)
                },
                family: names.family(&mut random),
                male,
                credential: match random.below(10) {
                    0 => "DO",
                    1 if service != PEDIATRICS => "NP",
                    2 => "PA",
                    _ => "MD",
                },
                service,
                address: Address::draw(&mut random),
                phone: PhoneNumber::of(94_000_000 + index as u64, seed),
                deactivated: index >= 3 * SERVICES.len() && random.chance(0.03),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luhn(digits: &str) -> bool {
        let sum: u32 = digits
            .bytes()
            .rev()
            .enumerate()
            .map(|(position, byte)| {
                let digit = u32::from(byte - b'0') << (position % 2);
                digit / 10 + digit % 10
            })
            .sum();
        sum.is_multiple_of(10)
    }

    #[test]
    fn npis_pass_luhn() {
        assert_eq!(npi(123_456_789), 1_234_567_893, "the registry's own example");
        let world = World::new(5_000, 7, 0, 300 * DAY);
        for provider in &world.providers {
            assert!(luhn(&format!("80840{}", provider.npi)), "{}", provider.npi);
        }
    }

    #[test]
    fn every_service_line_has_a_clinician() {
        let world = World::new(10, 7, 0, 300 * DAY);
        for service in 0..SERVICES.len() {
            for rank in 0..50 {
                assert_eq!(world.provider(service, rank).unwrap().service, service);
            }
        }
    }

    #[test]
    fn second_registrations_come_after_the_first_and_before_the_end() {
        let world = World::new(5_000, 7, 0, 300 * DAY);
        let mut seen = 0;
        for (index, person) in world.population.people.iter().enumerate() {
            if let Some(second) = world.second_registration(index as u32, person) {
                seen += 1;
                assert!(second.from > world.registered_at(index as u32));
                assert!(
                    second
                        .merged_at
                        .is_none_or(|at| at > second.from && at < world.end)
                );
            }
        }
        assert!(seen > 50);
    }
}
