//! Real sockets on the loopback, a log in memory.

use crate::*;
use async_trait::async_trait;
use bytes::Bytes;
use panorama_api::*;
use panorama_model::{ByteCount, Period, Text, Timestamp};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

#[derive(Default)]
struct MemoryBus {
    messages: Mutex<Vec<NewMessage>>,
    appends: AtomicU64,
    fails: AtomicBool,
    gate: Option<Semaphore>,
}

#[async_trait]
impl Bus for MemoryBus {
    async fn ensure_topic(&self, _: &str, _: u32) -> Result<()> {
        Ok(())
    }
    async fn append(
        &self,
        topic: &str,
        partition: u32,
        new: Vec<NewMessage>,
        _: Option<SourcePosition>,
    ) -> Result<Vec<Appended>> {
        assert_eq!((topic, partition), ("raw.adt", 0));
        self.appends.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(ConnectorError::retry("append to", topic, "disk full"));
        }
        let mut messages = self.messages.lock().unwrap();
        Ok(new
            .into_iter()
            .map(|message| {
                let copy = messages
                    .iter()
                    .position(|m| m.dedupe.is_some() && m.dedupe == message.dedupe);
                copy.map_or_else(
                    || {
                        messages.push(message);
                        Appended::At(messages.len() as u64 - 1)
                    },
                    |at| Appended::DuplicateOf(at as u64),
                )
            })
            .collect())
    }
    fn read(&self, _: &str, _: u32, _: Offset, _: ReadLimits) -> Result<Vec<LogRecord>> {
        Ok(Vec::new())
    }
    fn bounds(&self, _: &str, _: u32) -> Result<(Offset, Offset)> {
        Ok((0, 0))
    }
    fn topics(&self) -> Result<Vec<(Text, u32)>> {
        Ok(Vec::new())
    }
    fn source_position(&self, _: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    async fn appended(&self) {}
    fn trim(&self, _: &str, _: u32, _: Offset) -> Result<()> {
        Ok(())
    }
}

impl MemoryBus {
    fn payloads(&self) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        messages
            .iter()
            .map(|m| String::from_utf8_lossy(&m.payload).into_owned())
            .collect()
    }
}

#[derive(Default)]
struct Counts(Mutex<HashMap<String, u64>>);

impl Counts {
    fn add(&self, name: String, count: u64) {
        *self.0.lock().unwrap().entry(name).or_default() += count;
    }
    fn get(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

impl Observer for Counts {
    fn received(&self, source: &str, count: u64) {
        self.add(format!("received {source}"), count);
    }
    fn acknowledged(&self, _: &str, code: &str, _: std::time::Duration) {
        self.add(format!("acknowledged {code}"), 1);
    }
    fn duplicate(&self, _: &str) {
        self.add("duplicate".into(), 1);
    }
    fn failed(&self, component: &str, class: ErrorClass) {
        self.add(format!("failed {component} {}", class.name()), 1);
    }
    fn buffered(&self, _: &str, bytes: u64) {
        self.0.lock().unwrap().insert("buffered".into(), bytes);
    }
    fn lag(&self, _: &str, _: u32, _: Option<u64>) {}
}

/// Answers `<code>:<frame>`; a frame that begins with `?` is unreadable, one that begins with `2` is answered twice.
struct Echo;

impl Acknowledge for Echo {
    fn admit(&self, frame: &[u8]) -> Admission {
        let id = frame
            .iter()
            .fold(0u128, |h, b| h.wrapping_mul(31).wrapping_add(u128::from(*b)));
        Admission {
            dedupe: frame.starts_with(b"id").then_some(DedupeKey { id, content: 0 }),
            unreadable: frame.starts_with(b"?"),
        }
    }
    fn answer(&self, frame: &[u8], outcome: Outcome, _: Timestamp) -> Vec<Answer> {
        let code = match outcome {
            Outcome::Stored | Outcome::Duplicate => "AA",
            Outcome::NotStored(_) => "AE",
            Outcome::Unreadable | Outcome::TooLarge => "AR",
        };
        let answer = |code: &'static str| Answer {
            frame: [code.as_bytes(), b":", frame.get(..8).unwrap_or(frame)].concat(),
            code,
        };
        match frame.first() {
            Some(b'2') => vec![answer("CA"), answer(code)],
            _ => vec![answer(code)],
        }
    }
}

struct Running {
    address: SocketAddr,
    bus: Arc<MemoryBus>,
    counts: Arc<Counts>,
    stop: watch::Sender<bool>,
    done: JoinHandle<Result<()>>,
}

async fn start(params: MllpParams, bus: MemoryBus) -> Running {
    let source = MllpSource::new(params, Arc::new(Echo));
    let address = source.bind().await.unwrap();
    let (stop, shutdown) = Shutdown::new();
    let (bus, counts) = (Arc::new(bus), Arc::new(Counts::default()));
    let context = SourceContext {
        source: "adt".into(),
        topic: "raw.adt".into(),
        partitions: Partitions::all("raw.adt".into(), 1),
        bus: bus.clone(),
        finite: false,
        shutdown,
        observer: counts.clone(),
        now: || Timestamp(7),
    };
    let done = tokio::spawn(async move { source.run(context).await });
    Running {
        address,
        bus,
        counts,
        stop,
        done,
    }
}

impl Running {
    async fn stopped(self) -> (Arc<MemoryBus>, Arc<Counts>) {
        self.stop.send(true).unwrap();
        within(self.done).await.unwrap().unwrap();
        (self.bus, self.counts)
    }
}

async fn within<F: IntoFuture>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("took too long")
}

