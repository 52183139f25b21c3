//! Several processes bring in the messages of the same topics, and come, go, die, and sleep past their time: each message
//! is read once, and soon. Both ways in which a group divides partitions.
//!
//! `PANORAMA_SHARING_WINDOWS`, `_PERSONS` and `_SEED` size the run.

use crate::broker::Broker;
use crate::essence::{config, differences, essence, run, run_role, with_feeds};
use crate::failover::machine::Machine;
use crate::kafka::{from_environment, on_kafka, places_are_unique};
use crate::rows::Chance;
use crate::support::{Scratch, panorama, said};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// The feeds that others put into topics, a message in each line, and their directories.
const FEEDS: [(&str, &str); 3] = [
    ("contact-center", "calls"),
    ("email", "marketing"),
    ("web", "web"),
];
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

/// What others put into a topic, by and by.
struct Feed {
    producer: Child,
    lines: std::vec::IntoIter<String>,
}

impl Feed {
    fn begin(broker: &Broker, name: &str, prefix: &str, dir: &Path) -> Self {
        let topic = format!("{prefix}theirs.{name}");
        broker.make_topic(&topic, PARTITIONS.0);
        let mut files: Vec<PathBuf> = fs::read_dir(dir)
            .expect("a feed")
            .map(|file| file.expect("a file").path())
            .collect();
        files.sort();
        let lines: Vec<String> = files
            .iter()
            .flat_map(|file| {
                let text = fs::read_to_string(file).expect("a feed");
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .filter(|line| !line.is_empty())
            .collect();
        assert!(lines.iter().all(|line| !line.contains(['\t', '\r'])));
        Self {
            producer: broker.producer(&topic),
            lines: lines.into_iter(),
        }
    }

    /// Puts some messages there; how many there were.
    fn pour(&mut self, count: usize) -> u64 {
        let mut poured = 0;
        let mut text = String::new();
        for line in self.lines.by_ref().take(count) {
            poured += 1;
            text.push_str(&format!("{poured}\t{line}\n"));
        }
        let input = self.producer.stdin.as_mut().expect("its input");
        input.write_all(text.as_bytes()).expect("poured");
        input.flush().expect("poured");
        poured
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        drop(self.producer.stdin.take());
        self.producer.wait().map(drop).unwrap_or_default();
    }
}

/// The configuration of a directory, whose line by line feeds come from topics that others fill.
fn from_theirs(dir: &Path, brokers: &str, prefix: &str, rebalance: &str) -> PathBuf {
    let file = on_kafka(dir, brokers, prefix);
    let mut text = fs::read_to_string(&file).expect("a configuration");
    for (source, _) in FEEDS {
        let begin = text.find(&format!("- id: {source}\n")).expect("a source");
        let path = begin + text[begin..].find("    type: file\n").expect("a type");
        let end = path + text[path..].find("    format:").expect("a format");
        let topic =
            format!("    type: kafka\n    brokers: [\"{brokers}\"]\n    topic: {prefix}theirs.{source}\n");
        text.replace_range(path..end, &topic);
    }
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
    /// Messages that are to be read, from files too.
    due: u64,
    chance: Chance,
}

impl House {
    fn pour(&mut self, count: usize) {
        for feed in &mut self.feeds {
            self.due += feed.pour(count);
        }
    }

    /// Waits until all that is due is read; more never is.
    fn all_is_read(&mut self, after: &str) {
        let began = Instant::now();
        loop {
            let read = self.processes.read();
            assert!(
                read <= self.due,
                "{after}: {read} messages are read, of {}",
                self.due
            );
            if read == self.due {
                return;
            }
            if began.elapsed() > RECOVERY_MAX {
                for member in self.members.iter().chain([&self.processes]) {
                    println!("{}", member.last_words());
                }
                panic!("{after}: {read} messages are read, of {}", self.due);
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
    let mut longest: BTreeMap<(&str, Fault), (u32, Duration)> = BTreeMap::new();
    for rebalance in ["cooperative", "eager"] {
        let prefix = format!("{rebalance}.");
        let shared = with_feeds(&made, &format!("sharing-{rebalance}"));
        let file = from_theirs(shared.path(), &broker.address(), &prefix, rebalance);
        let feeds = FEEDS
            .map(|(name, dir)| Feed::begin(&broker, name, &prefix, &made.path().join("feeds").join(dir)));
        let members =
            ["one", "two", "three"].map(|name| Machine::new(shared.path(), name, "ingest", SESSION));
        let mut house = House {
            processes: Machine::new(shared.path(), "processes", "process", SESSION),
            members: members.into(),
            feeds: feeds.into(),
            due: 0,
            chance: Chance::new(from_environment("PANORAMA_SHARING_SEED", 3)),
            file,
        };
        house.processes.start(&house.file);
        for member in &mut house.members {
            member.start(&house.file);
        }
        house.all_hold();
        // What comes from files is read before anything happens, so that it is known how much it is.
        let mut before = (0, Instant::now());
        while before.1.elapsed() < Duration::from_secs(3) {
            let read = house.processes.read();
            if read != before.0 {
                before = (read, Instant::now());
            }
            std::thread::sleep(POLL);
        }
        house.due = before.0;
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
        assert_eq!(differences(&expected, &essence(&location)), None);
        assert_eq!(places_are_unique(&location), expected["raw_messages"].len());
        println!("sharing, {rebalance}: {windows} windows, {} messages", house.due);
    }
    for ((rebalance, fault), (times, most)) in longest {
        println!(
            "  {rebalance:<12}{fault:<10?}{times:>4} times, all read after at most {:.1} s",
            most.as_secs_f64()
        );
    }
}
