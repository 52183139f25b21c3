//! Which messages an episode causes, and when. The words of each message come later, when its time has come.

use crate::calendar::{DAY, HOUR};
use crate::people::{Person, known};
use crate::random::{Purpose, Random};
use crate::story::{Episode, EpisodeKind, Outcome, Stay, Story};
use crate::world::World;

/// What a planned message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An admission, discharge or transfer message of the hospital, by trigger event.
    Adt(Adt),
    /// Laboratory results; the detail is the panel's place in the order.
    Results,
    /// The same results, corrected.
    ResultsCorrected,
    /// A scheduling message of the hospital.
    Siu(Siu),
    /// One resource line of the clinic.
    Resource(Resource),
    /// A whole clinic visit as a transaction bundle.
    Bundle,
    /// A call the patient made; the detail names the call within the episode.
    CallIn,
    /// A call given up in the queue.
    CallAbandoned,
    /// A call to the patient.
    CallOut,
    /// The record of an earlier inbound call, sent again with later news.
    CallUpdate,
    /// Something that happened to an e-mail; the detail names the e-mail within the episode.
    Mail(Mail),
    /// A page seen; the detail counts pages.
    WebPage,
    /// The visitor said who they are.
    WebIdentify,
    /// A form sent or another act; the detail picks which.
    WebTrack,
}

/// Trigger events of ADT (HL7 v2.5.1 chapter 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Adt {
    A01,
    A02,
    A03,
    A04,
    A05,
    A06,
    A08,
    A11,
    A13,
    A28,
    /// A28 for the second registration of the same person.
    A28Again,
    A31,
    A40,
}

/// Trigger events of SIU (HL7 v2.5.1 chapter 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Siu {
    S12,
    S14,
    S15,
    S26,
    /// S12 for the follow-up visit.
    S12FollowUp,
}

/// Resources of the clinic (FHIR R4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    Patient,
    Appointment,
    /// The appointment again, with how it ended.
    AppointmentClosed,
    Encounter,
    Condition,
    Observation,
    MedicationRequest,
    Immunization,
    AllergyIntolerance,
}

/// Events of an e-mail (SendGrid event webhook).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mail {
    Processed,
    Delivered,
    Bounce,
    Open,
    MachineOpen,
    Click,
    Unsubscribe,
}

/// A message that will be. Events order by time, then by episode and place in it: one order for one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    /// Seconds.
    pub(crate) at: i64,
    pub(crate) episode: u32,
    pub(crate) ordinal: u16,
    pub(crate) detail: u16,
    pub(crate) kind: Kind,
}

/// Plans one episode into `events`; what would come after the end of the feeds is left out.
pub(crate) fn plan(world: &World, number: u32, episode: &Episode, events: &mut Vec<Event>) {
    events.clear();
    let Some(person) = world.person(episode.person) else {
        return;
    };
    let Some(story) = Story::new(world, number, episode, person) else {
        return;
    };
    let random = Random::new(world.seed, Purpose::Plan, u64::from(number));
    let mut planner = Planner {
        world,
        person,
        story: &story,
        random,
        events,
        number,
    };
    match episode.kind {
        EpisodeKind::Registration => planner.registration(episode.person),
        EpisodeKind::Journey => planner.journey(),
        EpisodeKind::HospitalVisit => planner.hospital_visit(),
        EpisodeKind::ClinicVisit => planner.clinic_visit(),
        EpisodeKind::Inquiry => planner.inquiry(episode.start, 0),
        EpisodeKind::Campaign => planner.mail(episode.start, 0),
        EpisodeKind::WebSession => planner.web_session(episode.start, 0),
    }
    events.retain(|event| event.at >= world.start && event.at < world.end);
}

struct Planner<'a> {
    world: &'a World,
    person: &'a Person,
    story: &'a Story<'a>,
    random: Random,
    events: &'a mut Vec<Event>,
    number: u32,
}

