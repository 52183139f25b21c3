//! The sending end: for demos, load and tests.

use crate::frame::{FrameReader, Unit, encode_frame};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How a client sends.
#[derive(Clone, Copy, Debug)]
pub struct ClientOptions {
    /// Frames sent and not yet answered, at most. 1 waits for each answer.
    pub window: usize,
    /// Answers to each frame: 2 in enhanced mode with both acknowledgements.
    pub answers_per_frame: usize,
    /// How long an answer or a connection may take.
    pub answer_timeout: Duration,
    /// Connections tried in a row without an answer in between, before it gives up.
    pub attempts_max: u32,
    /// The rest before the second attempt; it doubles with each further one.
    pub backoff: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            window: 1,
            answers_per_frame: 1,
            answer_timeout: Duration::from_secs(30),
            attempts_max: 8,
            backoff: Duration::from_millis(50),
        }
    }
}

/// What sending came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Frames answered.
    pub answered: u64,
    /// Frames sent again, since their connection ended before their answer.
    pub resent: u64,
    /// Connections opened.
    pub connections: u64,
}

/// An MLLP client. Frames that were not answered are sent again on a new connection: the receiver tells copies.
#[derive(Debug)]
pub struct MllpClient {
    address: SocketAddr,
    options: ClientOptions,
    stream: Option<(TcpStream, FrameReader)>,
}

/// The largest answer read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

struct Outstanding {
    index: u64,
    frame: Bytes,
    answers: usize,
}

impl MllpClient {
    /// A client of this address; connects when it first sends.
    pub fn new(address: SocketAddr, options: ClientOptions) -> Self {
        Self {
            address,
            options,
            stream: None,
        }
    }

    /// Sends one frame and returns its last answer.
    ///
    /// # Errors
    /// The last attempt's, where none was answered.
    pub async fn send(&mut self, frame: impl Into<Bytes>) -> io::Result<Bytes> {
        let mut last = Bytes::new();
        self.send_all([frame.into()], |_, answer| last = answer).await?;
        Ok(last)
    }

    /// Sends frames in order, up to `window` of them ahead of their answers; `on_answer` gets the frame's index with
    /// each answer, in order.
    ///
    /// # Errors
    /// The last attempt's, where too many in a row brought no answer. Frames answered until then have been reported.
    pub async fn send_all(
        &mut self,
        frames: impl IntoIterator<Item = Bytes>,
        mut on_answer: impl FnMut(u64, Bytes),
    ) -> io::Result<SendReport> {
        let mut frames = frames.into_iter().zip(0u64..).fuse();
        let mut outstanding: VecDeque<Outstanding> = VecDeque::new();
        let mut report = SendReport::default();
        let mut attempts = 0;
        loop {
            let answered = report.answered;
            let result = self
                .attempt(&mut frames, &mut outstanding, &mut report, &mut on_answer)
                .await;
            let Err(error) = result else {
                return Ok(report);
            };
            self.stream = None;
            attempts = if report.answered > answered {
                1
            } else {
                attempts + 1
            };
            if attempts >= self.options.attempts_max {
                return Err(error);
            }
            tokio::time::sleep(self.options.backoff * (1 << (attempts - 1).min(6))).await;
        }
    }

    async fn attempt(
        &mut self,
        frames: &mut impl Iterator<Item = (Bytes, u64)>,
        outstanding: &mut VecDeque<Outstanding>,
        report: &mut SendReport,
        on_answer: &mut impl FnMut(u64, Bytes),
    ) -> io::Result<()> {
        let options = self.options;
        let mut out = Vec::new();
        for again in outstanding.iter_mut() {
            again.answers = 0;
            encode_frame(&again.frame, &mut out);
            report.resent += 1;
        }
        let (stream, reader) = self.connected(report).await?;
        let (mut read_half, mut write_half) = stream.split();
        let mut written = 0;
        loop {
            while outstanding.len() < options.window.max(1) {
                let Some((frame, index)) = frames.next() else {
                    break;
                };
                encode_frame(&frame, &mut out);
                outstanding.push_back(Outstanding {
                    index,
                    frame,
                    answers: 0,
                });
            }
            if outstanding.is_empty() {
                return Ok(());
            }
            let unsent = out.get(written..).unwrap_or(&[]);
            let progress = async {
                tokio::select! {
                    read = read_half.read_buf(reader.buffer_mut()) => match read? {
                        0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                        _ => Ok(0),
                    },
                    sent = write_half.write(unsent), if !unsent.is_empty() => sent,
                }
            };
            written += timeout(options.answer_timeout, progress)
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            if written == out.len() {
                out.clear();
                written = 0;
            }
            while let Some(unit) = reader.next_unit() {
                let Unit::Frame(answer) = unit else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                let Some(first) = outstanding.front_mut() else {
                    continue;
                };
                first.answers += 1;
                on_answer(first.index, answer);
                if first.answers >= options.answers_per_frame {
                    outstanding.pop_front();
                    report.answered += 1;
                }
            }
        }
    }

    async fn connected(&mut self, report: &mut SendReport) -> io::Result<&mut (TcpStream, FrameReader)> {
        if self.stream.is_none() {
            let connect = timeout(self.options.answer_timeout, TcpStream::connect(self.address));
            let stream = connect
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            stream.set_nodelay(true)?;
            report.connections += 1;
            self.stream = Some((stream, FrameReader::new(ANSWER_BYTES_MAX)));
        }
        self.stream
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}
