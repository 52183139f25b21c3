//! The log passes the conformance suite; and what only this log promises: one owner, retention, segments, a full disk.

use crate::{LocalLog, LocalLogOptions};
use bytes::Bytes;
use panorama_api::conformance::{self, STATE_SPACES};
use panorama_api::{
    Appended, Bus, DedupeKey, ErrorClass, NewMessage, ReadLimits, StateBatch, StateRead, StateStore,
};
use panorama_model::Timestamp;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const ALL: ReadLimits = ReadLimits {
    records_max: usize::MAX,
    bytes_max: usize::MAX,
};

pub(crate) fn small() -> LocalLogOptions {
    LocalLogOptions {
        cache_bytes: 8 * 1024 * 1024,
        disk_free_bytes_min: 0,
        ..LocalLogOptions::default()
    }
}

pub(crate) fn open(dir: &Path, options: LocalLogOptions) -> LocalLog {
    LocalLog::open(dir, options, &STATE_SPACES).unwrap()
}

pub(crate) fn message(received_at: i64, text: &str) -> NewMessage {
    NewMessage {
        received_at: Timestamp(received_at),
        payload: Bytes::copy_from_slice(text.as_bytes()),
        headers: Arc::default(),
        dedupe: None,
    }
}

fn keyed(received_at: i64, id: u128) -> NewMessage {
    NewMessage {
        dedupe: Some(DedupeKey { id, content: 1 }),
        ..message(received_at, "copy")
    }
}

fn report(outcome: conformance::Outcome) {
    if let Err(violation) = outcome {
        panic!("{violation}: {:?}", violation.source().map(ToString::to_string));
    }
}

fn cause(error: &panorama_api::ConnectorError) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bus_conformance() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Ok(Arc::new(open(dir.path(), small())) as Arc<dyn Bus>);
    report(conformance::bus(&open).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bus_conformance_with_tiny_limits() {
    let options = || LocalLogOptions {
        segment_messages_max: 4,
        queue_bytes_max: 100,
        queue_messages_max: 2,
        group_commit_bytes_max: 1,
        headers_cache_bytes: 1,
        ..small()
    };
    let dir = tempfile::tempdir().unwrap();
    let open = || Ok(Arc::new(open(dir.path(), options())) as Arc<dyn Bus>);
    report(conformance::bus(&open).await);
}

#[test]
fn state_conformance() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Ok(Arc::new(open(dir.path(), small())) as Arc<dyn StateStore>);
    report(conformance::state(&open));
}

#[test]
fn state_conformance_while_memtables_are_flushed_all_the_time() {
    let options = || LocalLogOptions {
        memtable_bytes_max: 8 * 1024,
        ..small()
    };
    let dir = tempfile::tempdir().unwrap();
    let open = || Ok(Arc::new(open(dir.path(), options())) as Arc<dyn StateStore>);
    report(conformance::state(&open));
}

#[test]
fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), small());
    let second = LocalLog::open(dir.path(), small(), &STATE_SPACES);
    let error = second.map(|_| ()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert_eq!(cause(&error), "data_dir in use by another process");
    drop(first);
    open(dir.path(), small());
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), small());
    log.ensure_topic("t", 1).await.unwrap();
    log.append("t", 0, vec![message(0, "before")], None)
        .await
        .unwrap();
    drop(log);
    let full = LocalLogOptions {
        disk_free_bytes_min: u64::MAX,
        ..small()
    };
    let log = open(dir.path(), full);
    let error = log
        .append("t", 0, vec![message(0, "refused")], None)
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retry);
    assert!(cause(&error).starts_with("disk full"), "{}", cause(&error));
    let mut batch = StateBatch::default();
    batch.put(STATE_SPACES[0], "k", "v");
    assert_eq!(log.commit(batch).unwrap_err().class(), ErrorClass::Retry);
    assert_eq!(log.get(STATE_SPACES[0], b"k").unwrap(), None);
    drop(log);
    let log = open(dir.path(), small());
    assert_eq!(log.bounds("t", 0).unwrap(), (0, 1));
    let appended = log.append("t", 0, vec![message(0, "after")], None).await.unwrap();
    assert_eq!(appended, [Appended::At(1)]);
}

