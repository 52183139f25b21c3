//! Real files in a temporary directory, a log in memory.

use crate::*;
use async_trait::async_trait;
use panorama_api::*;
use panorama_model::{ByteCount, Framing, Period, Text, Timestamp};
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::sync::watch;

#[derive(Default)]
struct MemoryBus {
    log: Mutex<Log>,
    /// Asked to stop once this many appends were done.
    stop_after: Mutex<Option<(usize, watch::Sender<bool>)>>,
    changed: tokio::sync::Notify,
}

#[derive(Default)]
struct Log {
    messages: Vec<NewMessage>,
    positions: HashMap<Vec<u8>, Vec<u8>>,
    appends: usize,
    /// What the next appends do.
    faults: Vec<Fault>,
}

enum Fault {
    Refused,
    DoneButReported,
}

#[async_trait]
impl Bus for MemoryBus {
    async fn ensure_topic(&self, _: &str, _: u32) -> Result<()> {
        Ok(())
    }
    async fn append(
        &self,
        topic: &str,
        _: u32,
        new: Vec<NewMessage>,
        position: Option<SourcePosition>,
    ) -> Result<Vec<Appended>> {
        let mut log = self.log.lock().unwrap();
        let fault = log.faults.pop();
        if matches!(fault, Some(Fault::Refused)) {
            return Err(ConnectorError::retry("append to", topic, "disk full"));
        }
        let first = log.messages.len() as u64;
        let appended = (first..first + new.len() as u64).map(Appended::At).collect();
        log.messages.extend(new);
        let position = position.expect("each append has its position");
        log.positions.insert(position.name, position.value);
        log.appends += 1;
        if let Some((after, stop)) = &*self.stop_after.lock().unwrap()
            && log.appends >= *after
        {
            stop.send(true).unwrap();
        }
        self.changed.notify_one();
        match fault {
            Some(_) => Err(ConnectorError::retry("append to", topic, "connection lost")),
            None => Ok(appended),
        }
    }
    fn read(&self, _: &str, _: u32, _: Offset, _: ReadLimits) -> Result<Vec<LogRecord>> {
        Ok(Vec::new())
    }
    fn bounds(&self, _: &str, _: u32) -> Result<(Offset, Offset)> {
        Ok((0, 0))
    }
    fn topics(&self) -> Result<Vec<(Text, u32)>> {
        Ok(Vec::new())
    }
    fn source_position(&self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.log.lock().unwrap().positions.get(name).cloned())
    }
    async fn appended(&self) {}
    fn trim(&self, _: &str, _: u32, _: Offset) -> Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Failures(Mutex<u64>);

impl Observer for Failures {
    fn received(&self, _: &str, _: u64) {}
    fn acknowledged(&self, _: &str, _: &str, _: std::time::Duration) {}
    fn duplicate(&self, _: &str) {}
    fn failed(&self, _: &str, _: ErrorClass) {
        *self.0.lock().unwrap() += 1;
    }
    fn buffered(&self, _: &str, _: u64) {}
    fn lag(&self, _: &str, _: u32, _: Option<u64>) {}
}

/// A directory of feeds and a log that outlives runs.
struct House {
    directory: TempDir,
    bus: Arc<MemoryBus>,
    failures: Arc<Failures>,
}

