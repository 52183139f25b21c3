//! The source: finds files, reads each from where it was read to, appends what is new.

use crate::FileParams;
use crate::paths::{Found, Paths};
use crate::position::{Position, microseconds};
use crate::reader::{Batch, End, Plan, read};
use async_trait::async_trait;
use panorama_api::{ConnectorError, ErrorClass, Problem, Result, Source, SourceContext, SourcePosition};
use panorama_model::Framing;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Batches read ahead of the log. One more would only hold memory: reading is faster than durable appends.
const BATCHES_AHEAD: usize = 2;

/// Files are read in their order: all go to one partition.
const FIRST_PARTITION: u32 = 0;

/// Files that match a pattern.
pub struct FileSource {
    params: FileParams,
    framing: Framing,
}

/// What is known of a file since this process began.
struct Seen {
    bytes: u64,
    modified: SystemTime,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Read, or unreadable until it changes.
    Settled,
    /// Its last record may still grow.
    Waiting,
    /// It could not be opened; tried again quietly.
    Unopened,
}

impl FileSource {
    /// The files of these parameters, cut in this way.
    pub const fn new(params: FileParams, framing: Framing) -> Self {
        Self { params, framing }
    }

    fn paths(&self) -> std::result::Result<Paths, String> {
        Paths::new(&self.params.path, self.params.order)
    }

    fn pattern_text(&self) -> String {
        self.params.path.iter().collect::<Vec<_>>().join(", ")
    }

    /// One look at all files.
    async fn pass(
        &self,
        context: &SourceContext,
        files: Vec<Found>,
        seen: &mut HashMap<PathBuf, Seen>,
        keeps_watching: bool,
    ) -> Result<()> {
        for found in files {
            if context.shutdown.is_requested() {
                return Ok(());
            }
            let is_settled = self.is_settled(context, &found);
            let before = seen
                .get(&found.path)
                .filter(|s| (s.bytes, s.modified) == (found.bytes, found.modified));
            let before = before.map(|s| s.outcome);
            if before == Some(Outcome::Settled) || before == Some(Outcome::Waiting) && !is_settled {
                continue;
            }
            let (path, bytes, modified) = (found.path.clone(), found.bytes, found.modified);
            let end = self
                .read_file(context, found, is_settled || !keeps_watching)
                .await?;
            let outcome = report(context, &path, end, before);
            let state = Seen {
                bytes,
                modified,
                outcome,
            };
            seen.insert(path, state);
        }
        Ok(())
    }

    /// True where the file has not changed for long enough that its last record is complete.
    fn is_settled(&self, context: &SourceContext, found: &Found) -> bool {
        let now = u64::try_from((context.now)().0).unwrap_or(0);
        let age = now.saturating_sub(microseconds(found.modified));
        u128::from(age) >= self.params.settle_time.0.as_micros()
    }

    /// Reads one file, appending as it goes: cutting runs ahead on a thread of its own.
    async fn read_file(
        &self,
        context: &SourceContext,
        found: Found,
        takes_rest: bool,
    ) -> Result<io::Result<End>> {
        let name = Position::name(&context.source, &found.path);
        let (sender, mut batches) = mpsc::channel::<Batch>(BATCHES_AHEAD);
        let (bus, position_name) = (context.bus.clone(), name.clone());
        let mut plan = Plan {
            found,
            framing: self.framing,
            record_bytes_max: usize::try_from(self.params.record_bytes_max.0).unwrap_or(usize::MAX),
            takes_rest,
            saved: None,
            now: context.now,
        };
        let reading = tokio::task::spawn_blocking(move || -> Result<io::Result<End>> {
            plan.saved = bus
                .source_position(&position_name)?
                .as_deref()
                .and_then(Position::decode);
            if plan
                .saved
                .is_some_and(|s| s.covers(plan.found.bytes, plan.found.modified))
            {
                return Ok(Ok(End::Done));
            }
            Ok(read(&plan, &mut |batch| sender.blocking_send(batch).is_ok()))
        });
        while let Some(batch) = batches.recv().await {
            let stays = append(context, &name, batch).await?;
            if !stays || context.shutdown.is_requested() {
                batches.close();
                break;
            }
        }
        drop(batches);
        reading
            .await
            .map_err(|e| ConnectorError::fatal("read files of", self.pattern_text(), e))?
    }
}

