//! Every positive answer follows a sync, by the system calls: a kill alone cannot show it, since the page cache outlives
//! the process.

use super::sender::{Board, Sender};
use super::service::Place;
use super::workload::Workload;
use super::{CONNECTIONS, answers, number};
use std::collections::HashMap;
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Messages of the traced run: what a trace of a hundred megabytes holds is enough (R01).
const MESSAGES_MAX: u64 = 20_000;

#[test]
fn every_positive_answer_follows_a_sync_of_its_message() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: no strace");
        return;
    }
    let messages = number("PANORAMA_TORTURE_MESSAGES", 2_000).min(MESSAGES_MAX);
    let place = Place::new("syscalls");
    let trace = place.path("trace");
    run_traced(&place, &trace.display().to_string(), messages);
    let text = String::from_utf8_lossy(&std::fs::read(trace).expect("the trace")).into_owned();
    let counts = read_trace(&text);
    println!("syscalls {counts:?}");
    assert!(
        counts.unsynced.is_empty(),
        "answered before it was durable: {:?}",
        counts.unsynced
    );
    assert!(counts.answers >= messages, "{counts:?}");
}

fn run_traced(place: &Place, trace: &str, messages: u64) {
    let board = Board::default();
    board.generation.store(1, SeqCst);
    board.enough.store(true, SeqCst);
    let calls = "trace=recvfrom,read,sendto,write,writev,pwrite64,fdatasync,fsync";
    let mut service = place.start(&["strace", "-f", "-s", "1048576", "-e", calls, "-o", trace]);
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let sender = Sender {
                workload: Workload {
                    seed: 7,
                    patients: 50,
                },
                board: &board,
                connection,
                address: place.mllp[connection as usize % place.mllp.len()],
                share: messages / u64::from(CONNECTIONS),
            };
            scope.spawn(move || sender.run());
        }
        answers(place, &mut service, &board);
    });
    // strace hands no signal on: its child is asked itself.
    let children = format!("/proc/{0}/task/{0}/children", service.id());
    for child in std::fs::read_to_string(children)
        .expect("children")
        .split_whitespace()
    {
        Command::new("kill")
            .args(["-TERM", child])
            .status()
            .expect("kill runs");
    }
    assert!(
        service.ends_well(Duration::from_secs(30)),
        "the traced program ends well"
    );
}

/// What the trace says.
#[derive(Debug, Default)]
struct Counts {
    answers: u64,
    syncs: u64,
    /// Control ids of answers that no sync stands before.
    unsynced: Vec<String>,
}

/// A call that was begun on one line and ends on another.
struct Begun {
    line: usize,
    name: String,
    descriptor: u32,
}

/// The order of calls, as far as read.
#[derive(Default)]
struct Order {
    /// Thread -> its call under way.
    begun: HashMap<u32, Begun>,
    /// Descriptor -> lines on which a write to it ended.
    written: HashMap<u32, Vec<usize>>,
    /// Syncs that succeeded: lines of the last write before they began, and of their end.
    synced: Vec<(usize, usize)>,
    /// Descriptor -> text received and not yet taken apart.
    received: HashMap<u32, String>,
    /// Control id -> line on which its message was there whole.
    whole: HashMap<String, usize>,
}

fn read_trace(text: &str) -> Counts {
    let (mut order, mut counts) = (Order::default(), Counts::default());
    for (line, call) in text.lines().enumerate() {
        let Some((thread, call)) = call.split_once(' ') else {
            continue;
        };
        let (thread, call) = (thread.parse().unwrap_or(0), call.trim_start());
        let is_unfinished = call.ends_with("<unfinished ...>");
        let begun = if call.starts_with("<... ") {
            order.begun.remove(&thread)
        } else {
            begin(line, call)
        };
        let Some(begun) = begun else {
            continue;
        };
        // What is sent stands on the line on which sending begins.
        if begun.line == line && matches!(begun.name.as_str(), "sendto" | "write" | "writev") {
            answered(&order, line, call, &mut counts);
        }
        if is_unfinished {
            order.begun.insert(thread, begun);
        } else {
            order.end(line, &begun, call, &mut counts);
        }
    }
    counts
}

