//! A source's work while its partitions come and go: no log, no time but the program's own.

use crate::*;
use async_trait::async_trait;
use panorama_model::{Text, Timestamp};
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// A log that nobody asks anything.
struct Unused;

#[async_trait]
impl Bus for Unused {
    async fn ensure_topic(&self, _: &str, _: u32) -> Result<()> {
        unreachable!()
    }
    async fn append(
        &self,
        _: &str,
        _: u32,
        _: Vec<NewMessage>,
        _: Option<SourcePosition>,
    ) -> Result<Vec<Appended>> {
        unreachable!()
    }
    fn read(&self, _: &str, _: u32, _: Offset, _: ReadLimits) -> Result<Vec<LogRecord>> {
        unreachable!()
    }
    fn bounds(&self, _: &str, _: u32) -> Result<(Offset, Offset)> {
        unreachable!()
    }
    fn topics(&self) -> Result<Vec<(Text, u32)>> {
        unreachable!()
    }
    fn source_position(&self, _: &[u8]) -> Result<Option<Vec<u8>>> {
        unreachable!()
    }
    async fn appended(&self) {}
    fn trim(&self, _: &str, _: u32, _: Offset) -> Result<()> {
        unreachable!()
    }
}

/// Counts failures.
#[derive(Default)]
struct Failures(Mutex<u32>);

impl Observer for Failures {
    fn received(&self, _: &str, _: u64) {}
    fn acknowledged(&self, _: &str, _: &str, _: Duration) {}
    fn duplicate(&self, _: &str) {}
    fn failed(&self, _: &str, _: ErrorClass) {
        *self.0.lock().unwrap() += 1;
    }
    fn buffered(&self, _: &str, _: u64) {}
    fn lag(&self, _: &str, _: u32, _: Option<u64>) {}
}

/// A source in a group, and what the group gives it.
struct Member {
    context: SourceContext,
    stop: watch::Sender<bool>,
    shares: watch::Sender<Shares>,
    failures: Arc<Failures>,
}

impl Member {
    /// A member with a topic of two partitions that knows nothing yet.
    fn new(finite: bool) -> Self {
        let (stop, shutdown) = Shutdown::new();
        let (shares, known) = watch::channel(Shares::default());
        let failures = Arc::new(Failures::default());
        let context = SourceContext {
            source: "wards".into(),
            topic: "raw.wards".into(),
            partitions: Partitions::shared("raw.wards".into(), 2, known),
            bus: Arc::new(Unused),
            finite,
            shutdown,
            observer: failures.clone(),
            now: || Timestamp::from_seconds(0),
        };
        Self {
            context,
            stop,
            shares,
            failures,
        }
    }

    /// Gives it partitions, each with its claim, and takes the others.
    fn give(&self, mine: &[(u32, Offset)]) {
        let held = mine.iter().map(|&(partition, claim)| Held {
            partition,
            claim: Some(claim),
        });
        let held = Some([("raw.wards".into(), held.collect())].into());
        self.shares.send_replace(Shares { held, trouble: None });
    }
}

/// What a member's work is told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Begin(Vec<(u32, Offset)>),
    Stop,
}

/// A member at work in the background that ends its work with `ends`, once it is asked to stop; at once where it says so.
fn work(
    context: SourceContext,
    ends: fn(&[u32]) -> Option<Result<()>>,
) -> (mpsc::UnboundedReceiver<Told>, tokio::task::JoinHandle<Result<()>>) {
    let (tell, told) = mpsc::unbounded_channel();
    let running = tokio::spawn(async move {
        let part = |mine: &[Held]| (!mine.is_empty()).then(|| mine.to_vec());
        let work = |mut context: SourceContext, mine: Vec<Held>| {
            let tell = tell.clone();
            async move {
                let claims = mine.iter().map(|held| (held.partition, held.claim.unwrap()));
                tell.send(Told::Begin(claims.collect())).unwrap();
                let partitions: Vec<u32> = mine.iter().map(|held| held.partition).collect();
                if let Some(end) = ends(&partitions) {
                    return end;
                }
                context.shutdown.requested().await;
                tell.send(Told::Stop).unwrap();
                // What it was storing is refused: the partition is another's.
                Err(ConnectorError::retry(
                    "append to",
                    "raw.wards",
                    "not ours any more",
                ))
            }
        };
        context.with_partitions(part, work).await
    });
    (told, running)
}

