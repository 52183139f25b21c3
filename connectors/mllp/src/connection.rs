//! One connection: read frames, append them, answer them - in this order, always (INV-3).

use crate::budget::{Budget, Share};
use crate::frame::{FrameReader, Unit, encode_frame};
use crate::{Acknowledge, Admission, MllpParams, Outcome};
use bytes::{BufMut, Bytes, BytesMut};
use panorama_api::{Appended, ErrorClass, NewMessage, SourceContext};
use panorama_model::Headers;
use std::future::ready;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

/// The read that waits for bytes.
const READ_BYTES_MIN: usize = 16 << 10;
/// Bytes read before what is complete among them is stored, where they have come already. More makes the first answers
/// of a burst wait; fewer makes more, smaller appends.
const READ_BYTES_MAX: usize = 1 << 20;
/// Bytes each connection may hold outside the shared budget, so that small messages get through whatever the others do.
const FREE_BYTES: usize = 64 << 10;
/// How long the byte after an end block may take before the frame counts as complete without it.
const TERMINATOR_TIMEOUT: Duration = Duration::from_millis(100);

/// What the connections of one listener share.
pub(crate) struct Shared {
    pub(crate) params: MllpParams,
    pub(crate) acknowledge: Arc<dyn Acknowledge>,
    pub(crate) context: SourceContext,
    pub(crate) budget: Budget,
    pub(crate) buffer_name: String,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The sender closed it.
    Closed,
    /// We are stopping.
    Stopped,
    /// It sent nothing for too long.
    Idle,
    /// Its message took too long.
    Slow,
}

/// What the next wait was for, and how it ended.
enum Event {
    Read,
    End,
    Stop,
    Timeout,
}

/// Serves a connection to its end.
pub(crate) async fn serve<S>(
    shared: &Shared,
    peer: IpAddr,
    headers: Arc<Headers>,
    mut stream: S,
) -> io::Result<Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection {
        shared,
        sender: number_of(peer),
        headers,
        reader: FrameReader::new(usize::try_from(shared.params.frame_bytes_max.0).unwrap_or(usize::MAX)),
        share: shared.budget.share(),
        quiet_since: Instant::now(),
        frame_since: None,
        has_sent: false,
    };
    let ending = connection.serve(&mut stream).await;
    let junk = connection.reader.take_skipped_bytes();
    if junk > 0 {
        warn!(source = %shared.context.source, bytes = junk, "skipped bytes between MLLP frames");
    }
    if connection.reader.is_inside() {
        debug!(source = %shared.context.source, "connection ended inside a frame, which was not acknowledged");
    }
    ending
}

/// The low bits of an address, in which neighbours differ.
fn number_of(peer: IpAddr) -> u64 {
    let octets = match peer.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let [.., a, b, c, d] = octets;
    u32::from_be_bytes([a, b, c, d]).into()
}

struct Connection<'a> {
    shared: &'a Shared,
    /// Stands for the peer: its messages go to one partition, so that copies are known when it connects again.
    sender: u64,
    headers: Arc<Headers>,
    reader: FrameReader,
    share: Share,
    /// When the last frame ended.
    quiet_since: Instant,
    /// When the frame being read began.
    frame_since: Option<Instant>,
    has_sent: bool,
}

