//! Torture: the program is killed again and again under load, and the tables must say what the senders know.
//!
//! | what | where |
//! |---|---|
//! | messages made from their names | `workload` |
//! | senders that send again what was not acknowledged | `sender` |
//! | the program as a process | `service` |
//! | what must hold in the end | `oracle` |
//! | every answer follows a sync, by the system calls | `syscalls` |
//! | how soon messages are answered and rows, under a steady load without kills | `steady` |
//!
//! `PANORAMA_TORTURE_KILLS`, `PANORAMA_TORTURE_MESSAGES`, `PANORAMA_TORTURE_SEED` size the run, `PANORAMA_KAFKA_BROKERS` the
//! cluster where the log is on Kafka; `PANORAMA_PROGRAM` names another program than the one built with the tests. Each run
//! prints its numbers as one line of JSON, and a failed one how to repeat it.

mod oracle;
mod sender;
mod service;
mod steady;
mod syscalls;
mod workload;

use oracle::{Findings, judge};
use sender::{Board, Sender, Sending};
use serde_json::{Value, json};
use service::{Place, Service};
use std::ffi::{OsStr, OsString};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use workload::{Workload, mix};

/// Senders at a time.
pub(crate) const CONNECTIONS: u32 = 8;
/// What was promised: a start answers within this.
const RESTART_MAX: Duration = Duration::from_secs(5);
/// The same on Kafka: the one before is to be silent for long enough, and each topic is opened.
#[cfg(feature = "kafka")]
const RESTART_ON_KAFKA_MAX: Duration = Duration::from_secs(30);
/// What was promised: what was acknowledged last is in the tables within this (R23).
const VISIBLE_MAX: Duration = Duration::from_secs(30);
/// A stop that was asked for takes no longer (R18).
const STOP_MAX: Duration = Duration::from_secs(10);
/// Nothing under test takes this long.
const PATIENCE: Duration = Duration::from_secs(90);

/// When the program is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it was started, ready or not.
    AfterStart(Duration),
    /// So long after its share of messages was acknowledged.
    UnderLoad(Duration),
    /// So long after the next commit of a table appeared.
    AfterCommit(&'static str, Duration),
}

