//! A real Apache Kafka broker for tests: one node, KRaft, on loopback, in a directory of its own, gone when dropped.
//!
//! Its jars are where PANORAMA_KAFKA says; `./test` fetches them where there is Java and Maven.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "this is a test's"
)]

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a broker may take to answer: machines that run tests are busy.
const START_MAX: Duration = Duration::from_secs(120);

/// A running broker.
pub(crate) struct Broker {
    dir: PathBuf,
    port: u16,
    other: u16,
    jars: PathBuf,
    process: Option<Child>,
}

/// Where the jars are. Without them a test says `skipped`; on CI that is a failure.
pub(crate) fn jars() -> Option<PathBuf> {
    let asked = std::env::var_os("PANORAMA_KAFKA").map(PathBuf::from);
    let found = asked.filter(|dir| dir.join("complete").is_file());
    if found.is_none() {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(
            !ci,
            "PANORAMA_KAFKA names no directory with the jars of a Kafka broker"
        );
        println!("skipped: PANORAMA_KAFKA names no directory that tests/kafka/fetch has filled");
    }
    found
}

impl Broker {
    /// Starts a broker with an empty log; none where there are no jars. `settings` are lines of server.properties, in
    /// which BROKER_PORT, CONTROLLER_PORT and OTHER_PORT stand for ports.
    pub(crate) fn start(settings: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let jars = jars()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("panorama-kafka-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (port, controller, other) = (free_port(), free_port(), free_port());
        let log = dir.join("log").display().to_string();
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs={log}\n\
             default.replication.factor=1\noffsets.topic.num.partitions=1\noffsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             auto.create.topics.enable=false\n{settings}\n"
        );
        let ports = [
            ("OTHER_PORT", other),
            ("CONTROLLER_PORT", controller),
            ("BROKER_PORT", port),
        ];
        let properties = ports.iter().fold(properties, |text, (name, port)| {
            text.replace(name, &port.to_string())
        });
        fs::write(dir.join("server.properties"), properties).unwrap();
        let mut broker = Self {
            dir,
            port,
            other,
            jars,
            process: None,
        };
        let cluster = "cGFub3JhbWEtdGVzdHMtMQ";
        let formatted = broker
            .java("kafka.tools.StorageTool")
            .args(["format", "--ignore-formatted", "-t", cluster, "-c"])
            .arg(broker.dir.join("server.properties"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&formatted.stderr).into_owned();
        assert!(
            formatted.status.success(),
            "the broker's storage cannot be formatted: {said}"
        );
        broker.resume();
        Some(broker)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it listens besides, if `settings` say so.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn other_address(&self) -> String {
        format!("127.0.0.1:{}", self.other)
    }

    /// Ends the broker as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again on the log it has.
    pub(crate) fn resume(&mut self) {
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("output"))
            .unwrap();
        let process = self
            .java("kafka.Kafka")
            .arg(self.dir.join("server.properties"))
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect(self.address()).is_err() {
            let running = self
                .process
                .as_mut()
                .is_some_and(|p| p.try_wait().unwrap().is_none());
            let said = || fs::read_to_string(self.dir.join("output")).unwrap_or_default();
            assert!(running, "the broker ended: {}", said());
            assert!(
                Instant::now() < deadline,
                "the broker does not answer: {}",
                said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The messages of a topic, as Kafka's own console consumer reads them: keys, and values or none.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn consume(&self, topic: &str) -> Vec<(String, Option<String>)> {
        let output = self
            .java("org.apache.kafka.tools.consumer.ConsoleConsumer")
            .args(["--bootstrap-server", &self.address(), "--topic", topic])
            .args(["--from-beginning", "--timeout-ms", "8000"])
            .args(["--formatter-property", "print.key=true"])
            .args(["--formatter-property", "null.literal=<null>"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let messages: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(key, value)| (key.to_owned(), (value != "<null>").then(|| value.to_owned())))
            .collect();
        assert!(
            !messages.is_empty(),
            "nothing in {topic}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        messages
    }

    fn java(&self, class: &str) -> Command {
        let mut java = Command::new("java");
        java.args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(self.jars.join("*"))
            .arg(class)
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        java
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.dir).unwrap_or_default();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
