//! The program under test as a process: started, asked, killed.

use crate::support::free_port;
use crate::support::{Scratch, said};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where one run lives, and what program runs in it.
pub(crate) struct Place {
    program: OsString,
    /// The bug planted in the program, if it has some.
    plant: Option<&'static str>,
    /// What is set otherwise than in the configuration.
    pub(crate) settings: Vec<String>,
    scratch: Scratch,
    pub(crate) mllp: Vec<SocketAddr>,
    pub(crate) http: SocketAddr,
}

/// The sources' ids; connections are dealt to them in turn.
pub(crate) const SOURCES: [&str; 2] = ["ward", "laboratory"];

impl Place {
    /// A place for the program as built with this test, or for the one that `PANORAMA_PROGRAM` names.
    pub(crate) fn new(name: &str) -> Self {
        let built = || crate::support::program().get_program().to_owned();
        let program = std::env::var_os("PANORAMA_PROGRAM").unwrap_or_else(built);
        Self::of(name, program, None)
    }

    /// A place for a program with a planted bug.
    pub(crate) fn of(name: &str, program: OsString, plant: Option<&'static str>) -> Self {
        let mut ports = Vec::new();
        for _ in 0..=SOURCES.len() {
            ports.push(free_port());
        }
        let address = |port: &u16| SocketAddr::from(([127, 0, 0, 1], *port));
        let mut addresses: Vec<SocketAddr> = ports.iter().map(address).collect();
        let place = Self {
            program,
            plant,
            settings: Vec::new(),
            scratch: Scratch::new(name),
            http: addresses.pop().expect("made above"),
            mllp: addresses,
        };
        place.write_config();
        place
    }

    /// The program, to be given its arguments; `before` is put in front of it, as `strace` is.
    fn program(&self, before: &[&str]) -> Command {
        let mut command = match before.split_first() {
            None => Command::new(&self.program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.program);
                command
            }
        };
        if let Some(plant) = self.plant {
            command.env("PANORAMA_PLANT", plant);
        }
        command
    }

    fn write_config(&self) {
        let mut sources = String::new();
        for (id, listen) in SOURCES.iter().zip(&self.mllp) {
            sources.push_str(&format!(
                "  - id: {id}\n    type: mllp\n    listen: {listen}\n    format: hl7v2\n    timezone: America/Chicago\n"
            ));
        }
        let text = format!(
            "name: torture\ndata_dir: {}\nsources:\n{sources}tables:\n  location: {}\n  commit_interval: 300ms\n\
             limits:\n  epoch_interval: 50ms\nhttp:\n  listen: {}\n",
            self.scratch.text("data"),
            self.tables(),
            self.http
        );
        std::fs::write(self.config(), text).expect("configuration written");
    }

    pub(crate) fn config(&self) -> String {
        self.scratch.text("panorama.yaml")
    }

    pub(crate) fn tables(&self) -> String {
        self.scratch.text("tables")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// What the program logged, over all its lives.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The end of that.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Starts the program, behind `before`.
    pub(crate) fn start(&self, before: &[&str]) -> Service {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .expect("log file");
        let settings = self.settings.iter().flat_map(|setting| ["--set", setting]);
        let child = self
            .program(before)
            .args(["-v", "run", "--config", &self.config()])
            .args(settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log file"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        Service {
            child,
            started: Instant::now(),
            http: self.http,
        }
    }

    /// Lets the program finish what is stored, with its listeners closed.
    pub(crate) fn drain(&self) {
        let settings = self.settings.iter().flat_map(|setting| ["--set", setting]);
        let output = self
            .program(&[])
            .args([
                "-v",
                "run",
                "--config",
                &self.config(),
                "--until-caught-up",
                "--json",
            ])
            .args(settings)
            .output()
            .expect("the program starts");
        let said = said(&output);
        assert!(
            output.status.success() && said.contains("\"caught_up\": true"),
            "drained: {said}"
        );
    }

    /// The newest version of a table, by the names in its log.
    pub(crate) fn version(&self, table: &str) -> Option<u64> {
        let names = std::fs::read_dir(self.path("tables").join(table).join("_delta_log")).ok()?;
        let version = |name: std::ffi::OsString| name.to_str()?.strip_suffix(".json")?.parse().ok();
        names
            .flatten()
            .filter_map(|entry| version(entry.file_name()))
            .max()
    }

    /// The log entry that makes a version.
    pub(crate) fn entry(&self, table: &str, version: u64) -> PathBuf {
        self.path("tables")
            .join(table)
            .join("_delta_log")
            .join(format!("{version:020}.json"))
    }
}

/// One life of the program. Killed when dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) started: Instant,
    http: SocketAddr,
}

impl Service {
    /// SIGKILL, and waits until it is dead.
    pub(crate) fn kill(mut self) {
        assert_eq!(
            self.child.try_wait().expect("a child"),
            None,
            "the program ended by itself"
        );
        self.child.kill().expect("killed");
        self.child.wait().expect("dead");
    }

    /// SIGTERM; says whether it ended well within the time.
    pub(crate) fn terminate(mut self, within: Duration) -> bool {
        let pid = self.child.id().to_string();
        let signalled = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill runs");
        assert!(signalled.success());
        self.ends_well(within)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; whether that was in time and without an error.
    pub(crate) fn ends_well(&mut self, within: Duration) -> bool {
        let since = Instant::now();
        while since.elapsed() < within {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Whether `/readyz` says yes.
    pub(crate) fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect(self.http)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")?;
            let mut answer = [0; 15];
            stream.read_exact(&mut answer)?;
            Ok(answer.starts_with(b"HTTP/1.1 200"))
        };
        ask().unwrap_or(false)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.child.kill().unwrap_or_default();
            self.child.wait().map(drop).unwrap_or_default();
        }
    }
}
