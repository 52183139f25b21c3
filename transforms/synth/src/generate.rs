//! The generator: plays all episodes in the order of time and hands the feeds' files over as they fill.

use crate::feed::sendgrid::Posts;
use crate::feed::{Scene, calls, crm, fhir, hl7, nppes, segment, sent, truth};
use crate::files::{FeedSink, Rolling};
use crate::people::known;
use crate::plan::{Adt, Event, Kind, plan};
use crate::random::{Purpose, Random};
use crate::schedule::{Feed, schedule};
use crate::story::{Episode, Story};
use crate::world::World;
use panorama_model::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct SynthOptions {
    /// How many real people.
    pub persons: usize,
    /// The same seed makes the same bytes.
    pub seed: u64,
    /// About how many messages in all feeds; without it, twelve for each person. First registrations and CRM contacts
    /// come even where they are more than this.
    pub messages: Option<u64>,
    /// No event before.
    pub start: Timestamp,
    /// No event at or after; at least a day after `start`.
    pub end: Timestamp,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Real people.
    pub persons: u64,
    /// Households they live in.
    pub households: u64,
    /// HL7 v2 messages of the hospital.
    pub hospital_messages: u64,
    /// FHIR bundles and resources of the clinic.
    pub clinic_messages: u64,
    /// Contact records.
    pub call_records: u64,
    /// Rows of the CRM export.
    pub crm_rows: u64,
    /// Webhook posts of the e-mail service.
    pub email_posts: u64,
    /// Events in those posts, second copies included.
    pub email_events: u64,
    /// Calls of the web site.
    pub web_events: u64,
    /// Rows of the provider registry.
    pub provider_rows: u64,
    /// Records of the second registrations that the hospital merged (A40).
    pub merges: u64,
    /// Messages and e-mail events sent a second time, byte for byte.
    pub repeated: u64,
    /// Source records whose real person the truth names.
    pub source_records: u64,
    /// Bytes of all feeds, without the truth.
    pub bytes: u64,
}

impl Summary {
    /// Messages of all feeds; a webhook post is one, a CSV row is one.
    pub const fn messages(&self) -> u64 {
        self.hospital_messages
            + self.clinic_messages
            + self.call_records
            + self.crm_rows
            + self.email_posts
            + self.web_events
            + self.provider_rows
    }
}

/// Makes the feeds of a synthetic health system and the truth behind them.
///
/// - Shape: the files named in the crate's documentation, in pieces of about a megabyte; each numbered file comes in
///   one piece. Events of a feed are in the order of time.
/// - Units: memory grows with people and episodes (some tens of bytes each), not with messages.
///
/// # Errors
/// The first error of the sink ends it.
pub fn generate<S: FeedSink + ?Sized>(options: &SynthOptions, sink: &mut S) -> Result<Summary, S::Error> {
    let seconds = |at: Timestamp| at.0.div_euclid(1_000_000);
    let world = World::new(
        options.persons,
        options.seed,
        seconds(options.start),
        seconds(options.end),
    );
    let mut generator = Generator::new(&world, sink);
    generator.providers()?;
    generator.contacts()?;
    let wanted = options.messages.unwrap_or(options.persons as u64 * 12);
    let rows = generator.crm.messages + generator.nppes.messages;
    let episodes = schedule(&world, wanted.saturating_sub(rows));
    generator.play(&episodes)?;
    generator.finish()
}

/// How often a hospital's interface sends a message twice.
const HOSPITAL_REPEATS: f64 = 0.004;

struct Generator<'a, S: FeedSink + ?Sized> {
    world: &'a World,
    sink: &'a mut S,
    hospital: Rolling,
    clinic: Rolling,
    bundles: Rolling,
    calls: Rolling,
    crm: Rolling,
    mail: Rolling,
    web: Rolling,
    nppes: Rolling,
    posts: Posts,
    chance: Random,
    /// What went out of each person.
    marks: Vec<u8>,
    merges: u64,
    repeated: u64,
}

impl<'a, S: FeedSink + ?Sized> Generator<'a, S> {
    fn new(world: &'a World, sink: &'a mut S) -> Self {
        Self {
            world,
            sink,
            hospital: Rolling::numbered("hl7/hospital-", ".hl7", 1_000),
            clinic: Rolling::numbered("fhir/clinic-", ".ndjson", 1_000),
            bundles: Rolling::numbered("fhir/clinic-bundle-", ".json", 100),
            calls: Rolling::numbered("calls/connect-", ".json", 1_000),
            crm: Rolling::single("crm/contacts", ".csv"),
            mail: Rolling::numbered("marketing/sendgrid-", ".json", 1_000),
            web: Rolling::numbered("web/segment-", ".json", 1_000),
            nppes: Rolling::single("providers/nppes", ".csv"),
            posts: Posts::new(world.seed),
            chance: Random::new(world.seed, Purpose::Batches, 1),
            marks: vec![0; world.population.people.len()],
            merges: 0,
            repeated: 0,
        }
    }

