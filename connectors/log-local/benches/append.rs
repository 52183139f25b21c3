//! What the log does per second, printed. The disk decides: every figure of appending includes its `fdatasync`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]

use bytes::Bytes;
use panorama_api::{Bus, NewMessage, ReadLimits, Space, StateBatch, StateRead, StateStore};
use panorama_log_local::{LocalLog, LocalLogOptions};
use panorama_model::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const STATE: Space = Space("bench");
const RUN: Duration = Duration::from_secs(4);

fn payload(n: u64) -> Bytes {
    let block = |block: u64| format!("{:016x}", (block * 31 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..64).map(block).collect::<String>().into()
}

fn messages(count: u64) -> Vec<NewMessage> {
    let message = |n| NewMessage {
        received_at: Timestamp(1_700_000_000_000_000),
        payload: payload(n),
        headers: Arc::default(),
        dedupe: None,
    };
    (0..count).map(message).collect()
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

async fn append(log: &LocalLog, appenders: usize, batch: u64) -> (f64, Vec<Duration>) {
    let started = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..appenders {
        let log = log.clone();
        running.spawn(async move {
            let batch = messages(batch);
            let mut latencies = Vec::new();
            while started.elapsed() < RUN {
                let called = Instant::now();
                log.append("bench", 0, batch.clone(), None).await.unwrap();
                latencies.push(called.elapsed());
            }
            latencies
        });
    }
    let mut latencies: Vec<Duration> = running.join_all().await.into_iter().flatten().collect();
    latencies.sort();
    let records = latencies.len() as f64 * batch as f64;
    (records / started.elapsed().as_secs_f64(), latencies)
}

fn report(name: &str, rate: f64, latencies: &[Duration]) {
    println!(
        "{name:<58} {rate:>10.0} records/s  p50 {:>8.2?} p99 {:>8.2?} max {:>8.2?}",
        percentile(latencies, 50),
        percentile(latencies, 99),
        percentile(latencies, 100)
    );
}

fn read(log: &LocalLog) {
    let (mut next, end) = log.bounds("bench", 0).unwrap();
    let limits = ReadLimits {
        records_max: 4096,
        bytes_max: 4 * 1024 * 1024,
    };
    let (started, first) = (Instant::now(), next);
    while next < end {
        next = log.read("bench", 0, next, limits).unwrap().last().unwrap().offset + 1;
    }
    let rate = (end - first) as f64 / started.elapsed().as_secs_f64();
    println!("read {end} records {rate:>50.0} records/s");
}

fn key(n: u64) -> [u8; 8] {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

fn commit(log: &LocalLog, from: u64) {
    let mut batch = StateBatch::default();
    for n in from..from + 10_000 {
        batch.put(STATE, key(n), [b'v'; 200]);
    }
    log.commit(batch).unwrap();
}

fn state(log: &LocalLog) {
    const COMMITS: u64 = 50;
    let started = Instant::now();
    for number in 0..COMMITS {
        commit(log, number * 10_000);
    }
    let rate = COMMITS as f64 / started.elapsed().as_secs_f64();
    println!("state: commits of 10,000 puts of 200 bytes {rate:>26.1} commits/s");
    let gets = |name: &str, of: &dyn Fn(u64) -> u64| {
        let started = Instant::now();
        let found = (0..300_000)
            .filter(|n| log.get(STATE, &key(of(*n))).unwrap().is_some())
            .count();
        let rate = 300_000.0 / started.elapsed().as_secs_f64();
        println!("state: gets of {name} keys ({found} found) {rate:>30.0} gets/s");
    };
    gets("the same 10,000", &|n| n % 10_000);
    gets("all 500,000", &|n| n * 7919 % 500_000);
    gets("absent", &|n| n + 10_000_000);
}

/// Eight connections append one message at a time while epochs of 2 MB are committed five times a second.
async fn mixed(log: &LocalLog) {
    let done = Arc::new(AtomicBool::new(false));
    let committer = {
        let (log, done) = (log.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(200));
            let mut from = 20_000_000;
            while !done.load(Ordering::Acquire) {
                ticks.tick().await;
                let log = log.clone();
                tokio::task::spawn_blocking(move || commit(&log, from))
                    .await
                    .unwrap();
                from += 10_000;
            }
        })
    };
    let (rate, latencies) = append(log, 8, 1).await;
    done.store(true, Ordering::Release);
    committer.await.unwrap();
    report("append 8 x 1, commits of 2 MB every 200 ms", rate, &latencies);
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let log = LocalLog::open(dir.path(), LocalLogOptions::default(), &[STATE]).unwrap();
    log.ensure_topic("bench", 1).await.unwrap();
    // A word on the command line picks the cases whose names hold it: `cargo bench -p panorama-log-local -- 8x1000`.
    let only = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let wanted = |name: &str| only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let cases = [
        (1, 1),
        (8, 1),
        (8, 100),
        (8, 1000),
        (64, 1),
        (64, 100),
        (64, 1000),
    ];
    for (appenders, batch) in cases.into_iter().filter(|(a, b)| wanted(&format!("{a}x{b}"))) {
        let (rate, latencies) = append(&log, appenders, batch).await;
        report(&format!("append {appenders} x {batch}"), rate, &latencies);
    }
    if wanted("read") {
        read(&log);
    }
    if wanted("state") {
        state(&log);
    }
    if wanted("mixed") {
        mixed(&log).await;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or_default();
    println!("peak memory {peak}; {} MiB on disk", log.bytes() / 1024 / 1024);
}
