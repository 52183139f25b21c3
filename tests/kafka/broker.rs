//! Real Apache Kafka brokers for tests: KRaft, on loopback, each in a directory of its own, gone when dropped.
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

use crate::port::free_port;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a broker may take to answer: machines that run tests are busy.
const START_MAX: Duration = Duration::from_secs(180);
/// How often it may be started for that.
const STARTS_MAX: u32 = 3;
/// How long it is left out, mostly. Clients ask who is there every few seconds.
const LEFT_OUT: Duration = Duration::from_secs(12);

/// A running broker.
pub(crate) struct Broker {
    dir: PathBuf,
    port: u16,
    controller: u16,
    other: u16,
    jars: PathBuf,
    /// From where it may read keys of those who give tokens: Java's own word for it.
    keys: Option<String>,
    /// How many seconds its clock is ahead, where it is not this machine's.
    clock_seconds: Option<i64>,
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
    /// which BROKER_PORT, CONTROLLER_PORT and OTHER_PORT stand for ports, and KEYSTORE for a file with a key and a
    /// certificate for loopback ([`Broker::certificate`]).
    pub(crate) fn start(settings: &str) -> Option<Self> {
        Self::start_many(1, settings)?.pop()
    }

    /// Starts a broker whose clock is so many seconds ahead of this machine's, or behind it.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn start_with_clock(seconds: i64, settings: &str) -> Option<Self> {
        Self::start_in(1, settings, Some(seconds))?.pop()
    }

    /// Starts brokers of one cluster, as many copies of everything as there are, and all but one of them in sync.
    pub(crate) fn start_many(count: usize, settings: &str) -> Option<Vec<Self>> {
        Self::start_in(count, settings, None)
    }

    fn start_in(count: usize, settings: &str, clock_seconds: Option<i64>) -> Option<Vec<Self>> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let jars = jars()?;
        let url = settings.split_once("jwks.endpoint.url=").map(|(_, url)| url);
        let url = url.and_then(|url| url.lines().next());
        let keys = url.map(|url| format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={url}"));
        let mut brokers: Vec<Self> = (0..count)
            .map(|_| {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let name = format!("panorama-kafka-{}-{number}", std::process::id());
                let dir = std::env::temp_dir().join(name);
                fs::create_dir_all(&dir).unwrap();
                Self {
                    dir,
                    port: free_port(),
                    controller: free_port(),
                    other: free_port(),
                    jars: jars.clone(),
                    keys: keys.clone(),
                    clock_seconds,
                    process: None,
                }
            })
            .collect();
        let voters: Vec<String> = (1..)
            .zip(&brokers)
            .map(|(id, broker)| format!("{id}@127.0.0.1:{}", broker.controller))
            .collect();
        let in_sync = count.saturating_sub(1).max(1);
        for (id, broker) in (1..).zip(&brokers) {
            broker.format(&format!(
                "node.id={id}\ncontroller.quorum.voters={}\ndefault.replication.factor={count}\n\
                 min.insync.replicas={in_sync}\noffsets.topic.replication.factor={count}\n\
                 group.initial.rebalance.delay.ms=0\n\
                 transaction.state.log.replication.factor={count}\ntransaction.state.log.min.isr={in_sync}\n{settings}\n",
                voters.join(",")
            ));
        }
        // All of them, before one is waited for: alone none of them answers.
        brokers.iter_mut().for_each(|broker| broker.spawn(""));
        brokers.iter_mut().for_each(|broker| broker.wait(""));
        Some(brokers)
    }

    /// Compiles what gives it another clock.
    fn make_clock(&self) {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/kafka/clock.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(self.dir.join("clock.so"))
            .arg(source)
            .status();
        assert!(compiled.unwrap().success(), "{source} cannot be compiled");
    }

    /// Writes its settings and makes its log.
    fn format(&self, settings: &str) {
        let log = self.dir.join("log").display().to_string();
        let properties = format!(
            "process.roles=broker,controller\n\
             listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,CONTROLLER://127.0.0.1:CONTROLLER_PORT\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:BROKER_PORT\ncontroller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\nlog.dirs={log}\n\
             offsets.topic.num.partitions=1\ntransaction.state.log.num.partitions=1\nauto.create.topics.enable=false\n{settings}\n"
        );
        let words = [
            ("OTHER_PORT", self.other.to_string()),
            ("CONTROLLER_PORT", self.controller.to_string()),
            ("BROKER_PORT", self.port.to_string()),
            ("KEYSTORE", self.dir.join("keystore.p12").display().to_string()),
        ];
        if properties.contains("KEYSTORE") {
            self.make_certificate();
        }
        if self.clock_seconds.is_some() {
            self.make_clock();
        }
        let properties = words
            .iter()
            .fold(properties, |text, (word, value)| text.replace(word, value));
        fs::write(self.dir.join("server.properties"), &properties).unwrap();
        let mut format = self.java("kafka.tools.StorageTool");
        format
            .args([
                "format",
                "--ignore-formatted",
                "-t",
                "cGFub3JhbWEtdGVzdHMtMQ",
                "-c",
            ])
            .arg(self.dir.join("server.properties"));
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            if properties.contains(mechanism) {
                format.args([
                    "--add-scram",
                    &format!("{mechanism}=[name=alice,password=secret]"),
                ]);
            }
        }
        let formatted = format.output().unwrap();
        let said = String::from_utf8_lossy(&formatted.stderr).into_owned();
        assert!(
            formatted.status.success(),
            "the broker's storage cannot be formatted: {said}"
        );
    }

    /// Its certificate, which it has signed itself: the authority that its clients are to trust.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn certificate(&self) -> String {
        self.dir.join("certificate.pem").display().to_string()
    }

    fn make_certificate(&self) {
        let keytool = |args: &[&str]| {
            let output = Command::new("keytool")
                .args(args)
                .args([
                    "-keystore",
                    "keystore.p12",
                    "-storepass",
                    "changeit",
                    "-alias",
                    "broker",
                ])
                .current_dir(&self.dir)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stdout)
            );
        };
        keytool(&[
            "-genkeypair",
            "-storetype",
            "PKCS12",
            "-keyalg",
            "RSA",
            "-dname",
            "CN=localhost",
            "-ext",
            "san=ip:127.0.0.1",
            "-ext",
            "bc:c",
        ]);
        keytool(&["-exportcert", "-rfc", "-file", "certificate.pem"]);
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port on which it listens besides, if `settings` say so.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) const fn other_port(&self) -> u16 {
        self.other
    }

    /// Where it listens besides, if `settings` say so.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn other_address(&self) -> String {
        format!("127.0.0.1:{}", self.other)
    }

    /// Sends its process a signal.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success());
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
        self.spawn("");
        self.wait("");
    }

    /// Starts it again, and for a while its cluster knows of no broker, as after a sleep of all; then it is as before.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn leave_out(&mut self) {
        self.begin_to_leave_out();
        self.kill();
        self.resume();
    }

    /// The first half of that.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn begin_to_leave_out(&mut self) {
        self.kill();
        // Three seconds after each sign of life it is taken for dead, though it answers. It needs some to start.
        let left_out = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=9000\n";
        self.spawn(left_out);
        self.wait(left_out);
        std::thread::sleep(LEFT_OUT);
    }

    fn spawn(&mut self, more_settings: &str) {
        let settings = fs::read_to_string(self.dir.join("server.properties")).unwrap();
        let settings = format!("{settings}{more_settings}");
        fs::write(self.dir.join("running.properties"), settings).unwrap();
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("output"))
            .unwrap();
        let process = self
            .java("kafka.Kafka")
            .arg(self.dir.join("running.properties"))
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    /// Waits until it answers. One that ends instead is started again a few times: now and then it cannot register with
    /// itself, the controller, in its time.
    fn wait(&mut self, more_settings: &str) {
        let (deadline, mut starts) = (Instant::now() + START_MAX, 1);
        while TcpStream::connect(self.address()).is_err() {
            let running = self
                .process
                .as_mut()
                .is_some_and(|p| p.try_wait().unwrap().is_none());
            let said = || fs::read_to_string(self.dir.join("output")).unwrap_or_default();
            assert!(running || starts < STARTS_MAX, "the broker ended: {}", said());
            assert!(
                Instant::now() < deadline,
                "the broker does not answer: {}",
                said()
            );
            if !running {
                starts += 1;
                self.spawn(more_settings);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes a topic, as a Kafka team does.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn make_topic(&self, topic: &str, partitions: u32) {
        let made = self
            .java("org.apache.kafka.tools.TopicCommand")
            .args([
                "--bootstrap-server",
                &self.address(),
                "--create",
                "--topic",
                topic,
            ])
            .args(["--partitions", &partitions.to_string()])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    }

    /// Gives a user a right, as a Kafka team does: `--operation Read --group x`.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn allow(&self, user: &str, what: &[&str]) {
        let allowed = self
            .java("org.apache.kafka.tools.AclCommand")
            .args(["--bootstrap-server", &self.address(), "--add"])
            .args(["--allow-principal", &format!("User:{user}")])
            .args(what)
            .output()
            .unwrap();
        assert!(
            allowed.status.success(),
            "{}",
            String::from_utf8_lossy(&allowed.stdout)
        );
    }

    /// Kafka's own console producer: each line that it is given is a message, a key and a value with a tab between.
    #[allow(dead_code, reason = "not every test that shares this file needs it")]
    pub(crate) fn producer(&self, topic: &str) -> Child {
        self.java("org.apache.kafka.tools.ConsoleProducer")
            .args(["--bootstrap-server", &self.address(), "--topic", topic])
            .args(["--reader-property", "parse.key=true"])
            .args(["--producer-property", "linger.ms=5"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
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
        // Of what it logs, why it ends is what a test that fails has to tell.
        java.args(["-Xmx512m", "-XX:TieredStopAtLevel=1"])
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
            // What it unpacks goes with it.
            .arg("-Djava.io.tmpdir=.")
            .args(&self.keys)
            .arg("-cp")
            .arg(self.jars.join("*"))
            .arg(class)
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        if let Some(seconds) = self.clock_seconds {
            java.env("LD_PRELOAD", self.dir.join("clock.so"))
                .env("CLOCK_SECONDS", seconds.to_string());
        }
        java
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.dir).unwrap_or_default();
    }
}