impl House {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let house = Self {
            directory: tempfile::tempdir().unwrap(),
            bus: Arc::default(),
            failures: Arc::default(),
        };
        for (name, bytes) in files {
            house.write(name, bytes);
        }
        house
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file whose last change was long ago.
    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        let file = fs::File::options().write(true).open(self.path(name)).unwrap();
        let age = fs::read(self.path(name)).unwrap().len() as u64; // a change of size is a change of time
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + age))
            .unwrap();
    }

    fn params(&self) -> FileParams {
        FileParams::of(format!("{}/**/*", self.directory.path().display()))
    }

    fn context(&self, finite: bool) -> (watch::Sender<bool>, SourceContext) {
        let (stop, shutdown) = Shutdown::new();
        let context = SourceContext {
            source: "archive".into(),
            topic: "raw.archive".into(),
            partitions: Partitions::all("raw.archive".into(), 1),
            bus: self.bus.clone(),
            finite,
            shutdown,
            observer: self.failures.clone(),
            now: || Timestamp::from_seconds(2_000_000_000),
        };
        (stop, context)
    }

    async fn run(&self, framing: Framing) {
        let (_stop, context) = self.context(true);
        FileSource::new(self.params(), framing)
            .run(context)
            .await
            .unwrap();
    }

    fn messages(&self) -> Vec<String> {
        let log = self.bus.log.lock().unwrap();
        log.messages
            .iter()
            .map(|m| String::from_utf8_lossy(&m.payload).into_owned())
            .collect()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn files_are_read_once_compressed_or_not() {
    let house = House::new(&[
        ("a.hl7", b"MSH|1\rPID|a\rMSH|2\r"),
        ("b.hl7.gz", &[gzip(b"MSH|3\rMSH|"), gzip(b"4\r")].concat()), // two members
        ("c.zst", &zstd::encode_all(&b"MSH|5\r"[..], 1).unwrap()),
        ("d.hl7", b""),
    ]);
    house.run(Framing::Hl7).await;
    let expected = ["MSH|1\rPID|a\r", "MSH|2\r", "MSH|3\r", "MSH|4\r", "MSH|5\r"];
    assert_eq!(house.messages(), expected);
    {
        let log = house.bus.log.lock().unwrap();
        let headers: HashMap<_, _> = log.messages[2].headers.iter().cloned().collect();
        assert_eq!(headers["file.name"], b"b.hl7.gz");
        assert_eq!(headers["framing"], b"hl7");
        assert!(headers["file.modified"].starts_with(b"1970-01-12T"));
        assert!(Arc::ptr_eq(&log.messages[0].headers, &log.messages[1].headers));
    }
    house.run(Framing::Hl7).await; // nothing is new
    assert_eq!(house.messages(), expected);
    // Growth is read from where the log ends; a new file of an old name from its start; times alone change nothing.
    house.write("a.hl7", b"MSH|1\rPID|a\rMSH|2\rMSH|6\r");
    house.write("c.zst", b"MSH|other\r");
    let touched = fs::File::options()
        .write(true)
        .open(house.path("b.hl7.gz"))
        .unwrap();
    touched
        .set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(5))
        .unwrap();
    house.run(Framing::Hl7).await;
    assert_eq!(house.messages()[5..], ["MSH|6\r", "MSH|other\r"]);
    assert_eq!(*house.failures.0.lock().unwrap(), 0);
}

/// Many records, so that one file needs several appends.
fn many(header: &str, count: usize, wide: usize) -> (Vec<u8>, Vec<String>) {
    let records: Vec<String> = (0..count)
        .map(|n| format!("{n},\"{}\"", "x".repeat(n % wide)))
        .collect();
    (format!("{header}{}\n", records.join("\n")).into_bytes(), records)
}

#[tokio::test]
async fn restarts_go_on_without_gaps_or_repeats() {
    let (bytes, records) = many("id,text\n", 10_000, 300);
    for (name, content) in [("a.csv", bytes.clone()), ("a.csv.gz", gzip(&bytes))] {
        let house = House::new(&[(name, &content)]);
        for stops in 0.. {
            let (stop, context) = house.context(true);
            let after = house.bus.log.lock().unwrap().appends + 1 + stops % 3;
            *house.bus.stop_after.lock().unwrap() = Some((after, stop));
            let shutdown = context.shutdown.clone();
            FileSource::new(house.params(), Framing::Csv)
                .run(context)
                .await
                .unwrap();
            if !shutdown.is_requested() {
                assert!(stops > 3, "several runs were needed");
                break;
            }
        }
        assert!(house.messages() == records, "{name}");
        let log = house.bus.log.lock().unwrap();
        assert!(
            log.messages
                .iter()
                .all(|m| m.headers.contains(&("csv.header".into(), b"id,text".to_vec())))
        );
    }
}

#[tokio::test]
async fn appends_that_fail_are_tried_again_and_done_once() {
    let (bytes, records) = many("", 3000, 10);
    let house = House::new(&[("a.txt", &bytes)]);
    house.bus.log.lock().unwrap().faults = vec![Fault::DoneButReported, Fault::Refused];
    house.run(Framing::Lines).await;
    assert!(house.messages() == records);
    assert_eq!(*house.failures.0.lock().unwrap(), 2);
}

