//! Ports for the servers that tests start.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where they begin, and how many there are: below those the system gives to clients. A server that is away for a while
/// must find its port as it left it, and a client that tries to reach it meanwhile must not be given that port.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;
/// How far apart those of one process and the next begin.
const APART: u32 = 499;

/// A port that nobody listens on, and that no other test of this process is given.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = (std::process::id() % COUNT) * APART;
    loop {
        let next = first + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(FIRST + next % COUNT).unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
