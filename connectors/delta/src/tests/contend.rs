//! Two owners at once, forced: each keeps the other out when its turn comes, both are cut off in the middle of commits.

use super::*;
use crate::table::OpenTable;
use panorama_api::{Result, Table};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many epochs there are; `PANORAMA_CONTEND_EPOCHS` makes it more.
fn epochs() -> u64 {
    let given = std::env::var("PANORAMA_CONTEND_EPOCHS");
    given.map_or(100, |given| given.parse().expect("a number"))
}

const OWNER: &str = "owner";

#[derive(Default)]
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
        let enough = epochs() / 25;
        let both = self.landed.iter().all(|landed| count(landed) >= enough);
        both && count(&self.refused) > 0 && count(&self.cut_off) >= enough
    }

    /// How the machine shares its time decides who gets how far: they go on until it is enough, or is no use any more.
    fn is_over(&self, epoch: u64) -> bool {
        epoch >= epochs() && (self.is_enough() || epoch >= 20 * epochs())
    }
}

/// The rows of an epoch.
fn of(epoch: u64) -> [i64; 2] {
    let first = i64::try_from(epoch).unwrap() * 2;
    [first, first + 1]
}

/// Owns the table for some commits, as often as it takes.
async fn contender(root: std::path::PathBuf, me: usize, score: Arc<Score>) {
    let mut dice = 7 + me as u64;
    let mut draw = move |below: u64| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % below
    };
    loop {
        let table = own(&root, &score).await;
        let (mut table, mut epoch) = match table {
            Ok(owned) => owned,
            Err(_) => continue,
        };
        for _ in 0..1 + draw(40) {
            if score.is_over(epoch) {
                return;
            }
            epoch += 1;
            let bucket = i32::try_from(epoch % 4).unwrap();
            let commit = table.commit("app", epoch, AT, append(bucket, &of(epoch)));
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
            match outcome {
                Ok(done) => {
                    score.landed[me].fetch_add(u64::from(!done.already), Ordering::Relaxed);
                }
                // The other one came between.
                Err(_) => {
                    score.refused.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
}

async fn own(root: &Path, score: &Score) -> Result<(OpenTable, u64)> {
    let mut table = tables(root).open_table(definition()).await?;
    let generation = 1 + score.generation.fetch_add(1, Ordering::Relaxed);
    table.fence(OWNER, generation).await?;
    let epoch = table.epoch("app").await?.unwrap_or(0);
    Ok((table, epoch))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_at_once_are_one_after_another() {
    let root = Scratch::new();
    let score = Arc::new(Score::default());
    drop(tables(root.path()).open_table(definition()).await.unwrap());
    let contenders = [0, 1].map(|me| tokio::spawn(contender(root.path().to_owned(), me, Arc::clone(&score))));
    for contender in contenders {
        contender.await.unwrap();
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (refused, cut_off) = (count(&score.refused), count(&score.cut_off));
    let landed = [count(&score.landed[0]), count(&score.landed[1])];
    println!("landed {landed:?}, refused {refused}, cut off {cut_off}");
    assert!(score.is_enough());
    // Each epoch's rows are there, once, whoever brought them.
    let mut table = tables(root.path()).open_table(definition()).await.unwrap();
    let last = table.epoch("app").await.unwrap().unwrap();
    assert!(last >= epochs());
    let expected: Vec<i64> = (1..=last).flat_map(of).collect();
    assert_eq!(ids(root.path()).await, expected);
    // Every version is there, and another reader reads it.
    let mut table = crate::location::Location::new(root.path().to_str().unwrap(), HashMap::new())
        .unwrap()
        .table("people")
        .handle()
        .unwrap();
    table.load().await.unwrap();
    let newest = table.version().unwrap();
    for version in 0..=newest {
        table.load_version(version).await.unwrap();
        assert_eq!(table.version(), Some(version));
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