impl Connection<'_> {
    async fn serve<S>(&mut self, stream: &mut S) -> io::Result<Ending>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let event = self.wait(stream).await?;
            let awaits_terminator = self.reader.awaits_terminator();
            let ending = match event {
                Event::Read => None,
                Event::Timeout if awaits_terminator => None,
                Event::End => Some(Ending::Closed),
                Event::Stop => Some(Ending::Stopped),
                Event::Timeout if self.reader.is_inside() => Some(Ending::Slow),
                Event::Timeout => Some(Ending::Idle),
            };
            let mut units = Vec::new();
            while let Some(unit) = self.reader.next_unit() {
                units.push(unit);
            }
            if !matches!(event, Event::Read) && awaits_terminator {
                units.extend(self.reader.finish());
            }
            self.note_progress(!units.is_empty());
            if !units.is_empty() {
                let answers = self.store(units).await;
                self.send(stream, answers).await?;
            }
            self.give_back();
            if let Some(ending) = ending {
                // The peer may be gone already; all that it was owed has been sent.
                drop(timeout(self.shared.params.frame_timeout.0, stream.shutdown()).await);
                return Ok(ending);
            }
        }
    }

    /// Waits for bytes, the end, a request to stop, or the end of patience.
    async fn wait<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Event> {
        let mut shutdown = self.shared.context.shutdown.clone();
        let asked = Instant::now();
        tokio::select! {
            biased;
            () = shutdown.requested() => return Ok(Event::Stop),
            () = self.room() => {}
        }
        // The sender is not to blame for the time others took.
        let waited = asked.elapsed();
        self.quiet_since += waited;
        self.frame_since = self.frame_since.map(|since| since + waited);
        let params = &self.shared.params;
        let deadline = match self.frame_since {
            _ if self.reader.awaits_terminator() => Instant::now() + TERMINATOR_TIMEOUT,
            Some(since) => since + params.frame_timeout.0,
            None if self.has_sent => self.quiet_since + params.idle_timeout.0,
            None => self.quiet_since + params.first_frame_timeout.0,
        };
        tokio::select! {
            biased;
            () = shutdown.requested() => Ok(Event::Stop),
            read = timeout_at(deadline, self.read(stream)) => match read {
                Err(_) => Ok(Event::Timeout),
                Ok(Err(e)) => Err(e),
                Ok(Ok(0)) => Ok(Event::End),
                Ok(Ok(_)) => Ok(Event::Read),
            },
        }
    }

    /// Waits for room for the next read. What is held while nothing comes is the message begun, and never more.
    async fn room(&mut self) {
        let held = self.reader.buffered_bytes() + READ_BYTES_MIN;
        self.share.grow_to(held.saturating_sub(FREE_BYTES)).await;
    }

    /// Waits for bytes, then takes what else has come, so that a burst becomes one append. Cancel-safe.
    async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<usize> {
        let buffer = self.reader.buffer_mut();
        buffer.reserve(READ_BYTES_MIN);
        let mut total = stream.read_buf(&mut buffer.limit(READ_BYTES_MIN)).await?;
        let mut size = READ_BYTES_MIN;
        let mut full = total == size;
        while full && total < READ_BYTES_MAX {
            size = (size * 2).min(READ_BYTES_MAX - total);
            let held = self.reader.buffered_bytes() + size;
            if !self.share.try_grow_to(held.saturating_sub(FREE_BYTES)) {
                break;
            }
            let buffer = self.reader.buffer_mut();
            buffer.reserve(size);
            let mut room = buffer.limit(size);
            let count = tokio::select! {
                biased;
                // The end, or an error, comes again with the next read.
                read = stream.read_buf(&mut room) => read.unwrap_or(0),
                () = ready(()) => 0,
            };
            total += count;
            full = count == size;
        }
        Ok(total)
    }

    fn note_progress(&mut self, has_units: bool) {
        let now = Instant::now();
        if has_units {
            self.quiet_since = now;
            self.has_sent = true;
            self.frame_since = None;
        }
        if self.reader.is_inside() {
            self.frame_since.get_or_insert(now);
        } else {
            self.frame_since = None;
        }
    }

    /// Gives back what is no longer held.
    fn give_back(&mut self) {
        let held = self.reader.buffered_bytes();
        self.share.shrink_to(held.saturating_sub(FREE_BYTES));
        let buffer = self.reader.buffer_mut();
        if held == 0 && buffer.capacity() > FREE_BYTES {
            *buffer = BytesMut::new();
        }
        let all = self.shared.budget.held_bytes();
        self.shared
            .context
            .observer
            .buffered(&self.shared.buffer_name, all);
    }

    /// Appends the frames in one call, and makes the answers, in order.
    async fn store(&self, units: Vec<Unit>) -> Answers {
        let context = &self.shared.context;
        let (received_at, since) = ((context.now)(), Instant::now());
        let mut admissions = Vec::with_capacity(units.len());
        let mut messages = Vec::with_capacity(units.len());
        for unit in &units {
            if let Unit::Frame(content) = unit {
                let admission = self.shared.acknowledge.admit(content);
                messages.push(NewMessage {
                    received_at,
                    payload: content.clone(),
                    headers: self.headers.clone(),
                    dedupe: admission.dedupe.filter(|_| self.shared.params.dedupe),
                });
                admissions.push(admission);
            }
        }
        context.observer.received(&context.source, units.len() as u64);
        let appended = self.append(messages).await;
        let mut fates = admissions.iter().zip(appended);
        let mut answers = Answers {
            bytes: Vec::new(),
            codes: Vec::new(),
            since,
        };
        for unit in &units {
            let (head, outcome): (&Bytes, _) = match unit {
                Unit::TooLarge { head, bytes } => {
                    warn!(source = %context.source, bytes, "refused a message beyond frame_bytes_max");
                    (head, Outcome::TooLarge)
                }
                Unit::Frame(content) => (
                    content,
                    fates.next().map_or(NOT_STORED, |(a, f)| outcome_of(*a, f)),
                ),
            };
            if outcome == Outcome::Duplicate {
                context.observer.duplicate(&context.source);
            }
            for answer in self.shared.acknowledge.answer(head, outcome, (context.now)()) {
                encode_frame(&answer.frame, &mut answers.bytes);
                answers.codes.push(answer.code);
            }
        }
        answers
    }

    /// What became of each message; nothing is said of any if the append failed.
    async fn append(&self, messages: Vec<NewMessage>) -> Vec<Appended> {
        if messages.is_empty() {
            return Vec::new();
        }
        let context = &self.shared.context;
        let Some(partition) = context.place(self.sender).await else {
            warn!(source = %context.source, "messages could not be stored: no partition is this process's at the moment");
            context.observer.failed("mllp", ErrorClass::Retry);
            return Vec::new();
        };
        match context
            .bus
            .append(&context.topic, partition, messages, None)
            .await
        {
            Ok(appended) => appended,
            Err(e) => {
                warn!(source = %context.source, error = %e, cause = %e.cause, "messages could not be stored");
                context.observer.failed("mllp", e.class());
                Vec::new()
            }
        }
    }

    async fn send<S: AsyncWrite + Unpin>(&self, stream: &mut S, answers: Answers) -> io::Result<()> {
        let sent = timeout(self.shared.params.frame_timeout.0, async {
            stream.write_all(&answers.bytes).await?;
            stream.flush().await
        });
        sent.await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let context = &self.shared.context;
        for code in answers.codes {
            context
                .observer
                .acknowledged(&context.source, code, answers.since.elapsed());
        }
        Ok(())
    }
}

/// Answers to a batch of frames.
struct Answers {
    bytes: Vec<u8>,
    codes: Vec<&'static str>,
    /// When the frames were received.
    since: Instant,
}

const NOT_STORED: Outcome = Outcome::NotStored("storage_unavailable");

fn outcome_of(admission: Admission, appended: Appended) -> Outcome {
    match appended {
        _ if admission.unreadable => Outcome::Unreadable,
        Appended::At(_) => Outcome::Stored,
        Appended::DuplicateOf(_) => Outcome::Duplicate,
    }
}
