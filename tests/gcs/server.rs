//! A stand-in for Google's cloud storage, for tests. No emulator that can be had takes puts in the XML API, which is what the
//! client speaks; that API is S3's but for the names of headers (Cloud Storage XML API: `x-goog-if-generation-match`,
//! `x-goog-copy-source`, `x-goog-generation`). So a real S3-compatible server answers, behind this, which renames them. It
//! tells whether our settings, locations and commits work with that client; not what Google's own service does.

use crate::server::{CLIENT_TIMEOUT, Server, read_request};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Headers of a request, and what they are called by the server behind.
const REQUEST: [(&str, &str); 2] = [
    ("x-goog-if-generation-match: 0", "if-none-match: *"),
    ("x-goog-copy-source:", "x-amz-copy-source:"),
];

/// Of an account that needs no token.
const ACCOUNT: &str =
    r#"{"private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": true}"#;

/// One that renames headers on the way to a server and back.
pub(crate) struct Google {
    pub(crate) port: u16,
    conditional: Arc<AtomicU64>,
}

impl Google {
    pub(crate) fn before(server: &Server) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let behind = server.port();
        let conditional = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&conditional);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                // A client that is gone, or a server, is what tests of both are about.
                std::thread::spawn(move || carry(client, behind, &counted).unwrap_or_default());
            }
        });
        Self { port, conditional }
    }

    /// How many puts asked that nothing be there.
    pub(crate) fn conditional_puts(&self) -> u64 {
        self.conditional.load(Ordering::Relaxed)
    }

    /// Where tables are kept in it.
    pub(crate) fn location() -> String {
        "gs://tables/run".to_owned()
    }

    /// How a client reaches it, at its own port or at that of a proxy before it, by the key of an account in a directory.
    pub(crate) fn options(port: u16, dir: &Path) -> HashMap<String, String> {
        let account = dir.join("account.json");
        std::fs::write(&account, ACCOUNT).expect("a key");
        [
            ("google_base_url", format!("http://127.0.0.1:{port}")),
            ("google_service_account", account.display().to_string()),
            ("timeout", format!("{}s", CLIENT_TIMEOUT.as_secs())),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

/// One request of a connection, which ends with it.
fn carry(mut client: TcpStream, behind: u16, conditional: &AtomicU64) -> io::Result<()> {
    let request = read_request(&mut client)?;
    let (mut head, body) = parts(&request);
    conditional.fetch_add(u64::from(head.contains(REQUEST[0].0)), Ordering::Relaxed);
    for (google, other) in REQUEST {
        head = head.replace(google, other);
    }
    // Of no account of the server's.
    let known = |line: &&str| !line.starts_with("authorization:");
    head = head.split_inclusive('\n').filter(known).collect();
    let mut server = TcpStream::connect(("127.0.0.1", behind))?;
    server.write_all(head.as_bytes())?;
    server.write_all(body)?;
    let mut response = Vec::new();
    server.read_to_end(&mut response)?;
    let (head, body) = parts(&response);
    client.write_all(head.trim_end().as_bytes())?;
    client.write_all(b"\r\nx-goog-generation: 1\r\n\r\n")?;
    client.write_all(body)
}

/// The head of a message with the empty line behind it, and what follows.
fn parts(message: &[u8]) -> (String, &[u8]) {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = message.split_at(end.map_or(message.len(), |at| at + 4));
    (String::from_utf8_lossy(head).into_owned(), body)
}
