//! A stream of records into a store, and all of them matched again under another model: how fast, and with what outcome.
//!
//! Rates are given per second and per second of processor time of the first thread: on a busy machine the latter is what the
//! engine costs there.

use super::lists::{self, List};
use panorama_identity::{IdentityEngine, IdentityStore, Model, RecordNumber, Scorer, evaluate, train};
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
    let records: Vec<StandardPerson> = (0..copies).flat_map(|copy| standardized(&list, copy)).collect();
    let count = records.len();
    let start = Instant::now();
    let model = train(&records, &Model::default(), 1).model;
    println!(
        "{count} records trained on in {:.1} s, {}",
        start.elapsed().as_secs_f64(),
        peak()
    );
    drop(records);
    let trained = IdentityEngine::new(Arc::new(Scorer::new(model).unwrap()));
    let threads = NonZeroUsize::new(threads).unwrap();
    stream(store, &list, copies, &trained, threads, &mut kept);
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

/// What one copy of a list says.
fn standardized(list: &List, copy: usize) -> impl Iterator<Item = StandardPerson> + use<> {
    list.copy(copy).into_iter().map(|person| standardize(&person))
}

/// Takes in all records, and times each of the last [`ALONE`]. A copy of the list is made when those before it are taken in, while
/// no time is taken: memory at its peak is that of the engine and one copy.
fn stream<S: IdentityStore>(
    store: &mut S,
    list: &List,
    copies: usize,
    engine: &IdentityEngine,
    threads: NonZeroUsize,
    kept: &mut impl FnMut(&mut S),
) {
    let (mut preparing, mut taking) = (Timed::default(), Timed::default());
    let (mut pairs, mut at, mut last) = (0, 0, Vec::new());
    for copy in 0..copies {
        let persons: Vec<_> = standardized(list, copy).collect();
        let of_copy = preparing.time(persons.len(), || {
            let one = |person| {
                let key = SourceRecordKey::new("bench", RecordKind::Patient, i32::to_string(&at).as_str());
                at += 1;
                (key, engine.prepare("bench", person))
            };
            persons.into_iter().map(one).collect::<Vec<_>>()
        });
        let mut batches: Vec<Vec<_>> = Vec::new();
        let left = of_copy.len() - if copy + 1 == copies { ALONE } else { 0 };
        let mut of_copy = of_copy.into_iter();
        for from in (0..left).step_by(AT_ONCE) {
            batches.push(of_copy.by_ref().take(AT_ONCE.min(left - from)).collect());
        }
        last.extend(of_copy);
        let mut part = Timed::default();
        part.time(left, || {
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
            // What keeps beside the stream is waited for here: it is not to get on while no time is taken.
            kept(store);
        });
        part.tell(&format!("upsert, copy {}", copy + 1));
        taking.add(&part);
    }
    preparing.tell("prepare");
    taking.tell("upsert, all");
    println!(
        "{:.2} pairs scored for each record, {}",
        pairs as f64 / taking.records as f64,
        peak()
    );
    let mut latencies = Vec::new();
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
    let mut moved = 0;
    let number = |at: usize| RecordNumber(at.min(until) as u64);
    let mut all = Timed::default();
    all.time(until, || {
        for at in (0..until).step_by(2 * AT_ONCE) {
            let some = number(at)..number(at + 2 * AT_ONCE);
            let changes = engine.match_again(store, some, number(until), threads);
            moved += changes.reassigned.len();
            kept(store);
        }
    });
    all.tell(what);
    println!("{moved} of them moved to another person, {}", peak());
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

/// Records, and what they took.
#[derive(Default)]
struct Timed {
    records: usize,
    seconds: f64,
    processor_seconds: f64,
}

impl Timed {
    fn time<T>(&mut self, records: usize, work: impl FnOnce() -> T) -> T {
        let (start, busy) = (Instant::now(), processor_seconds());
        let done = work();
        self.add(&Self {
            records,
            seconds: start.elapsed().as_secs_f64(),
            processor_seconds: processor_seconds() - busy,
        });
        done
    }

    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.seconds += other.seconds;
        self.processor_seconds += other.processor_seconds;
    }

    fn tell(&self, what: &str) {
        let per = |seconds: f64| self.records as f64 / seconds;
        println!(
            "{what:<24} {:>9.0} records/s, {:>9.0} for each second of processor time",
            per(self.seconds),
            per(self.processor_seconds)
        );
    }
}

/// The most memory that was resident so far, in words.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or_else(
        || "memory unknown".to_owned(),
        |kib| format!("{} MiB at most", kib >> 10),
    )
}

/// Processor time of the first thread so far; 0 where the system does not tell.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|ns| ns.parse::<f64>().ok())
        .map_or(0.0, |ns| ns / 1e9)
}
