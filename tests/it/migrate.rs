//! A pipeline moves from the embedded log to another: every message it ever received goes along, also those that its log has
//! let go of, and nothing is read twice.

use crate::essence::{config, differences, essence, run, with_feeds};
use crate::rows::tables;
use crate::support::{Scratch, panorama, said};
use panorama_api::{Bus, LogRecord, NewMessage, ReadLimits};
use panorama_log_local::{LocalLog, LocalLogOptions};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// More than any topic here has.
const ALL: ReadLimits = ReadLimits {
    records_max: 1_000_000,
    bytes_max: 1 << 30,
};

/// A pipeline that has run, and whose log has let go of the older half of its messages.
fn aged(made: &Scratch) -> Scratch {
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", "60", "--seed", "23", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let old = with_feeds(made, "migrate-old");
    run(&config(old.path()), &[]);
    let before = old.path().join("data-before");
    std::fs::rename(old.path().join("data"), &before).expect("a log");
    let log = LocalLog::open(&before, LocalLogOptions::default(), &[]).expect("a log");
    let options = LocalLogOptions {
        segment_messages_max: 20,
        ..LocalLogOptions::default()
    };
    let aged = LocalLog::open(&old.path().join("data"), options, &[]).expect("a log");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for (topic, partitions) in log.topics().expect("topics") {
        runtime
            .block_on(aged.ensure_topic(&topic, partitions))
            .expect("a topic");
        let messages = log.read(&topic, 0, 0, ALL).expect("messages");
        let end = messages.len() as u64;
        for few in messages.chunks(7) {
            let messages = few.iter().cloned().map(again).collect();
            runtime
                .block_on(aged.append(&topic, 0, messages, None))
                .expect("kept");
        }
        aged.trim(&topic, 0, end / 2).expect("trimmed");
    }
    for position in log.positions() {
        let position = Some(position.expect("a position"));
        let noted = aged.append("raw.hospital", 0, Vec::new(), position);
        runtime.block_on(noted).expect("noted");
    }
    let (start, end) = aged.bounds("raw.hospital", 0).expect("bounds");
    assert!(start > 20 && start < end, "nothing was let go of: {start}, {end}");
    old
}

fn again(record: LogRecord) -> NewMessage {
    NewMessage {
        received_at: record.received_at,
        payload: record.payload,
        headers: record.headers,
        dedupe: None,
    }
}

fn migrate(from: &Path, to: &Path) -> Result<String, String> {
    let [from, to] = [from, to].map(|path| path.display().to_string());
    let output = panorama(&["migrate", "--from", &from, "--config", &to]);
    let text = said(&output);
    if output.status.success() {
        Ok(text)
    } else {
        Err(text)
    }
}

/// Lets a configuration read the feeds where another pipeline reads them.
fn with_feeds_of(old: &Scratch, new: &Scratch, file: PathBuf) -> PathBuf {
    let [old, new] = [old, new].map(|pipeline| pipeline.path().join("feeds").display().to_string());
    let text = std::fs::read_to_string(&file).expect("a configuration");
    std::fs::write(&file, text.replace(&new, &old)).expect("a configuration");
    file
}

/// Moves, runs there, and looks at everything.
fn moves(old: &Scratch, from: &Path, new: &Scratch, to: &Path) {
    let told = migrate(from, to).unwrap_or_else(|error| panic!("{error}"));
    assert!(told.contains("raw.hospital"), "{told}");
    // Who does not know whether it came to its end runs it again.
    let told = migrate(from, to).unwrap_or_else(|error| panic!("{error}"));
    assert!(told.contains('0'), "{told}");
    for _ in 0..2 {
        run(to, &[]);
        let [before, after] = [old, new].map(|pipeline| pipeline.path().join("tables"));
        assert_eq!(differences(&essence(&before), &essence(&after)), None);
        // Byte for byte, with the time of receipt and the very offset. And the second run has read nothing twice.
        let [before, after] = [before, after].map(|location| {
            let rows = tables(&location, &["raw_messages"]).remove("raw_messages");
            let rows = rows.expect("a table").into_iter();
            let mut texts: Vec<String> = rows.map(|row| Value::Object(row).to_string()).collect();
            texts.sort();
            texts
        });
        assert_eq!(before.len(), after.len());
        assert!(before == after, "messages differ");
    }
    let refused = migrate(from, to).expect_err("the tables are there");
    assert!(refused.contains("name an empty place"), "{refused}");
}

