//! The apply step: one thread takes messages in order and settles who they speak of, a second files what they tell of them
//! and commits; each epoch ends in one atomic durable commit of state, positions and outbox (INV-4).

use crate::current::{Dirty, TableChanges, forget_published};
use crate::decode::DecodedMessage;
use crate::epochs::{Epochs, SettledEpoch, SettledFact};
use crate::facts::{Facts, Position};
use crate::flushing::{Flush, flush_all};
use crate::meta::{Meta, Positions, Publication, write_positions};
use crate::people::People;
use crate::pipeline::Pipeline;
use crate::project::project;
use crate::publish::Published;
use crate::reader::Prepare;
use crate::rows::Rows;
use crate::stretches::{ReceivedDays, Stretches};
use crate::{quarantined, spaces, table_number, topic_of};
use panorama_api::{Result, StateBatch, StateRead, StateStore};
use panorama_model::{
    Decoded, Fact, PersonId, Reading, RecordKind, Row, Severity, SourceRecordKey, Timestamp,
};
use panorama_runtime::{Metrics, TypedSpace, now, seconds_between};
use panorama_tables::table::message_issues;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Persons whose rows are made and committed together: bounds the memory of a publication (INV-9).
const PROJECTED_MAX: usize = 4096;

/// Records matched again in one epoch after a change of models: bounds the memory of its batch (INV-9).
const REMATCHED_MAX: u64 = 8192;

/// Messages whose pairs are scored ahead: what is known of those waits in memory (INV-9).
const AHEAD_MAX: usize = 1024;

/// How often the size of the state is measured.
const STATE_BYTES_INTERVAL: Duration = Duration::from_secs(5);

/// Everything that changes with messages.
pub(crate) struct Apply {
    store: Arc<dyn StateStore>,
    epochs: Epochs,
    metrics: Arc<Metrics>,
    threads: usize,
    meta: Meta,
    positions: Positions,
    /// Changes and bytes of the last epoch's batch.
    last_batch: (usize, usize),
    people: People,
    rows: Rows,
    seen: TypedSpace<u128, u64>,
    dirty: Dirty,
    reported_at: Option<Instant>,
    publishing: Option<Stretches>,
    received: ReceivedDays,
}

/// A fact waiting for its person: identity is settled for the whole epoch before any fact is filed.
struct PendingFact {
    fact: Fact,
    owner: Option<u64>,
    key: Arc<SourceRecordKey>,
    position: Position,
}

