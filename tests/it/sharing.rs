//! Several processes bring in the messages of the same topics, and come, go, die, and sleep past their time: each message
//! is read once, and soon. Both ways in which a group divides partitions.
//!
//! `PANORAMA_SHARING_WINDOWS`, `_PERSONS` and `_SEED` size the run.

mod feeds;

use crate::broker::Broker;
use crate::essence::{config, differences, essence, run, run_role, with_feeds};
use crate::failover::machine::Machine;
use crate::kafka::{from_elsewhere, from_environment, of_topic, on_kafka, places_are_unique};
use crate::rows::{Chance, tables, text};
use crate::support::{Scratch, free_port, panorama, said};
use feeds::{Feed, Hospital};
use std::collections::{BTreeMap, BTreeSet};
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
/// Partitions of their topics, and of ours: not the same.
const PARTITIONS: (u32, u32) = (5, 4);
/// How long it may take until all is read again.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// The shortest that brokers take by default.
const SESSION: Duration = Duration::from_secs(6);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// It is started again at once.
    Killed,
    /// It wakes when others have what it had.
    Paused,
    /// It is stopped, and comes back later.
    Leaves,
    /// It is killed, and comes back later.
    Lost,
    /// All of them, started again at once.
    AllKilled,
}

const FAULTS: [Fault; 5] = [
    Fault::Killed,
    Fault::Paused,
    Fault::Leaves,
    Fault::AllKilled,
    Fault::Lost,
];

/// The configuration of a directory, whose line by line feeds come from topics that others fill.
fn from_theirs(dir: &Path, brokers: &str, prefix: &str, rebalance: &str) -> PathBuf {
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

struct House {
    file: PathBuf,
    members: Vec<Machine>,
    processes: Machine,
    feeds: Vec<Feed>,
    hospital: Hospital,
    /// Of each feed, and of the hospital.
    poured: [u64; FEEDS.len() + 1],
    chance: Chance,
}

impl House {
    fn pour(&mut self, count: usize) {
        let of_feeds = self.feeds.iter_mut().map(|feed| feed.pour(count));
        let now: Vec<u64> = of_feeds.chain([self.hospital.pour(count)]).collect();
        for (all, now) in self.poured.iter_mut().zip(now) {
            *all += now;
        }
    }

    /// Waits until all that was poured is read, once: only what the hospital sends again may be stored again.
    fn all_is_read(&self, after: &str) {
        let began = Instant::now();
        loop {
            let sources = FEEDS.iter().map(|(source, _)| *source).chain([HOSPITAL]);
            let read: Vec<u64> = sources.map(|source| self.processes.decoded(source)).collect();
            let again = self.hospital.sent_again();
            let more = [0, 0, 0, again];
            let most = self.poured.iter().zip(more).map(|(poured, more)| poured + more);
            let too_many = read.iter().zip(most).any(|(read, most)| *read > most);
            assert!(
                !too_many,
                "{after}: {read:?} messages are read, of {:?}",
                self.poured
            );
            let all = read.iter().zip(&self.poured).all(|(read, poured)| read >= poured);
            if all && self.hospital.is_done() {
                return;
            }
            if began.elapsed() > RECOVERY_MAX {
                for member in self.members.iter().chain([&self.processes]) {
                    println!("{}", member.last_words());
                }
                panic!("{after}: {read:?} messages are read, of {:?}", self.poured);
            }
            std::thread::sleep(POLL);
        }
    }

    fn held(&self, member: usize) -> u64 {
        self.members[member]
            .metric("panorama_ingest_partitions")
            .unwrap_or(0)
    }

    fn wait_for(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < RECOVERY_MAX * 2, "{what}");
            std::thread::sleep(POLL);
        }
    }

    fn all_hold(&self) {
        self.wait_for("a member holds nothing", |house| {
            (0..house.members.len()).all(|member| house.held(member) > 0)
        });
    }

    /// Does it while messages come; the moment from which on nothing more happens.
    fn strike(&mut self, fault: Fault, member: usize) -> Instant {
        self.pour(6);
        std::thread::sleep(Duration::from_millis(self.chance.below(150) as u64));
        let mut began = Instant::now();
        match fault {
            Fault::Killed => {
                self.members[member].kill();
                self.members[member].start(&self.file);
            }
            Fault::AllKilled => {
                self.members.iter_mut().for_each(Machine::kill);
                let file = self.file.clone();
                self.members.iter_mut().for_each(|member| member.start(&file));
            }
            Fault::Leaves => {
                self.members[member].signal("-TERM");
                assert!(self.members[member].end(), "a stop fails");
            }
            Fault::Lost => self.members[member].kill(),
            Fault::Paused => {
                self.members[member].signal("-STOP");
                self.pour(6);
                let others = |house: &Self| {
                    let others = (0..house.members.len()).filter(|other| *other != member);
                    others.map(|other| house.held(other)).sum::<u64>()
                };
                let all = u64::from(PARTITIONS.1) * SOURCES;
                self.wait_for("nobody takes over", |house| others(house) == all);
                began = Instant::now();
                self.members[member].signal("-CONT");
            }
        }
        self.pour(6);
        began
    }
}