#[tokio::test]
async fn segments_are_dropped_and_their_files_too() {
    let dir = tempfile::tempdir().unwrap();
    let options = || LocalLogOptions {
        segment_messages_max: 10,
        ..small()
    };
    let log = open(dir.path(), options());
    log.ensure_topic("t", 1).await.unwrap();
    for n in 0..95 {
        log.append("t", 0, vec![message(n, "text")], None).await.unwrap();
    }
    let keyspaces = || log.core().database.keyspace_count();
    let before = keyspaces();
    log.trim("t", 0, 55).unwrap();
    assert_eq!(log.bounds("t", 0).unwrap(), (50, 95));
    assert_eq!(keyspaces(), before - 5);
    assert_eq!(log.read("t", 0, 0, ALL).unwrap().first().unwrap().offset, 50);
    drop(log);
    let log = open(dir.path(), options());
    assert_eq!(log.bounds("t", 0).unwrap(), (50, 95));
    assert_eq!(log.read("t", 0, 0, ALL).unwrap().len(), 45);
}

#[tokio::test]
async fn segments_nobody_knows_are_dropped_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), small());
    log.ensure_topic("t", 1).await.unwrap();
    let orphan = log
        .core()
        .database
        .keyspace("log.0.0.0", Default::default)
        .unwrap();
    orphan.insert(crate::keys::message_key(0), "left over").unwrap();
    drop((log, orphan));
    let log = open(dir.path(), small());
    assert_eq!(log.read("t", 0, 0, ALL).unwrap().len(), 0);
    log.append("t", 0, vec![message(7, "new")], None).await.unwrap();
    assert_eq!(&log.read("t", 0, 0, ALL).unwrap()[0].payload[..], b"new");
}

#[tokio::test]
async fn copies_are_forgotten_after_the_retention() {
    const DAY: i64 = 86_400_000_000;
    let dir = tempfile::tempdir().unwrap();
    let options = || LocalLogOptions {
        dedupe_retention: Duration::from_secs(30 * 86_400),
        dedupe_prune_max: 3,
        ..small()
    };
    let log = open(dir.path(), options());
    log.ensure_topic("t", 1).await.unwrap();
    let known = async |log: &LocalLog, at: i64, id: u128| {
        let appended = log.append("t", 0, vec![keyed(at, id)], None).await.unwrap();
        matches!(appended[0], Appended::DuplicateOf(_))
    };
    for id in 0..10 {
        assert!(!known(&log, 0, id).await);
    }
    assert!(known(&log, 29 * DAY, 0).await);
    // Three are forgotten with each new id: the oldest, which are those of the smallest ids.
    for (new, forgotten) in [(100, 3), (101, 6), (102, 9), (103, 10)] {
        assert!(!known(&log, 31 * DAY, new).await);
        let offsets = &log.core().database.keyspace("copies", Default::default).unwrap();
        assert_eq!(offsets.len().unwrap(), 10 + (new as usize - 99) - forgotten);
    }
    drop(log);
    let log = open(dir.path(), options());
    assert!(known(&log, 31 * DAY, 100).await);
    assert!(!known(&log, 31 * DAY, 0).await);
}

#[tokio::test]
async fn header_sets_are_stored_once_per_segment() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), small());
    log.ensure_topic("t", 1).await.unwrap();
    let headers = Arc::new(vec![("csv.header".into(), vec![b'h'; 9000])]);
    for _ in 0..50 {
        let row = NewMessage {
            headers: Arc::clone(&headers),
            ..message(0, "row")
        };
        log.append("t", 0, vec![row.clone(), row], None).await.unwrap();
    }
    let segment = log
        .core()
        .database
        .keyspace("log.0.0.0", Default::default)
        .unwrap();
    assert_eq!(segment.len().unwrap(), 101);
    let records = log.read("t", 0, 0, ALL).unwrap();
    assert!(
        records
            .windows(2)
            .all(|pair| Arc::ptr_eq(&pair[0].headers, &pair[1].headers))
    );
}
