//! A steady load: how soon a message is answered, and how soon it is a row that anybody can read.
//!
//! Each message has its time, whatever became of those before it, and is answered late from then on: a program that stalls
//! cannot hide it by being sent less. `PANORAMA_STEADY_RATE` (messages a second) and `PANORAMA_STEADY_SECONDS` size the run,
//! whose numbers are printed and promise nothing on a machine that does other things, too.

use super::sender::wall_microseconds;
use super::service::Place;
use super::workload::{Name, Workload};
use super::{CONNECTIONS, STOP_MAX, VISIBLE_MAX, becomes_visible, number, wait};
use panorama_model::Timestamp;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// The commit interval of a configuration that says none.
const COMMIT_INTERVAL: &str = "10s";
/// How exactly it is seen when a commit is there.
const LOOK: Duration = Duration::from_millis(5);

/// What one connection sends: message `i` at `begin + i * gap`.
struct Pace {
    workload: Workload,
    connection: u32,
    address: SocketAddr,
    begin: Instant,
    gap: Duration,
    count: u64,
}

impl Pace {
    fn due(&self, sequence: u64) -> Instant {
        self.begin + self.gap * u32::try_from(sequence).expect("small")
    }

    /// Sends all, and says how long after its time each was answered. Two threads: one that waits for answers sends late.
    fn run(&self) -> Vec<Duration> {
        let mut sending = TcpStream::connect(self.address).expect("a listener");
        sending.set_nodelay(true).expect("a connection");
        let receiving = sending.try_clone().expect("a connection");
        std::thread::scope(|scope| {
            let answers = scope.spawn(move || self.answered(receiving));
            for sequence in 0..self.count {
                std::thread::sleep(self.due(sequence).saturating_duration_since(Instant::now()));
                let connection = self.connection;
                let mut frame = vec![0x0b];
                frame.extend(self.workload.message(Name { connection, sequence }));
                frame.extend(b"\x1c\r");
                sending.write_all(&frame).expect("sent");
            }
            answers.join().expect("all are answered")
        })
    }

    fn answered(&self, mut receiving: TcpStream) -> Vec<Duration> {
        receiving
            .set_read_timeout(Some(VISIBLE_MAX))
            .expect("a connection");
        let (mut late, mut held, mut buffer) = (Vec::new(), Vec::new(), [0; 16 << 10]);
        while (late.len() as u64) < self.count {
            let count = receiving.read(&mut buffer).expect("an answer");
            assert!(count > 0, "the connection was closed");
            held.extend_from_slice(&buffer[..count]);
            while let Some(end) = held.windows(2).position(|pair| pair == [0x1c, b'\r']) {
                let frame: Vec<u8> = held.drain(..end + 2).collect();
                let name = Name {
                    connection: self.connection,
                    sequence: late.len() as u64,
                };
                let positive = format!("MSA|AA|{}", name.control_id());
                let answer = String::from_utf8_lossy(&frame);
                assert!(answer.contains(&positive), "not {positive}: {answer}");
                late.push(self.due(name.sequence).elapsed());
            }
        }
        late
    }
}

#[test]
fn under_a_steady_load_messages_are_answered_and_become_rows() {
    let rate = number("PANORAMA_STEADY_RATE", 400);
    let seconds = number("PANORAMA_STEADY_SECONDS", 15);
    let mut place = Place::new("steady");
    place
        .settings
        .push(format!("tables.commit_interval={COMMIT_INTERVAL}"));
    let workload = Workload {
        seed: 3,
        patients: (rate * seconds / 50).clamp(50, 500),
    };
    let service = place.start(&[]);
    wait("the program is ready", || service.is_ready());
    let (begin, done) = (Instant::now(), AtomicBool::new(false));
    let gap = Duration::from_secs(1) * CONNECTIONS / u32::try_from(rate).expect("small");
    let (mut late, mut rows) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| rows_as_they_come(&place, &done));
        let paces: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let pace = Pace {
                    workload,
                    connection,
                    address: place.mllp[connection as usize % place.mllp.len()],
                    begin: begin + gap * connection / CONNECTIONS,
                    gap,
                    count: rate * seconds / u64::from(CONNECTIONS),
                };
                scope.spawn(move || pace.run())
            })
            .collect();
        let late: Vec<Duration> = paces
            .into_iter()
            .flat_map(|pace| pace.join().expect("a connection ends"))
            .collect();
        let visible = becomes_visible(&place, late.len() as u64);
        assert!(visible < VISIBLE_MAX, "not all are rows after {visible:?}");
        done.store(true, SeqCst);
        (late, watch.join().expect("the watch ends"))
    });
    assert!(
        service.terminate(STOP_MAX),
        "SIGTERM ends it well within {STOP_MAX:?}"
    );
    let all: u64 = rows.iter().map(|(_, rows)| rows).sum();
    assert_eq!(all, late.len() as u64, "each message is a row once");
    late.sort_unstable();
    rows.sort_unstable();
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let (oldest, _) = rows.last().expect("rows");
    println!(
        "steady {}",
        json!({
            "messages_per_second": rate, "seconds": seconds, "commit_interval": COMMIT_INTERVAL,
            "messages": late.len(), "answer_ms_p50": at(0.5), "answer_ms_p99": at(0.99), "answer_ms_max": at(1.0),
            "row_seconds_max": oldest.as_secs_f64(), "commits": rows.len(),
        })
    );
}

/// Of each commit of `raw_messages` how long before it the oldest of its rows was received, and how many rows it has: by the
/// time its entry is there for anybody, and by what the entry says of its files.
fn rows_as_they_come(place: &Place, done: &AtomicBool) -> Vec<(Duration, u64)> {
    let (mut version, mut found) = (0, Vec::new());
    loop {
        // What is there by then is looked at once more.
        let is_last = done.load(SeqCst);
        while let Ok(entry) = std::fs::read_to_string(place.entry("raw_messages", version)) {
            let seen = wall_microseconds();
            version += 1;
            for line in entry.lines() {
                let action: Value = serde_json::from_str(line).expect("an action");
                let add = &action["add"];
                if add["dataChange"] == true {
                    let stats = add["stats"].as_str().expect("statistics");
                    let stats: Value = serde_json::from_str(stats).expect("statistics");
                    let oldest = stats["minValues"]["received_at"].as_str().expect("a time");
                    let oldest = Timestamp::parse_iso(oldest, None).expect("a time").0;
                    let waited = u64::try_from(seen - oldest).expect("received before");
                    let rows = stats["numRecords"].as_u64().expect("a count");
                    found.push((Duration::from_micros(waited), rows));
                }
            }
        }
        if is_last {
            return found;
        }
        std::thread::sleep(LOOK);
    }
}