/// Says what came of a file, once.
fn report(context: &SourceContext, path: &Path, end: io::Result<End>, before: Option<Outcome>) -> Outcome {
    let source = &context.source;
    match end {
        Ok(End::Done) => Outcome::Settled,
        Ok(End::Waiting | End::Stopped) => Outcome::Waiting,
        Ok(End::Broken(error)) => {
            warn!(%source, file = %path.display(), %error, "file cannot be decoded to its end; what could be was read");
            context.observer.failed("file", ErrorClass::Quarantine);
            Outcome::Settled
        }
        Err(error) => {
            if before != Some(Outcome::Unopened) {
                warn!(%source, file = %path.display(), %error, "file cannot be read; going on with the others");
                context.observer.failed("file", ErrorClass::Retry);
            }
            Outcome::Unopened
        }
    }
}

/// Appends a batch until it is durable. False where we are asked to stop before that.
async fn append(context: &SourceContext, name: &[u8], batch: Batch) -> Result<bool> {
    context
        .observer
        .received(&context.source, batch.messages.len() as u64);
    context.observer.buffered("file", batch.bytes as u64);
    let position = SourcePosition {
        name: name.to_vec(),
        value: batch.position.encode(),
        claim: None,
    };
    context
        .store("file", FIRST_PARTITION, batch.messages, position)
        .await
}

fn problem(message: String, hint: &str) -> Problem {
    Problem {
        key: "path",
        message,
        hint: hint.to_owned(),
    }
}

#[async_trait]
impl Source for FileSource {
    fn is_finite(&self) -> bool {
        true
    }

    async fn check(&self) -> Vec<Problem> {
        let paths = match self.paths() {
            Ok(paths) => paths,
            Err(error) => return vec![problem(error, "write a path such as feeds/**/*.hl7")],
        };
        let looked = tokio::task::spawn_blocking(move || {
            let (files, mut unreadable) = paths.find();
            for file in &files {
                if let Err(error) = std::fs::File::open(&file.path) {
                    let path = file.path.clone();
                    unreadable.push(crate::paths::Unreadable { path, error });
                }
            }
            (files.len(), unreadable)
        });
        let Ok((count, unreadable)) = looked.await else {
            return Vec::new();
        };
        let mut problems: Vec<Problem> = unreadable
            .iter()
            .map(|u| {
                let message = format!("cannot read `{}`: {}", u.path.display(), u.error);
                problem(message, "give the user that runs panorama the right to read it")
            })
            .collect();
        for pattern in self.params.path.iter().filter(|p| Path::new(p).is_dir()) {
            let message = format!("`{pattern}` is a directory");
            problems.push(problem(message, "add a pattern for its files, such as /**/*"));
        }
        if count == 0 && problems.is_empty() {
            let message = format!("warning: no file matches `{}` now", self.pattern_text());
            problems.push(problem(
                message,
                "check the path; it is relative to the working directory",
            ));
        }
        problems
    }

    async fn run(&self, context: SourceContext) -> Result<()> {
        context
            .with_partitions(
                |mine| {
                    mine.iter()
                        .find(|held| held.partition == FIRST_PARTITION)
                        .copied()
                },
                |context, _| self.read_all(context),
            )
            .await
    }
}

impl FileSource {
    /// Reads the files, again and again where they may change: one process does, the one that the first partition is of.
    async fn read_all(&self, context: SourceContext) -> Result<()> {
        let mut shutdown = context.shutdown.clone();
        let keeps_watching = self.params.follow && !context.finite;
        let mut seen: HashMap<PathBuf, Seen> = HashMap::new();
        let mut complained: Vec<PathBuf> = Vec::new();
        loop {
            let paths = self
                .paths()
                .map_err(|e| ConnectorError::fatal("read files of", self.pattern_text(), e))?;
            let (files, unreadable) = tokio::task::spawn_blocking(move || paths.find())
                .await
                .map_err(|e| ConnectorError::fatal("read files of", self.pattern_text(), e))?;
            for u in unreadable
                .into_iter()
                .filter(|u| !complained.contains(&u.path))
                .collect::<Vec<_>>()
            {
                warn!(source = %context.source, path = %u.path.display(), error = %u.error, "cannot look into a path");
                context.observer.failed("file", ErrorClass::Retry);
                complained.push(u.path);
            }
            let present: HashSet<&Path> = files.iter().map(|f| f.path.as_path()).collect();
            seen.retain(|path, _| present.contains(path.as_path()));
            let count = files.len();
            self.pass(&context, files, &mut seen, keeps_watching).await?;
            if !keeps_watching || shutdown.is_requested() {
                info!(source = %context.source, files = count, "files read");
                return Ok(());
            }
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(self.params.poll_interval.0) => {}
            }
        }
    }
}