impl Planner<'_> {
    fn push(&mut self, at: i64, kind: Kind, detail: u16) {
        let ordinal = self.events.len() as u16;
        self.events.push(Event {
            at,
            episode: self.number,
            ordinal,
            detail,
            kind,
        });
    }

    fn knows(&self, feed: u8) -> bool {
        self.person.known & feed != 0
    }

    fn registration(&mut self, index: u32) {
        let registered = self.story.start;
        if self.knows(known::HOSPITAL) {
            self.push(registered, Kind::Adt(Adt::A28), 0);
        }
        if self.knows(known::CLINIC) {
            self.push(registered + 90, Kind::Resource(Resource::Patient), 0);
        }
        let moved_at = self
            .world
            .population
            .household(self.person)
            .map_or(i64::MIN, |h| h.moved_at);
        for change in [moved_at, self.person.married_at] {
            let told_at = change.saturating_add(130 * DAY.min(self.world.pace()));
            if change <= registered || told_at >= self.world.end {
                continue;
            }
            if self.knows(known::HOSPITAL) {
                self.push(told_at, Kind::Adt(Adt::A31), 0);
            }
            if self.knows(known::CLINIC) {
                self.push(told_at + 600, Kind::Resource(Resource::Patient), 0);
            }
        }
        if let Some(second) = self.world.second_registration(index, self.person) {
            self.push(second.from, Kind::Adt(Adt::A28Again), 0);
            if let Some(merged_at) = second.merged_at {
                self.push(merged_at, Kind::Adt(Adt::A40), 0);
            }
        }
    }

    fn journey(&mut self) {
        let (help_at, pace) = (self.story.help_at, self.world.pace());
        // Awareness.
        if self.knows(known::MAIL) {
            self.mail(self.story.start, 0);
        }
        if self.knows(known::WEB) {
            self.web_session(self.story.start + pace / 3, 0);
            // Help: the visitor sends a form.
            self.web_form(help_at - pace / 24);
        }
        if self.knows(known::CALLS) {
            self.inquiry(help_at, 0);
        }
        // Care and treatment.
        let hospital = self.knows(known::HOSPITAL) && (!self.knows(known::CLINIC) || self.random.chance(0.7));
        if hospital {
            self.hospital_visit()
        } else {
            self.clinic_visit()
        }
        if self.story.outcome != Outcome::Kept {
            if self.story.outcome == Outcome::NoShow && self.knows(known::CALLS) {
                self.push(self.story.slot + pace, Kind::CallOut, 20);
            }
            return;
        }
        // Back to health.
        let home_at = self.story.discharged_at;
        if self.knows(known::CALLS) && self.random.chance(0.5) {
            self.push(home_at + 2 * pace, Kind::CallOut, 21);
        }
        if self.knows(known::MAIL) {
            self.mail(home_at + 3 * pace, 1);
        }
        if self.knows(known::WEB) {
            let at = home_at + 4 * pace;
            self.push(at, Kind::WebIdentify, 0);
            self.push(at + 30, Kind::WebTrack, 2);
            self.push(at + 95, Kind::WebTrack, 3);
        }
        if hospital && self.random.chance(0.6) {
            self.push(home_at + pace, Kind::Siu(Siu::S12FollowUp), 0);
            let at = self.story.follow_up_at;
            self.push(at - 600, Kind::Adt(Adt::A04), 1);
            self.push(at + HOUR, Kind::Adt(Adt::A03), 1);
            self.push(at + pace, Kind::Results, 2);
        }
    }

    fn hospital_visit(&mut self) {
        let story = self.story;
        if story.stay != Stay::Emergency {
            self.push(story.booked_at, Kind::Siu(Siu::S12), 0);
            if story.slot != story.first_slot {
                self.push(story.first_slot - self.world.pace() / 2, Kind::Siu(Siu::S14), 0);
            }
            match story.outcome {
                Outcome::Cancelled => {
                    return self.push(story.slot - self.world.pace() / 3, Kind::Siu(Siu::S15), 0);
                }
                Outcome::NoShow => return self.push(story.slot + HOUR, Kind::Siu(Siu::S26), 0),
                Outcome::Kept => {}
            }
        }
        let arrived_at = story.slot - self.random.between(240, 1_500);
        match story.stay {
            Stay::Inpatient => {
                if self.random.chance(0.4) {
                    self.push(story.slot - self.world.pace(), Kind::Adt(Adt::A05), 0);
                }
                self.inpatient(Adt::A01, story.slot);
            }
            Stay::Converted => {
                self.push(arrived_at, Kind::Adt(Adt::A04), 0);
                self.inpatient(Adt::A06, story.slot + 2 * HOUR);
            }
            Stay::Outpatient | Stay::Emergency => {
                self.push(arrived_at, Kind::Adt(Adt::A04), 0);
                if self.random.chance(0.5) {
                    self.push(story.slot + 1_200, Kind::Adt(Adt::A08), 0);
                }
                self.push(story.discharged_at, Kind::Adt(Adt::A03), 0);
            }
        }
        let reported_at = story.slot + self.random.between(2 * HOUR, 9 * HOUR);
        self.results(reported_at);
    }

    fn inpatient(&mut self, admit: Adt, at: i64) {
        let story = self.story;
        if admit == Adt::A01 && self.random.chance(0.02) {
            self.push(at - 3_000, Kind::Adt(Adt::A01), 0);
            self.push(at - 2_400, Kind::Adt(Adt::A11), 0);
        }
        self.push(at, Kind::Adt(admit), 0);
        let moves = self.random.below(3) as i64;
        for nth in 1..=moves {
            let between = at + (story.discharged_at - at) * nth / (moves + 1);
            self.push(between, Kind::Adt(Adt::A02), nth as u16);
        }
        self.push(at + 1_800, Kind::Adt(Adt::A08), 0);
        self.push(story.discharged_at, Kind::Adt(Adt::A03), 0);
        if self.random.chance(0.02) {
            self.push(story.discharged_at + 1_200, Kind::Adt(Adt::A13), 0);
            self.push(story.discharged_at + 4 * HOUR, Kind::Adt(Adt::A03), 0);
        }
    }

    fn results(&mut self, at: i64) {
        for panel in 0..self.story.service.panels.len() as u16 {
            if panel > 0 && self.random.chance(0.3) {
                continue;
            }
            let reported = at + i64::from(panel) * 1_500;
            self.push(reported, Kind::Results, panel);
            if self.random.chance(0.03) {
                self.push(reported + 20 * HOUR, Kind::ResultsCorrected, panel);
            }
        }
    }

    fn clinic_visit(&mut self) {
        let story = self.story;
        let resource = Kind::Resource;
        self.push(story.booked_at, resource(Resource::Appointment), 0);
        if story.outcome == Outcome::Cancelled {
            return self.push(story.slot - HOUR, resource(Resource::AppointmentClosed), 0);
        }
        self.push(story.slot + HOUR, resource(Resource::AppointmentClosed), 0);
        if story.outcome == Outcome::NoShow {
            return;
        }
        if self.random.chance(0.25) {
            return self.push(story.slot + HOUR + 60, Kind::Bundle, 0);
        }
        let at = story.slot + HOUR;
        self.push(at + 5, resource(Resource::Encounter), 0);
        self.push(at + 10, resource(Resource::Condition), 0);
        for nth in 0..3 {
            self.push(at + 15 + i64::from(nth), resource(Resource::Observation), nth);
        }
        if self.random.chance(0.5) {
            self.push(at + 30, resource(Resource::MedicationRequest), 0);
        }
        if self.random.chance(0.25) {
            self.push(at + 40, resource(Resource::Immunization), 0);
        }
        if self.random.chance(0.1) {
            self.push(at + 50, resource(Resource::AllergyIntolerance), 0);
        }
    }

    fn inquiry(&mut self, at: i64, first: u16) {
        let mut at = at;
        if self.random.chance(0.12) {
            self.push(at, Kind::CallAbandoned, first);
            at += 1_500;
        }
        self.push(at, Kind::CallIn, first + 1);
        if self.random.chance(0.15) {
            self.push(at + 5 * HOUR, Kind::CallUpdate, first + 1);
        }
    }

    fn mail(&mut self, at: i64, message: u16) {
        self.push(at, Kind::Mail(Mail::Processed), message);
        if self.random.chance(0.03) {
            return self.push(at + 4, Kind::Mail(Mail::Bounce), message);
        }
        self.push(at + 3, Kind::Mail(Mail::Delivered), message);
        if self.random.chance(0.2) {
            self.push(at + 20, Kind::Mail(Mail::MachineOpen), message);
        }
        if !self.random.chance(0.35) {
            return;
        }
        let opened_at = at + self.random.between(300, 40_000);
        self.push(opened_at, Kind::Mail(Mail::Open), message);
        if self.random.chance(0.3) {
            self.push(opened_at + 25, Kind::Mail(Mail::Click), message);
        } else if self.random.chance(0.04) {
            self.push(opened_at + 40, Kind::Mail(Mail::Unsubscribe), message);
        }
    }

    fn web_session(&mut self, at: i64, first: u16) {
        let pages = self.random.between(2, 5) as u16;
        for page in 0..pages {
            self.push(at + i64::from(page) * 47, Kind::WebPage, first + page);
        }
        let after = at + i64::from(pages) * 47;
        if self.random.chance(0.35) {
            self.push(after, Kind::WebIdentify, 0);
            let act = self.random.below(4) as u16;
            self.push(after + 8, Kind::WebTrack, act);
        } else if self.random.chance(0.5) {
            self.push(after, Kind::WebTrack, 4);
        }
    }

    fn web_form(&mut self, at: i64) {
        self.push(at, Kind::WebPage, 8);
        self.push(at + 60, Kind::WebIdentify, 0);
        self.push(at + 61, Kind::WebTrack, 0);
    }
}