/// Each message of the hospital once: how often it was received depends on who was there to answer.
fn once(mut tables: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let of_hospital = format!("\"source\":\"{HOSPITAL}\"");
    let rows = tables.get_mut("raw_messages").expect("a table");
    rows.dedup_by(|a, b| a == b && a.contains(&of_hospital));
    tables
}

/// Sources of the example configuration.
const SOURCES: u64 = 7;

#[test]
fn members_of_a_group_bring_in_each_message_once() {
    let Some(broker) = Broker::start("") else { return };
    let windows = from_environment("PANORAMA_SHARING_WINDOWS", 10);
    let persons = from_environment("PANORAMA_SHARING_PERSONS", 200).to_string();
    let made = Scratch::new("sharing");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", &persons, "--seed", "31", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let whole = with_feeds(&made, "sharing-whole");
    run(&config(whole.path()), &[]);
    let rows = &tables(&whole.path().join("tables"), &["raw_messages"])["raw_messages"];
    let of_hospital = rows.iter().filter(|row| text(row, "source") == HOSPITAL);
    // Each once: copies of its own are not stored again.
    let from_hospital: BTreeSet<Vec<u8>> = of_hospital
        .map(|row| text(row, "payload").chars().map(|c| c as u8).collect())
        .collect();
    let mut longest: BTreeMap<(&str, Fault), (u32, Duration)> = BTreeMap::new();
    for rebalance in ["cooperative", "eager"] {
        let prefix = format!("{rebalance}.");
        let shared = with_feeds(&made, &format!("sharing-{rebalance}"));
        let file = from_theirs(shared.path(), &broker.address(), &prefix, rebalance);
        let feeds = FEEDS
            .map(|(name, dir)| Feed::begin(&broker, name, &prefix, &made.path().join("feeds").join(dir)));
        let ports = [0; 3].map(|_| free_port());
        let members = ["one", "two", "three"]
            .into_iter()
            .zip(ports)
            .map(|(name, port)| {
                let listens = format!("sources.{HOSPITAL}.listen=127.0.0.1:{port}");
                Machine::new(shared.path(), name, "ingest", SESSION).with(listens)
            });
        let addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let mut house = House {
            processes: Machine::new(shared.path(), "processes", "process", SESSION),
            members: members.collect(),
            feeds: feeds.into(),
            hospital: Hospital::begin(from_hospital.iter().cloned().collect(), addresses.into()),
            poured: Default::default(),
            chance: Chance::new(from_environment("PANORAMA_SHARING_SEED", 3)),
            file,
        };
        house.processes.start(&house.file);
        for member in &mut house.members {
            member.start(&house.file);
        }
        house.all_hold();
        let windows = windows.div_ceil(2);
        for (window, fault) in FAULTS
            .into_iter()
            .cycle()
            .take(usize::try_from(windows).expect("a number"))
            .enumerate()
        {
            let member = house.chance.below(house.members.len());
            let began = house.strike(fault, member);
            house.all_is_read(&format!("{rebalance}, window {window}, {fault:?}"));
            let (times, most) = longest.entry((rebalance, fault)).or_default();
            (*times, *most) = (*times + 1, began.elapsed().max(*most));
            let file = house.file.clone();
            house.members.iter_mut().for_each(|member| member.keep(&file));
            house.pour(2);
            house.all_hold();
        }
        house.pour(usize::MAX);
        house.all_is_read("at the end");
        let complaints: Vec<String> = house.members.iter().flat_map(Machine::complaints).collect();
        assert_eq!(complaints, Vec::<String>::new());
        for machine in house.members.iter_mut().chain([&mut house.processes]) {
            machine.signal("-TERM");
            assert!(machine.end(), "a stop fails");
        }
        run_role("process", &house.file, &house.processes.settings()[..1]);
        let embedded = with_feeds(&made, &format!("sharing-{rebalance}-embedded"));
        run(&config(embedded.path()), &[]);
        let expected = essence(&embedded.path().join("tables"));
        let location = shared.path().join("tables");
        let [expected, found] = [expected, essence(&location)].map(once);
        assert_eq!(differences(&expected, &found), None);
        places_are_unique(&location);
        println!(
            "sharing, {rebalance}: {windows} windows, {} messages, {} of them sent again over MLLP",
            house.poured.iter().sum::<u64>(),
            house.hospital.sent_again()
        );
    }
    for ((rebalance, fault), (times, most)) in longest {
        println!(
            "  {rebalance:<12}{fault:<10?}{times:>4} times, all read after at most {:.1} s",
            most.as_secs_f64()
        );
    }
}