/// Moments, by seed and number: half of them at a table's commit, where state does not know yet what the table has.
fn moment(seed: u64, number: u64) -> Moment {
    let draw = mix(seed ^ mix(number));
    let part = |shift: u32, below: u64| (draw >> shift) % below;
    match part(0, 10) {
        0 | 1 => Moment::AfterStart(Duration::from_micros(part(8, 300_000))),
        2..=4 => Moment::UnderLoad(Duration::from_micros(part(8, 900_000))),
        5..=7 => Moment::AfterCommit("raw_messages", Duration::from_micros(part(8, 2_000))),
        _ => {
            let tables = [
                "encounters",
                "observations",
                "patient_360",
                "journey",
                "pipeline_epochs",
            ];
            let table = tables[usize::try_from(part(32, tables.len() as u64)).expect("small")];
            Moment::AfterCommit(table, Duration::from_micros(part(8, 2_000)))
        }
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// How large a run is.
#[derive(Clone, Copy, Debug)]
struct Size {
    kills: u64,
    messages: u64,
    seed: u64,
    restart_max: Duration,
    /// The test that runs it.
    test: &'static str,
}

/// What the killer saw.
#[derive(Debug, Default)]
struct Killing {
    after_start: u64,
    under_load: u64,
    after_commit: u64,
    restarts: Vec<Duration>,
    visible: Duration,
}

#[test]
fn kill_nine_loses_nothing_and_doubles_nothing() {
    let size = Size {
        kills: number("PANORAMA_TORTURE_KILLS", 4),
        messages: number("PANORAMA_TORTURE_MESSAGES", 5_000),
        seed: number("PANORAMA_TORTURE_SEED", 2),
        restart_max: RESTART_MAX,
        test: "kill_nine_loses",
    };
    try_out(Place::new("torture"), size);
}

/// The same with the log on Kafka: `PANORAMA_KAFKA_BROKERS` sets how many brokers.
#[cfg(feature = "kafka")]
#[test]
fn kill_nine_on_kafka_loses_nothing_and_doubles_nothing() {
    let Some((_brokers, addresses)) = crate::kafka::some_brokers() else {
        return;
    };
    let size = Size {
        kills: number("PANORAMA_TORTURE_KILLS", 4),
        messages: number("PANORAMA_TORTURE_MESSAGES", 5_000),
        seed: number("PANORAMA_TORTURE_SEED", 3),
        restart_max: RESTART_ON_KAFKA_MAX,
        test: "kill_nine_on_kafka",
    };
    let mut place = Place::new("torture-kafka");
    place.settings = on_kafka(&addresses, "torture");
    try_out(place, size);
}

/// What makes Kafka the log.
#[cfg(feature = "kafka")]
fn on_kafka(addresses: &str, prefix: &str) -> Vec<String> {
    vec![
        "bus.type=kafka".into(),
        format!("bus.brokers=[\"{addresses}\"]"),
        format!("bus.topic_prefix={prefix}."),
        "bus.take_over_after=3s".into(),
    ]
}

fn try_out(place: Place, size: Size) {
    let began = Instant::now();
    let workload = Workload {
        seed: size.seed,
        patients: (size.messages / 50).clamp(50, 500),
    };
    let (killing, sendings) = torture(&place, workload, size);
    place.drain();
    let found = judge(&place, workload, &sendings);
    let report = report(&place, size, &killing, &sendings, &found, began.elapsed());
    println!("torture {report}");
    check(&report, &killing, &sendings, &found, size);
}

/// Bugs that are planted, and what each of them leads to.
const PLANTS: [(Option<&str>, &str); 6] = [
    (None, ""),
    (Some("ack-before-commit"), "lost-write"),
    (Some("no-epoch-check"), "duplicate"),
    (Some("forget-copies"), "duplicate"),
    (Some("forget-outbox"), "lost-fact"),
    (Some("position-before-effects"), "lost-fact"),
];

/// A test that cannot find a bug proves nothing: `PANORAMA_PLANTED_PROGRAM` names a program built with the feature
/// `planted-bugs`, and each of them must be found.
#[test]
fn planted_bugs_are_found() {
    let Some(program) = planted_program() else { return };
    for (plant, anomaly) in PLANTS {
        find(&program, plant, anomaly, Vec::new());
    }
}

/// The same with the log on Kafka.
#[cfg(feature = "kafka")]
#[test]
fn planted_bugs_are_found_on_kafka() {
    let Some(program) = planted_program() else { return };
    let Some((_brokers, addresses)) = crate::kafka::some_brokers() else {
        return;
    };
    for (plant, anomaly) in PLANTS {
        let settings = on_kafka(&addresses, plant.unwrap_or("none"));
        find(&program, plant, anomaly, settings);
    }
}

fn planted_program() -> Option<OsString> {
    let program = std::env::var_os("PANORAMA_PLANTED_PROGRAM");
    if program.is_none() {
        println!("skipped: no PANORAMA_PLANTED_PROGRAM");
    }
    program
}

fn find(program: &OsStr, plant: Option<&'static str>, anomaly: &str, settings: Vec<String>) {
    let mut place = Place::of("planted", program.to_owned(), plant);
    place.settings = settings;
    let workload = Workload {
        seed: 2,
        patients: 200,
    };
    let size = Size {
        kills: 20,
        messages: 10_000,
        seed: 2,
        restart_max: RESTART_MAX,
        test: "planted_bugs",
    };
    let (_, sendings) = torture(&place, workload, size);
    place.drain();
    let found = judge(&place, workload, &sendings).anomalies;
    println!("planted {plant:?}: {found:?}");
    assert_eq!(plant.is_none(), found.is_empty(), "{plant:?}: {found:?}");
    assert!(
        plant.is_none() || found.contains_key(anomaly),
        "{plant:?}: {found:?}"
    );
}

fn torture(place: &Place, workload: Workload, size: Size) -> (Killing, Vec<Sending>) {
    let board = Board::default();
    std::thread::scope(|scope| {
        let _stop = Abandon(&board);
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let sender = Sender {
                    workload,
                    board: &board,
                    connection,
                    address: place.mllp[connection as usize % place.mllp.len()],
                    share: size.messages.div_ceil(u64::from(CONNECTIONS)),
                };
                scope.spawn(move || sender.run())
            })
            .collect();
        let (mut killing, mut service) = kill_all(place, &board, size);
        let ready = answers(place, &mut service, &board);
        killing.restarts.push(ready);
        board.enough.store(true, SeqCst);
        let sendings: Vec<Sending> = senders
            .into_iter()
            .map(|s| s.join().expect("a sender ends"))
            .collect();
        killing.visible = becomes_visible(place, sendings.iter().map(|s| s.issued).sum());
        assert!(
            service.terminate(STOP_MAX),
            "SIGTERM ends it well within {STOP_MAX:?}"
        );
        (killing, sendings)
    })
}

/// Ends the senders where the killer fails.
struct Abandon<'a>(&'a Board);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandoned.store(true, SeqCst);
        }
    }
}

