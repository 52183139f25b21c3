//! Several processes of one pipeline on a real Kafka: one works, the others stand by. Whatever is done to them, the tables
//! are right to the message, and somebody works on soon.
//!
//! `PANORAMA_FAILOVER_WINDOWS` and `PANORAMA_FAILOVER_PERSONS` size the run.

use crate::broker::Broker;
use crate::essence::{config, differences, essence, run, run_role, with_feeds};
use crate::kafka::{from_environment, on_kafka, places_are_unique, what_others_were_told_is_in_the_tables};
use crate::phi::get;
use crate::rows::Chance;
use crate::support::{Scratch, free_port, panorama, program, said};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the working process may be silent.
const SILENCE: Duration = Duration::from_millis(1_500);
/// How long a take-over may take.
const RECOVERY_MAX: Duration = Duration::from_secs(30);

/// One process of the pipeline, with a directory of its own.
struct Machine {
    directory: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Machine {
    fn new(directory: &Path, name: &str) -> Self {
        Self {
            directory: directory.join(name),
            port: free_port(),
            process: None,
        }
    }

    fn settings(&self) -> Vec<String> {
        [
            format!("data_dir={}", self.directory.display()),
            format!("http.listen=127.0.0.1:{}", self.port),
            format!("bus.take_over_after={}ms", SILENCE.as_millis()),
            "limits.epoch_messages_max=24".to_owned(),
            "limits.epoch_interval=20ms".to_owned(),
            "tables.commit_interval=100ms".to_owned(),
        ]
        .to_vec()
    }

    fn start(&mut self, file: &Path) {
        let mut command = program();
        command
            .args(["run", "--role", "process", "--quiet", "--config"])
            .arg(file);
        for set in self.settings() {
            command.args(["--set", &set]);
        }
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(process.expect("starts"));
    }

    fn signal(&self, name: &str) {
        let id = self.process.as_ref().expect("a process").id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// How many times the pipeline was taken over, where this process works on it.
    fn generation(&self) -> Option<u64> {
        let text = get(self.port, "/metrics")?;
        let line = text
            .lines()
            .find(|line| line.starts_with("panorama_owner_generation "))?;
        let generation = line.split(' ').nth(1)?.parse().ok()?;
        (generation > 0).then_some(generation)
    }

    fn end(&mut self) -> bool {
        let mut process = self.process.take().expect("a process");
        process.wait().expect("ended").success()
    }
}

/// Waits until one of the machines works on the pipeline, newer than before. One that sleeps is not asked.
fn owner(machines: &[Machine], newer_than: u64, asleep: Option<usize>) -> (usize, u64) {
    let began = Instant::now();
    loop {
        let owners = machines
            .iter()
            .enumerate()
            .filter(|(at, machine)| Some(*at) != asleep && machine.process.is_some())
            .filter_map(|(at, machine)| Some((at, machine.generation()?)));
        if let Some(owner) = owners
            .filter(|(_, generation)| *generation > newer_than)
            .max_by_key(|o| o.1)
        {
            return owner;
        }
        assert!(
            began.elapsed() < RECOVERY_MAX,
            "nobody goes on after {newer_than}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn whoever_is_lost_another_goes_on() {
    let Some(broker) = Broker::start("") else { return };
    let windows = from_environment("PANORAMA_FAILOVER_WINDOWS", 8);
    let persons = from_environment("PANORAMA_FAILOVER_PERSONS", 400).to_string();
    let made = Scratch::new("failover");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", &persons, "--seed", "21", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let embedded = with_feeds(&made, "failover-embedded");
    run(&config(embedded.path()), &[]);
    let expected = essence(&embedded.path().join("tables"));

    let shared = with_feeds(&made, "failover-shared");
    let file = on_kafka(shared.path(), &broker.address(), "failover.");
    run_role("ingest", &file, &[]);
    let mut machines: Vec<Machine> = ["one", "two", "three"]
        .map(|name| Machine::new(shared.path(), name))
        .into();
    for machine in &mut machines {
        machine.start(&file);
    }
    let mut chance = Chance::new(from_environment("PANORAMA_FAILOVER_SEED", 5));
    let mut generation = 0;
    let (mut longest, mut longest_after) = (Duration::ZERO, "");
    for window in 0..windows {
        let (at, found) = owner(&machines, generation, None);
        generation = found;
        std::thread::sleep(Duration::from_millis(chance.below(1_200) as u64));
        let began = Instant::now();
        let what = match window % 4 {
            0 => {
                machines[at].signal("-KILL");
                machines[at].end();
                "kill"
            }
            // It sleeps past its time, and wakes up when another one works.
            1 => {
                machines[at].signal("-STOP");
                owner(&machines, generation, Some(at));
                std::thread::sleep(Duration::from_millis(chance.below(800) as u64));
                machines[at].signal("-CONT");
                assert!(!machines[at].end(), "a former owner goes on");
                "pause"
            }
            2 => {
                machines[at].signal("-TERM");
                assert!(machines[at].end(), "a stop fails");
                "stop"
            }
            _ => {
                for machine in &mut machines {
                    machine.signal("-KILL");
                    machine.end();
                }
                for machine in &mut machines {
                    machine.start(&file);
                }
                "kill of all"
            }
        };
        let (_, next) = owner(&machines, generation, None);
        assert!(next > generation);
        if began.elapsed() > longest {
            (longest, longest_after) = (began.elapsed(), what);
        }
        for machine in &mut machines {
            if machine.process.is_none() {
                machine.start(&file);
            }
        }
    }
    for machine in &mut machines {
        machine.signal("-TERM");
        machine.end();
    }
    // The last one has what all the others left behind.
    run_role("process", &file, &machines[0].settings());
    let location = shared.path().join("tables");
    assert_eq!(differences(&expected, &essence(&location)), None);
    assert_eq!(places_are_unique(&location), expected["raw_messages"].len());
    what_others_were_told_is_in_the_tables(&broker, "failover.", &location);
    println!(
        "failover: {windows} windows, {} messages, somebody worked again after {:.1} s at most ({longest_after})",
        expected["raw_messages"].len(),
        longest.as_secs_f64()
    );
}

/// A machine whose disk is lost begins again from what the others left beside the tables.
#[test]
fn a_lost_disk_is_restored() {
    let Some(broker) = Broker::start("") else { return };
    let made = Scratch::new("failover-disk");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", "60", "--seed", "22", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let shared = with_feeds(&made, "failover-disk-shared");
    let file = on_kafka(shared.path(), &broker.address(), "disk.");
    run(&file, &[]);
    let location = shared.path().join("tables");
    let before = crate::rows::tables(&location, &["patient_360", "patient_identity"]);
    std::fs::remove_dir_all(shared.path().join("data")).expect("a disk");
    run(&file, &[]);
    // Not like the ones before: these very persons.
    assert_eq!(
        crate::rows::tables(&location, &["patient_360", "patient_identity"]),
        before
    );
    places_are_unique(&location);
}
