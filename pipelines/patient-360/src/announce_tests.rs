//! What was told before a crash, and not noted, is told again or taken back. Kafka's part is tested on a real broker.

use super::*;
use crate::current::Dirty;
use crate::rows::Rows;
use async_trait::async_trait;
use panorama_log_local::{LocalLog, LocalLogOptions};
use panorama_model::Row;
use std::sync::Mutex;

/// Keeps what it is told, as a compacted topic does.
#[derive(Default)]
struct Listener(Mutex<BTreeMap<String, Value>>);

#[async_trait]
impl Announcer for Listener {
    async fn claim(&self) -> Result<()> {
        Ok(())
    }

    async fn announce(&self, _: &str, changes: Vec<Announcement>) -> Result<()> {
        let mut heard = self.0.lock().unwrap();
        for Announcement { key, value } in changes {
            match value {
                Some(value) => heard.insert(key, serde_json::from_slice(&value).unwrap()),
                None => heard.remove(&key),
            };
        }
        Ok(())
    }
}

const PARTITION: i32 = 5;

struct Told360 {
    log: LocalLog,
    listener: Listener,
    metrics: Metrics,
}

impl Told360 {
    /// Sets the persons there are: id and name.
    fn set(&self, persons: &[(u128, &str)]) {
        let state: Arc<dyn StateRead> = Arc::new(self.log.clone());
        let mut rows = Rows::new(&state);
        let (mut dirty, mut batch) = (Dirty::default(), StateBatch::default());
        for id in 1..=3 {
            let name = persons.iter().find(|(person, _)| *person == id);
            let row = name.map(|(id, name)| {
                let mut row = Row::new();
                row.set(patient_360::PERSON_ID, format!("person {id}"));
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
        let (_, shutdown) = Shutdown::new();
        let changes = Changes {
            announcer: &self.listener,
            store: &self.log,
            pipeline: "test",
            metrics: &self.metrics,
            shutdown: &shutdown,
        };
        let state: Arc<dyn StateRead> = Arc::from(self.log.snapshot().unwrap());
        let changed = [(table_number::PATIENT_360, vec![(PARTITION, Change::Changed)])];
        let notes = tell(&changes, &state, 1, &changed).await.unwrap();
        if is_noted {
            self.log.commit(notes).unwrap();
        }
    }

    fn names(&self) -> Vec<String> {
        let heard = self.listener.0.lock().unwrap();
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
    let told = Told360 {
        log: LocalLog::open(dir.path(), LocalLogOptions::default(), spaces::ALL).unwrap(),
        listener: Listener::default(),
        metrics: Metrics::default(),
    };
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
