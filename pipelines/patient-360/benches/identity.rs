//! The identity step alone with its state on disk: standardized records in, decisions out, and after each so many records a commit
//! that is durable. As in the pipeline it is made beside what comes next, and as many values are held in memory as there with 2 GiB.
//!
//! `cargo bench -p panorama-patient-360 --bench identity [-- COPIES [THREADS]]`; what is measured `transforms/identity/benches/stream`
//! says, and what it comes to with state in memory `cargo bench -p panorama-identity --bench engine`: the outcomes are the same.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark reads and writes files, measures time and prints"
)]

#[expect(unreachable_pub, reason = "shared with the tests of identity")]
#[path = "../../../transforms/identity/tests/lists/mod.rs"]
mod lists;
#[expect(unreachable_pub, reason = "shared with identity's own benchmark")]
#[path = "../../../transforms/identity/benches/stream/mod.rs"]
mod stream;

use panorama_api::{StateBatch, StateRead, StateStore};
use panorama_identity::Model;
use panorama_log_local::{LocalLog, LocalLogOptions};
use panorama_patient_360::{PipelineIdentityStore, STATE_SPACES};
use std::sync::{Arc, mpsc};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Values held in memory where `limits.memory_bytes_max` is 2 GiB.
const ENTRIES_MAX: usize = 32_768;
/// Threads that write what changed into a commit.
const THREADS: usize = 2;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let log = LocalLog::open(dir.path(), LocalLogOptions::default(), STATE_SPACES).unwrap();
    let state: Arc<dyn StateRead> = Arc::new(log.clone());
    let blocks_max = Model::default().limits.block_records_max;
    let mut store = PipelineIdentityStore::new(&state, ENTRIES_MAX, blocks_max).unwrap();
    // A flush lets go of what was changed two commits ago: that one is done where the last one is taken.
    let (sender, batches) = mpsc::sync_channel::<StateBatch>(0);
    std::thread::scope(|scope| {
        let committing = scope.spawn(|| {
            batches.into_iter().for_each(|batch| log.commit(batch).unwrap());
        });
        let (mut changes, mut bytes) = (0, 0);
        stream::measure(&mut store, |store| {
            let mut batch = StateBatch::with_capacity(changes, bytes);
            store.flush(THREADS, &mut batch).unwrap();
            (changes, bytes) = (batch.len(), batch.bytes());
            sender.send(batch).unwrap();
        });
        drop(sender);
        committing.join().unwrap();
    });
    println!("{} MiB of state", log.bytes() >> 20);
}
