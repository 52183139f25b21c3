//! How fast the engine links a long stream, how long one record takes at its end, and how fast it matches all of them again
//! under another model (pairs are found and scored on THREADS threads, the rest on one), with its state in memory.
//!
//! `cargo bench -p panorama-identity --bench engine [-- COPIES [THREADS]]`. The stream is the list us_100k so many times over, each
//! copy with other names, dates and numbers, so that copies are other people with the same kind of households. The same with state
//! on disk: `cargo bench -p panorama-patient-360 --bench identity`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark reads files, measures time and prints"
)]

#[expect(unreachable_pub, reason = "shared with the tests")]
#[path = "../tests/lists/mod.rs"]
mod lists;
#[expect(unreachable_pub, reason = "shared with the pipeline's benchmark")]
mod stream;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    stream::measure(&mut panorama_identity::MemoryStore::new(), |_| {});
}
