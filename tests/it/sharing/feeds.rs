//! What others send: into topics of theirs, and over MLLP to whoever answers.

use super::group::PARTITIONS;
use crate::broker::Broker;
use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a sender waits for an answer before it asks another process.
const PATIENCE: Duration = Duration::from_secs(3);
/// Rest of a sender, where there is nothing to send or nobody to send it to.
const REST: Duration = Duration::from_millis(20);

/// What others put into a topic, by and by.
pub(crate) struct Feed {
    producer: Child,
    lines: std::vec::IntoIter<String>,
}

impl Feed {
    pub(crate) fn begin(broker: &Broker, name: &str, prefix: &str, dir: &Path) -> Self {
        let topic = format!("{prefix}theirs.{name}");
        broker.make_topic(&topic, PARTITIONS.0);
        let mut files: Vec<PathBuf> = fs::read_dir(dir)
            .expect("a feed")
            .map(|file| file.expect("a file").path())
            .collect();
        files.sort();
        let lines: Vec<String> = files
            .iter()
            .flat_map(|file| {
                let text = fs::read_to_string(file).expect("a feed");
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .filter(|line| !line.is_empty())
            .collect();
        assert!(lines.iter().all(|line| !line.contains(['\t', '\r'])));
        Self {
            producer: broker.producer(&topic),
            lines: lines.into_iter(),
        }
    }

    /// Puts some messages there; how many there were.
    pub(crate) fn pour(&mut self, count: usize) -> u64 {
        let mut poured = 0;
        let mut text = String::new();
        for line in self.lines.by_ref().take(count) {
            poured += 1;
            text.push_str(&format!("{poured}\t{line}\n"));
        }
        let input = self.producer.stdin.as_mut().expect("its input");
        input.write_all(text.as_bytes()).expect("poured");
        input.flush().expect("poured");
        poured
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        drop(self.producer.stdin.take());
        self.producer.wait().map(drop).unwrap_or_default();
    }
}

/// A hospital that sends one message after the other, each until one of several processes has acknowledged it.
pub(crate) struct Hospital {
    messages: std::vec::IntoIter<Vec<u8>>,
    shared: Arc<Waiting>,
    sending: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Waiting {
    queue: Mutex<VecDeque<Vec<u8>>>,
    sent_again: AtomicU64,
    ends: AtomicBool,
}

impl Hospital {
    pub(crate) fn begin(messages: Vec<Vec<u8>>, to: Vec<SocketAddr>) -> Self {
        let shared = Arc::new(Waiting::default());
        let waiting = Arc::clone(&shared);
        Self {
            messages: messages.into_iter(),
            shared,
            sending: Some(std::thread::spawn(move || waiting.send_all(&to))),
        }
    }

    /// Gives the sender some messages; how many there were.
    pub(crate) fn pour(&mut self, count: usize) -> u64 {
        let some: Vec<_> = self.messages.by_ref().take(count).collect();
        let poured = some.len() as u64;
        self.shared.queue().extend(some);
        poured
    }

    /// How often a message was sent again.
    pub(crate) fn sent_again(&self) -> u64 {
        self.shared.sent_again.load(Ordering::Relaxed)
    }

    /// All that it was given is acknowledged.
    pub(crate) fn is_done(&self) -> bool {
        self.shared.queue().is_empty()
    }
}

impl Drop for Hospital {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(sending) = self.sending.take() {
            sending.join().unwrap_or_default();
        }
    }
}

impl Waiting {
    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_all(&self, to: &[SocketAddr]) {
        let mut turn = to.iter().cycle();
        while !self.ends.load(Ordering::Relaxed) {
            let Some(message) = self.queue().front().cloned() else {
                std::thread::sleep(REST);
                continue;
            };
            for address in turn.by_ref() {
                match send(*address, &message) {
                    Ok(true) => break,
                    _ if self.ends.load(Ordering::Relaxed) => return,
                    _ => std::thread::sleep(REST),
                }
                self.sent_again.fetch_add(1, Ordering::Relaxed);
            }
            self.queue().pop_front();
        }
    }
}

/// Whether a message is acknowledged. It may be stored though it is not.
fn send(address: SocketAddr, message: &[u8]) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[b"\x0b", message, b"\x1c\r"].concat())?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.ends_with(b"\x1c\r") {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&piece[..read]);
    }
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.contains("MSA|AA|") || answer.contains("MSA|CA|"))
}
