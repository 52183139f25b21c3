//! The pipeline on Kafka says what it says on the embedded log, killed in the middle or not. One real broker, KRaft.
//!
//! `PANORAMA_KAFKA_PERSONS` and `PANORAMA_KAFKA_KILLS` size the run.

use crate::broker::Broker;
use crate::essence::{config, differences, essence, run};
use crate::rows::{Chance, tables, text};
use crate::support::{Scratch, panorama, program, said};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The configuration of a directory, with Kafka for its log.
fn on_kafka(dir: &Path, brokers: &str, prefix: &str) -> PathBuf {
    let file = config(dir);
    let before = fs::read_to_string(&file).expect("a configuration");
    let local = "bus:\n  type: local\n";
    assert!(before.contains(local), "{before}");
    let bus = format!("bus:\n  type: kafka\n  brokers: [\"{brokers}\"]\n  topic_prefix: {prefix}\n");
    fs::write(&file, before.replace(local, &bus)).expect("a configuration");
    file
}

/// A directory with the same feeds.
fn with_feeds(made: &Scratch, name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    std::os::unix::fs::symlink(made.path().join("feeds"), scratch.path().join("feeds")).expect("feeds");
    scratch
}

/// No message stands in `raw_messages` twice, by its place.
fn places_are_unique(location: &Path) -> usize {
    let rows = &tables(location, &["raw_messages"])["raw_messages"];
    let places: BTreeSet<String> = rows
        .iter()
        .map(|row| format!("{}/{}", text(row, "source"), row["offset"]))
        .collect();
    assert_eq!(places.len(), rows.len(), "a message stands twice");
    places.len()
}

#[test]
fn the_tables_are_those_of_the_embedded_log_killed_or_not() {
    let Some(broker) = Broker::start("") else { return };
    let persons = from_environment("PANORAMA_KAFKA_PERSONS", 60).to_string();
    let kills = from_environment("PANORAMA_KAFKA_KILLS", 4);
    let made = Scratch::new("kafka");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", &persons, "--seed", "11", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));

    let embedded = with_feeds(&made, "kafka-embedded");
    let began = Instant::now();
    run(&config(embedded.path()), &[]);
    let embedded_seconds = began.elapsed().as_secs_f64();
    let expected = essence(&embedded.path().join("tables"));
    assert!(expected["patient_360"].len() > 20 && expected["raw_messages"].len() > 500);

    let straight = with_feeds(&made, "kafka-straight");
    let file = on_kafka(straight.path(), &broker.address(), "straight.");
    let began = Instant::now();
    run(&file, &[]);
    let kafka_seconds = began.elapsed().as_secs_f64();
    let location = straight.path().join("tables");
    assert_eq!(differences(&expected, &essence(&location)), None);
    let messages = places_are_unique(&location);
    // A second run finds everything read.
    run(&file, &[]);
    assert_eq!(places_are_unique(&location), messages);

    let killed = with_feeds(&made, "kafka-killed");
    let file = on_kafka(killed.path(), &broker.address(), "killed.");
    let small = [
        "limits.epoch_messages_max=64".to_owned(),
        "limits.epoch_interval=20ms".to_owned(),
        "tables.commit_interval=100ms".to_owned(),
    ];
    let mut chance = Chance::new(7);
    let mut in_the_middle = 0;
    for _ in 0..kills {
        let mut command = program();
        command
            .args(["run", "--quiet", "--until-caught-up", "--config"])
            .arg(&file);
        for set in &small {
            command.args(["--set", set]);
        }
        let mut process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(Duration::from_millis(150 + chance.below(900) as u64));
        in_the_middle += usize::from(process.try_wait().expect("a process").is_none());
        process.kill().expect("killed");
        process.wait().expect("ended");
    }
    assert!(in_the_middle > 0, "no kill came in the middle");
    run(&file, &small);
    let location = killed.path().join("tables");
    assert_eq!(
        differences(&expected, &essence(&location)),
        None,
        "after {in_the_middle} kills"
    );
    assert_eq!(places_are_unique(&location), messages);
    println!(
        "kafka: {messages} messages, embedded {embedded_seconds:.1} s, kafka {kafka_seconds:.1} s, {in_the_middle} kills"
    );
}

#[test]
fn validate_asks_the_brokers() {
    let Some(broker) = Broker::start("") else { return };
    let scratch = Scratch::new("kafka-validate");
    fs::create_dir_all(scratch.path().join("feeds")).expect("feeds");
    let file = on_kafka(scratch.path(), &broker.address(), "validate.");
    let check = |arguments: &[&str], code: i32, words: &str| {
        let config = file.display().to_string();
        let answer = panorama(&[&["validate", "--config", &config], arguments].concat());
        assert_eq!(answer.status.code(), Some(code), "{}", said(&answer));
        assert!(said(&answer).contains(words), "{}", said(&answer));
    };
    check(&[], 0, "is fine");
    let wrong = "bus.topic_prefix=x.";
    check(&["--set", wrong], 0, "is fine");
    drop(broker);
    check(&[], 78, "no broker of");
    check(&["--no-environment"], 0, "is fine");
}

#[test]
fn status_reads_kafka_where_nothing_runs() {
    let Some(broker) = Broker::start("") else { return };
    let scratch = Scratch::new("kafka-status");
    let out = scratch.text("feeds");
    let output = panorama(&["synth", "--persons", "10", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let file = on_kafka(scratch.path(), &broker.address(), "status.");
    run(&file, &[]);
    let answer = panorama(&["status", "--json", "--config", &file.display().to_string()]);
    assert!(answer.status.success(), "{}", said(&answer));
    let status: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    for source in status["sources"].as_array().expect("sources") {
        assert_eq!(source["lag"], 0, "{source}");
    }
    assert!(status["sources"].to_string().contains("\"stored\""), "{status}");
}
