//! Azurite, the emulator of Azure's blob storage, for tests: on loopback, over a directory of its own, gone when dropped.
//!
//! It is where PANORAMA_AZURITE says; `./test` installs it where there is Node.js.

use crate::port::free_port;
use crate::server::CLIENT_TIMEOUT;
use std::collections::HashMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ACCOUNT: &str = "tests";
/// The account's key, base64.
const KEY: &str = "bm8gc2VjcmV0";
const CONTAINER: &str = "tables";
/// How long it may take to answer: machines that run tests are busy.
const START_MAX: Duration = Duration::from_secs(60);

/// A running emulator with one empty container.
pub(crate) struct Azurite {
    dir: PathBuf,
    port: u16,
    process: Child,
}

impl Azurite {
    /// Starts it; none where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let asked = std::env::var_os("PANORAMA_AZURITE").map(PathBuf::from);
        let program = asked
            .map(|dir| dir.join("node_modules/.bin/azurite-blob"))
            .filter(|program| program.is_file());
        let Some(program) = program else {
            println!("skipped: PANORAMA_AZURITE names no directory that tests/azure/fetch has filled");
            return None;
        };
        let dir = std::env::temp_dir().join(format!("panorama-azurite-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let port = free_port();
        let process = Command::new(program)
            .args(["--silent", "--skipApiVersionCheck", "--blobHost", "127.0.0.1"])
            .args(["--blobPort", &port.to_string(), "--location"])
            .arg(&dir)
            .env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{KEY}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let azurite = Self { dir, port, process };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < START_MAX, "Azurite does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/azure/make-container.mjs");
        let made = Command::new("node")
            .arg(script)
            .args([&port.to_string(), ACCOUNT, KEY, CONTAINER])
            .output()
            .expect("node runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(azurite)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Where tables are kept in it.
    pub(crate) fn location() -> String {
        format!("az://{CONTAINER}/run")
    }

    /// How a client reaches it, at its own port or at that of a proxy before it.
    pub(crate) fn options(port: u16) -> HashMap<String, String> {
        [
            ("azure_storage_account_name", ACCOUNT),
            ("azure_storage_account_key", KEY),
            ("azure_endpoint", &format!("http://127.0.0.1:{port}/{ACCOUNT}")),
            ("timeout", &format!("{}s", CLIENT_TIMEOUT.as_secs())),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.process.kill().unwrap_or_default();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.dir).unwrap_or_default();
    }
}
