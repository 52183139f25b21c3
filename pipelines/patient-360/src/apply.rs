//! The apply step: one thread takes messages in order and changes state; each epoch ends in one atomic durable commit
//! of state, positions and outbox (INV-4).

use crate::commit::Commits;
use crate::current::{Dirty, TableChanges, forget_published};
use crate::decode::DecodedMessage;
use crate::facts::{Facts, Owner, Position, Told};
use crate::meta::{Meta, Positions, Publication, write_positions};
use crate::people::People;
use crate::pipeline::Pipeline;
use crate::project::project;
use crate::publish::Published;
use crate::reader::Prepare;
use crate::rows::Rows;
use crate::{quarantined, spaces, table_number, topic_of};
use panorama_api::{Result, StateBatch, StateRead, StateStore};
use panorama_model::{
    Decoded, Fact, PersonId, Reading, RecordKind, Row, Severity, SourceRecordKey, Text, Timestamp,
};
use panorama_runtime::{Metrics, TypedSpace, now, seconds_between};
use panorama_tables::table::message_issues;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Persons whose rows are made and committed together: bounds the memory of a publication (INV-9).
const PROJECTED_MAX: usize = 4096;

/// Records matched again in one epoch after a change of models: bounds the memory of its batch (INV-9).
const REMATCHED_MAX: u64 = 8192;

/// How often the size of the state is measured.
const STATE_BYTES_INTERVAL: Duration = Duration::from_secs(5);

/// Stretches of topics to publish: (topic, partition) -> (from, until).
pub(crate) type RawStretches = BTreeMap<(Text, u32), (u64, u64)>;

/// Everything that changes with messages.
pub(crate) struct Apply {
    store: Arc<dyn StateStore>,
    commits: Commits,
    metrics: Arc<Metrics>,
    threads: usize,
    meta: Meta,
    positions: Positions,
    people: People,
    facts: Facts,
    rows: Rows,
    seen: TypedSpace<u128, u64>,
    dirty: Dirty,
    committed_at: Timestamp,
    reported_at: Option<Instant>,
    publishing: Option<RawStretches>,
}

/// A fact waiting for its person: identity is settled for the whole epoch before any fact is filed.
struct PendingFact {
    fact: Fact,
    owner: Option<u64>,
    key: Arc<SourceRecordKey>,
    position: Position,
}

impl Apply {
    pub(crate) fn new(pipeline: &Pipeline, meta: Meta, positions: Positions, dirty: Dirty) -> Result<Self> {
        let state: Arc<dyn StateRead> = Arc::<dyn StateStore>::clone(&pipeline.store);
        let entries_max = pipeline.options.cache_entries_max;
        Ok(Self {
            store: Arc::clone(&pipeline.store),
            commits: Commits::new(&pipeline.store),
            metrics: Arc::clone(&pipeline.metrics),
            threads: pipeline.options.threads,
            people: People::new(&state, &pipeline.scorer, &pipeline.metrics, &meta, entries_max)?,
            facts: Facts::new(&state, meta.next_fact, entries_max),
            rows: Rows::new(&state),
            seen: TypedSpace::new(spaces::SEEN, state, entries_max),
            meta,
            positions,
            dirty,
            committed_at: now(),
            reported_at: None,
            publishing: None,
        })
    }

    /// Standardizes and indexes records ahead of the apply step.
    pub(crate) fn prepare(&self) -> Prepare {
        self.people.prepare()
    }

