//! A real S3-compatible server for tests, on loopback, over a directory of its own, gone when dropped; and before it a proxy
//! that does to requests what networks do.
//!
//! The server is where PANORAMA_S3 says; `./test` builds it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    dead_code,
    reason = "this is a test's, and not every test that shares this file needs all of it"
)]

use super::port::free_port;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const BUCKET: &str = "tables";
/// How long the server may take to answer: machines that run tests are busy.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a client of [`Server::options`] waits for an answer.
pub(crate) const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);

/// A running server with one empty bucket.
pub(crate) struct Server {
    dir: PathBuf,
    port: u16,
    process: Child,
}

impl Server {
    /// Starts a server; none where there is no program for it. On CI that is a failure.
    pub(crate) fn start() -> Option<Self> {
        Self::asking(&["--access-key", "test-key", "--secret-key", "test-secret"])
    }

    /// One that answers whoever asks.
    pub(crate) fn open_to_all() -> Option<Self> {
        Self::asking(&[])
    }

    fn asking(credentials: &[&str]) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let asked = std::env::var_os("PANORAMA_S3").map(PathBuf::from);
        let program = asked
            .map(|dir| dir.join("bin/s3s-fs"))
            .filter(|program| program.is_file());
        let Some(program) = program else {
            let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!ci, "PANORAMA_S3 names no directory with an S3-compatible server");
            println!("skipped: PANORAMA_S3 names no directory that tests/s3/fetch has filled");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("panorama-object-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(dir.join(BUCKET)).unwrap();
        let port = free_port();
        let process = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(credentials)
            .arg(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { dir, port, process };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < START_MAX, "the S3 server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Where tables are kept in it.
    pub(crate) fn location(&self) -> String {
        format!("s3://{BUCKET}/run")
    }

    /// The files behind [`Server::location`].
    pub(crate) fn files(&self) -> PathBuf {
        self.dir.join(BUCKET).join("run")
    }

    /// How a client reaches it, or the proxy at `port` before it.
    pub(crate) fn options(&self, port: Option<u16>) -> HashMap<String, String> {
        let endpoint = format!("http://127.0.0.1:{}", port.unwrap_or(self.port));
        [
            ("aws_endpoint", endpoint.as_str()),
            ("aws_region", "us-east-1"),
            ("aws_access_key_id", "test-key"),
            ("aws_secret_access_key", "test-secret"),
            ("timeout", &format!("{}s", CLIENT_TIMEOUT.as_secs())),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap_or_default();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.dir).unwrap_or_default();
    }
}

/// What happens to a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never arrives.
    RequestLost,
    /// It arrives and is done, and the answer never comes.
    ResponseLost,
    /// The server is too busy for it.
    Unavailable,
    /// It arrives long after the client gave up waiting.
    Late,
}

/// Passes requests on, and does something to one in `one_in` of them.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
}

struct State {
    server: u16,
    one_in: AtomicU64,
    /// How many requests from now the one is whose answer is lost; none is at zero.
    losing: AtomicU64,
    chance: Mutex<u64>,
    done: [AtomicU64; 4],
    under_way: AtomicU64,
    /// The server looks whether an object is there and then writes it: two that want to make the same one must not meet.
    writing: Mutex<()>,
}

impl Proxy {
    pub(crate) fn before(server: &Server, one_in: u64, seed: u64) -> Self {
        Self::before_port(server.port, one_in, seed)
    }

    /// Before another kind of store.
    pub(crate) fn before_port(server: u16, one_in: u64, seed: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            server,
            one_in: AtomicU64::new(one_in),
            losing: AtomicU64::new(0),
            chance: Mutex::new(seed),
            done: Default::default(),
            under_way: AtomicU64::new(0),
            writing: Mutex::new(()),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                state.under_way.fetch_add(1, Ordering::AcqRel);
                std::thread::spawn(move || {
                    state.pass_on(client).unwrap_or_default();
                    state.under_way.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        Self { port, state }
    }

    /// The answer of the `nth` request from now is lost.
    pub(crate) fn lose_answer(&self, nth: u64) {
        self.state.losing.store(nth, Ordering::Relaxed);
    }

    /// From now on nothing happens to requests. Waits for those that are still under way, late ones among them.
    pub(crate) fn be_kind(&self) {
        self.state.one_in.store(0, Ordering::Relaxed);
        let began = Instant::now();
        while self.state.under_way.load(Ordering::Acquire) > 0 {
            assert!(began.elapsed() < START_MAX, "a request is under way for ever");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How often each fault happened.
    pub(crate) fn faults(&self) -> [(Fault, u64); 4] {
        let all = [
            Fault::RequestLost,
            Fault::ResponseLost,
            Fault::Unavailable,
            Fault::Late,
        ];
        all.map(|fault| (fault, self.state.done[fault as usize].load(Ordering::Relaxed)))
    }
}

impl State {
    fn fault(&self) -> Option<Fault> {
        let counted = |left: u64| left.checked_sub(1);
        if self
            .losing
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted)
            == Ok(1)
        {
            self.done[Fault::ResponseLost as usize].fetch_add(1, Ordering::Relaxed);
            return Some(Fault::ResponseLost);
        }
        let one_in = self.one_in.load(Ordering::Relaxed);
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        *chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let drawn = *chance >> 33;
        if one_in == 0 || !drawn.is_multiple_of(one_in) {
            return None;
        }
        // Those that cost the client's whole patience are rarer, or a run would be one long wait.
        let fault = match (drawn / one_in) % 16 {
            0 => Fault::Late,
            n if n.is_multiple_of(3) => Fault::RequestLost,
            n if n % 3 == 1 => Fault::ResponseLost,
            _ => Fault::Unavailable,
        };
        self.done[fault as usize].fetch_add(1, Ordering::Relaxed);
        Some(fault)
    }

    /// One request of a connection, which ends with it.
    fn pass_on(&self, mut client: TcpStream) -> io::Result<()> {
        let request = read_request(&mut client)?;
        let fault = self.fault();
        match fault {
            Some(Fault::RequestLost) => return client.shutdown(Shutdown::Both),
            Some(Fault::Unavailable) => {
                let busy =
                    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                return client.write_all(busy.as_bytes());
            }
            Some(Fault::Late) => std::thread::sleep(CLIENT_TIMEOUT + Duration::from_millis(500)),
            Some(Fault::ResponseLost) | None => {}
        }
        let _writing = request
            .starts_with(b"PUT")
            .then(|| self.writing.lock().unwrap_or_else(PoisonError::into_inner));
        let mut server = TcpStream::connect(("127.0.0.1", self.server))?;
        server.write_all(&request)?;
        let mut response = Vec::new();
        server.read_to_end(&mut response)?;
        if fault == Some(Fault::ResponseLost) {
            return client.shutdown(Shutdown::Both);
        }
        client.write_all(&response)
    }
}

/// Reads one request, and asks that the connection end with it.
pub(crate) fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut piece = [0; 16 << 10];
    let head = loop {
        let read = client.read(&mut piece)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&piece[..read]);
        if let Some(at) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse::<usize>().unwrap());
    while request.len() < head + 4 + length {
        let read = client.read(&mut piece)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&piece[..read]);
    }
    request.splice(head..head, b"\r\nconnection: close".iter().copied());
    Ok(request)
}

/// The names of files below a directory, from there on.
pub(crate) fn files_below(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                dirs.push(entry.path());
            } else if let Ok(path) = entry.path().strip_prefix(dir) {
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    found
}