fn params() -> MllpParams {
    MllpParams::on("127.0.0.1:0")
}

/// Sends bytes, and reads until the answers hold this many frames.
async fn exchange(stream: &mut TcpStream, bytes: &[u8], frames: usize) -> Vec<String> {
    stream.write_all(bytes).await.unwrap();
    let mut reader = FrameReader::new(1 << 20);
    let mut answers = Vec::new();
    while answers.len() < frames {
        assert_ne!(
            within(stream.read_buf(reader.buffer_mut())).await.unwrap(),
            0,
            "closed; had {answers:?}"
        );
        while let Some(Unit::Frame(answer)) = reader.next_unit() {
            answers.push(String::from_utf8_lossy(&answer).into_owned());
        }
    }
    answers
}

/// True once the other side has closed the connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest))
        .await
        .map_or(true, |_| rest.is_empty())
}

#[tokio::test]
async fn frames_are_stored_and_answered_in_order() {
    let running = start(params(), MemoryBus::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let cases: [(&[u8], &[&str]); 5] = [
        (b"\x0bone\x1c\r", &["AA:one"]),
        (
            b"\x0btwo\x1c\r\x0bthree\x1c\r\x0bid4\x1c\r",
            &["AA:two", "AA:three", "AA:id4"],
        ),
        (b"\x0bid4\x1c\r", &["AA:id4"]),
        (b"\x0b?!\x1c\r\0\0junk\x0b2x\x1c", &["AR:?!", "CA:2x", "AA:2x"]), // no CR at the end
        (b"\x0b\x1c\r", &["AA:"]),
    ];
    for (bytes, expected) in cases {
        assert_eq!(exchange(&mut stream, bytes, expected.len()).await, expected);
    }
    let peer = stream.local_addr().unwrap().to_string();
    let (bus, counts) = running.stopped().await;
    assert_eq!(bus.payloads(), ["one", "two", "three", "id4", "?!", "2x", ""]);
    let messages = bus.messages.lock().unwrap();
    assert_eq!(messages[0].received_at, Timestamp(7));
    assert_eq!(
        *messages[0].headers,
        vec![
            ("peer".into(), peer.into_bytes()),
            ("connection".into(), b"1".to_vec())
        ]
    );
    for (name, count) in [
        ("received adt", 8),
        ("acknowledged AA", 7),
        ("acknowledged CA", 1),
        ("acknowledged AR", 1),
        ("duplicate", 1),
    ] {
        assert_eq!(counts.get(name), count, "{name}");
    }
}

#[tokio::test]
async fn nothing_is_answered_before_it_is_durable() {
    let bus = MemoryBus {
        gate: Some(Semaphore::new(0)),
        ..MemoryBus::default()
    };
    let running = start(params(), bus).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"\x0bone\x1c\r\x0btwo\x1c\r").await.unwrap();
    while running.bus.appends.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let early = tokio::time::timeout(Duration::from_millis(200), stream.read_u8()).await;
    assert!(early.is_err(), "answered before the append returned");
    // Stopping waits for what was read: it becomes durable, and is answered.
    running.stop.send(true).unwrap();
    running.bus.gate.as_ref().unwrap().add_permits(10);
    assert_eq!(exchange(&mut stream, b"", 2).await, ["AA:one", "AA:two"]);
    within(running.done).await.unwrap().unwrap();
    assert_eq!(
        running.bus.appends.load(Ordering::SeqCst),
        1,
        "pipelined frames are one append"
    );
}

