//! Several processes of one pipeline on a real Kafka: one works, the others stand by. Whatever is done to them, the tables
//! are right to the message, and somebody works on soon.
//!
//! `PANORAMA_FAILOVER_WINDOWS` and `PANORAMA_FAILOVER_PERSONS` size the run.

use crate::broker::Broker;
use crate::essence::{config, differences, essence, run, run_role, with_feeds};
use crate::kafka::{
    follow, from_environment, on_kafka, places_are_unique, service, what_others_were_told_is_in_the_tables,
};
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
            .args(["run", "--role", "process", "--verbose", "--config"])
            .arg(file);
        for set in self.settings() {
            command.args(["--set", &set]);
        }
        let process = command.stdout(Stdio::null()).stderr(self.log()).spawn();
        self.process = Some(process.expect("starts"));
    }

    /// What its processes say, one after the other.
    fn log(&self) -> std::fs::File {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log_path());
        log.expect("a log")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.with_extension("log")
    }

    fn signal(&self, name: &str) {
        let id = self.process.as_ref().expect("a process").id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// How many times the pipeline was taken over, where this process is at work on it: not only its owner, but past all that
    /// it looks at first.
    fn generation(&self) -> Option<u64> {
        let generation = self.metric("panorama_owner_generation")?;
        let is_ready = get(self.port, "/readyz")?.contains("200 OK");
        (generation > 0 && is_ready).then_some(generation)
    }

    fn metric(&self, name: &str) -> Option<u64> {
        let text = get(self.port, "/metrics")?;
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")))?;
        line.split(' ').nth(1)?.parse().ok()
    }

    /// What watches over processes starts one again that has ended.
    fn keep(&mut self, file: &Path) {
        let ended = |process: &mut Child| process.try_wait().expect("a process").is_some();
        if self.process.as_mut().is_none_or(ended) {
            self.start(file);
        }
    }

    fn end(&mut self) -> bool {
        let mut process = self.process.take().expect("a process");
        process.wait().expect("ended").success()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // One that has ended is gone all the same.
            process
                .kill()
                .and_then(|()| process.wait().map(drop))
                .unwrap_or_default();
        }
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
        if began.elapsed() > RECOVERY_MAX {
            for machine in machines {
                let said = std::fs::read_to_string(machine.log_path()).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(12).collect();
                println!("{}: {last:#?}", machine.directory.display());
            }
            panic!("nobody goes on after {newer_than}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Feeds, of which the hospital's come by and by.
struct Trickle {
    into: PathBuf,
    files: Vec<Vec<u8>>,
    per_window: usize,
    poured: usize,
}

/// Messages in one file.
const AT_ONCE: usize = 5;

impl Trickle {
    fn begin(from: &Path, into: &Path, windows: u64) -> Self {
        std::fs::create_dir_all(into.join("hl7")).expect("feeds");
        let mut messages = Vec::new();
        for entry in std::fs::read_dir(from).expect("feeds") {
            let path = entry.expect("a feed").path();
            let name = path.file_name().expect("a name").to_owned();
            if name != "hl7" {
                std::os::unix::fs::symlink(&path, into.join(name)).expect("a feed");
            }
        }
        let mut files: Vec<_> = std::fs::read_dir(from.join("hl7")).expect("a feed").collect();
        files.sort_by_key(|file| file.as_ref().expect("a file").path());
        for file in files {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("a feed");
            let starts: Vec<usize> = text.match_indices("MSH|^~").map(|(at, _)| at).collect();
            let ends = starts.iter().skip(1).copied().chain([text.len()]);
            messages.extend(
                starts
                    .iter()
                    .zip(ends)
                    .map(|(from, to)| text[*from..to].to_owned()),
            );
        }
        let files: Vec<Vec<u8>> = messages
            .chunks(AT_ONCE)
            .map(|few| few.concat().into_bytes())
            .collect();
        Self {
            into: into.join("hl7"),
            per_window: files.len().div_ceil(usize::try_from(windows).expect("a number")),
            files,
            poured: 0,
        }
    }

    /// Pours a window's part, so that it takes so long.
    fn pour(&mut self, time: Duration) {
        let pause = time / u32::try_from(self.per_window).expect("a number");
        for _ in 0..self.per_window {
            self.pour_one();
            std::thread::sleep(pause);
        }
    }

    fn pour_all(&mut self) {
        while self.poured < self.files.len() {
            self.pour_one();
        }
    }

    fn pour_one(&mut self) {
        let Some(bytes) = self.files.get(self.poured) else {
            return;
        };
        let name = format!("{:06}", self.poured);
        // Whole at once, as a careful sender does it.
        std::fs::write(self.into.join(&name), bytes).expect("written");
        std::fs::rename(self.into.join(&name), self.into.join(format!("{name}.hl7"))).expect("renamed");
        self.poured += 1;
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

    let shared = Scratch::new("failover-shared");
    let mut trickle = Trickle::begin(&made.path().join("feeds"), &shared.path().join("feeds"), windows);
    let file = on_kafka(shared.path(), &broker.address(), "failover.");
    follow(&file);
    let mut ingest = service("ingest", &file);
    let mut machines: Vec<Machine> = ["one", "two", "three"]
        .map(|name| Machine::new(shared.path(), name))
        .into();
    for machine in &mut machines {
        machine.start(&file);
    }
    let mut chance = Chance::new(from_environment("PANORAMA_FAILOVER_SEED", 5));
    let mut generation = 0;
    let (mut longest, mut longest_after) = (Duration::ZERO, "");
    let mut in_the_middle = 0;
    for window in 0..windows {
        let (at, found) = owner(&machines, generation, None);
        generation = found;
        // Messages come while it works, and it is lost at any moment of that.
        trickle.pour(Duration::from_millis(1_500 + chance.below(2_000) as u64));
        let read = machines[at].metric("panorama_messages_read_total");
        in_the_middle += u64::from(read.is_some_and(|read| read > 0));
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
        owner(&machines, generation, None);
        if began.elapsed() > longest {
            (longest, longest_after) = (began.elapsed(), what);
        }
        for machine in &mut machines {
            machine.keep(&file);
        }
    }
    assert!(
        in_the_middle * 2 >= windows,
        "few were lost in the middle of work: {in_the_middle}"
    );
    for machine in &mut machines {
        machine.signal("-TERM");
        machine.end();
    }
    ingest.kill().expect("killed");
    ingest.wait().expect("ended");
    trickle.pour_all();
    run_role("ingest", &file, &[]);
    // The last one has what all the others left behind.
    run_role("process", &file, &machines[0].settings()[..1]);
    let location = shared.path().join("tables");
    assert_eq!(differences(&expected, &essence(&location)), None);
    assert_eq!(places_are_unique(&location), expected["raw_messages"].len());
    what_others_were_told_is_in_the_tables(&broker, "failover.", &location);
    println!(
        "failover: {windows} windows, {in_the_middle} of them in the middle of work, {} messages, somebody worked again after {:.1} s at most ({longest_after})",
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
