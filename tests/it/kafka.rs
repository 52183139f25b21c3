//! The pipeline on Kafka says what it says on the embedded log, killed in the middle or not. Real brokers, KRaft: one, or
//! several.
//!
//! `PANORAMA_KAFKA_PERSONS`, `PANORAMA_KAFKA_KILLS` and `PANORAMA_KAFKA_BROKERS` size the run.

use crate::broker::Broker;
use crate::essence::{config, differences, essence, run, run_killed, run_role, small_steps, with_feeds};
use crate::phi::get;
use crate::rows::{tables, text};
use crate::support::{Scratch, free_port, panorama, program, said};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub(crate) fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Brokers of one cluster, as many as `PANORAMA_KAFKA_BROKERS` says, and their addresses as a configuration lists them;
/// none where there are no jars.
pub(crate) fn some_brokers() -> Option<(Vec<Broker>, String)> {
    let count = from_environment("PANORAMA_KAFKA_BROKERS", 1);
    let brokers = Broker::start_many(usize::try_from(count).expect("a few"), "")?;
    let addresses: Vec<String> = brokers.iter().map(Broker::address).collect();
    Some((brokers, addresses.join("\", \"")))
}

/// The configuration of a directory, with Kafka for its log.
pub(crate) fn on_kafka(dir: &Path, brokers: &str, prefix: &str) -> PathBuf {
    let file = config(dir);
    let before = fs::read_to_string(&file).expect("a configuration");
    let local = "bus:\n  type: local\n";
    assert!(before.contains(local), "{before}");
    let bus = format!("bus:\n  type: kafka\n  brokers: [\"{brokers}\"]\n  topic_prefix: {prefix}\n");
    fs::write(&file, before.replace(local, &bus)).expect("a configuration");
    file
}

/// Lets a source that reads files get its messages from elsewhere.
pub(crate) fn from_elsewhere(configuration: &mut String, source: &str, how: &str) {
    let begin = configuration
        .find(&format!("- id: {source}\n"))
        .expect("a source");
    let from = begin + configuration[begin..].find("    type: file\n").expect("a type");
    let end = from + configuration[from..].find("    format:").expect("a format");
    configuration.replace_range(from..end, how);
}

/// From a topic.
pub(crate) fn of_topic(brokers: &str, topic: &str) -> String {
    format!("    type: kafka\n    brokers: [\"{brokers}\"]\n    topic: {topic}\n")
}

/// The configuration of a directory, on the embedded log, whose messages come from the topics of another pipeline.
fn from_topics(dir: &Path, brokers: &str, prefix: &str) -> PathBuf {
    let file = config(dir);
    let mut text = fs::read_to_string(&file).expect("a configuration");
    for source in ["hospital", "clinic", "contact-center", "email", "web"] {
        let topic = format!("{prefix}raw.{source}");
        from_elsewhere(&mut text, source, &of_topic(brokers, &topic));
    }
    fs::write(&file, text).expect("a configuration");
    file
}

/// No message stands in `raw_messages` twice, by its place.
pub(crate) fn places_are_unique(location: &Path) -> usize {
    let rows = &tables(location, &["raw_messages"])["raw_messages"];
    let places: BTreeSet<String> = rows
        .iter()
        .map(|row| format!("{}/{}@{}", text(row, "source"), row["partition"], row["offset"]))
        .collect();
    assert_eq!(places.len(), rows.len(), "a message stands twice");
    places.len()
}

#[test]
fn the_tables_are_those_of_the_embedded_log_killed_or_not() {
    let Some((brokers, addresses)) = some_brokers() else {
        return;
    };
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
    let file = on_kafka(straight.path(), &addresses, "straight.");
    let began = Instant::now();
    run(&file, &[]);
    let kafka_seconds = began.elapsed().as_secs_f64();
    let location = straight.path().join("tables");
    assert_eq!(differences(&expected, &essence(&location)), None);
    let messages = places_are_unique(&location);
    // A second run finds everything read.
    run(&file, &[]);
    assert_eq!(places_are_unique(&location), messages);

    // What lies in Kafka are the messages as they were received: another pipeline, with a log of its own, reads them as it
    // would read anybody's topics.
    let second = with_feeds(&made, "kafka-second");
    run(&from_topics(second.path(), &addresses, "straight."), &[]);
    let location = second.path().join("tables");
    assert_eq!(differences(&expected, &essence(&location)), None);

    let killed = with_feeds(&made, "kafka-killed");
    let file = on_kafka(killed.path(), &addresses, "killed.");
    let small = small_steps();
    let in_the_middle = run_killed(&file, &small, kills, 150..1050);
    run(&file, &small);
    let location = killed.path().join("tables");
    assert_eq!(
        differences(&expected, &essence(&location)),
        None,
        "after {in_the_middle} kills"
    );
    assert_eq!(places_are_unique(&location), messages);
    what_others_were_told_is_in_the_tables(&brokers[0], "killed.", &location);
    println!(
        "kafka: {} brokers, {messages} messages, embedded {embedded_seconds:.1} s, kafka {kafka_seconds:.1} s, {in_the_middle} kills",
        brokers.len()
    );
}

