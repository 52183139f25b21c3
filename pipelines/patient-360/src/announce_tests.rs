//! What was told before a crash, and not noted, is told again or taken back. Kafka's part is tested on a real broker.

use super::*;
use crate::current::{Dirty, outbox_key};
use crate::rows::Rows;
use async_trait::async_trait;
use panorama_log_local::{LocalLog, LocalLogOptions};
use panorama_model::{PersonId, Row};
use panorama_tables::table::patient_360;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Keeps what it is told, as a compacted topic does.
#[derive(Default)]
struct Listener {
    heard: Mutex<BTreeMap<String, Value>>,
    /// How many messages it was sent.
    count: AtomicUsize,
    /// Whoever tells is cut off as soon as it has heard.
    cuts_off: AtomicBool,
}

#[async_trait]
impl Announcer for Listener {
    async fn claim(&self) -> Result<()> {
        Ok(())
    }

    async fn announce(&self, _: &str, changes: Arc<[Announcement]>) -> Result<()> {
        self.count.fetch_add(changes.len(), Relaxed);
        let mut heard = self.heard.lock().unwrap();
        for Announcement { key, value } in changes.iter().cloned() {
            match value {
                Some(value) => heard.insert(key, serde_json::from_slice(&value).unwrap()),
                None => heard.remove(&key),
            };
        }
        if self.cuts_off.load(Relaxed) {
            return Err(ConnectorError::fatal("tell", "changes", "cut off"));
        }
        Ok(())
    }
}

const PARTITION: i32 = 5;

struct Told360 {
    log: LocalLog,
    listener: Arc<Listener>,
    epoch: AtomicU64,
    scratch: tempfile::TempDir,
}

impl Told360 {
    fn new(dir: &Path) -> Self {
        Self {
            log: LocalLog::open(dir, LocalLogOptions::default(), spaces::ALL).unwrap(),
            listener: Arc::default(),
            epoch: AtomicU64::new(1),
            scratch: tempfile::tempdir().unwrap(),
        }
    }

    /// Sets the persons there are: id and name.
    fn set(&self, persons: &[(u128, &str)]) {
        let state: Arc<dyn StateRead> = Arc::new(self.log.clone());
        let mut rows = Rows::new(&state);
        let (mut dirty, mut batch) = (Dirty::default(), StateBatch::default());
        for id in 1..=3 {
            let name = persons.iter().find(|(person, _)| *person == id);
            let row = name.map(|(id, name)| {
                let mut row = Row::new();
                row.set(patient_360::PERSON_ID, PersonId(*id).to_string());
                row.set(patient_360::FULL_NAME, *name);
                row
            });
            let place = (table_number::PATIENT_360, (PARTITION, id));
            rows.put(place, row.into_iter().collect(), &mut dirty).unwrap();
        }
        rows.flush(&mut batch).unwrap();
        self.log.commit(batch).unwrap();
    }

    /// Tells of them; a crash keeps it from being noted.
    async fn tell(&self, is_noted: bool) {
        let (state, aside) = (self.state(), self.aside());
        Self::write_to_table(&state, &aside, &Change::Changed);
        let rows = RowsToTell {
            aside,
            state: None,
            whole: Vec::new(),
        };
        let told = self.tell_rows(&rows, Change::Changed, is_noted).await;
        assert_eq!(told.is_ok(), is_noted);
    }

    async fn tell_rows(&self, rows: &RowsToTell, change: Change, is_noted: bool) -> Result<()> {
        self.listener.cuts_off.store(!is_noted, Relaxed);
        let (_, shutdown) = Shutdown::new();
        let announcer: Arc<dyn Announcer> = Arc::<Listener>::clone(&self.listener);
        let changes = Changes {
            announcer: &announcer,
            store: &self.log,
            pipeline: "test",
            metrics: &Arc::new(Metrics::default()),
            shutdown: &shutdown,
        };
        let changed = vec![(table_number::PATIENT_360, vec![(PARTITION, change)])];
        tell(&changes, rows, self.epoch.fetch_add(1, Relaxed), &changed).await
    }

    fn state(&self) -> Arc<dyn StateRead> {
        Arc::from(self.log.snapshot().unwrap())
    }

    fn aside(&self) -> Aside {
        Aside::new(self.scratch.path().to_owned())
    }

    /// As a table takes its rows.
    fn write_to_table(state: &Arc<dyn StateRead>, aside: &Aside, change: &Change) {
        let place = (table_number::PATIENT_360, PARTITION);
        let definition = table_number::definition(place.0).unwrap();
        let rows = || partition_write(state, place.0, definition, place.1, change).batches;
        // The first attempt fails midway.
        if aside.keep(place, rows()).next().is_some() {
            assert!(!aside.has(place));
        }
        assert!(aside.keep(place, rows()).all(|batch| batch.is_ok()));
        // Found made already, the last takes none.
        drop(aside.keep(place, rows()));
        assert!(aside.has(place));
    }

    fn names(&self) -> Vec<String> {
        let heard = self.listener.heard.lock().unwrap();
        let name = |message: &Value| {
            message["person"][patient_360::FULL_NAME.name]
                .as_str()
                .map(str::to_owned)
        };
        heard.values().map(|message| name(message).unwrap()).collect()
    }
}

