//! What survives: SIGKILL at any moment, a journal cut or zeroed at any byte, a write that fails for good.
//!
//! The test executable runs itself as the child that appends and says what was acknowledged.

use crate::LocalLogOptions;
use crate::tests::{message, open, small};
use bytes::Bytes;
use panorama_api::conformance::STATE_SPACES;
use panorama_api::{Appended, Bus, LogRecord, NewMessage, ReadLimits, StateBatch, StateStore};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

const DIRECTORY: &str = "PANORAMA_CRASH_DIR";
const TOPIC: &str = "raw.crash";
const KILLS: usize = 12;

fn child_directory() -> Option<String> {
    std::env::var(DIRECTORY).ok()
}

/// Says a line to the parent. Fails, and so ends the child, once nobody listens.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

fn read_all(log: &dyn Bus) -> Vec<LogRecord> {
    let (start, end) = log.bounds(TOPIC, 0).unwrap();
    assert_eq!(start, 0);
    let limits = ReadLimits {
        records_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    let records = log.read(TOPIC, 0, 0, limits).unwrap();
    assert_eq!(records.len() as u64, end);
    assert!(
        records
            .iter()
            .zip(0..)
            .all(|(record, offset)| record.offset == offset)
    );
    records
}

fn text(record: &LogRecord) -> &str {
    std::str::from_utf8(&record.payload).unwrap()
}

/// The one number all state keys hold.
fn state_number(log: &dyn StateStore) -> u32 {
    let mut numbers = BTreeSet::new();
    let mut keys = 0;
    let snapshot = log.snapshot().unwrap();
    for space in STATE_SPACES {
        let mut visit = |_: &[u8], value: &[u8]| {
            keys += 1;
            numbers.insert(u32::from_be_bytes(value.try_into().unwrap()));
            ControlFlow::Continue(())
        };
        snapshot.scan_prefix(space, b"crash", &mut visit).unwrap();
    }
    assert!(numbers.len() <= 1, "a torn batch: {numbers:?}");
    assert!(keys == 0 || keys == 80, "a torn batch of {keys} keys");
    numbers.pop_first().unwrap_or(0)
}

fn small_segments() -> LocalLogOptions {
    LocalLogOptions {
        segment_messages_max: 500,
        memtable_bytes_max: 64 * 1024,
        ..small()
    }
}

/// Appends in threes from four tasks and commits numbers from a thread, until killed.
async fn append_until_killed(directory: &str) {
    let log = open(Path::new(directory), small_segments());
    log.ensure_topic(TOPIC, 1).await.unwrap();
    let round = log.bounds(TOPIC, 0).unwrap().1;
    let mut running = tokio::task::JoinSet::new();
    for task in 0..4 {
        let log = log.clone();
        running.spawn(async move {
            for call in 0.. {
                let texts = (0..3).map(|n| format!("{round}.{task}.{call}:{n}"));
                let messages = texts.map(|text| message(0, &text)).collect();
                let appended = log.append(TOPIC, 0, messages, None).await.unwrap();
                let Appended::At(first) = appended[0] else {
                    unreachable!("no ids were given");
                };
                say(&format!("appended {first} {round}.{task}.{call}"));
            }
        });
    }
    running.spawn_blocking(move || {
        for number in state_number(&log) + 1.. {
            let mut batch = StateBatch::default();
            for key in 0..40u8 {
                for space in STATE_SPACES {
                    batch.put(
                        space,
                        [b"crash".as_slice(), &[key]].concat(),
                        number.to_be_bytes(),
                    );
                }
            }
            log.commit(batch).unwrap();
            say(&format!("committed {number}"));
        }
    });
    running.join_all().await;
}

fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    if let Some(directory) = child_directory() {
        return append_until_killed(&directory).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut appended: Vec<(usize, String)> = Vec::new();
    let mut committed = 0;
    for kill in 0..KILLS {
        let name = "crash_tests::killed_at_any_moment_nothing_acknowledged_is_lost";
        let mut child = child(name, dir.path()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let kill_after = 1 + kill * 37 % 300;
        let mut said = 0;
        for line in lines {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["appended", first, text] => appended.push((first.parse().unwrap(), (*text).to_owned())),
                ["committed", number] => committed = number.parse().unwrap(),
                _ => continue,
            }
            said += 1;
            if said == kill_after {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(said >= kill_after, "the child ended by itself");
        let log = open(dir.path(), small_segments());
        let records = read_all(&log);
        for (first, call) in &appended {
            for n in 0..3 {
                assert_eq!(text(&records[first + n]), format!("{call}:{n}"));
            }
        }
        for three in records.chunks(3) {
            let call = text(&three[0]).strip_suffix(":0").unwrap();
            assert_eq!(text(&three[1]), format!("{call}:1"));
            assert_eq!(text(&three[2]), format!("{call}:2"));
        }
        assert!(state_number(&log) >= committed);
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_journal_cut_or_zeroed_anywhere_keeps_what_is_before() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), small());
    log.ensure_topic(TOPIC, 1).await.unwrap();
    for n in 0..10 {
        log.append(TOPIC, 0, vec![message(n, &format!("message {n}"))], None)
            .await
            .unwrap();
    }
    let image = tempfile::tempdir().unwrap();
    copy_tree(dir.path(), image.path());
    drop(log);
    let journal = std::fs::read_dir(image.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .unwrap();
    let bytes = std::fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut kept_least = usize::MAX;
    for (turn, cut) in (end - 420..end).step_by(7).enumerate() {
        let mut torn = bytes[..cut].to_vec();
        if turn % 2 == 0 {
            torn.resize(bytes.len(), 0);
        }
        std::fs::write(&journal, torn).unwrap();
        let log = open(image.path(), small());
        let records = read_all(&log);
        assert!(
            records
                .iter()
                .zip(0..)
                .all(|(record, n)| text(record) == format!("message {n}"))
        );
        kept_least = kept_least.min(records.len());
        assert!(records.len() < 10, "the last message was cut");
        drop(log);
    }
    assert!((5..9).contains(&kept_least), "{kept_least} messages were kept");
}

/// Bytes no compression makes smaller, different for each `n`.
fn noise(n: u64) -> Bytes {
    let block = |block: u64| xxhash_rust::xxh3::xxh3_64_with_seed(&block.to_be_bytes(), n).to_be_bytes();
    (0..32 * 1024).flat_map(block).collect()
}

fn one_journal() -> LocalLogOptions {
    LocalLogOptions {
        memtable_bytes_max: 1 << 30,
        memtables_bytes_max: 1 << 30,
        ..small()
    }
}

/// Appends until the file size limit the parent set makes a write fail, and goes on.
async fn append_until_it_fails(directory: &str) {
    let log = open(Path::new(directory), one_journal());
    log.ensure_topic(TOPIC, 1).await.unwrap();
    let mut failures = 0;
    for n in 0.. {
        let noisy = NewMessage {
            payload: noise(n),
            ..message(0, "")
        };
        match log.append(TOPIC, 0, vec![noisy], None).await {
            Ok(_) => say(&format!("appended {n}")),
            Err(error) => {
                say(&format!("failed {}", error.class().name()));
                failures += 1;
            }
        }
        if failures == 3 {
            break;
        }
    }
    let mut batch = StateBatch::default();
    batch.put(STATE_SPACES[0], "k", "v");
    let class = log.commit(batch).unwrap_err().class();
    say(&format!("failed {}", class.name()));
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_acknowledged() {
    if let Some(directory) = child_directory() {
        return append_until_it_fails(&directory).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let inner = child(
        "crash_tests::after_a_failed_write_nothing_is_acknowledged",
        dir.path(),
    );
    // 68 MiB in blocks of 512 bytes: the journal is made with 64 MiB, and must grow past it.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 139264; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said
        .lines()
        .filter(|l| l.starts_with("appended") || l.starts_with("failed"))
        .collect();
    let (acknowledged, failed) = lines.split_at(lines.len().saturating_sub(4));
    assert_eq!(failed, ["failed fatal"; 4], "{said}");
    assert!(acknowledged.len() > 200 && acknowledged.iter().all(|line| line.starts_with("appended")));
    let log = open(dir.path(), one_journal());
    let records = read_all(&log);
    assert!(records.len() >= acknowledged.len());
    assert!(
        records
            .iter()
            .zip(0..)
            .all(|(record, n)| record.payload == noise(n))
    );
    log.append(TOPIC, 0, vec![message(0, "after")], None)
        .await
        .unwrap();
}
