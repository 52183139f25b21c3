//! Two owners at once, forced: each keeps the other out when its turn comes, both are cut off in the middle of commits.

use super::*;
use crate::table::OpenTable;
use panorama_api::{Result, Table};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many tables there are, and how many epochs each gets.
fn size() -> (u64, u64) {
    let given =
        |name: &str, or: u64| std::env::var(name).map_or(or, |given| given.parse().expect("a number"));
    (
        given("PANORAMA_CONTEND_TABLES", 4),
        given("PANORAMA_CONTEND_EPOCHS", 25),
    )
}

const OWNER: &str = "owner";
/// How long, at most, a table's share of a wait is.
const ROUND_MS: u64 = 50;

#[derive(Debug, Default)]
struct Score {
    generation: AtomicU64,
    landed: [AtomicU64; 2],
    refused: AtomicU64,
    cut_off: AtomicU64,
}

impl Score {
    /// Whether both had their share of all that is to happen.
    fn is_enough(&self) -> bool {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (tables, epochs) = size();
        let enough = tables * epochs / 25;
        let both = self.landed.iter().all(|landed| count(landed) >= enough);
        both && count(&self.refused) > 0 && count(&self.cut_off) >= enough
    }

    /// How the machine shares its time decides who gets how far: they go on until it is enough, or is no use any more.
    fn is_over(&self, epoch: u64) -> bool {
        let (_, epochs) = size();
        epoch >= epochs && (self.is_enough() || epoch >= 20 * epochs)
    }
}

/// The rows of an epoch.
fn of(epoch: u64) -> [i64; 2] {
    let first = i64::try_from(epoch).unwrap() * 2;
    [first, first + 1]
}

/// A table that is owned, and its newest epoch.
struct Owned {
    table: OpenTable,
    epoch: u64,
}

/// Owns all tables for some commits, as often as it takes.
async fn contender(roots: Vec<PathBuf>, me: usize, score: Arc<Score>) {
    let mut dice = 7 + me as u64;
    let mut draw = move |below: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % below
    };
    loop {
        let mut all = match own(&roots, &score).await {
            Ok(all) => all,
            Err(error) => {
                assert!(error.cause.to_string().contains("generation"), "{}", error.cause);
                stand_by(draw(ROUND_MS), roots.len()).await;
                continue;
            }
        };
        for _ in 0..1 + draw(40) {
            // Whoever went before was cut off between two tables: those that are behind come first.
            let Some(next) = all.iter_mut().min_by_key(|owned| owned.epoch) else {
                return;
            };
            if score.is_over(next.epoch) {
                return;
            }
            let epoch = next.epoch + 1;
            let bucket = i32::try_from(epoch % 4).unwrap();
            let commit = next.table.commit("app", epoch, AT, append(bucket, &of(epoch)));
            // Now and then it dies on the way: nobody knows whether this commit landed.
            let patience = if draw(16) == 0 {
                Duration::from_micros(draw(4_000))
            } else {
                Duration::MAX
            };
            let Ok(outcome) = tokio::time::timeout(patience, commit).await else {
                score.cut_off.fetch_add(1, Ordering::Relaxed);
                break;
            };
            // The other one came between.
            let Ok(done) = outcome else {
                score.refused.fetch_add(1, Ordering::Relaxed);
                stand_by(draw(ROUND_MS), roots.len()).await;
                break;
            };
            next.epoch = epoch;
            score.landed[me].fetch_add(u64::from(!done.already), Ordering::Relaxed);
        }
    }
}

/// Who was kept out lets the other one work for a while, as a standby does: each at once again, and nobody ever gets further
/// than to keep the other out.
async fn stand_by(milliseconds: u64, tables: usize) {
    tokio::time::sleep(Duration::from_millis(milliseconds) * u32::try_from(tables).unwrap()).await;
}

async fn own(roots: &[PathBuf], score: &Score) -> Result<Vec<Owned>> {
    let generation = 1 + score.generation.fetch_add(1, Ordering::Relaxed);
    let mut all = Vec::new();
    for root in roots {
        let mut table = tables(root).open_table(definition()).await?;
        table.fence(OWNER, generation).await?;
        let epoch = table.epoch("app").await?.unwrap_or(0);
        all.push(Owned { table, epoch });
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_at_once_are_one_after_another() {
    let scratch = Scratch::new();
    let (count, epochs) = size();
    let roots: Vec<PathBuf> = (0..count)
        .map(|number| scratch.path().join(number.to_string()))
        .collect();
    for root in &roots {
        std::fs::create_dir(root).unwrap();
        drop(tables(root).open_table(definition()).await.unwrap());
    }
    let score = Arc::new(Score::default());
    let contenders = [0, 1].map(|me| tokio::spawn(contender(roots.clone(), me, Arc::clone(&score))));
    for contender in contenders {
        contender.await.unwrap();
    }
    println!("{score:?}");
    assert!(score.is_enough());
    for root in &roots {
        // Each epoch's rows are there, once, whoever brought them.
        let mut table = tables(root).open_table(definition()).await.unwrap();
        let last = table.epoch("app").await.unwrap().unwrap();
        assert!(last >= epochs);
        let expected: Vec<i64> = (1..=last).flat_map(of).collect();
        assert_eq!(ids(root).await, expected);
        // Every version is there, and another reader reads it.
        let location = crate::location::Location::new(root.to_str().unwrap(), HashMap::new()).unwrap();
        let mut table = location.table("people").handle().unwrap();
        table.load().await.unwrap();
        let newest = table.version().unwrap();
        for version in 0..=newest {
            table.load_version(version).await.unwrap();
            assert_eq!(table.version(), Some(version));
        }
    }
}

#[tokio::test]
async fn a_former_owner_is_refused_whatever_it_does() {
    let root = Scratch::new();
    let mut former = tables(root.path()).open_table(definition()).await.unwrap();
    former.fence(OWNER, 1).await.unwrap();
    former.commit("app", 1, AT, append(1, &of(1))).await.unwrap();
    let mut owner = tables(root.path()).open_table(definition()).await.unwrap();
    owner.fence(OWNER, 2).await.unwrap();
    // It has not heard of it: its next version is taken.
    let refused = former.commit("app", 2, AT, append(1, &of(2))).await.unwrap_err();
    assert!(
        refused.cause.to_string().contains("generation 2"),
        "{}",
        refused.cause
    );
    assert!(former.commit("app", 2, AT, append(1, &of(2))).await.is_err());
    assert!(former.fence(OWNER, 1).await.is_err());
    owner.commit("app", 2, AT, append(1, &of(2))).await.unwrap();
    assert_eq!(ids(root.path()).await, [of(1), of(2)].concat());
}
