//! Processes that bring messages in together, what others send them, and all that is done to them.

use super::feeds::{Feed, Hospital};
use crate::broker::Broker;
use crate::essence::{config, run, with_feeds};
use crate::failover::cluster::{POLL, RECOVERY_MAX};
use crate::failover::machine::Machine;
use crate::kafka::{from_elsewhere, of_topic, on_kafka};
use crate::rows::{Chance, tables, text};
use crate::support::{Scratch, free_port};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The feeds that others put into topics, a message in each line, and their directories.
const FEEDS: [(&str, &str); 3] = [
    ("contact-center", "calls"),
    ("email", "marketing"),
    ("web", "web"),
];
/// The source that speaks MLLP.
const HOSPITAL: &str = "hospital";
/// Where messages come from that are poured.
pub(crate) const POURED: [&str; 4] = [FEEDS[0].0, FEEDS[1].0, FEEDS[2].0, HOSPITAL];
/// Sources of the example configuration.
const SOURCES: u64 = 7;
/// Partitions of others' topics, and of ours: not the same.
pub(crate) const PARTITIONS: (u32, u32) = (5, 4);
/// The shortest that brokers take by default.
pub(crate) const SESSION: Duration = Duration::from_secs(6);
/// Messages of each source that come at once.
const AT_ONCE: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MemberFault {
    /// It is started again at once.
    Killed,
    /// It wakes when others have what it had.
    Paused,
    /// It is stopped, and comes back later.
    Leaves,
    /// All of them, started again at once.
    AllKilled,
    /// It is killed, and comes back later.
    Lost,
}

impl MemberFault {
    pub(crate) const ALL: [Self; 5] = [
        Self::Killed,
        Self::Paused,
        Self::Leaves,
        Self::AllKilled,
        Self::Lost,
    ];
}

/// The configuration of a directory, whose line by line feeds come from topics that others fill.
pub(crate) fn from_theirs(dir: &Path, brokers: &str, prefix: &str, rebalance: &str) -> PathBuf {
    let file = on_kafka(dir, brokers, prefix);
    let mut text = fs::read_to_string(&file).expect("a configuration");
    for (source, _) in FEEDS {
        let topic = format!("{prefix}theirs.{source}");
        from_elsewhere(&mut text, source, &of_topic(brokers, &topic));
    }
    // Each member listens where it is told to.
    let anywhere = "    type: mllp\n    listen: 127.0.0.1:1\n";
    from_elsewhere(&mut text, HOSPITAL, anywhere);
    let shared = format!(
        "  topic_prefix: {prefix}\n  partitions: {}\n  rebalance: {rebalance}\n",
        PARTITIONS.1
    );
    let text = text.replace(&format!("  topic_prefix: {prefix}\n"), &shared);
    fs::write(&file, text).expect("a configuration");
    file
}

/// The hospital's messages, each once: copies of its own are not stored again.
pub(crate) fn of_hospital(made: &Scratch) -> Vec<Vec<u8>> {
    let whole = with_feeds(made, "sharing-whole");
    run(&config(whole.path()), &[]);
    let rows = &tables(&whole.path().join("tables"), &["raw_messages"])["raw_messages"];
    let of_hospital = rows.iter().filter(|row| text(row, "source") == HOSPITAL);
    let messages: BTreeSet<Vec<u8>> = of_hospital
        .map(|row| text(row, "payload").chars().map(|c| c as u8).collect())
        .collect();
    messages.into_iter().collect()
}

/// Leaves each message of the hospital once: how often it was received depends on who was there to answer.
pub(crate) fn once(raw_messages: &mut Vec<String>) {
    let of_hospital = format!("\"source\":\"{HOSPITAL}\"");
    raw_messages.dedup_by(|a, b| a == b && a.contains(&of_hospital));
}

/// Several processes that bring in the messages of the same sources.
pub(crate) struct Group {
    file: PathBuf,
    pub(crate) members: Vec<Machine>,
    feeds: Vec<Feed>,
    hospital: Hospital,
    /// Messages of each of [`POURED`].
    poured: [u64; POURED.len()],
    chance: Chance,
    /// Who is away, or asleep, for the time being.
    struck: Option<usize>,
}

impl Group {
    /// A group of three, and those who send to it: `made` has their feeds, `shared` what the group shares.
    pub(crate) fn begin(
        broker: &Broker,
        (made, shared): (&Path, &Path),
        prefix: &str,
        (file, of_hospital): (&Path, Vec<Vec<u8>>),
        chance: Chance,
    ) -> Self {
        let feeds = FEEDS.map(|(name, dir)| Feed::begin(broker, name, prefix, &made.join("feeds").join(dir)));
        let ports = [0; 3].map(|_| free_port());
        let members = ["in-one", "in-two", "in-three"]
            .into_iter()
            .zip(ports)
            .map(|(name, port)| {
                let listens = format!("sources.{HOSPITAL}.listen=127.0.0.1:{port}");
                Machine::new(shared, name, "ingest", SESSION).with(listens)
            });
        let addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let mut group = Self {
            file: file.to_owned(),
            members: members.collect(),
            feeds: feeds.into(),
            hospital: Hospital::begin(of_hospital, addresses.into()),
            poured: Default::default(),
            chance,
            struck: None,
        };
        for member in &mut group.members {
            member.start(file);
        }
        group.all_hold();
        group
    }