    /// Matches all records again where the model is not the one they were matched under: in place, some records an epoch,
    /// going on after a stop where it was. Nothing is applied before it is through, so no epoch mixes two models for long.
    pub(crate) fn adopt_model(&mut self, stop: impl Fn() -> bool) -> Result<()> {
        let model = self.people.model_hash();
        if self.meta.matched_under.model != model {
            let from_the_start = self.meta.matched_under.model != 0 || self.meta.next_record > 0;
            self.meta.matched_under.model = model;
            self.meta.matched_under.until = if from_the_start { 0 } else { u64::MAX };
        }
        let until = self.meta.next_record;
        if self.meta.matched_under.until >= until {
            self.meta.matched_under.until = u64::MAX;
            return Ok(());
        }
        let threads = NonZeroUsize::new(self.threads).unwrap_or(NonZeroUsize::MIN);
        let began = Instant::now();
        tracing::info!(
            records = until,
            "the model has changed: records are matched again"
        );
        while self.meta.matched_under.until < until && !stop() {
            let (epoch_began, at) = (Instant::now(), now());
            let from = self.meta.matched_under.until;
            let to = (from + REMATCHED_MAX).min(until);
            self.commits.settle()?;
            self.people.match_again(from..to, threads);
            self.people
                .settle(at, &mut self.facts, &mut self.rows, &mut self.dirty)?;
            self.meta.matched_under.until = if to == until { u64::MAX } else { to };
            self.commit(epoch_began)?;
        }
        self.metrics.spent("match again", began);
        Ok(())
    }

    /// Applies messages in order and commits them, with where to go on, as one epoch.
    pub(crate) fn epoch(&mut self, messages: Vec<DecodedMessage>, next: Positions) -> Result<()> {
        let began = Instant::now();
        let at = now();
        let count = messages.len() as u64;
        #[cfg(feature = "planted-bugs")]
        if panorama_api::is_planted("position-before-effects") {
            let mut batch = StateBatch::default();
            write_positions(&next, &mut batch)?;
            self.store.commit(batch)?;
        }
        self.count(&messages);
        let mut pending = Vec::with_capacity(2 * messages.len());
        for message in messages {
            self.take(message, at, &mut pending)?;
        }
        self.metrics.spent("identify", began);
        self.metrics.read_total.inc_by(count);
        let waiting = Instant::now();
        self.commits.settle()?;
        self.metrics.spent("wait for commit", waiting);
        let filing = Instant::now();
        self.people
            .settle(at, &mut self.facts, &mut self.rows, &mut self.dirty)?;
        for fact in pending {
            self.file(fact, at)?;
        }
        self.positions = next;
        self.metrics.spent("file", filing);
        self.commit(began)
    }

    /// Counts what was decoded, per run of messages of one source.
    fn count(&self, messages: &[DecodedMessage]) {
        for run in messages.chunk_by(|a, b| Arc::ptr_eq(&a.source, &b.source)) {
            let Some(first) = run.first() else { continue };
            let label = Metrics::labels("source", &first.source.source, "format", &first.source.format);
            let read = run
                .iter()
                .filter(|m| matches!(m.reading, Reading::Read(_)))
                .count();
            self.metrics.decoded.get_or_create(&label).inc_by(read as u64);
        }
    }

    fn take(&mut self, message: DecodedMessage, at: Timestamp, pending: &mut Vec<PendingFact>) -> Result<()> {
        let source = message.source.source.clone();
        if let Some(place) = quarantined::replayed_entry(&message) {
            self.rows.edit(place, &mut self.dirty, |row| {
                row.set(panorama_tables::table::quarantine::STATUS, "replayed");
            })?;
        }
        let reading = match &message.reading {
            Reading::Unreadable(unreadable) => {
                self.meta.quarantined += 1;
                let label = Metrics::labels("source", &source, "reason", unreadable.code);
                self.metrics.quarantined.get_or_create(&label).inc();
                let (place, row) = quarantined::entry(&message, unreadable, at);
                self.rows.put(place, vec![row], &mut self.dirty)?;
                return Ok(());
            }
            Reading::Read(decoded) => decoded,
        };
        self.meta.decoded += 1;
        let reused = match self.known(&message)? {
            Known::Copy => {
                self.metrics
                    .duplicates
                    .get_or_create(&Metrics::label("source", &source))
                    .inc();
                return Ok(());
            }
            Known::OtherContent => true,
            Known::New => false,
        };
        self.keep_issues(&message, reading, reused)?;
        let DecodedMessage {
            reading,
            said,
            position,
            raw,
            ..
        } = message;
        let Reading::Read(decoded) = reading else {
            return Ok(());
        };
        let mut said = said.into_iter();
        for mut record in decoded.records {
            let said = said.next().flatten();
            let facts = std::mem::take(&mut record.facts);
            let key = Arc::new(record.key.clone());
            let owner = if record.key.kind == RecordKind::Provider {
                None
            } else {
                Some(self.people.tell(record, said, position, raw.received_at)?)
            };
            let file = |fact| PendingFact {
                fact,
                owner,
                key: Arc::clone(&key),
                position,
            };
            pending.extend(facts.into_iter().map(file));
        }
        for event in &decoded.identity_events {
            self.people.event(event)?;
        }
        for decision in decoded.decisions {
            self.people.decide(decision);
        }
        Ok(())
    }

