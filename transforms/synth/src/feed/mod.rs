//! The feeds: each file here writes the messages of one system in that system's own format.

pub(crate) mod calls;
pub(crate) mod crm;
pub(crate) mod fhir;
mod fhir_parts;
pub(crate) mod hl7;
mod hl7_segments;
pub(crate) mod nppes;
pub(crate) mod segment;
pub(crate) mod sendgrid;
pub(crate) mod truth;

use crate::people::Person;
use crate::plan::Event;
use crate::random::{Purpose, Random, mix};
use crate::story::Story;
use crate::text::Uuid;
use crate::world::World;

/// Everything one message is made of.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a World,
    pub(crate) index: u32,
    pub(crate) person: &'a Person,
    pub(crate) story: &'a Story<'a>,
    pub(crate) event: Event,
}

impl Scene<'_> {
    /// Chance for what this message says. Messages with the same `topic` in an episode say the same.
    pub(crate) fn random(&self, topic: u64) -> Random {
        let number = u64::from(self.event.episode) << 16 | topic & 0xffff;
        Random::new(self.world.seed, Purpose::Message, number)
    }

    /// The chance of this message alone.
    pub(crate) fn own_random(&self) -> Random {
        self.random(0x8000 | u64::from(self.event.ordinal))
    }

    /// An id for one thing of the episode.
    pub(crate) fn uuid(&self, topic: u64) -> Uuid {
        let seed = mix(self.world.seed ^ mix(u64::from(self.event.episode) << 20 | topic));
        Uuid(seed, mix(seed))
    }
}

/// Positions of the marks set on a person whose record went out, for the truth.
pub(crate) mod sent {
    pub(crate) const FIRST_MRN: u8 = 1;
    pub(crate) const SECOND_MRN: u8 = 2;
    pub(crate) const CLINIC: u8 = 4;
    pub(crate) const CELL: u8 = 8;
    pub(crate) const LANDLINE: u8 = 16;
    pub(crate) const EMAIL: u8 = 32;
    pub(crate) const USER: u8 = 64;
}