#[tokio::test]
async fn work_stops_and_begins_anew_with_what_a_member_has_then() {
    let member = Member::new(false);
    let (mut told, running) = work(member.context.clone(), |_| None);
    member.give(&[]); // nothing to do, and no end
    member.give(&[(0, 10), (1, 20)]);
    assert_eq!(told.recv().await, Some(Told::Begin(vec![(0, 10), (1, 20)])));
    member.give(&[(1, 20)]);
    assert_eq!(told.recv().await, Some(Told::Stop));
    assert_eq!(told.recv().await, Some(Told::Begin(vec![(1, 20)])));
    // Lost and given back is another claim: what it looked up under the old one may be old.
    member.give(&[(1, 21)]);
    assert_eq!(told.recv().await, Some(Told::Stop));
    assert_eq!(told.recv().await, Some(Told::Begin(vec![(1, 21)])));
    // The same again is no change.
    member.give(&[(1, 21)]);
    member.stop.send_replace(true);
    assert_eq!(told.recv().await, Some(Told::Stop));
    assert!(
        running.await.unwrap().is_ok(),
        "what fails on being stopped is no failure"
    );
    assert_eq!(told.recv().await, None);
    assert_eq!(*member.failures.0.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_run_that_ends_waits_for_what_others_let_go() {
    let member = Member::new(true);
    let all_or_one = |mine: &[u32]| matches!(mine, [0] | [0, 1]).then_some(Ok(()));
    let (mut told, running) = work(member.context.clone(), all_or_one);
    member.give(&[(0, 10)]);
    assert_eq!(told.recv().await, Some(Told::Begin(vec![(0, 10)])));
    // Taken away in the middle of what it is to read, and both given in the end.
    member.give(&[(1, 20)]);
    assert_eq!(told.recv().await, Some(Told::Begin(vec![(1, 20)])));
    member.give(&[(0, 11), (1, 20)]);
    assert_eq!(told.recv().await, Some(Told::Stop));
    assert_eq!(told.recv().await, Some(Told::Begin(vec![(0, 11), (1, 20)])));
    assert!(running.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_run_that_waits_for_others_heeds_a_stop() {
    let member = Member::new(true);
    member.give(&[(0, 10)]);
    let (mut told, running) = work(member.context.clone(), |_| Some(Ok(())));
    assert_eq!(told.recv().await, Some(Told::Begin(vec![(0, 10)])));
    let began = Instant::now();
    member.stop.send_replace(true);
    assert!(running.await.unwrap().is_ok());
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "it waits ten seconds otherwise"
    );
}

#[tokio::test]
async fn an_error_for_good_ends_work_and_one_that_may_pass_begins_it_anew() {
    let member = Member::new(false);
    member.give(&[(0, 10)]);
    let (mut told, running) = work(member.context.clone(), |mine| {
        matches!(mine, [0]).then(|| Err(ConnectorError::retry("read", "beds", "connection lost")))
    });
    for _ in 0..2 {
        assert_eq!(told.recv().await, Some(Told::Begin(vec![(0, 10)])));
    }
    assert!(*member.failures.0.lock().unwrap() > 0, "it is counted");
    member.give(&[(1, 20)]);
    while told.recv().await != Some(Told::Begin(vec![(1, 20)])) {}
    running.abort();

    let (mut told, running) = work(member.context.clone(), |_| {
        Some(Err(ConnectorError::fatal("read", "beds", "no such topic")))
    });
    assert_eq!(told.recv().await, Some(Told::Begin(vec![(1, 20)])));
    assert_eq!(running.await.unwrap().unwrap_err().class(), ErrorClass::Fatal);
}

#[tokio::test]
async fn a_request_to_stop_is_seen_at_once() {
    let member = Member::new(false);
    member.give(&[(0, 10)]);
    let seen = Mutex::new(Vec::new());
    // The work asks and looks without ever giving way.
    let part = |mine: &[Held]| Some(mine.len());
    let work = |context: SourceContext, _| {
        seen.lock().unwrap().push(context.shutdown.is_requested());
        member.stop.send_replace(true);
        seen.lock().unwrap().push(context.shutdown.is_requested());
        async { Ok(()) }
    };
    assert!(member.context.with_partitions(part, work).await.is_ok());
    assert_eq!(*seen.lock().unwrap(), [false, true]);
}

#[tokio::test]
async fn a_part_stops_with_the_whole_and_without_it() {
    let (stop_all, whole) = Shutdown::new();
    let (stop_one, mut one) = whole.part();
    let (_stop_other, mut other) = whole.part();
    tokio::select! {
        biased;
        () = one.requested() => panic!("nobody asked"),
        () = ready(()) => {}
    }
    stop_one.send_replace(true);
    one.requested().await;
    assert_eq!(
        [&one, &whole, &other].map(Shutdown::is_requested),
        [true, false, false]
    );
    stop_all.send_replace(true);
    other.requested().await;
    assert_eq!([&whole, &other].map(Shutdown::is_requested), [true, true]);
}

#[tokio::test]
async fn nobody_left_to_ask_is_a_request() {
    let (stop, mut shutdown) = Shutdown::new();
    drop(stop);
    shutdown.requested().await;
}