#[test]
fn a_pipeline_moves_with_every_message_it_ever_received() {
    let made = Scratch::new("migrate");
    let old = aged(&made);
    let from = config(old.path());
    let new = Scratch::new("migrate-new");
    let to = with_feeds_of(&old, &new, config(new.path()));
    moves(&old, &from, &new, &to);

    let refused = migrate(&from, &from).expect_err("nowhere to move");
    assert!(
        refused.contains("data_dir is that of the old pipeline"),
        "{refused}"
    );
    let other = with_feeds(&made, "migrate-other");
    let to = config(other.path());
    let text = std::fs::read_to_string(&to).expect("a configuration");
    std::fs::write(&to, text.replace("format: hl7v2", "format: fhir-r4")).expect("a configuration");
    let refused = migrate(&from, &to).expect_err("nobody could read them");
    assert!(refused.contains("hospital has another format"), "{refused}");
    std::fs::write(&to, text).expect("a configuration");
    std::fs::remove_dir_all(old.path().join("tables/raw_messages")).expect("a table");
    let refused = migrate(&from, &to).expect_err("half of it is gone");
    assert!(refused.contains("raw_messages"), "{refused}");
}

#[cfg(feature = "kafka")]
#[test]
fn a_pipeline_moves_to_kafka() {
    let Some(broker) = crate::broker::Broker::start("") else {
        return;
    };
    let made = Scratch::new("migrate-kafka");
    let old = aged(&made);
    let from = config(old.path());
    let new = Scratch::new("migrate-on-kafka");
    let to = crate::kafka::on_kafka(new.path(), &broker.address(), "moved.");
    let to = with_feeds_of(&old, &new, to);
    moves(&old, &from, &new, &to);
    // Another pipeline's topics are not written to.
    let another = Scratch::new("migrate-another");
    let out = another.text("feeds");
    let output = panorama(&["synth", "--persons", "70", "--seed", "24", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let file = config(another.path());
    run(&file, &[]);
    let third = Scratch::new("migrate-third");
    let to = crate::kafka::on_kafka(third.path(), &broker.address(), "moved.");
    let refused = migrate(&file, &to).expect_err("the topics are another's");
    assert!(refused.contains("bus.topic_prefix"), "{refused}");
}

/// Positions of a source that reads several partitions go into as many of ours: it goes on in each where it was.
#[cfg(feature = "kafka")]
#[test]
fn a_source_of_several_partitions_goes_on_in_each_after_a_move() {
    use crate::kafka::{from_elsewhere, of_topic, on_kafka};
    use crate::rows::text;
    use crate::sharing::feeds::Feed;
    use std::collections::BTreeSet;
    let Some(broker) = crate::broker::Broker::start("") else {
        return;
    };
    let made = Scratch::new("migrate-wide");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", "60", "--seed", "26", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let (source, prefix) = ("contact-center", "wide.");
    let mut feed = Feed::begin(&broker, source, prefix, &made.path().join("feeds/calls"));
    let from_theirs = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).expect("a configuration");
        let mut text = text.replace(
            &format!("  topic_prefix: {prefix}\n"),
            &format!("  topic_prefix: {prefix}\n  partitions: 4\n"),
        );
        let theirs = of_topic(&broker.address(), &format!("{prefix}theirs.{source}"));
        from_elsewhere(&mut text, source, &theirs);
        std::fs::write(&file, text).expect("a configuration");
        file
    };
    let old = with_feeds(&made, "migrate-wide-old");
    let from = from_theirs(config(old.path()));
    let poured = feed.pour(40);
    wait_until_read(&from, &old, source, poured);
    let new = Scratch::new("migrate-wide-new");
    let to = from_theirs(on_kafka(new.path(), &broker.address(), prefix));
    let to = with_feeds_of(&old, &new, to);
    moves(&old, &from, &new, &to);

    let poured = poured + feed.pour(40);
    for (file, pipeline) in [(&from, &old), (&to, &new)] {
        wait_until_read(file, pipeline, source, poured);
    }
    let [before, after] = [&old, &new].map(|pipeline| pipeline.path().join("tables"));
    assert_eq!(differences(&essence(&before), &essence(&after)), None);
    let rows = &tables(&after, &["raw_messages"])["raw_messages"];
    let partitions: BTreeSet<i64> = rows
        .iter()
        .filter(|row| text(row, "source") == source)
        .filter_map(|row| row["partition"].as_i64())
        .collect();
    assert!(partitions.len() > 1, "all went to {partitions:?}");
}

/// Runs until so many messages of a source are rows: what was poured may be on its way to the broker still.
#[cfg(feature = "kafka")]
fn wait_until_read(file: &Path, pipeline: &Scratch, source: &str, poured: u64) {
    for _ in 0..20 {
        run(file, &[]);
        let sources = crate::rows::column(&pipeline.path().join("tables"), "raw_messages", "source");
        if sources.iter().filter(|of| *of == source).count() as u64 == poured {
            return;
        }
    }
    panic!("not all messages of {source} come");
}