fn begin(line: usize, call: &str) -> Option<Begun> {
    let (name, rest) = call.split_once('(')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some(Begun {
        line,
        name: name.to_owned(),
        descriptor: rest[..digits].parse().ok()?,
    })
}

impl Order {
    fn end(&mut self, line: usize, begun: &Begun, call: &str, counts: &mut Counts) {
        let result = call.rsplit_once(" = ").map_or("", |(_, result)| result);
        match begun.name.as_str() {
            "write" | "writev" | "pwrite64" => self.written.entry(begun.descriptor).or_default().push(line),
            "fdatasync" | "fsync" if result == "0" => {
                let writes = self.written.get(&begun.descriptor).into_iter().flatten();
                if let Some(write) = writes.rev().find(|write| **write < begun.line) {
                    self.synced.push((*write, line));
                    counts.syncs += 1;
                }
            }
            "recvfrom" | "read" => self.receive(line, begun.descriptor, call),
            _ => {}
        }
    }

    fn receive(&mut self, line: usize, descriptor: u32, call: &str) {
        let content = call.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
        let received = self.received.entry(descriptor).or_default();
        received.push_str(content.map_or("", |(content, _)| content));
        while let Some(end) = received.find("\\34\\r") {
            if let Some(control_id) = received[..end]
                .find("MSH|")
                .and_then(|at| received[at..end].split('|').nth(9))
            {
                self.whole.entry(control_id.to_owned()).or_insert(line);
            }
            received.drain(..end + 5);
        }
    }
}

/// Looks at each positive answer on a line: a sync that succeeded by now must have begun after a write that ended after
/// the message was there.
fn answered(order: &Order, line: usize, call: &str, counts: &mut Counts) {
    for code in ["MSA|AA|", "MSA|CA|"] {
        for (at, _) in call.match_indices(code) {
            let rest = &call[at + code.len()..];
            let end = rest.find(['|', '\\']).unwrap_or(rest.len());
            let control_id = &rest[..end];
            counts.answers += 1;
            let whole = order.whole.get(control_id);
            let covers =
                |(write, end): &&(usize, usize)| whole.is_some_and(|whole| whole < write) && *end < line;
            if order.synced.iter().rev().find(covers).is_none() {
                counts.unsynced.push(control_id.to_owned());
            }
        }
    }
}

#[test]
fn the_reader_of_traces_tells_the_two_orders() {
    let message =
        "1 recvfrom(9, \"\\vMSH|^~\\\\&|a|b|c|d|e||ADT|0-1|P\\r\\34\\r\", 8192, 0, NULL, NULL) = 40\n";
    let write = "2 write(5, \"x\", 1) = 1\n";
    let sync = "2 fdatasync(5 <unfinished ...>\n2 <... fdatasync resumed>) = 0\n";
    let answer = "1 sendto(9, \"\\vMSH|^~\\\\&|\\rMSA|AA|0-1\\r\\34\\r\", 20, MSG_NOSIGNAL, NULL, 0) = 20\n";
    let check = |parts: &[&str], unsynced: usize| {
        let counts = read_trace(&parts.concat());
        assert_eq!(
            (counts.answers, counts.unsynced.len()),
            (1, unsynced),
            "{parts:?}"
        );
    };
    check(&[message, write, sync, answer], 0);
    check(&[message, write, answer, sync], 1);
    check(&[write, message, sync, answer], 1);
    check(&[message, sync, write, answer], 1);
    check(
        &[
            message,
            write,
            "2 fdatasync(5) = -1 EIO (Input/output error)\n",
            answer,
        ],
        1,
    );
}
