//! A pipeline on several machines, and all that is done to it.

use super::machine::Machine;
use crate::broker::Broker;
use crate::network::{Network, Weather};
use crate::rows::Chance;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long it may take until somebody works again.
pub(crate) const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// How often it is looked.
pub(crate) const POLL: Duration = Duration::from_millis(50);
/// How often messages come while it is waited for somebody to read them.
const DROP: Duration = Duration::from_secs(2);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    OwnerKilled,
    /// It sleeps past its time, and wakes up when another one works.
    OwnerPaused,
    OwnerStopped,
    AllKilled,
    BrokerKilled,
    BrokerPaused,
    NetworkCut,
    NetworkSlow,
    /// Who takes over finds no broker.
    OwnerKilledInACut,
    IngestKilled,
}

impl Fault {
    pub(crate) const ALL: [Self; 10] = [
        Self::OwnerKilled,
        Self::BrokerKilled,
        Self::OwnerPaused,
        Self::NetworkCut,
        Self::OwnerStopped,
        Self::BrokerPaused,
        Self::AllKilled,
        Self::NetworkSlow,
        Self::OwnerKilledInACut,
        Self::IngestKilled,
    ];
}

/// What brings messages in.
pub(crate) trait Incoming {
    /// Lets some messages come; false where none are left.
    fn pour_some(&mut self) -> bool;

    /// Kills a process of it, and starts that again.
    fn kill_one(&mut self);

    /// Whether all processes are there that should be.
    fn is_there(&mut self) -> bool;

    /// Shows what the processes said last, where something is wrong.
    fn say_last_words(&self);
}

/// Something brings messages in, one of several processes makes tables of them, and Kafka is between.
pub(crate) struct Cluster<I> {
    pub(crate) network: Network,
    pub(crate) broker: Broker,
    pub(crate) machines: Vec<Machine>,
    pub(crate) incoming: I,
    pub(crate) chance: Chance,
    pub(crate) file: PathBuf,
    /// How many times the pipeline was taken over, as far as is known.
    pub(crate) generation: u64,
}

impl<I: Incoming> Cluster<I> {
    /// The machine that works on the pipeline.
    pub(crate) fn owner(&mut self) -> usize {
        self.taken_over_since(0, None)
    }

    /// Waits until one of the machines works on the pipeline, newer than a generation. One that sleeps is not asked.
    fn taken_over_since(&mut self, generation: u64, asleep: Option<usize>) -> usize {
        let began = Instant::now();
        loop {
            let awake = (0..self.machines.len()).filter(|at| Some(*at) != asleep);
            let owners = awake.filter_map(|at| Some((self.machines[at].generation()?, at)));
            if let Some((found, at)) = owners.max().filter(|(found, _)| *found > generation) {
                self.generation = self.generation.max(found);
                return at;
            }
            self.wait(began, asleep, "nobody takes over");
        }
    }

    /// Does it; the moment from which on all is there again that anybody needs to go on.
    pub(crate) fn strike(&mut self, fault: Fault) -> Instant {
        let owner = self.owner();
        let mut began = Instant::now();
        match fault {
            Fault::OwnerKilled => self.machines[owner].kill(),
            Fault::OwnerPaused => {
                self.machines[owner].signal("-STOP");
                self.taken_over_since(self.generation, Some(owner));
                self.sleep(0..800);
                self.machines[owner].signal("-CONT");
                assert!(!self.machines[owner].end(), "a former owner goes on");
            }
            Fault::OwnerStopped => {
                self.machines[owner].signal("-TERM");
                assert!(self.machines[owner].end(), "a stop fails");
            }
            Fault::AllKilled => self.machines.iter_mut().for_each(Machine::kill),
            Fault::BrokerKilled => {
                self.broker.kill();
                self.sleep(0..3_000);
                self.broker.resume();
                began = Instant::now();
            }
            Fault::BrokerPaused => {
                self.broker.signal("-STOP");
                self.sleep(500..6_000);
                self.broker.signal("-CONT");
                began = Instant::now();
            }
            Fault::NetworkCut => began = self.bad_weather(Weather::Cut, 500..8_000),
            Fault::NetworkSlow => began = self.bad_weather(Weather::Slow, 2_000..5_000),
            Fault::OwnerKilledInACut => {
                self.network.becomes(Weather::Cut);
                self.machines[owner].kill();
                began = self.bad_weather(Weather::Cut, 1_000..5_000);
            }
            Fault::IngestKilled => self.incoming.kill_one(),
        }
        began
    }

    fn bad_weather(&mut self, weather: Weather, milliseconds: std::ops::Range<usize>) -> Instant {
        self.network.becomes(weather);
        self.sleep(milliseconds);
        self.network.becomes(Weather::Fine);
        Instant::now()
    }

    fn sleep(&mut self, milliseconds: std::ops::Range<usize>) {
        let more = self.chance.below(milliseconds.end - milliseconds.start);
        let time = milliseconds.start + more;
        std::thread::sleep(Duration::from_millis(time as u64));
    }

    /// Waits until a machine reads messages that come only now.
    pub(crate) fn goes_on(&mut self) {
        let began = Instant::now();
        let before: Vec<u64> = self.machines.iter().map(Machine::read).collect();
        let mut poured_at = None;
        loop {
            // Nobody reads before one of them works.
            let works = self.machines.iter().any(|machine| machine.generation().is_some());
            if works && poured_at.is_none_or(|at: Instant| at.elapsed() >= DROP) {
                poured_at = Some(Instant::now());
                assert!(
                    self.incoming.pour_some(),
                    "no messages are left: take more persons"
                );
            }
            let reads = |(machine, before): (&Machine, &u64)| {
                machine.generation().is_some() && machine.read() > *before
            };
            if self.machines.iter().zip(&before).any(reads) {
                return;
            }
            self.wait(began, None, "nobody reads on");
        }
    }

    pub(crate) fn say_last_words(&self) {
        for machine in &self.machines {
            println!("{}", machine.last_words());
        }
        self.incoming.say_last_words();
    }

    /// Starts again what has ended, as what watches over processes does.
    pub(crate) fn keep(&mut self) {
        for machine in &mut self.machines {
            machine.keep(&self.file);
        }
    }

    fn wait(&mut self, began: Instant, asleep: Option<usize>, otherwise: &str) {
        if began.elapsed() > RECOVERY_MAX {
            self.say_last_words();
            panic!("{otherwise} after {}", self.generation);
        }
        for (at, machine) in self.machines.iter_mut().enumerate() {
            if Some(at) != asleep {
                machine.keep(&self.file);
            }
        }
        assert!(
            self.incoming.is_there(),
            "a process that brings messages in has ended"
        );
        std::thread::sleep(POLL);
    }
}