    fn providers(&mut self) -> Result<(), S::Error> {
        nppes::write_header(&mut self.nppes.page);
        for provider in &self.world.providers {
            nppes::write(&mut self.nppes.page, provider);
            self.nppes.end_message(self.sink)?;
        }
        self.nppes.hand_over(self.sink)
    }

    fn contacts(&mut self) -> Result<(), S::Error> {
        let world = self.world;
        self.crm.page.text(crm::HEADER);
        for (index, person) in (0u32..).zip(&world.population.people) {
            if person.known & known::CRM == 0 {
                continue;
            }
            for second in [false, true] {
                if !second || world.contact_is_double(index) {
                    crm::write(&mut self.crm.page, world, index, person, second);
                    self.crm.end_message(self.sink)?;
                }
            }
        }
        self.crm.hand_over(self.sink)
    }

    /// Plays the episodes: a heap holds the planned messages of those that run at the moment.
    fn play(&mut self, episodes: &[Episode]) -> Result<(), S::Error> {
        let mut pending: BinaryHeap<Reverse<Event>> = BinaryHeap::new();
        let mut planned = Vec::new();
        for (number, episode) in (0u32..).zip(episodes) {
            // A plan may reach back a little before its episode's start.
            let settled = episode.start - crate::calendar::DAY;
            while pending.peek().is_some_and(|Reverse(event)| event.at < settled) {
                if let Some(Reverse(event)) = pending.pop() {
                    self.write(episodes, event)?;
                }
            }
            plan(self.world, number, episode, &mut planned);
            pending.extend(planned.iter().map(|event| Reverse(*event)));
        }
        while let Some(Reverse(event)) = pending.pop() {
            self.write(episodes, event)?;
        }
        Ok(())
    }

    fn write(&mut self, episodes: &[Episode], event: Event) -> Result<(), S::Error> {
        let world = self.world;
        let Some(episode) = episodes.get(event.episode as usize) else {
            return Ok(());
        };
        let Some(person) = world.person(episode.person) else {
            return Ok(());
        };
        let Some(story) = Story::new(world, event.episode, episode, person) else {
            return Ok(());
        };
        let scene = Scene {
            world,
            index: episode.person,
            person,
            story: &story,
            event,
        };
        let mark = match Feed::of(event.kind) {
            Feed::Hospital => self.hospital(&scene)?,
            Feed::Clinic if event.kind == Kind::Bundle => {
                fhir::write_bundle(&mut self.bundles.page, &scene);
                self.bundles.end_message(self.sink)?;
                sent::CLINIC
            }
            Feed::Clinic => {
                fhir::write_line(&mut self.clinic.page, &scene);
                self.clinic.end_message(self.sink)?;
                sent::CLINIC
            }
            Feed::Calls => {
                let mark = calls::write(&mut self.calls.page, &scene);
                self.calls.end_message(self.sink)?;
                mark
            }
            Feed::Mail => self.posts.add(&mut self.mail, &scene, self.sink)?,
            Feed::Web => {
                let mark = segment::write(&mut self.web.page, &scene);
                self.web.end_message(self.sink)?;
                mark
            }
        };
        if let Some(marks) = self.marks.get_mut(episode.person as usize) {
            *marks |= mark;
        }
        Ok(())
    }

    fn hospital(&mut self, scene: &Scene<'_>) -> Result<u8, S::Error> {
        let control = self.hospital.messages - self.repeated + 1;
        let begins = self.hospital.page.0.len();
        let mark = hl7::write(&mut self.hospital.page, scene, control);
        if scene.event.kind == Kind::Adt(Adt::A40) {
            self.merges += 1;
        }
        if self.chance.chance(HOSPITAL_REPEATS) {
            self.repeated += 1;
            self.hospital.messages += 1;
            self.hospital.page.0.extend_from_within(begins..);
        }
        self.hospital.end_message(self.sink)?;
        Ok(mark)
    }

    fn finish(mut self) -> Result<Summary, S::Error> {
        self.posts.end(&mut self.mail, self.sink)?;
        let mut bytes = self.nppes.bytes + self.crm.bytes;
        let open = [
            &mut self.hospital,
            &mut self.clinic,
            &mut self.bundles,
            &mut self.calls,
            &mut self.mail,
            &mut self.web,
        ];
        for file in open {
            file.hand_over(self.sink)?;
            bytes += file.bytes;
        }
        let source_records = truth::write(self.world, &self.marks, self.sink)?;
        let population = &self.world.population;
        Ok(Summary {
            persons: population.people.len() as u64,
            households: population.households.len() as u64,
            hospital_messages: self.hospital.messages,
            clinic_messages: self.clinic.messages + self.bundles.messages,
            call_records: self.calls.messages,
            crm_rows: self.crm.messages,
            email_posts: self.mail.messages,
            email_events: self.posts.events,
            web_events: self.web.messages,
            provider_rows: self.nppes.messages,
            merges: self.merges,
            repeated: self.repeated + self.posts.repeated,
            source_records,
            bytes,
        })
    }
}
