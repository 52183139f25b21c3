//! A stream of records into a store, and all of them matched again under another model: how fast, and with what outcome.
//!
//! Rates are given per second and per second of processor time of the first thread: on a busy machine the latter is what the
//! engine costs there.

use super::lists;
use panorama_identity::{
    IdentityEngine, IdentityStore, Model, PreparedPerson, RecordNumber, Scorer, evaluate, train,
};
use panorama_model::{RecordKind, SourceRecordKey};
use panorama_standardize::{StandardPerson, standardize};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

/// Records at once, about those of an epoch of the pipeline.
const AT_ONCE: usize = 4_096;
/// Records at the end that come one by one, timed.
const ALONE: usize = 10_000;

/// Reads how large the run is, makes the stream and the model for it, and runs it on a store. `kept` is called after each so many
/// records, with the store, to do what the store needs to keep them.
pub fn measure<S: IdentityStore>(store: &mut S, mut kept: impl FnMut(&mut S)) {
    let mut numbers = std::env::args().filter_map(|a| a.parse::<usize>().ok());
    let (copies, threads) = (numbers.next().unwrap_or(10), numbers.next().unwrap_or(2));
    let Some(list) = lists::load("us_100k") else {
        println!("skipped: no ../shared/data/identity/us_100k.csv.gz");
        return;
    };
    let records: Vec<StandardPerson> = (0..copies)
        .flat_map(|copy| list.copy(copy))
        .map(|p| standardize(&p))
        .collect();
    let count = records.len();
    let start = Instant::now();
    let model = train(&records, &Model::default(), 1).model;
    println!(
        "{count} records trained on in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    let trained = IdentityEngine::new(Arc::new(Scorer::new(model).unwrap()));
    let threads = NonZeroUsize::new(threads).unwrap();
    stream(store, records, &trained, threads, &mut kept);
    let all = list.truth.len();
    let members: Vec<_> = (0..count)
        .filter_map(|at| {
            let of = store.membership(RecordNumber(at as u64))?;
            Some((of.person, (at / all, &list.truth[at % all])))
        })
        .collect();
    let quality = evaluate(members);
    println!(
        "precision {:.4}, recall {:.4}, F1 {:.4}",
        quality.precision(),
        quality.recall(),
        quality.f1()
    );
    outcome(store, count);
    let shipped = IdentityEngine::new(Arc::new(Scorer::shipped()));
    again(store, count, "all again, shipped", &shipped, threads, &mut kept);
    again(store, count, "all again, trained", &trained, threads, &mut kept);
}

/// Takes in all records, and times each of the last [`ALONE`].
fn stream<S: IdentityStore>(
    store: &mut S,
    records: Vec<StandardPerson>,
    engine: &IdentityEngine,
    threads: NonZeroUsize,
    kept: &mut impl FnMut(&mut S),
) {
    let (start, busy) = (Instant::now(), processor_seconds());
    let (count, mut records) = (records.len(), (0..).zip(records));
    let mut prepare = |some: usize| -> Vec<(SourceRecordKey, PreparedPerson)> {
        let prepared = records.by_ref().take(some).map(|(at, person)| {
            let key = SourceRecordKey::new("bench", RecordKind::Patient, i32::to_string(&at).as_str());
            (key, engine.prepare("bench", person))
        });
        prepared.collect()
    };
    // In parts that go as they are taken in: memory at its peak is the engine's.
    let all = count.saturating_sub(ALONE);
    let quarter = all.div_ceil(4);
    let parts = (0..4).map(|part| quarter.min(all - part * quarter));
    let parts: Vec<Vec<_>> = parts
        .map(|left| {
            (0..left)
                .step_by(AT_ONCE)
                .map(|at| prepare(AT_ONCE.min(left - at)))
                .collect()
        })
        .collect();
    let last = prepare(ALONE);
    drop(records);
    rate("prepare", count, start, busy);
    let (mut start, mut busy) = (Instant::now(), processor_seconds());
    let first = (start, busy);
    let (mut pairs, mut latencies) = (0, Vec::new());
    for (part, batches) in (1..).zip(parts) {
        let some = batches.iter().map(Vec::len).sum();
        for batch in batches {
            let said: Vec<_> = batch
                .iter()
                .map(|(key, prepared)| (key.source.as_str(), prepared))
                .collect();
            let ahead = engine.look_ahead(store, &said, threads);
            for ((key, prepared), ahead) in batch.into_iter().zip(ahead) {
                let changes = engine.upsert_seen(store, &key, prepared, lists::VERSION, &ahead);
                pairs += changes.counters.pairs_scored;
            }
            kept(store);
        }
        rate(&format!("upsert, quarter {part}"), some, start, busy);
        (start, busy) = (Instant::now(), processor_seconds());
    }
    rate("upsert, all", all, first.0, first.1);
    println!("{:.2} pairs scored for each record", pairs as f64 / all as f64);
    for (key, prepared) in last {
        let before = Instant::now();
        engine.upsert(store, &key, prepared, lists::VERSION);
        latencies.push(before.elapsed().as_secs_f64() * 1e3);
    }
    kept(store);
    latencies.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize];
    println!(
        "one more record: p50 {:.3} ms, p99 {:.3} ms, worst {:.3} ms",
        at(0.5),
        at(0.99),
        latencies[latencies.len() - 1]
    );
}

/// Matches all records again under another model, some at a time.
fn again<S: IdentityStore>(
    store: &mut S,
    until: usize,
    what: &str,
    engine: &IdentityEngine,
    threads: NonZeroUsize,
    kept: &mut impl FnMut(&mut S),
) {
    let (start, busy) = (Instant::now(), processor_seconds());
    let mut moved = 0;
    let number = |at: usize| RecordNumber(at.min(until) as u64);
    for at in (0..until).step_by(2 * AT_ONCE) {
        let some = number(at)..number(at + 2 * AT_ONCE);
        let changes = engine.match_again(store, some, number(until), threads);
        moved += changes.reassigned.len();
        kept(store);
    }
    rate(what, until, start, busy);
    println!("{moved} of them moved to another person");
    outcome(store, until);
}

/// One number for the persons and edges of all records: where it is as before, so are they.
fn outcome<S: IdentityStore>(store: &mut S, until: usize) {
    let (mut hash, mut edges) = (0, Vec::new());
    for number in (0..until).map(|at| RecordNumber(at as u64)) {
        let Some(membership) = store.membership(number) else {
            continue;
        };
        edges.clear();
        store.edges(number, &mut edges);
        let all = postcard::to_stdvec(&(hash, membership, &edges)).unwrap();
        hash = xxhash_rust::xxh3::xxh3_64(&all);
    }
    println!("outcome {hash:016x}");
}

fn rate(what: &str, records: usize, start: Instant, busy: f64) {
    let per = |seconds: f64| records as f64 / seconds;
    println!(
        "{what:<24} {:>9.0} records/s, {:>9.0} for each second of processor time",
        per(start.elapsed().as_secs_f64()),
        per(processor_seconds() - busy)
    );
}

/// Processor time of the first thread so far; 0 where the system does not tell.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|ns| ns.parse::<f64>().ok())
        .map_or(0.0, |ns| ns / 1e9)
}
