//! Which episodes happen: first contacts, then as many more as make the wanted number of messages in the wanted mix.

use crate::calendar::{DAY, office_hour};
use crate::feed::sendgrid::EVENTS_PER_POST;
use crate::people::known;
use crate::plan::{Event, Kind, plan};
use crate::random::{Purpose, Random};
use crate::story::{Episode, EpisodeKind};
use crate::world::World;

/// The streaming feeds, in the order of [`SHARES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    Hospital = 0,
    Clinic = 1,
    Calls = 2,
    Mail = 3,
    Web = 4,
}

/// The share of each streaming feed in all its messages, and who can cause them.
const SHARES: [(Feed, f64, u8); 5] = [
    (Feed::Hospital, 0.46, known::HOSPITAL),
    (Feed::Clinic, 0.153, known::CLINIC),
    (Feed::Calls, 0.102, known::CALLS),
    (Feed::Mail, 0.153, known::MAIL),
    (Feed::Web, 0.132, known::WEB),
];

impl Feed {
    pub(crate) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Adt(_) | Kind::Siu(_) | Kind::Results | Kind::ResultsCorrected => Self::Hospital,
            Kind::Resource(_) | Kind::Bundle => Self::Clinic,
            Kind::CallIn | Kind::CallAbandoned | Kind::CallOut | Kind::CallUpdate => Self::Calls,
            Kind::Mail(_) => Self::Mail,
            Kind::WebPage | Kind::WebIdentify | Kind::WebTrack => Self::Web,
        }
    }
}

/// Draws episodes until about `wanted` messages are planned; the episodes come ordered by their start.
///
/// Every plan is made once to be counted and once more when its time comes: that costs little and keeps the memory at
/// a few bytes per episode.
pub(crate) fn schedule(world: &World, wanted: u64) -> Vec<Episode> {
    let mut scheduler = Scheduler {
        world,
        random: Random::new(world.seed, Purpose::Episodes, 0),
        episodes: Vec::new(),
        counts: [0.0; 5],
        buffer: Vec::new(),
        begun: vec![false; world.population.people.len()],
    };
    scheduler.first_contacts();
    scheduler.fill(wanted as f64);
    let mut episodes = scheduler.episodes;
    // A message's words hang on its episode's number, so numbers follow time: sort before any is written.
    episodes.sort_by_key(|episode| (episode.start, episode.person, episode.kind as u8));
    episodes
}

struct Scheduler<'a> {
    world: &'a World,
    random: Random,
    episodes: Vec<Episode>,
    /// Messages so far per feed; e-mail events count by their part of a post.
    counts: [f64; 5],
    buffer: Vec<Event>,
    /// People whose journey has begun.
    begun: Vec<bool>,
}

impl Scheduler<'_> {
    fn add(&mut self, episode: Episode) {
        let number = self.episodes.len() as u32;
        plan(self.world, number, &episode, &mut self.buffer);
        for event in &self.buffer {
            let feed = Feed::of(event.kind);
            if let Some(count) = self.counts.get_mut(feed as usize) {
                *count += if feed == Feed::Mail {
                    1.0 / EVENTS_PER_POST
                } else {
                    1.0
                };
            }
        }
        self.episodes.push(episode);
    }

    fn first_contacts(&mut self) {
        let world = self.world;
        for (index, person) in (0u32..).zip(&world.population.people) {
            if person.known & (known::HOSPITAL | known::CLINIC) != 0 {
                let start = world.registered_at(index);
                self.add(Episode {
                    start,
                    person: index,
                    kind: EpisodeKind::Registration,
                });
            }
        }
    }

    fn fill(&mut self, wanted: f64) {
        let people = &self.world.population.people;
        let members = SHARES.map(|(_, _, bit)| -> Vec<u32> {
            (0u32..)
                .zip(people)
                .filter(|(_, p)| p.known & bit != 0)
                .map(|(index, _)| index)
                .collect()
        });
        let mut cursors = SHARES.map(|_| 0usize);
        // An episode that falls behind the end of the feeds adds nothing; so many in a row mean there is no room.
        let mut idle = 0;
        let mut total: f64 = self.counts.iter().sum();
        while total < wanted && idle < 1_000 {
            let lacking = SHARES
                .iter()
                .zip(&self.counts)
                .zip(&members)
                .filter(|(_, members)| !members.is_empty());
            let chosen = lacking
                .map(|((share, count), members)| (share, share.1 * wanted - count, members))
                .max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((share, _, members)) = chosen else { return };
            let Some(cursor) = cursors.get_mut(share.0 as usize) else {
                return;
            };
            // Everybody has a turn, and some have many.
            let at = if self.random.chance(0.5) {
                *cursor += 1;
                crate::random::mix(*cursor as u64 / members.len() as u64) as usize % 7 + *cursor * 7_919
            } else {
                let skewed = self.random.unit();
                (skewed * skewed * members.len() as f64) as usize * 31
            };
            let Some(person) = members.get(at % members.len()).copied() else {
                return;
            };
            let (feed, before) = (share.0, total);
            self.episode(feed, person);
            total = self.counts.iter().sum();
            idle = if total > before { 0 } else { idle + 1 };
        }
    }

    fn episode(&mut self, feed: Feed, index: u32) {
        let world = self.world;
        let Some(person) = world.person(index) else { return };
        let engaged = person.known & (known::WEB | known::CALLS | known::MAIL) != 0;
        let registered_at = world.registered_at(index);
        let patient = person.known & (known::HOSPITAL | known::CLINIC) != 0;
        let care = matches!(feed, Feed::Hospital | Feed::Clinic);
        let latest = world.end - (world.end - world.start) / 50;
        if care
            && engaged
            && (self.random.chance(0.5) || !self.begun.get(index as usize).copied().unwrap_or(true))
        {
            let first = self
                .begun
                .get_mut(index as usize)
                .is_some_and(|begun| !std::mem::replace(begun, true));
            // A first journey leads to the registration: the campaign comes before it.
            let start = if first {
                (registered_at - self.random.between(1, 8) * world.pace()).max(world.start)
            } else {
                self.random.between(registered_at, latest)
            };
            return self.add(Episode {
                start,
                person: index,
                kind: EpisodeKind::Journey,
            });
        }
        let earliest = if care && patient {
            registered_at + 600
        } else {
            world.start
        };
        let start = self.random.between(earliest, latest);
        let kind = match feed {
            Feed::Hospital => EpisodeKind::HospitalVisit,
            Feed::Clinic => EpisodeKind::ClinicVisit,
            Feed::Calls => EpisodeKind::Inquiry,
            Feed::Mail => EpisodeKind::Campaign,
            Feed::Web => EpisodeKind::WebSession,
        };
        let by_people = kind != EpisodeKind::Campaign && kind != EpisodeKind::WebSession;
        let start = if by_people && world.pace() == DAY {
            let quarter = self.random.between(0, 35);
            (office_hour(start, quarter) + self.random.between(0, 899)).clamp(earliest, latest.max(earliest))
        } else {
            start
        };
        self.add(Episode {
            start,
            person: index,
            kind,
        });
    }
}