/// The newest message of each key says what the tables say; events may be told twice, none is left out.
pub(crate) fn what_others_were_told_is_in_the_tables(broker: &Broker, prefix: &str, location: &Path) {
    let (mut persons, mut records, mut events) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    for topic in ["changes", "records"] {
        for (key, value) in broker.consume(&format!("{prefix}{topic}")) {
            let Some(value) = value else {
                persons.remove(&key);
                records.remove(&key);
                continue;
            };
            let message: Value = serde_json::from_str(&value).expect("JSON");
            let row = |name: &str| message[name].as_object().expect("a row").clone();
            match message["type"].as_str().expect("a type") {
                "person" => drop(persons.insert(key, row("person"))),
                "record" => drop(records.insert(key, row("record"))),
                "identity_event" => {
                    // Under a key of its own: compaction would keep it in the place of its person.
                    assert_eq!(key, text(&row("identity_event"), "event_id"));
                    events.insert(key);
                }
                other => panic!("a message of type {other}"),
            }
        }
    }
    let mut rows = tables(location, &["patient_360", "patient_identity", "identity_events"]);
    // When a row was made, and where it is filed, is not what it says.
    let said = |mut row: serde_json::Map<String, Value>| {
        let beside = ["updated_at", "bucket"];
        row.retain(|column, _| !beside.contains(&column.as_str()));
        Value::Object(row).to_string()
    };
    let mut expect = |table: &str| -> BTreeSet<String> {
        let all = rows.remove(table).expect("a table").into_iter();
        // Through text, as the messages were: reading a number may cost its last digit.
        let again = |row| serde_json::from_str(&Value::Object(row).to_string()).expect("JSON");
        all.map(again).map(said).collect()
    };
    for (told, table) in [(persons, "patient_360"), (records, "patient_identity")] {
        let told: BTreeSet<String> = told.into_values().map(said).collect();
        let expected = expect(table);
        let differ: Vec<&String> = told.symmetric_difference(&expected).take(2).collect();
        assert!(differ.is_empty(), "{table}, told and there: {differ:#?}");
    }
    let all = rows.remove("identity_events").expect("a table");
    let expected: BTreeSet<String> = all.iter().map(|row| text(row, "event_id").to_owned()).collect();
    assert_eq!(events, expected);
}

/// A process that runs until it is told to stop.
pub(crate) fn service(role: &str, file: &Path) -> Child {
    service_saying(role, file, Stdio::null())
}

/// The same, with what it says.
pub(crate) fn service_saying(role: &str, file: &Path, said: impl Into<Stdio>) -> Child {
    let mut command = program();
    command
        .args(["run", "--role", role, "--verbose", "--config"])
        .arg(file);
    for set in small_steps() {
        command.args(["--set", &set]);
    }
    command
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .expect("starts")
}

/// Two processes with directories of their own, which share nothing but Kafka: one brings messages in, the other makes
/// tables of them, at the same time. Either is killed in the middle.
#[test]
fn one_process_brings_in_and_another_makes_the_tables() {
    let Some(broker) = Broker::start("") else { return };
    let made = Scratch::new("kafka-roles");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", "60", "--seed", "12", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let embedded = with_feeds(&made, "kafka-roles-embedded");
    run(&config(embedded.path()), &[]);
    let expected = essence(&embedded.path().join("tables"));

    let bringing = with_feeds(&made, "kafka-bringing");
    let making = with_feeds(&made, "kafka-making");
    let ingest = on_kafka(bringing.path(), &broker.address(), "roles.");
    let process = on_kafka(making.path(), &broker.address(), "roles.");
    let mut maker = service("process", &process);
    for wait in [150, 250, 350] {
        let mut bringer = service("ingest", &ingest);
        std::thread::sleep(Duration::from_millis(wait));
        bringer.kill().expect("killed");
        bringer.wait().expect("ended");
    }
    let mut bringer = service("ingest", &ingest);
    let started = Instant::now();
    let raw = making
        .path()
        .join("tables/raw_messages/_delta_log/00000000000000000001.json");
    while !raw.exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "no rows come");
        assert!(maker.try_wait().expect("a process").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    for process in [&mut bringer, &mut maker] {
        process.kill().expect("killed");
        process.wait().expect("ended");
    }
    let mut maker = service("process", &process);
    run_role("ingest", &ingest, &[]);
    maker.kill().expect("killed");
    maker.wait().expect("ended");
    run_role("process", &process, &[]);
    let location = making.path().join("tables");
    assert_eq!(differences(&expected, &essence(&location)), None);
    assert_eq!(places_are_unique(&location), expected["raw_messages"].len());
}

