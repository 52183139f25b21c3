//! The network between a broker and its clients, for tests: a proxy on loopback through which packets pass, pass slowly, or
//! do not pass.

use crate::broker::Broker;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::time::Duration;

/// What becomes of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They pass.
    Fine,
    /// Each piece comes late.
    Slow,
    /// They are lost, and sent again, as TCP does it: they come when the network is whole. Connections stay open.
    Cut,
}

/// How late each piece comes on a slow network.
const DELAY: Duration = Duration::from_millis(150);
/// How often it is looked whether a network is whole again.
const POLL: Duration = Duration::from_millis(10);
/// Bytes that pass at once.
const PIECE: usize = 16 << 10;

/// A proxy before a broker.
pub(crate) struct Network {
    port: u16,
    state: Arc<State>,
}

struct State {
    to: AtomicU16,
    weather: AtomicU8,
    is_gone: AtomicBool,
}

impl Network {
    /// A network that leads nowhere yet.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            to: AtomicU16::new(0),
            weather: AtomicU8::new(Weather::Fine as u8),
            is_gone: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.connect(client));
            }
        });
        Self { port, state }
    }

    /// Starts a broker that tells its clients to come over this network.
    pub(crate) fn broker(&self) -> Option<Broker> {
        let broker = Broker::start(&format!(
            "listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,CONTROLLER://127.0.0.1:CONTROLLER_PORT,NETWORK://127.0.0.1:OTHER_PORT\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,NETWORK://{}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,NETWORK:PLAINTEXT\n\
             inter.broker.listener.name=PLAINTEXT",
            self.address()
        ))?;
        self.state.to.store(broker.other_port(), Ordering::Release);
        Some(broker)
    }

    /// Where a client finds the broker.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on it is so.
    pub(crate) fn becomes(&self, weather: Weather) {
        self.state.weather.store(weather as u8, Ordering::Release);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.state.is_gone.store(true, Ordering::Release);
    }
}

impl State {
    fn is(&self, weather: Weather) -> bool {
        self.weather.load(Ordering::Acquire) == weather as u8
    }

    /// Carries what a client and the broker say to each other. A broker that is away refuses, as its machine would.
    fn connect(self: Arc<Self>, client: TcpStream) {
        self.wait();
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.to.load(Ordering::Acquire))) else {
            return;
        };
        // Whoever speaks through it decides what goes together.
        for side in [&client, &server] {
            side.set_nodelay(true).unwrap();
        }
        let (from_client, to_client) = (client.try_clone().unwrap(), client);
        let (from_server, to_server) = (server.try_clone().unwrap(), server);
        let state = Arc::clone(&self);
        std::thread::spawn(move || state.carry(from_client, to_server));
        self.carry(from_server, to_client);
    }

    /// Carries one direction to its end, and tells the other side of it.
    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; PIECE];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            self.wait();
            if self.is(Weather::Slow) {
                std::thread::sleep(DELAY);
            }
            if to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        self.wait();
        for side in [from, to] {
            // It may be closed already.
            side.shutdown(Shutdown::Both).unwrap_or_default();
        }
    }

    /// Waits until packets pass.
    fn wait(&self) {
        while self.is(Weather::Cut) && !self.is_gone.load(Ordering::Acquire) {
            std::thread::sleep(POLL);
        }
    }
}