    /// Whether the sender's own id of a message was seen before, with the same bytes or with others.
    fn known(&mut self, message: &DecodedMessage) -> Result<Known> {
        let Some(event) = message.event else {
            return Ok(Known::New);
        };
        let mut is_new = false;
        let seen = self.seen.get_or_put_with(event.id, || {
            is_new = true;
            event.content
        })?;
        Ok(match *seen == event.content {
            _ if is_new => Known::New,
            true => Known::Copy,
            false => Known::OtherContent,
        })
    }

    fn keep_issues(&mut self, message: &DecodedMessage, decoded: &Decoded, reused: bool) -> Result<()> {
        use message_issues as column;
        let reused = reused.then(|| panorama_model::Issue::warning("message_id_reused", ""));
        let mut rows = Vec::new();
        let topic = topic_of(&message.source.source);
        for issue in decoded.issues.iter().chain(&reused) {
            let label = Metrics::labels("source", &message.source.source, "code", &issue.code);
            self.metrics.issues.get_or_create(&label).inc();
            if issue.severity == Severity::Information {
                continue;
            }
            let mut row = Row::new();
            row.set(column::SOURCE, message.source.source.clone());
            row.set(column::TOPIC, topic.clone());
            row.set(column::PARTITION, i64::from(message.position.partition));
            row.set(
                column::OFFSET,
                i64::try_from(message.position.offset).unwrap_or(i64::MAX),
            );
            row.set(column::RECEIVED_AT, message.raw.received_at);
            row.set(column::KIND, decoded.kind.clone());
            row.set(column::CODE, issue.code.as_ref());
            row.set(
                column::SEVERITY,
                if issue.severity == Severity::Error {
                    "error"
                } else {
                    "warning"
                },
            );
            row.set(column::LOCATION, issue.location.clone());
            rows.push(row);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let day = message.raw.received_at.date().0;
        let place = (
            table_number::MESSAGE_ISSUES,
            (day, quarantined::message_hash(&topic, message)),
        );
        self.rows.put(place, rows, &mut self.dirty)
    }

    fn file(&mut self, pending: PendingFact, at: Timestamp) -> Result<()> {
        let person = pending.owner.and_then(|record| self.people.person_of(record));
        let owner = Owner {
            record: pending.owner.unwrap_or(u64::MAX),
            key: &pending.key,
            person,
        };
        let told = self
            .facts
            .tell(pending.fact, owner, pending.position, at, &mut self.dirty)?;
        if told == Told::Copy {
            self.metrics
                .duplicates
                .get_or_create(&Metrics::label("source", &pending.key.source))
                .inc();
        }
        Ok(())
    }

    /// The one atomic commit of everything since the last one.
    fn commit(&mut self, began: Instant) -> Result<()> {
        let committing = Instant::now();
        self.meta.epoch += 1;
        let mut batch = self.encode()?;
        self.dirty.note(self.meta.epoch, &mut batch);
        write_positions(&self.positions, &mut batch)?;
        self.meta.write(&mut batch)?;
        self.metrics.spent("encode state", committing);
        self.commits.begin(batch)?;
        self.committed_at = now();
        self.metrics.epoch_duration.observe(began.elapsed().as_secs_f64());
        Ok(())
    }

    /// What changed in the spaces of state since the last commit; facts, the largest part, on a thread of their own.
    fn encode(&mut self) -> Result<StateBatch> {
        let (facts, people) = (&mut self.facts, &mut self.people);
        let (rows, seen, meta) = (&mut self.rows, &mut self.seen, &mut self.meta);
        meta.next_fact = facts.next_number();
        let epoch = meta.epoch;
        std::thread::scope(|scope| {
            let encoding = scope.spawn(move || {
                let mut batch = StateBatch::default();
                facts.flush(epoch, &mut batch).map(|()| batch)
            });
            let mut batch = StateBatch::default();
            let flushed = people
                .flush(meta, &mut batch)
                .and_then(|()| rows.flush(&mut batch))
                .and_then(|()| seen.flush(&mut batch));
            let facts = match encoding.join() {
                Ok(facts) => facts?,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            flushed?;
            batch.append(&facts);
            Ok(batch)
        })
    }

    /// True where the tables do not hold everything yet.
    pub(crate) fn has_unpublished(&self) -> bool {
        !self.dirty.is_empty() || self.people.has_touched() || self.positions != self.meta.raw_published
    }

    /// Rows waiting in memory to be appended.
    pub(crate) fn unpublished_rows(&self) -> usize {
        self.dirty.rows()
    }

    /// Makes the rows of all persons that changed, commits them, and says what the tables have to take over.
    pub(crate) fn begin_publication(&mut self) -> Result<(u64, TableChanges, RawStretches)> {
        let began = Instant::now();
        let at = now();
        loop {
            let persons: Vec<PersonId> = self.people.take_touched(PROJECTED_MAX);
            if persons.is_empty() {
                break;
            }
            self.commits.settle()?;
            let unifying = Instant::now();
            for projection in project(&*self.store, &persons, at, self.threads)? {
                self.rows.project(projection, &mut self.dirty)?;
            }
            self.metrics.spent("unify", unifying);
            self.commit(began)?;
        }
        let mut raw = RawStretches::new();
        for (place, until) in &self.positions {
            let from = self.meta.raw_published.get(place).copied().unwrap_or(0);
            raw.insert(place.clone(), (from, *until));
        }
        self.meta.publication = Publication {
            epoch: self.meta.epoch + 1,
            raw_until: self.positions.clone(),
            done: false,
        };
        self.commit(began)?;
        self.commits.settle()?;
        let changes = self.dirty.take(self.meta.next_fact);
        self.publishing = Some(raw.clone());
        Ok((self.meta.epoch, changes, raw))
    }

    /// Notes that the tables have taken it over.
    pub(crate) fn end_publication(&mut self, published: &Published) -> Result<()> {
        self.commits.settle()?;
        let mut batch = StateBatch::default();
        forget_published(&*self.store, &published.partitions, published.epoch, &mut batch)?;
        if let Some(raw) = self.publishing.take() {
            for (place, (_, until)) in raw {
                self.meta.raw_published.insert(place, until);
            }
        }
        self.meta.publication.done = true;
        self.meta.write(&mut batch)?;
        self.commits.begin(batch)
    }

    /// Waits until everything is durable.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.commits.settle()
    }

    /// Tells the metrics how things stand.
    pub(crate) fn report(&mut self) {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.metrics.epoch.set(number(self.meta.epoch));
        self.metrics.persons.set(number(self.meta.persons));
        self.metrics.source_records.set(number(self.meta.next_record));
        self.metrics
            .checkpoint_age
            .set(seconds_between(self.committed_at, now()));
        // The size of the state costs a look at every file: not with every epoch.
        if self
            .reported_at
            .is_none_or(|at| at.elapsed() > STATE_BYTES_INTERVAL)
        {
            self.reported_at = Some(Instant::now());
            self.metrics.state_bytes.set(number(self.store.bytes()));
        }
    }
}

/// Whether a sender's id of a message was seen before.
enum Known {
    New,
    Copy,
    OtherContent,
}