/// Starts and kills; the last start stays.
fn kill_all(place: &Place, board: &Board, size: Size) -> (Killing, Service) {
    let mut killing = Killing::default();
    for number in 0..size.kills {
        let mut service = start(place, board);
        let moment = moment(size.seed, number);
        if let Moment::AfterStart(delay) = moment {
            std::thread::sleep(delay);
            killing.after_start += 1;
            service.kill();
            continue;
        }
        let ready = answers(place, &mut service, board);
        killing.restarts.push(ready);
        let share = size.messages * number / (size.kills + 1);
        wait("messages are acknowledged", || {
            board.acknowledged.load(SeqCst) >= share
        });
        match moment {
            Moment::AfterCommit(table, delay) => {
                let entry = place.entry(table, place.version(table).map_or(1, |version| version + 1));
                let since = Instant::now();
                while !entry.exists() && since.elapsed() < Duration::from_secs(10) {
                    std::thread::sleep(Duration::from_micros(100));
                }
                spin(delay);
                killing.after_commit += 1;
            }
            Moment::UnderLoad(delay) | Moment::AfterStart(delay) => {
                std::thread::sleep(delay);
                killing.under_load += 1;
            }
        }
        service.kill();
    }
    (killing, start(place, board))
}

fn start(place: &Place, board: &Board) -> Service {
    board.generation.fetch_add(1, SeqCst);
    place.start(&[])
}

/// Waits until a start is ready and has acknowledged a message; how long that took.
fn answers(place: &Place, service: &mut Service, board: &Board) -> Duration {
    let generation = board.generation.load(SeqCst);
    wait("the program is ready and answers", || {
        assert!(
            !service.has_ended(),
            "the program ended by itself: {}",
            place.last_words()
        );
        board.answered.load(SeqCst) >= generation && service.is_ready()
    });
    service.started.elapsed()
}

fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn spin(delay: Duration) {
    let since = Instant::now();
    while since.elapsed() < delay {
        std::hint::spin_loop();
    }
}

/// How long it takes until all that was sent is in `raw_messages`, or that it takes too long.
fn becomes_visible(place: &Place, rows: u64) -> Duration {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let location = place.tables();
    let since = Instant::now();
    let is_visible = || {
        let described = panorama_delta::describe(&location, "raw_messages", std::collections::HashMap::new());
        runtime.block_on(described).is_ok_and(|table| table.rows >= rows)
    };
    while !is_visible() && since.elapsed() < VISIBLE_MAX {
        std::thread::sleep(Duration::from_millis(2));
    }
    since.elapsed()
}

fn report(
    place: &Place,
    size: Size,
    killing: &Killing,
    sendings: &[Sending],
    found: &Findings,
    took: Duration,
) -> Value {
    let sum = |count: fn(&Sending) -> u64| sendings.iter().map(count).sum::<u64>();
    let seconds = |time: Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
    let restart_max = killing.restarts.iter().max().copied().unwrap_or_default();
    json!({
        "seed": size.seed,
        "kills": killing.after_start + killing.under_load + killing.after_commit,
        "kills_after_start": killing.after_start,
        "kills_under_load": killing.under_load,
        "kills_after_commit": killing.after_commit,
        "publications_cut_off": place.log().matches("a stop had cut off").count(),
        "messages": sum(|s| s.issued),
        "acknowledged": sum(|s| s.issued),
        "resent": sum(|s| s.resent.len() as u64),
        "copies_sent_on_purpose": sum(|s| s.copies),
        "copies_answered": sum(|s| s.copies) + found.copies_answered,
        "connections": sum(|s| s.connections),
        "refused": sum(|s| s.refused),
        "restart_seconds_max": seconds(restart_max),
        "visible_seconds": seconds(killing.visible),
        "rows": found.rows,
        "encounters": found.visits,
        "observations": found.results,
        "persons": found.persons,
        "lost": found.count("lost-write"),
        "duplicate_rows": found.count("duplicate"),
        "anomalies": found.anomalies,
        "seconds": seconds(took),
    })
}

fn check(report: &Value, killing: &Killing, sendings: &[Sending], found: &Findings, size: Size) {
    let again = format!(
        "PANORAMA_TORTURE_KILLS={} PANORAMA_TORTURE_MESSAGES={} PANORAMA_TORTURE_SEED={} \
         ./test -p panorama --features kafka --test it -- {} --nocapture",
        size.kills, size.messages, size.seed, size.test
    );
    let problems: Vec<_> = sendings.iter().flat_map(|sending| &sending.problems).collect();
    assert!(problems.is_empty(), "{problems:?}\n{report}\n{again}");
    assert!(found.anomalies.is_empty(), "{}\n{report}\n{again}", found.told());
    for restart in &killing.restarts {
        assert!(
            *restart < size.restart_max,
            "a start took {restart:?}\n{report}\n{again}"
        );
    }
    assert!(
        killing.visible < VISIBLE_MAX,
        "visible only after {:?}\n{again}",
        killing.visible
    );
    // A run in which nothing was sent twice has tested less than it says.
    for key in ["resent", "copies_sent_on_purpose", "copies_answered"] {
        assert!(
            report[key].as_u64() > Some(0),
            "{key} never happened\n{report}\n{again}"
        );
    }
}
