//! INV-6: whatever order messages arrive in, however they are batched and on however many threads, the persons and all
//! rows are the same.
//!
//! Each seed deals the messages of all feeds into new files in a new order, gives them to the program in one to four
//! passes, with other limits each pass, and compares the tables with those of the feeds as they were made.
//! `PANORAMA_ORDER_SEEDS` sets how many seeds, `PANORAMA_ORDER_FIRST` the first, `PANORAMA_ORDER_PERSONS` how many persons.

use crate::essence::{config, differences, essence, run, run_role};
use crate::rows::Chance;
use crate::support::{Scratch, panorama, said};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One feed: its directory, its ending, its messages, and what each of its files begins with.
struct Feed {
    folder: String,
    ending: String,
    header: String,
    messages: Vec<String>,
}

fn feed(root: &Path, file: &Path) -> Feed {
    let text = fs::read_to_string(file).expect("a feed");
    let folder = file
        .parent()
        .and_then(|f| f.strip_prefix(root).ok())
        .expect("below")
        .display()
        .to_string();
    let ending = file
        .extension()
        .expect("an ending")
        .to_string_lossy()
        .into_owned();
    let (header, messages) = match ending.as_str() {
        "hl7" => (String::new(), hl7_messages(&text)),
        "csv" => {
            let (header, rest) = text.split_once('\n').expect("a header");
            (
                format!("{header}\n"),
                rest.lines().map(|l| format!("{l}\n")).collect(),
            )
        }
        _ => (String::new(), text.lines().map(|l| format!("{l}\n")).collect()),
    };
    Feed {
        folder,
        ending,
        header,
        messages,
    }
}

fn hl7_messages(text: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in text.split_inclusive(['\r', '\n']) {
        match messages.last_mut() {
            Some(message) if !line.starts_with("MSH") => message.push_str(line),
            _ => messages.push(line.to_owned()),
        }
    }
    messages
}

fn feeds(root: &Path) -> Vec<Feed> {
    let mut files: Vec<PathBuf> = fs::read_dir(root)
        .expect("feeds")
        .flatten()
        .filter(|folder| folder.file_name() != "truth")
        .flat_map(|folder| fs::read_dir(folder.path()).expect("a feed").flatten())
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.iter().map(|file| feed(root, file)).collect()
}

/// Deals the messages of all feeds into files and passes.
fn arrive(feeds: &[Feed], dir: &Path, config: &Path, seed: u64) -> usize {
    let mut chance = Chance::new(seed);
    let passes = 1 + chance.below(4);
    let mut dealt: Vec<BTreeMap<PathBuf, String>> = vec![BTreeMap::new(); passes];
    for feed in feeds {
        let mut order: Vec<&String> = feed.messages.iter().collect();
        chance.shuffle(&mut order);
        // Some feeds come whole in one pass, others in parts of every pass.
        let only = (chance.below(2) == 0).then(|| chance.below(passes));
        let files = 1 + chance.below(3);
        for message in order {
            let pass = only.unwrap_or_else(|| chance.below(passes));
            let name = format!("{pass}-{:016x}.{}", mix(seed, chance.below(files)), feed.ending);
            dealt[pass]
                .entry(Path::new("feeds").join(&feed.folder).join(name))
                .or_insert_with(|| feed.header.clone())
                .push_str(message);
        }
    }
    for files in &dealt {
        for (name, text) in files {
            let file = dir.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, text).expect("a file");
        }
        let epoch = [1, 7, 64, 512, 50_000][chance.below(5)];
        let threads = 1 + chance.below(2);
        run(
            config,
            &[
                format!("limits.epoch_messages_max={epoch}"),
                format!("limits.decode_threads={threads}"),
                format!(
                    "tables.commit_interval={}",
                    ["50ms", "1s", "10s"][chance.below(3)]
                ),
            ],
        );
    }
    passes
}

/// The tables where one process takes the feeds into the log, and another makes tables of it.
fn taken_in_first(made: &Scratch, dir: &Path) -> BTreeMap<String, Vec<String>> {
    let feeds = dir.join("feeds");
    std::os::unix::fs::symlink(made.path().join("feeds"), feeds).expect("a link");
    let config = config(dir);
    run_role("ingest", &config, &[]);
    assert!(!dir.join("tables/patient_360").exists(), "no tables yet");
    run_role("process", &config, &[]);
    essence(&dir.join("tables"))
}

fn mix(seed: u64, file: usize) -> u64 {
    Chance::new(seed ^ (file as u64) << 32).next()
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn any_arrival_order_gives_the_same_tables() {
    let seeds = from_environment("PANORAMA_ORDER_SEEDS", 4);
    compare("the embedded log", seeds, |dir, _| config(dir));
}

/// The same with the log on Kafka: `PANORAMA_KAFKA_BROKERS` sets how many brokers, `PANORAMA_ORDER_ON_KAFKA_SEEDS` how many
/// seeds.
#[cfg(feature = "kafka")]
#[test]
fn any_arrival_order_on_kafka_gives_the_same_tables() {
    let Some((brokers, addresses)) = crate::kafka::some_brokers() else {
        return;
    };
    let seeds = from_environment("PANORAMA_ORDER_ON_KAFKA_SEEDS", 2);
    compare(&format!("{} brokers", brokers.len()), seeds, |dir, seed| {
        crate::kafka::on_kafka(dir, &addresses, &format!("order-{seed}."))
    });
}

fn compare(log: &str, seeds: u64, configured: impl Fn(&Path, u64) -> PathBuf) {
    let first = from_environment("PANORAMA_ORDER_FIRST", 1);
    let persons = from_environment("PANORAMA_ORDER_PERSONS", 60).to_string();
    let made = Scratch::new("order");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", &persons, "--seed", "5", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let feeds = feeds(&made.path().join("feeds"));
    run(&config(made.path()), &[]);
    let expected = essence(&made.path().join("tables"));
    for table in [
        "patient_360",
        "journey",
        "interactions",
        "encounters",
        "raw_messages",
    ] {
        assert!(!expected[table].is_empty(), "{table} has rows to compare");
    }
    let apart = Scratch::new("order");
    assert_eq!(
        differences(&expected, &taken_in_first(&made, apart.path())),
        None,
        "by two processes"
    );
    let began = std::time::Instant::now();
    let (mut wrong, mut passes) = (BTreeSet::new(), 0);
    for seed in first..first + seeds {
        let scratch = Scratch::new("order");
        let config = configured(scratch.path(), seed);
        passes += arrive(&feeds, scratch.path(), &config, seed);
        if let Some(told) = differences(&expected, &essence(&scratch.path().join("tables"))) {
            println!("seed {seed} (PANORAMA_ORDER_FIRST={seed}), on {log}:\n{told}");
            wrong.insert(seed);
        }
    }
    println!(
        "order on {log}: {seeds} seeds, {passes} runs, {} messages each, {:.1} s, {} seeds with differences",
        feeds.iter().map(|f| f.messages.len()).sum::<usize>(),
        began.elapsed().as_secs_f64(),
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "the order of arrival shows in the tables: seeds {wrong:?}"
    );
}