#[tokio::test]
async fn what_is_not_stored_is_not_acknowledged() {
    let running = start(params(), MemoryBus::default()).await;
    running.bus.fails.store(true, Ordering::SeqCst);
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(exchange(&mut stream, b"\x0bone\x1c\r", 1).await, ["AE:one"]);
    running.bus.fails.store(false, Ordering::SeqCst);
    assert_eq!(exchange(&mut stream, b"\x0bone\x1c\r", 1).await, ["AA:one"]);
    let (bus, counts) = running.stopped().await;
    assert_eq!(bus.payloads(), ["one"]);
    assert_eq!(counts.get("failed mllp retry"), 1);
}

#[tokio::test]
async fn frames_beyond_the_limit_are_refused_and_the_connection_lives() {
    let limited = MllpParams {
        frame_bytes_max: ByteCount(100),
        ..params()
    };
    let running = start(limited, MemoryBus::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let large = [
        b"\x0bLARGE",
        vec![b'x'; 3 << 20].as_slice(),
        b"\x1c\r\x0bnext\x1c\r",
    ]
    .concat();
    assert_eq!(exchange(&mut stream, &large, 2).await, ["AR:LARGExxx", "AA:next"]);
    assert_eq!(running.stopped().await.0.payloads(), ["next"]);
}

#[tokio::test]
async fn a_small_budget_slows_and_loses_nothing() {
    // Of three messages at a time the budget holds two, one, and not even one.
    for budget in [2 << 20, 1 << 20, 100 << 10] {
        let limited = MllpParams {
            in_flight_bytes_max: ByteCount(budget),
            ..params()
        };
        let running = start(limited, MemoryBus::default()).await;
        let send = |n: u8| {
            let address = running.address;
            async move {
                let mut client = MllpClient::new(
                    address,
                    ClientOptions {
                        window: 4,
                        ..ClientOptions::default()
                    },
                );
                let frames = (0..4).map(|_| Bytes::from(vec![b'a' + n; 1 << 20]));
                client
                    .send_all(frames, |_, answer| assert!(answer.starts_with(b"AA:")))
                    .await
                    .unwrap()
            }
        };
        let (a, b, c) = within(async { tokio::join!(send(0), send(1), send(2)) }).await;
        assert_eq!(a.answered + b.answered + c.answered, 12);
        assert_eq!(a.resent + b.resent + c.resent, 0, "nobody was taken for slow");
        assert_eq!(running.stopped().await.0.payloads().len(), 12);
    }
}

#[tokio::test]
async fn connections_that_rest_hold_nothing() {
    let limited = MllpParams {
        in_flight_bytes_max: ByteCount(1 << 20),
        ..params()
    };
    let running = start(limited, MemoryBus::default()).await;
    let large = [b"\x0b".as_slice(), &vec![b'a'; 900 << 10], b"\x1c\r"].concat();
    let mut resting = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        assert_eq!(exchange(&mut stream, &large, 1).await, ["AA:aaaaaaaa"]);
        resting.push(stream);
    }
    let buffered = || running.counts.get("buffered");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while buffered() > 0 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(buffered(), 0);
    running.stopped().await;
}

#[tokio::test]
async fn slow_idle_and_surplus_connections_are_closed() {
    let impatient = MllpParams {
        first_frame_timeout: Period(Duration::from_millis(300)),
        frame_timeout: Period(Duration::from_millis(300)),
        idle_timeout: Period(Duration::from_millis(300)),
        connections_per_address_max: 3,
        ..params()
    };
    let running = start(impatient, MemoryBus::default()).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"\x0bMSH|").await.unwrap();
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(exchange(&mut idle, b"\x0bone\x1c\r", 1).await, ["AA:one"]);
    let mut surplus = TcpStream::connect(running.address).await.unwrap();
    for stream in [&mut surplus, &mut silent, &mut slow, &mut idle] {
        assert!(is_closed(stream).await);
    }
    let mut next = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(exchange(&mut next, b"\x0btwo\x1c\r", 1).await, ["AA:two"]);
    running.stopped().await;
}