#[tokio::test]
async fn broken_files_do_not_stop_the_others() {
    let mut broken = gzip(&b"one line of many\n".repeat(50_000));
    broken.truncate(broken.len() / 2);
    let house = House::new(&[
        ("a.gz", &broken),
        ("b.zst", b"\x28\xb5\x2f\xfdgarbage"),
        ("c.txt", b"good\n"),
    ]);
    house.run(Framing::Lines).await;
    let messages = house.messages();
    assert!(messages.len() > 1000, "what could be decoded was read");
    assert!(
        messages[..messages.len() - 2]
            .iter()
            .all(|m| m == "one line of many")
    );
    assert_eq!(messages.last().unwrap(), "good");
    assert_eq!(*house.failures.0.lock().unwrap(), 2);
    let count = messages.len();
    house.run(Framing::Lines).await;
    assert_eq!(house.messages().len(), count);
}

#[tokio::test]
async fn following_waits_for_whole_records() {
    let house = House::new(&[("a.txt", b"one\n")]);
    let (stop, context) = house.context(false);
    let params = FileParams {
        follow: true,
        poll_interval: Period(Duration::from_millis(5)),
        settle_time: Period::from_seconds(1_000_000_000), // nothing changed for long enough, but what `write` made
        ..house.params()
    };
    let running = tokio::spawn(async move { FileSource::new(params, Framing::Lines).run(context).await });
    let until = async |count: usize| {
        let waiting = async {
            while house.messages().len() < count {
                house.bus.changed.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .expect("took too long");
    };
    until(1).await;
    append_to(&house.path("a.txt"), b"two\nthr");
    until(2).await;
    append_to(&house.path("a.txt"), b"ee\nfour\n");
    house.write("b.txt", b"settled");
    until(5).await;
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    let mut messages = house.messages();
    messages.sort();
    assert_eq!(messages, ["four", "one", "settled", "three", "two"]);
}

fn append_to(path: &Path, bytes: &[u8]) {
    fs::File::options()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

#[tokio::test]
async fn checks_name_what_is_wrong() {
    let house = House::new(&[("a.txt", b"x")]);
    let check = async |path: String, words: &str| {
        let problems = FileSource::new(FileParams::of(path), Framing::Lines)
            .check()
            .await;
        let found: Vec<_> = problems
            .iter()
            .map(|p| format!("{} / {}", p.message, p.hint))
            .collect();
        assert!(found.iter().any(|text| text.contains(words)), "{found:?}");
    };
    let directory = house.directory.path().display();
    check(format!("{directory}/*.csv"), "warning: no file matches").await;
    check(format!("{directory}/a["), "feeds/**/*.hl7").await;
    check(format!("{directory}"), "is a directory").await;
    check(String::new(), "empty").await;
    assert_eq!(FileSource::new(house.params(), Framing::Lines).check().await, []);
}

#[tokio::test]
async fn records_beyond_the_limit_lose_no_byte() {
    let house = House::new(&[("a.txt", &[b'x'; 1_000_000])]);
    let (_stop, context) = house.context(true);
    let params = FileParams {
        record_bytes_max: ByteCount(300_000),
        ..house.params()
    };
    FileSource::new(params, Framing::Whole)
        .run(context)
        .await
        .unwrap();
    let messages = house.messages();
    assert!(messages.len() > 1 && messages.iter().all(|m| m.len() < 600_000));
    assert_eq!(messages.concat().len(), 1_000_000);
}

/// Each byte of the shared corpus ends in a message, or is blank.
#[test]
fn shared_hl7_files_lose_no_byte() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned();
    let root = std::env::var("PANORAMA_SHARED").unwrap_or(default) + "/data/hl7v2";
    if !Path::new(&root).is_dir() {
        println!("skipped: no ../shared");
        return;
    }
    let pattern = Patterns::One(format!("{root}/**/*.hl7"));
    let (files, _) = crate::paths::Paths::new(&pattern, Order::Name).unwrap().find();
    assert!(files.len() > 100);
    for file in files {
        let bytes = fs::read(&file.path).unwrap();
        let visible = |bytes: &[u8]| {
            bytes
                .iter()
                .filter(|b| !b" \t\r\n\0\x0b\x1c\x1a".contains(b))
                .count()
        };
        let messages = split(Framing::Hl7, &file.name, &bytes.clone().into());
        assert_eq!(
            messages.iter().map(|(m, _)| visible(m)).sum::<usize>(),
            visible(&bytes),
            "{}",
            file.name
        );
    }
}