/// Lets all sources of a configuration wait for more.
pub(crate) fn follow(file: &Path) {
    let text = fs::read_to_string(file).expect("a configuration");
    let text = text.replace("    format:", "    follow: true\n    format:");
    fs::write(file, text).expect("a configuration");
}

#[test]
fn a_lost_broker_shows_in_readiness_and_passes() {
    let Some(mut broker) = Broker::start("") else {
        return;
    };
    let scratch = Scratch::new("kafka-ready");
    fs::create_dir_all(scratch.path().join("feeds")).expect("feeds");
    let file = on_kafka(scratch.path(), &broker.address(), "ready.");
    let port = free_port();
    let text = fs::read_to_string(&file).expect("a configuration");
    let text = text.replace("listen: 127.0.0.1:0", &format!("listen: 127.0.0.1:{port}"));
    fs::write(&file, text).expect("a configuration");
    follow(&file);
    let mut running = service("all", &file);
    let wait_for = |path: &str, words: &str| {
        let began = Instant::now();
        let mut answer = None;
        while !answer
            .as_ref()
            .is_some_and(|answer: &String| answer.contains(words))
        {
            assert!(began.elapsed() < Duration::from_secs(60), "{words}: {answer:?}");
            std::thread::sleep(Duration::from_millis(200));
            answer = get(port, path);
        }
    };
    wait_for("/readyz", "200 OK");
    // What the clients say of themselves, under the broker's name.
    let labels = format!("{{client=\"producer\",broker=\"{}\"", broker.address());
    wait_for("/metrics", &format!("panorama_kafka_requests_total{labels}}}"));
    wait_for(
        "/metrics",
        &format!("panorama_kafka_request_failures_total{labels},reason=\"timeout\"}} 0"),
    );
    wait_for("/metrics", "panorama_kafka_waiting_bytes{client=\"reader-1\"} ");
    broker.kill();
    wait_for("/readyz", "no broker of");
    broker.resume();
    wait_for("/readyz", "200 OK");
    running.kill().expect("killed");
    running.wait().expect("ended");
}

/// One that only waits for messages ends, too, where it could never store any: somebody is to start it again.
#[test]
fn a_process_that_lost_the_brokers_for_good_ends() {
    let Some(mut broker) = Broker::start("") else {
        return;
    };
    let scratch = Scratch::new("kafka-lost");
    let file = on_kafka(scratch.path(), &broker.address(), "lost.");
    let text = fs::read_to_string(&file).expect("a configuration");
    let (before, sources) = text.split_once("sources:\n").expect("sources");
    let others: String = sources
        .lines()
        .skip_while(|line| line.is_empty() || line.starts_with([' ', '#']))
        .map(|line| format!("{line}\n"))
        .collect();
    let port = free_port();
    let others = others.replace("listen: 127.0.0.1:0", &format!("listen: 127.0.0.1:{port}"));
    let ward =
        "  - id: ward\n    type: mllp\n    listen: 127.0.0.1:0\n    format: hl7v2\n    timezone: UTC\n";
    fs::write(&file, format!("{before}sources:\n{ward}{others}")).expect("a configuration");
    let said = scratch.path().join("said");
    let output = fs::File::create(&said).expect("a file");
    let mut running = service_saying("ingest", &file, output);
    let began = Instant::now();
    while !get(port, "/readyz").is_some_and(|answer| answer.contains("200 OK")) {
        assert!(began.elapsed() < Duration::from_secs(60), "not ready");
        std::thread::sleep(Duration::from_millis(200));
    }
    broker.leave_out();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = running.try_wait().expect("a process") {
            break status;
        }
        if began.elapsed() > Duration::from_secs(60) {
            running.kill().expect("killed");
            panic!("it goes on");
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let said = fs::read_to_string(&said).expect("what it said");
    assert!(!status.success(), "{said}");
    assert!(said.contains("start this process again"), "{said}");
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

/// By brokers whose clock differs for real: where it can be borne that is said, where they would refuse messages it is a problem.
#[test]
fn clocks_that_differ_are_told_by_validate_and_at_start() {
    for (seconds, code, words) in [
        (-60, 0, "s ahead of the brokers': lag and freshness"),
        (-7_200, 1, "message.timestamp.after.max.ms=3600000"),
    ] {
        let Some(broker) = Broker::start_with_clock(seconds, "") else {
            return;
        };
        let scratch = Scratch::new("kafka-clock");
        let file = on_kafka(scratch.path(), &broker.address(), "clock.");
        fs::create_dir_all(scratch.path().join("feeds")).expect("feeds");
        let config = file.display().to_string();
        for command in [
            &["run", "--until-caught-up", "--config", &config][..],
            &["validate", "--config", &config],
        ] {
            let answer = panorama(command);
            let found = answer.status.code().map(|code| code.min(1));
            assert_eq!(found, Some(code), "{}", said(&answer));
            assert!(said(&answer).contains(words), "{}", said(&answer));
        }
    }
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
