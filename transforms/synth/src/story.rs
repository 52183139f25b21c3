//! Episodes: what happens to a person in one stretch of time, and what such an episode is about.

use crate::calendar::{HOUR, office_hour};
use crate::catalog::{OBSTETRICS, PEDIATRICS, SERVICES, Service};
use crate::people::Person;
use crate::random::{Purpose, Random};
use crate::world::{Provider, World};

/// What kind of stretch it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EpisodeKind {
    /// First contact, later corrections of the record, second registrations and their merges.
    Registration,
    /// From a campaign to care and back to health.
    Journey,
    /// A hospital visit alone.
    HospitalVisit,
    /// A clinic visit alone.
    ClinicVisit,
    /// A telephone call.
    Inquiry,
    /// A marketing e-mail and what the person did with it.
    Campaign,
    /// A visit of the web site.
    WebSession,
}

/// One stretch of one person's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Episode {
    /// Seconds.
    pub(crate) start: i64,
    pub(crate) person: u32,
    pub(crate) kind: EpisodeKind,
}

/// How an appointment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Kept,
    Cancelled,
    NoShow,
}

/// How a kept visit went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    Outpatient,
    Emergency,
    Inpatient,
    /// Came as an outpatient, stayed.
    Converted,
}

/// What an episode is about: the same for each of its messages.
#[derive(Debug)]
pub(crate) struct Story<'a> {
    /// Number of the episode; visit, appointment and message ids are made of it.
    pub(crate) number: u32,
    pub(crate) service_index: usize,
    pub(crate) service: &'static Service,
    pub(crate) diagnosis: crate::catalog::Coded,
    pub(crate) attending: Option<&'a Provider>,
    pub(crate) referring: Option<&'a Provider>,
    pub(crate) start: i64,
    pub(crate) help_at: i64,
    pub(crate) booked_at: i64,
    /// The slot first booked.
    pub(crate) first_slot: i64,
    /// The slot after rescheduling, `first_slot` without.
    pub(crate) slot: i64,
    pub(crate) outcome: Outcome,
    pub(crate) stay: Stay,
    pub(crate) discharged_at: i64,
    pub(crate) follow_up_at: i64,
    /// Position in the referrer list.
    pub(crate) referrer: u64,
}

impl<'a> Story<'a> {
    pub(crate) fn new(world: &'a World, number: u32, episode: &Episode, person: &Person) -> Option<Self> {
        let mut random = Random::new(world.seed, Purpose::Story, u64::from(number));
        let random = &mut random;
        let service_index = service_for(person, random);
        let service = SERVICES.get(service_index)?;
        let pace = world.pace();
        let help_at =
            episode.start + random.between(1, 18) * pace + random.between(9, 17) * HOUR * pace / 86_400;
        let whole = episode.kind == EpisodeKind::Journey;
        let booked_at = if whole {
            help_at + random.between(300, 5_400)
        } else {
            episode.start
        };
        let slot_of = |after: i64, days: i64, quarter: i64| {
            let at = after + days * pace;
            if pace == crate::calendar::DAY {
                office_hour(at, quarter)
            } else {
                at
            }
        };
        let first_slot = slot_of(booked_at, random.between(2, 25), random.between(0, 35));
        let rescheduled = random.chance(0.12);
        let later = slot_of(first_slot, random.between(2, 14), random.between(0, 35));
        let slot = if rescheduled { later } else { first_slot };
        let outcome = match random.below(100) {
            0..8 => Outcome::Cancelled,
            8..15 => Outcome::NoShow,
            _ => Outcome::Kept,
        };
        let stay = match random.below(100) {
            0..70 => Stay::Outpatient,
            70..80 => Stay::Emergency,
            80..96 => Stay::Inpatient,
            _ => Stay::Converted,
        };
        let nights = random.between(1, 6);
        let discharged_at = match stay {
            Stay::Outpatient | Stay::Emergency => slot + random.between(1_800, 14_400),
            Stay::Inpatient | Stay::Converted => slot + nights * pace + 7_200,
        };
        Some(Self {
            number,
            service_index,
            service,
            diagnosis: random.pick(service.diagnoses).copied()?,
            attending: world.provider(service_index, random.bits() % 100_000),
            referring: world.provider(3, random.bits() % 100_000),
            start: episode.start,
            help_at,
            booked_at,
            first_slot,
            slot,
            outcome,
            stay,
            discharged_at,
            follow_up_at: slot_of(discharged_at, random.between(14, 45), random.between(0, 35)),
            referrer: random.below(7),
        })
    }
}

fn service_for(person: &Person, random: &mut Random) -> usize {
    if !person.adult {
        return PEDIATRICS;
    }
    if !person.male && random.chance(0.15) {
        return OBSTETRICS;
    }
    random.below(OBSTETRICS as u64) as usize
}
