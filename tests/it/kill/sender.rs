//! A sender as hospitals have them: keeps what is not acknowledged, and sends it again on the next connection.

use super::workload::{Name, Workload, mix};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Messages sent ahead of their answers.
const WINDOW: usize = 32;
/// One of so many acknowledged messages is sent once more, as senders do that lost our answer.
const COPY_ONE_IN: u64 = 40;
/// No answer and no connection for this long is a failure of the program under test.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between messages that are sent only to have traffic until the last kill.
const IDLE_PACE: Duration = Duration::from_millis(3);

/// What senders and the killer tell each other.
#[derive(Default)]
pub(crate) struct Board {
    /// Messages acknowledged for the first time.
    pub(crate) acknowledged: AtomicU64,
    /// Which start of the program is running.
    pub(crate) generation: AtomicU64,
    /// The last start that answered a message.
    pub(crate) answered: AtomicU64,
    /// Senders may stop once they have sent their share.
    pub(crate) enough: AtomicBool,
    /// The run failed: stop at once.
    pub(crate) abandoned: AtomicBool,
}

/// What one sender did.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// Messages issued, each acknowledged: their sequences are all below this.
    pub(crate) issued: u64,
    /// Messages sent again after a lost connection, with the time of the first such sending in microseconds.
    pub(crate) resent: Vec<(Name, i64)>,
    /// Copies of acknowledged messages that were acknowledged too.
    pub(crate) copies: u64,
    pub(crate) connections: u64,
    /// Answers other than a positive one.
    pub(crate) refused: u64,
    /// Broken promises, in words.
    pub(crate) problems: Vec<String>,
}

struct Waiting {
    name: Name,
    is_copy: bool,
    sendings: u32,
}

/// One connection's worth of sending.
pub(crate) struct Sender<'a> {
    pub(crate) workload: Workload,
    pub(crate) board: &'a Board,
    pub(crate) connection: u32,
    pub(crate) address: SocketAddr,
    pub(crate) share: u64,
}

impl Sender<'_> {
    /// Sends its share, and more until the board says enough. Ends with everything acknowledged.
    pub(crate) fn run(&self) -> Sending {
        let mut did = Sending::default();
        let mut waiting = VecDeque::new();
        let mut lost_at = Instant::now();
        while !self.board.abandoned.load(SeqCst) {
            let generation = self.board.generation.load(SeqCst);
            if let Ok(stream) = TcpStream::connect(self.address) {
                did.connections += 1;
                if self.talk(stream, generation, &mut waiting, &mut did).is_ok() {
                    return did;
                }
                lost_at = Instant::now();
            } else if lost_at.elapsed() > PATIENCE {
                did.problems
                    .push(format!("stuck: connection {} found nobody", self.connection));
                return did;
            } else {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        did
    }

    fn talk(
        &self,
        mut stream: TcpStream,
        generation: u64,
        waiting: &mut VecDeque<Waiting>,
        did: &mut Sending,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut out = Vec::new();
        for message in waiting.iter_mut() {
            if message.sendings == 1 && !message.is_copy {
                did.resent.push((message.name, wall_microseconds()));
            }
            message.sendings += 1;
            put_frame(&mut out, &self.workload.message(message.name));
        }
        let mut received = Vec::new();
        loop {
            if self.board.abandoned.load(SeqCst) {
                return Ok(());
            }
            self.issue(waiting, did, &mut out);
            if waiting.is_empty() {
                return Ok(());
            }
            stream.write_all(&out)?;
            out.clear();
            let mut buffer = [0; 16 << 10];
            let count = stream.read(&mut buffer).inspect_err(|error| {
                if error.kind() == io::ErrorKind::WouldBlock {
                    did.problems
                        .push(format!("stuck: connection {} got no answer", self.connection));
                }
            })?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            received.extend_from_slice(&buffer[..count]);
            while let Some(end) = received.windows(2).position(|pair| pair == [0x1c, b'\r']) {
                let frame: Vec<u8> = received.drain(..end + 2).collect();
                self.board.answered.fetch_max(generation, SeqCst);
                self.take(&String::from_utf8_lossy(&frame), waiting, did)?;
            }
        }
    }

    fn issue(&self, waiting: &mut VecDeque<Waiting>, did: &mut Sending, out: &mut Vec<u8>) {
        for copy in waiting.iter_mut().filter(|message| message.sendings == 0) {
            copy.sendings = 1;
            put_frame(out, &self.workload.message(copy.name));
        }
        while waiting.len() < WINDOW {
            if did.issued >= self.share {
                if self.board.enough.load(SeqCst) {
                    return;
                }
                std::thread::sleep(IDLE_PACE);
                if !waiting.is_empty() {
                    return;
                }
            }
            let name = Name {
                connection: self.connection,
                sequence: did.issued,
            };
            did.issued += 1;
            put_frame(out, &self.workload.message(name));
            waiting.push_back(Waiting {
                name,
                is_copy: false,
                sendings: 1,
            });
        }
    }

    /// Takes one answer: it must be to the message that waits longest.
    fn take(&self, answer: &str, waiting: &mut VecDeque<Waiting>, did: &mut Sending) -> io::Result<()> {
        let msa = answer
            .split('\r')
            .find_map(|segment| segment.strip_prefix("MSA|"))
            .unwrap_or_default();
        let (code, control_id) = msa.split_once('|').unwrap_or_default();
        let control_id = control_id.split('|').next().unwrap_or_default();
        let expected = waiting
            .front()
            .map(|message| message.name.control_id())
            .unwrap_or_default();
        if control_id != expected {
            did.problems
                .push(format!("answered {control_id:?} while {expected:?} waits"));
            return Err(io::ErrorKind::InvalidData.into());
        }
        if code != "AA" && code != "CA" {
            did.refused += 1;
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some(message) = waiting.pop_front() else {
            return Ok(());
        };
        if message.is_copy {
            did.copies += 1;
            return Ok(());
        }
        self.board.acknowledged.fetch_add(1, SeqCst);
        let draw = mix(self.workload.seed ^ !message.name.value());
        if draw.is_multiple_of(COPY_ONE_IN) {
            // Sent with the next batch: behind what waits, as its answer will be.
            let sequence = (draw >> 32) % (message.name.sequence + 1);
            let name = Name {
                connection: self.connection,
                sequence,
            };
            waiting.push_back(Waiting {
                name,
                is_copy: true,
                sendings: 0,
            });
        }
        Ok(())
    }
}

fn put_frame(out: &mut Vec<u8>, message: &[u8]) {
    out.push(0x0b);
    out.extend_from_slice(message);
    out.extend_from_slice(b"\x1c\r");
}

/// The time messages are received at is on the same clock.
pub(crate) fn wall_microseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_micros()).expect("before 292277")
}