#[tokio::test]
async fn what_was_told_and_not_noted_is_told_again_or_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let told = Told360::new(dir.path());
    // The very first time is cut short, and a person that was told of is gone before the next.
    told.set(&[(1, "Ann"), (2, "Bob")]);
    told.tell(false).await;
    assert_eq!(told.names(), ["Ann", "Bob"]);
    told.set(&[(1, "Ann")]);
    told.tell(true).await;
    assert_eq!(told.names(), ["Ann"]);
    // A person comes, and one changes; before it is noted both are as they were.
    told.set(&[(1, "Anna"), (3, "Cem")]);
    told.tell(false).await;
    assert_eq!(told.names(), ["Anna", "Cem"]);
    told.set(&[(1, "Ann")]);
    told.tell(true).await;
    assert_eq!(told.names(), ["Ann"]);
    // One is taken back, and comes again before that is noted.
    told.set(&[]);
    told.tell(false).await;
    assert!(told.names().is_empty());
    told.set(&[(1, "Ann")]);
    told.tell(true).await;
    assert_eq!(told.names(), ["Ann"]);
}

#[tokio::test]
async fn what_was_told_is_not_told_again_however_often_the_partition_changes() {
    let dir = tempfile::tempdir().unwrap();
    let told = Told360::new(dir.path());
    told.set(&[(1, "Ann"), (2, "Bob")]);
    told.tell(true).await;
    for time in 0..100 {
        let name = format!("Cem {time}");
        told.set(&[(1, "Ann"), (2, "Bob"), (3, &name)]);
        told.tell(true).await;
        assert_eq!(told.names(), ["Ann", "Bob", name.as_str()]);
    }
    // And only made again.
    told.tell(true).await;
    assert_eq!(told.listener.count.load(Relaxed), 2 + 100);
    let mut notes = 0;
    told.log
        .scan_prefix(
            spaces::ANNOUNCED,
            &outbox_key(table_number::PATIENT_360, PARTITION),
            &mut |_, _| {
                notes += 1;
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    assert!(notes < 40, "{notes} keys");
}

#[tokio::test]
async fn what_an_earlier_version_noted_is_told_again_or_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let told = Told360::new(dir.path());
    told.set(&[(1, "Ann"), (2, "Bob")]);
    told.tell(true).await;
    let mut batch = StateBatch::default();
    let prefix = outbox_key(table_number::PATIENT_360, PARTITION);
    told.log
        .scan_prefix(spaces::ANNOUNCED, &prefix, &mut |key, _| {
            batch.delete(spaces::ANNOUNCED, key);
            ControlFlow::Continue(())
        })
        .unwrap();
    for person in [1, 2] {
        let name = [prefix.as_slice(), &[person; 16]].concat();
        let note = [&[7; 8], PersonId(person.into()).to_string().as_bytes()].concat();
        batch.put(spaces::ANNOUNCED, name, note);
    }
    told.log.commit(batch).unwrap();
    told.set(&[(1, "Ann")]);
    told.tell(true).await;
    assert_eq!(told.names(), ["Ann"]);
    let sent = told.listener.count.load(Relaxed);
    assert_eq!(sent, 2 + 2);
    told.tell(true).await;
    assert_eq!(told.listener.count.load(Relaxed), sent);
}

#[tokio::test]
async fn a_table_that_telling_is_new_to_is_told_whole() {
    let dir = tempfile::tempdir().unwrap();
    let told = Told360::new(dir.path());
    told.set(&[(1, "Ann"), (2, "Bob")]);
    // What changed is less than what nobody knows of.
    let change = Change::Appended([2].into());
    let (state, aside) = (told.state(), told.aside());
    Told360::write_to_table(&state, &aside, &change);
    let rows = RowsToTell {
        aside,
        state: Some(state),
        whole: vec![table_number::PATIENT_360],
    };
    told.tell_rows(&rows, change, true).await.unwrap();
    assert_eq!(told.names(), ["Ann", "Bob"]);
    assert!(told::is_told(&told.log, table_number::PATIENT_360).unwrap());
}

#[tokio::test]
async fn rows_that_could_not_be_set_aside_are_read_from_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let told = Told360::new(dir.path());
    told.set(&[(1, "Ann"), (2, "Bob")]);
    let rows = |aside, state| RowsToTell {
        aside,
        state,
        whole: Vec::new(),
    };
    let (state, nowhere) = (told.state(), Aside::new(dir.path().join("missing")));
    let place = (table_number::PATIENT_360, PARTITION);
    let definition = table_number::definition(place.0).unwrap();
    let batches = partition_write(&state, place.0, definition, place.1, &Change::Changed).batches;
    assert!(nowhere.keep(place, batches).all(|batch| batch.is_ok()));
    assert!(!nowhere.has(place));
    let not_at_hand = rows(nowhere.clone(), None);
    let failed = told.tell_rows(&not_at_hand, Change::Changed, true).await;
    assert!(failed.is_err());
    let from_state = rows(nowhere, Some(state));
    told.tell_rows(&from_state, Change::Changed, true).await.unwrap();
    assert_eq!(told.names(), ["Ann", "Bob"]);
}
