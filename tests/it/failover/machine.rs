//! One process of a pipeline, as on a machine of its own.

use crate::phi::get;
use crate::support::{free_port, program};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Lines of a log that are shown where something is wrong.
const LAST_WORDS: usize = 60;

/// One process of the pipeline, with a directory of its own.
pub(crate) struct Machine {
    directory: PathBuf,
    /// Which half of the pipeline it runs.
    role: &'static str,
    port: u16,
    /// How long the working process may be silent.
    silence: Duration,
    /// A setting of its own.
    own: Option<String>,
    process: Option<Child>,
    /// How often its process ended by itself.
    pub(crate) ended: u64,
}

impl Machine {
    pub(crate) fn new(directory: &Path, name: &str, role: &'static str, silence: Duration) -> Self {
        Self {
            directory: directory.join(name),
            role,
            port: free_port(),
            silence,
            own: None,
            process: None,
            ended: 0,
        }
    }

    /// The same with a setting of its own.
    pub(crate) fn with(mut self, setting: String) -> Self {
        self.own = Some(setting);
        self
    }

    pub(crate) fn settings(&self) -> Vec<String> {
        [
            format!("data_dir={}", self.directory.display()),
            format!("http.listen=127.0.0.1:{}", self.port),
            format!("bus.take_over_after={}ms", self.silence.as_millis()),
            "limits.epoch_messages_max=24".to_owned(),
            "limits.epoch_interval=20ms".to_owned(),
            "tables.commit_interval=100ms".to_owned(),
        ]
        .to_vec()
    }

    pub(crate) fn start(&mut self, file: &Path) {
        let mut command = program();
        command
            .args(["run", "--role", self.role, "--verbose", "--config"])
            .arg(file);
        for set in self.settings().iter().chain(&self.own) {
            command.args(["--set", set]);
        }
        let process = command.stdout(Stdio::null()).stderr(self.log()).spawn();
        self.process = Some(process.expect("starts"));
    }

    /// What its processes say, one after the other.
    fn log(&self) -> std::fs::File {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log_path());
        log.expect("a log")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.with_extension("log")
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().expect("a process").id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// How many times the pipeline was taken over, where this process is at work on it: not only its owner, but past all that
    /// it looks at first.
    pub(crate) fn generation(&self) -> Option<u64> {
        let generation = self.metric("panorama_owner_generation")?;
        let is_ready = get(self.port, "/readyz")?.contains("200 OK");
        (generation > 0 && is_ready).then_some(generation)
    }

    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        let text = get(self.port, "/metrics")?;
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")))?;
        line.split(' ').nth(1)?.parse().ok()
    }

    /// Messages of a source that its process has decoded for the tables.
    pub(crate) fn decoded(&self, source: &str) -> u64 {
        let text = get(self.port, "/metrics").unwrap_or_default();
        let begin = format!("panorama_records_decoded_total{{source=\"{source}\",");
        let line = text.lines().find(|line| line.starts_with(&begin));
        let count = line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok());
        count.unwrap_or(0)
    }

    /// What watches over processes starts one again that has ended.
    pub(crate) fn keep(&mut self, file: &Path) {
        let ended = |process: &mut Child| process.try_wait().expect("a process").is_some();
        if self.process.as_mut().is_some_and(ended) {
            self.ended += 1;
            self.process = None;
        }
        if self.process.is_none() {
            self.start(file);
        }
    }

    /// Messages that its process has read for the tables.
    pub(crate) fn read(&self) -> u64 {
        self.metric("panorama_messages_read_total").unwrap_or(0)
    }

    /// What its processes said last.
    pub(crate) fn last_words(&self) -> String {
        last_words(&self.log_path())
    }

    /// Why its processes ended by themselves.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let said = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        said.lines()
            .filter(|line| line.starts_with("panorama: "))
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn kill(&mut self) {
        self.signal("-KILL");
        self.end();
    }

    /// Waits for its end; whether that was a good one.
    pub(crate) fn end(&mut self) -> bool {
        let mut process = self.process.take().expect("a process");
        process.wait().expect("ended").success()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // One that has ended is gone all the same.
            process
                .kill()
                .and_then(|()| process.wait().map(drop))
                .unwrap_or_default();
        }
    }
}

/// What a log says last, but for what the store of the state tells of its files.
pub(crate) fn last_words(log: &Path) -> String {
    let said = std::fs::read_to_string(log).unwrap_or_default();
    let of_files = |line: &&str| line.contains(" lsm_tree::") || line.contains(" fjall::");
    let last = said.lines().rev().filter(|line| !of_files(line));
    let last: Vec<&str> = last.take(LAST_WORDS).collect();
    format!("{}: {last:#?}", log.display())
}
