//! The log fails in every way it can; each epoch's rows are there once, or not yet.

use super::*;
use crate::log::{CommitLog, PutFailure};
use async_trait::async_trait;
use bytes::Bytes;
use panorama_api::{ErrorClass, TableSink};
use std::sync::Mutex;

/// What the next put of a commit does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Nothing is written, and an error returned.
    Lost,
    /// It is written, and an error returned.
    LandedButError,
    /// It is written after the caller was told of an error and found nothing: a request that was under way.
    LandsLater,
    /// Another instance takes the version with the same application and epoch.
    OtherInstance,
}

struct FaultyLog {
    inner: Arc<dyn CommitLog>,
    fault: Arc<Mutex<Option<Fault>>>,
    late: Mutex<Option<(u64, Bytes)>>,
}

#[async_trait]
impl CommitLog for FaultyLog {
    async fn put(&self, version: u64, entry: Bytes) -> Result<(), PutFailure> {
        let late = self.late.lock().unwrap().take();
        if let Some((version, entry)) = late {
            self.inner.put(version, entry).await?;
        }
        let fault = self.fault.lock().unwrap().take_if(|_| version > 0);
        match fault {
            None => return self.inner.put(version, entry).await,
            Some(Fault::Lost) => {}
            Some(Fault::LandedButError) => self.inner.put(version, entry).await?,
            Some(Fault::LandsLater) => *self.late.lock().unwrap() = Some((version, entry)),
            Some(Fault::OtherInstance) => {
                let text = String::from_utf8(entry.to_vec())
                    .unwrap()
                    .replace("panorama-delta/", "zombie/");
                self.inner.put(version, text.into()).await?;
                return self.inner.put(version, entry).await;
            }
        }
        Err(PutFailure::Unknown("the response was lost".into()))
    }

    async fn get(&self, version: u64) -> Result<Option<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
        self.inner.get(version).await
    }
}

fn faulty(root: &Path, fault: Fault) -> DeltaTables {
    let mut tables = tables(root);
    let fault = Arc::new(Mutex::new(Some(fault)));
    tables.wrap_log = Some(Arc::new(move |inner| {
        Arc::new(FaultyLog {
            inner,
            fault: Arc::clone(&fault),
            late: Mutex::new(None),
        })
    }));
    tables
}

/// Commits an epoch until it is done, as the runtime does; then the next. Returns how many tries failed.
async fn drive(tables: &DeltaTables) -> Result<usize, ErrorClass> {
    let mut failed = 0;
    let mut table = tables.open(definition()).await.map_err(|error| error.class())?;
    for epoch in 1..=2 {
        loop {
            let writes = append(1, &[i64::try_from(epoch).unwrap()]);
            match table.commit("app", epoch, AT, writes).await {
                Ok(_) => break,
                Err(error) if error.class() == ErrorClass::Retry && failed < 5 => failed += 1,
                Err(error) => return Err(error.class()),
            }
        }
    }
    Ok(failed)
}

#[tokio::test]
async fn every_fault_leaves_each_epoch_once() {
    for (fault, expected) in [
        (Fault::Lost, Ok(1)),
        (Fault::LandedButError, Ok(0)),
        (Fault::LandsLater, Ok(1)),
        (Fault::OtherInstance, Err(ErrorClass::Fatal)),
    ] {
        let root = Scratch::new();
        assert_eq!(drive(&faulty(root.path(), fault)).await, expected, "{fault:?}");
        // After a restart the runtime commits what it does not know to be done; nothing is there twice.
        assert_eq!(drive(&tables(root.path())).await, Ok(0), "{fault:?}");
        assert_eq!(ids(root.path()).await, [1, 2], "{fault:?}");
    }
}

#[tokio::test]
async fn the_checker_sees_a_planted_bug() {
    let root = Scratch::new();
    let mut careless = tables(root.path());
    careless.has_epoch = |_, _| false;
    drive(&careless).await.unwrap();
    drive(&careless).await.unwrap();
    assert_eq!(
        ids(root.path()).await,
        [1, 1, 2, 2],
        "without the check a replay doubles rows"
    );
}

#[tokio::test]
async fn a_crash_between_files_and_commit_leaves_the_table_right() {
    let root = Scratch::new();
    let mut table = faulty(root.path(), Fault::Lost).open(definition()).await.unwrap();
    table.commit("app", 1, AT, append(1, &[1])).await.unwrap_err();
    drop(table);
    let on_disk = || {
        std::fs::read_dir(root.path().join("people/bucket=1"))
            .unwrap()
            .count()
    };
    assert_eq!((on_disk(), ids(root.path()).await), (1, vec![]));
    let settings = crate::Settings {
        orphan_age_s: -10,
        ..crate::Settings::default()
    };
    let mut table = tables(root.path())
        .with_settings(settings)
        .open(definition())
        .await
        .unwrap();
    table.commit("app", 1, AT, append(1, &[1])).await.unwrap();
    assert_eq!((on_disk(), ids(root.path()).await), (2, vec![1]));
    let unfinished = root
        .path()
        .join("people/_delta_log/_commit_0123456789abcdef.json.tmp");
    std::fs::write(&unfinished, b"{").unwrap();
    table.maintain(Timestamp(i64::MAX)).await.unwrap();
    assert_eq!(
        (on_disk(), ids(root.path()).await),
        (1, vec![1]),
        "the orphan is swept, the live file is not"
    );
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn a_second_instance_stops_the_first() {
    let root = Scratch::new();
    let mut first = tables(root.path()).open(definition()).await.unwrap();
    let mut second = tables(root.path()).open(definition()).await.unwrap();
    first.commit("app", 1, AT, append(1, &[1])).await.unwrap();
    let error = second.commit("app", 1, AT, append(1, &[1])).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert_eq!(ids(root.path()).await, [1]);
}

/// Two committers at one table, each with an application of its own, as the pipeline and an optimize by hand are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committers_side_by_side_lose_and_mix_nothing() {
    const EPOCHS: u64 = 25;
    let root = Scratch::new();
    tables(root.path()).open(definition()).await.unwrap();
    let committer = |application: &'static str, bucket: i32| {
        let tables = tables(root.path());
        tokio::spawn(async move {
            let mut table = tables.open(definition()).await.unwrap();
            let mut epoch = 0;
            while epoch < EPOCHS {
                let rows = [i64::from(bucket) * 100 + i64::try_from(epoch).unwrap()];
                match table.commit(application, epoch, AT, append(bucket, &rows)).await {
                    Ok(_) => epoch += 1,
                    Err(error) => assert_eq!(error.class(), ErrorClass::Retry, "{error:?}"),
                }
                if epoch % 10 == 0 {
                    table.maintain(AT).await.unwrap();
                }
            }
        })
    };
    let (one, two) = (committer("one", 1), committer("two", 2));
    one.await.unwrap();
    two.await.unwrap();
    let expected: Vec<i64> = (100..125).chain(200..225).collect();
    assert_eq!(ids(root.path()).await, expected);
}

#[tokio::test]
async fn another_applications_commit_is_no_conflict() {
    let root = Scratch::new();
    let mut first = tables(root.path()).open(definition()).await.unwrap();
    let mut second = tables(root.path()).open(definition()).await.unwrap();
    first.commit("app-1", 1, AT, append(1, &[1])).await.unwrap();
    let replace = vec![write(PartitionMode::Replace, Some(1), &[2])];
    let done = second.commit("app-2", 1, AT, replace).await.unwrap();
    assert_eq!(
        (done.files_removed, done.version),
        (1, 2),
        "what came between is replaced too"
    );
    assert_eq!(ids(root.path()).await, [2]);
}