impl Apply {
    pub(crate) fn new(pipeline: &Pipeline, meta: Meta, positions: Positions) -> Result<Self> {
        let state: Arc<dyn StateRead> = Arc::<dyn StateStore>::clone(&pipeline.store);
        let entries_max = pipeline.options.cache_entries_max;
        let facts = Facts::new(&state, meta.next_fact, entries_max)?;
        Ok(Self {
            store: Arc::clone(&pipeline.store),
            epochs: Epochs::new(&pipeline.store, facts, &pipeline.metrics),
            metrics: Arc::clone(&pipeline.metrics),
            threads: pipeline.options.threads,
            people: People::new(&state, &pipeline.scorer, &pipeline.metrics, &meta, entries_max)?,
            rows: Rows::new(&state),
            dirty: Dirty::recover(&*state, 0, |table| !table_number::is_fact(table))?,
            seen: TypedSpace::new(spaces::SEEN, state, entries_max),
            meta,
            positions,
            last_batch: (0, 0),
            reported_at: None,
            publishing: None,
            received: ReceivedDays::default(),
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
            self.people.match_again(from..to, until, threads);
            self.meta.matched_under.until = if to == until { u64::MAX } else { to };
            self.settle(Vec::new(), at, epoch_began)?;
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
        self.received.note(&messages, &self.positions);
        let threads = NonZeroUsize::new(self.threads).unwrap_or(NonZeroUsize::MIN);
        let mut pending = Vec::with_capacity(2 * messages.len());
        let mut messages = messages.into_iter();
        while messages.len() > 0 {
            let mut some: Vec<_> = messages.by_ref().take(AHEAD_MAX).collect();
            self.people.look_ahead(&mut some, threads);
            for message in some {
                self.take(message, at, &mut pending)?;
            }
        }
        self.positions = next;
        self.metrics.spent("identify", began);
        self.metrics.read_total.inc_by(count);
        self.settle(pending, at, began)
    }

    /// Makes identity's decisions hold, and commits everything since the last commit.
    fn settle(&mut self, pending: Vec<PendingFact>, at: Timestamp, began: Instant) -> Result<()> {
        let settling = Instant::now();
        let reassigned = self.people.settle(at, &mut self.rows, &mut self.dirty)?;
        let facts = pending
            .into_iter()
            .map(|pending| SettledFact {
                person: pending.owner.and_then(|record| self.people.person_of(record)),
                fact: pending.fact,
                owner: pending.owner,
                key: pending.key,
                position: pending.position,
            })
            .collect();
        self.metrics.spent("settle", settling);
        self.commit(reassigned, facts, at, began)
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

    /// The one atomic commit of everything since the last one; begun here, and done beside the next epoch.
    fn commit(
        &mut self,
        reassigned: Vec<(u64, PersonId)>,
        facts: Vec<SettledFact>,
        at: Timestamp,
        began: Instant,
    ) -> Result<()> {
        // What a flush lets go of was changed two epochs ago at the latest: that is durable where the last one is filed.
        let waiting = Instant::now();
        self.epochs.filed()?;
        self.metrics.spent("wait for filing", waiting);
        let committing = Instant::now();
        self.meta.epoch += 1;
        // Most epochs change about as much as the one before.
        let (changes, bytes) = self.last_batch;
        let mut batch = StateBatch::with_capacity(changes + changes / 8, bytes + bytes / 8);
        let (rows, seen) = (&mut self.rows, &mut self.seen);
        let mut flushes: Vec<Flush<'_>> = vec![Box::new(|batch| rows.flush(batch))];
        flushes.extend(self.people.flushes(&mut self.meta)?);
        flushes.push(Box::new(|batch| seen.flush(batch)));
        flush_all(flushes, self.threads, &mut batch)?;
        self.last_batch = (batch.len(), batch.bytes());
        self.dirty.note(self.meta.epoch, &mut batch);
        write_positions(&self.positions, &mut batch)?;
        self.metrics.spent("encode state", committing);
        self.epochs.begin(SettledEpoch {
            meta: self.meta.clone(),
            at,
            reassigned,
            facts,
            batch,
            began,
        })
    }

    /// True where the tables do not hold everything yet.
    ///
    /// # Errors
    /// Where the last epoch could not be filed.
    pub(crate) fn has_unpublished(&mut self) -> Result<bool> {
        Ok(!self.epochs.is_published()?
            || !self.dirty.is_empty()
            || self.people.has_touched()
            || self.positions != self.meta.raw_published)
    }

    /// Up to where `raw_messages` has the messages.
    pub(crate) const fn raw_published(&self) -> &Positions {
        &self.meta.raw_published
    }

    /// Rows waiting in memory to be appended.
    pub(crate) fn unpublished_rows(&self) -> usize {
        self.dirty.rows()
    }

    /// Makes the rows of all persons that changed, commits them, and says what the tables have to take over.
    pub(crate) fn begin_publication(&mut self) -> Result<(u64, TableChanges, Stretches)> {
        let began = Instant::now();
        let at = now();
        // What rows are made of is durable then; the epochs that follow hold nothing but rows.
        self.epochs.settle()?;
        loop {
            let persons: Vec<PersonId> = self.people.take_touched(PROJECTED_MAX);
            if persons.is_empty() {
                break;
            }
            let unifying = Instant::now();
            for projection in project(&*self.store, &persons, at, self.threads)? {
                self.rows.project(projection, &mut self.dirty)?;
            }
            self.metrics.spent("unify", unifying);
            self.commit(Vec::new(), Vec::new(), at, began)?;
        }
        let raw = self.received.stretches(&self.meta.raw_published, &self.positions);
        self.meta.publication = Publication {
            epoch: self.meta.epoch + 1,
            raw_until: self.positions.clone(),
            done: false,
        };
        self.commit(Vec::new(), Vec::new(), at, began)?;
        let mut changes = self.epochs.settle()?.take_unpublished();
        changes.extend(self.dirty.take(0));
        self.publishing = Some(raw.clone());
        Ok((self.meta.epoch, changes, raw))
    }

    /// Notes that the tables have taken it over.
    pub(crate) fn end_publication(&mut self, published: Published) -> Result<()> {
        self.epochs.settle()?;
        let mut batch = StateBatch::default();
        forget_published(&*self.store, &published.partitions, published.epoch, &mut batch)?;
        if let Some(raw) = self.publishing.take() {
            for (place, stretch) in raw {
                self.meta.raw_published.insert(place, stretch.until);
            }
        }
        self.meta.publication.done = true;
        self.epochs.begin(SettledEpoch {
            meta: self.meta.clone(),
            at: now(),
            reassigned: Vec::new(),
            facts: Vec::new(),
            batch,
            began: Instant::now(),
        })
    }

    /// Waits until everything is durable.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.epochs.settle().map(|_| ())
    }

    /// Tells the metrics how things stand.
    pub(crate) fn report(&mut self) {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.metrics.epoch.set(number(self.meta.epoch));
        self.metrics.persons.set(number(self.meta.persons));
        self.metrics.source_records.set(number(self.meta.next_record));
        self.metrics
            .checkpoint_age
            .set(seconds_between(self.epochs.durable_at(), now()));
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