    /// Lets so many messages of each source come; false where there are none.
    pub(crate) fn pour(&mut self, count: usize) -> bool {
        let of_feeds = self.feeds.iter_mut().map(|feed| feed.pour(count));
        let now: Vec<u64> = of_feeds.chain([self.hospital.pour(count)]).collect();
        for (all, now) in self.poured.iter_mut().zip(&now) {
            *all += now;
        }
        now.iter().any(|now| *now > 0)
    }

    pub(crate) fn poured_in_all(&self) -> u64 {
        self.poured.iter().sum()
    }

    pub(crate) fn sent_again(&self) -> u64 {
        self.hospital.sent_again()
    }

    /// Whether these are all the messages that came from each of [`POURED`]. Only what the hospital sends again may be
    /// there again.
    ///
    /// # Panics
    /// Where there are more.
    pub(crate) fn are_all(&self, read: [u64; POURED.len()], after: &str) -> bool {
        let more = [0, 0, 0, self.hospital.sent_again()];
        let most = self.poured.iter().zip(more).map(|(poured, more)| poured + more);
        let too_many = read.iter().zip(most).any(|(read, most)| *read > most);
        assert!(
            !too_many,
            "{after}: {read:?} messages are read, of {:?}",
            self.poured
        );
        read.iter().zip(&self.poured).all(|(read, poured)| read >= poured) && self.hospital.is_done()
    }

    fn held(&self, member: usize) -> u64 {
        self.members[member]
            .metric("panorama_ingest_partitions")
            .unwrap_or(0)
    }

    fn wait_for(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            if began.elapsed() > RECOVERY_MAX * 2 {
                self.say_last_words();
                panic!("{what}");
            }
            std::thread::sleep(POLL);
        }
    }

    fn all_hold(&self) {
        self.wait_for("a member holds nothing", |group| {
            (0..group.members.len()).all(|member| group.held(member) > 0)
        });
    }

    /// Begins it while messages come.
    pub(crate) fn strike(&mut self, fault: MemberFault) {
        let member = self.chance.below(self.members.len());
        self.struck = Some(member);
        self.pour(AT_ONCE);
        std::thread::sleep(Duration::from_millis(self.chance.below(150) as u64));
        match fault {
            MemberFault::Killed => {
                self.members[member].kill();
                self.members[member].start(&self.file);
            }
            MemberFault::AllKilled => self.kill_all(),
            MemberFault::Leaves => {
                self.members[member].signal("-TERM");
                assert!(self.members[member].end(), "a stop fails");
            }
            MemberFault::Lost => self.members[member].kill(),
            MemberFault::Paused => self.members[member].signal("-STOP"),
        }
        self.pour(AT_ONCE);
    }

    fn kill_all(&mut self) {
        self.members.iter_mut().for_each(Machine::kill);
        let file = self.file.clone();
        self.members.iter_mut().for_each(|member| member.start(&file));
    }

    /// Kills one that nothing else was done to; it is started again at once.
    pub(crate) fn kill_another(&mut self) {
        let other = self.struck.map_or(0, |struck| struck + 1) % self.members.len();
        self.members[other].kill();
        self.members[other].start(&self.file);
    }

    /// The moment from which on nothing more happens: one that sleeps is woken when others have what it had.
    pub(crate) fn strike_ends(&mut self, fault: MemberFault) -> Instant {
        let mut ends = Instant::now();
        if let (MemberFault::Paused, Some(asleep)) = (fault, self.struck) {
            let all = u64::from(PARTITIONS.1) * SOURCES;
            self.wait_for("nobody takes over", |group| {
                let awake = (0..group.members.len()).filter(|member| *member != asleep);
                awake.map(|member| group.held(member)).sum::<u64>() == all
            });
            ends = Instant::now();
            self.members[asleep].signal("-CONT");
        }
        self.pour(AT_ONCE);
        ends
    }

    /// Starts again what has ended, and waits until each has its part.
    pub(crate) fn keep(&mut self) {
        for member in &mut self.members {
            member.keep(&self.file);
        }
        self.struck = None;
        self.pour(2);
        self.all_hold();
    }

    pub(crate) fn say_last_words(&self) {
        for member in &self.members {
            println!("{}", member.last_words());
        }
    }

    /// Stops all of them; none may have ended by itself.
    pub(crate) fn end(&mut self) {
        let complaints: Vec<String> = self.members.iter().flat_map(Machine::complaints).collect();
        assert_eq!(complaints, Vec::<String>::new());
        for member in &mut self.members {
            member.signal("-TERM");
            assert!(member.end(), "a stop fails");
        }
    }
}