#[tokio::test]
async fn the_client_sends_again_what_was_not_answered() {
    let bus = Arc::new(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = bus.local_addr().unwrap();
    // A receiver that hangs up after its second answer, then serves to the end.
    let receiver = tokio::spawn(async move {
        let mut seen = Vec::new();
        for limit in [2, usize::MAX] {
            let (mut stream, _) = bus.accept().await.unwrap();
            let mut reader = FrameReader::new(100);
            let mut answered = 0;
            'connection: while stream.read_buf(reader.buffer_mut()).await.unwrap_or(0) > 0 {
                while let Some(Unit::Frame(frame)) = reader.next_unit() {
                    seen.push(String::from_utf8_lossy(&frame).into_owned());
                    if answered == limit {
                        break 'connection;
                    }
                    let mut out = Vec::new();
                    encode_frame(&frame, &mut out);
                    stream.write_all(&out).await.unwrap();
                    answered += 1;
                }
            }
        }
        seen
    });
    let mut client = MllpClient::new(
        address,
        ClientOptions {
            window: 3,
            ..ClientOptions::default()
        },
    );
    let mut answers = Vec::new();
    let frames = (0..6).map(|n| Bytes::from(n.to_string()));
    let report = within(client.send_all(frames, |index, answer| answers.push((index, answer))))
        .await
        .unwrap();
    drop(client);
    assert_eq!((report.answered, report.connections), (6, 2));
    assert!(report.resent >= 1);
    assert_eq!(
        answers,
        (0..6)
            .map(|n| (n, Bytes::from(n.to_string())))
            .collect::<Vec<_>>()
    );
    let seen = within(receiver).await.unwrap();
    assert!(
        seen.len() >= 7 && seen.ends_with(&["2".into(), "3".into(), "4".into(), "5".into()]),
        "{seen:?}"
    );
}

#[tokio::test]
async fn checks_name_what_is_wrong() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().map(|a| (a.to_string(), taken)).unwrap();
    let check = async |params: MllpParams, key: &str, words: &str| {
        let problems = MllpSource::new(params, Arc::new(Echo)).check().await;
        let found: Vec<_> = problems
            .iter()
            .map(|p| (p.key, format!("{} / {}", p.message, p.hint)))
            .collect();
        assert!(
            found.iter().any(|(k, text)| *k == key && text.contains(words)),
            "{found:?}"
        );
    };
    check(MllpParams::on(taken.0.clone()), "listen", "choose another port").await;
    check(MllpParams::on("nonsense"), "listen", "host:port").await;
    check(MllpParams::on("0.0.0.0:0"), "listen", "without TLS").await;
    let tls = TlsParams {
        certificate: "/missing.pem".into(),
        key: "/missing.pem".into(),
        client_ca: None,
    };
    check(
        MllpParams {
            tls: Some(tls),
            ..params()
        },
        "tls",
        "/missing.pem",
    )
    .await;
    assert_eq!(MllpSource::new(params(), Arc::new(Echo)).check().await, []);
    let open = MllpParams {
        plaintext: true,
        ..MllpParams::on("0.0.0.0:0")
    };
    assert_eq!(MllpSource::new(open, Arc::new(Echo)).check().await, []);
    assert!(
        MllpSource::new(MllpParams::on("0.0.0.0:0"), Arc::new(Echo))
            .bind()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn messages_travel_encrypted() {
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
    let file = |name: &str| format!("{}/src/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    let tls = TlsParams {
        certificate: file("localhost.cert.pem"),
        key: file("localhost.key.pem"),
        client_ca: None,
    };
    let running = start(
        MllpParams {
            tls: Some(tls),
            ..params()
        },
        MemoryBus::default(),
    )
    .await;
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("localhost.cert.pem")).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(running.address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = within(connector.connect(ServerName::try_from("localhost").unwrap(), stream))
        .await
        .unwrap();
    stream.write_all(b"\x0bone\x1c\r").await.unwrap();
    let mut answer = [0; 9];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"\x0bAA:one\x1c\r");
    drop(stream);
    // Plain bytes at a TLS port are no message.
    let mut plain = TcpStream::connect(running.address).await.unwrap();
    plain.write_all(b"\x0btwo\x1c\r").await.unwrap();
    let mut rest = Vec::new();
    drop(within(plain.read_to_end(&mut rest)).await);
    assert_eq!(running.stopped().await.0.payloads(), ["one"]);
}
