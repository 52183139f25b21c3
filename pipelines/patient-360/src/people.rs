//! Source records and the persons behind them: what a message says is laid over what is known, identity is asked where
//! that changes anything, and what identity decides becomes rows and evidence (INV-7).

use crate::current::Dirty;
use crate::decode::{DecodedMessage, Prepared, Said};
use crate::facts::Position;
use crate::flushing::Flush;
use crate::identity_store::{PipelineIdentityStore, SMALL};
use crate::meta::Meta;
use crate::reader::Prepare;
use crate::records::{LastWord, PersonEntry, RecordState};
use crate::repetition::{LatelySaid, content_hash};
use crate::rows::{Rows, bucket};
use crate::touched::Touched;
use crate::{identity_rows, spaces};
use hashbrown::HashSet;
use panorama_api::{Result, StateBatch, StateRead};
use panorama_identity::{
    Changes, Evidence, IdentityChange, IdentityEngine, IdentityStore, Membership, PreparedPerson,
    RecordNumber, Review, ReviewStatus, Scorer, Verdict,
};
use panorama_model::{
    IdentityEvent, IdentityEventKind, Layer, Layers, PersonId, Reading, SourceRecord, SourceRecordKey,
    StewardDecision, StewardVerdict, Timestamp,
};
use panorama_runtime::{Metrics, TypedSpace};
use panorama_standardize::standardize;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// All source records and persons.
pub(crate) struct People {
    engine: IdentityEngine,
    store: PipelineIdentityStore,
    records: TypedSpace<u64, RecordState>,
    last_words: TypedSpace<u64, LastWord>,
    persons: TypedSpace<u128, PersonEntry>,
    metrics: Arc<Metrics>,
    person_count: u64,
    touched: Touched,
    /// Records of which this epoch's messages spoke.
    spoken_of: HashSet<u64>,
    /// Where records went in this epoch: from, to, why.
    moved: BTreeMap<u64, (Option<PersonId>, PersonId, Evidence)>,
    /// Records matched again under a new model: their rows name it, moved or not.
    judged_again: Vec<u64>,
    events: Vec<IdentityChange>,
    reviews: BTreeMap<(u64, u64), Review>,
    /// What stewards decided in this epoch.
    decisions: Vec<StewardDecision>,
    /// Records that a source deleted in this epoch.
    deleted: Vec<u64>,
}

impl People {
    pub(crate) fn new(
        state: &Arc<dyn StateRead>,
        scorer: &Arc<Scorer>,
        metrics: &Arc<Metrics>,
        meta: &Meta,
        entries_max: usize,
    ) -> Result<Self> {
        let block_records_max = scorer.model().limits.block_records_max;
        Ok(Self {
            engine: IdentityEngine::new(Arc::clone(scorer)),
            store: PipelineIdentityStore::open(state, meta, entries_max, block_records_max)?,
            records: TypedSpace::numbered(spaces::RECORDS, Arc::clone(state), entries_max, meta.next_record),
            last_words: TypedSpace::new(spaces::LAST_WORDS, Arc::clone(state), entries_max * SMALL),
            persons: TypedSpace::new(spaces::PERSONS, Arc::clone(state), entries_max * 4),
            metrics: Arc::clone(metrics),
            person_count: meta.persons,
            touched: Touched::recover(&**state)?,
            spoken_of: HashSet::new(),
            moved: BTreeMap::new(),
            judged_again: Vec::new(),
            events: Vec::new(),
            reviews: BTreeMap::new(),
            decisions: Vec::new(),
            deleted: Vec::new(),
        })
    }

    /// What can be done for a record without state, on any core.
    pub(crate) fn prepare(&self) -> Prepare {
        let engine = self.engine.clone();
        let lately = LatelySaid::new();
        Arc::new(move |record: &SourceRecord| {
            let person = record.person.as_ref()?;
            let content = content_hash(person);
            let is_new = lately.note(&record.key, content);
            Some(Said {
                content,
                prepared: is_new
                    .then(|| Prepared::new(engine.prepare(&record.key.source, standardize(person)))),
            })
        })
    }

    /// Scores the pairs of what the next messages say, on several threads, before any of it is taken in.
    pub(crate) fn look_ahead(&mut self, messages: &mut [DecodedMessage], threads: NonZeroUsize) {
        let records: Vec<_> = messages.iter().flat_map(prepared_of).collect();
        let ahead = self.engine.look_ahead(&mut self.store, &records, threads);
        let prepared = messages.iter_mut().flat_map(prepared_in);
        for (prepared, ahead) in prepared.zip(ahead) {
            prepared.ahead = ahead;
        }
    }

    /// Lays what a message says over what is known of a record; returns the record's number.
    pub(crate) fn tell(
        &mut self,
        record: SourceRecord,
        said: Option<Said>,
        position: Position,
        received_at: Timestamp,
    ) -> Result<u64> {
        let number = self.store.number_of(&record.key).0;
        self.spoken_of.insert(number);
        let fresh = || RecordState {
            key: record.key.clone(),
            first_seen_at: received_at,
            position,
            standard_hash: None,
            layers: Layers::default(),
        };
        let told = record.person.map(|content| Layer {
            version: record.version,
            complete: record.complete,
            content,
        });
        let word = said.as_ref().map(|said| LastWord {
            version: record.version,
            complete: record.complete,
            content: said.content,
        });
        let repeated = self.last_words.get(number)?.copied();
        let last = match (repeated, word) {
            (None, Some(_)) => self.records.get(number)?.and_then(RecordState::only_word),
            _ => repeated,
        };
        if let (Some(word), Some(last)) = (word, last)
            && last.is_repeated(&word)
        {
            if word.version > last.version {
                self.last_words.put(number, word);
            }
            return Ok(number);
        }
        let state = match &told {
            Some(_) => self.records.get_or_insert_with(number, fresh)?,
            None if self.records.get(number)?.is_some() => return Ok(number),
            None => self.records.get_or_insert_with(number, fresh)?,
        };
        state.first_seen_at = state.first_seen_at.min(received_at);
        if let Some(last) = repeated {
            state.layers.renew(last.version);
        }
        let said = match told {
            Some(layer) => {
                let is_new = state.layers.add(layer);
                if !is_new && state.standard_hash.is_some() {
                    return Ok(number);
                }
                state.position = state.position.max(position);
                let alone = state.layers.layers().len() == 1;
                if repeated.is_some() {
                    self.last_words.delete(number);
                }
                let prepared = said.and_then(|said| said.prepared).filter(|_| alone);
                prepared.unwrap_or_else(|| resolve(&self.engine, state))
            }
            None => resolve(&self.engine, state),
        };
        if state.standard_hash != Some(said.hash) {
            state.standard_hash = Some(said.hash);
            let version = state.layers.version().unwrap_or_default();
            let changes =
                self.engine
                    .upsert_seen(&mut self.store, &record.key, said.person, version, &said.ahead);
            self.take(changes);
        }
        Ok(number)
    }

    /// Takes in what a source says of the identity of its records.
    pub(crate) fn event(&mut self, event: &IdentityEvent) -> Result<()> {
        if event.kind == IdentityEventKind::Delete {
            self.renew(&event.subject)?;
        }
        let changes = self.engine.apply_event(&mut self.store, event);
        self.take(changes);
        // Said of two records of one person, it moves nobody and still tells how sure that is.
        for key in [&event.subject, &event.other] {
            self.spoken_of.extend(self.store.find(key).map(|number| number.0));
        }
        if event.kind == IdentityEventKind::Delete
            && let Some(number) = self.store.find(&event.subject)
        {
            self.deleted.push(number.0);
        }
        Ok(())
    }

    /// A hash of the model in force.
    pub(crate) fn model_hash(&self) -> u64 {
        let model = self.engine.scorer().model();
        // A model is plain data: it always has its JSON.
        xxh3_64(serde_json::to_string(model).unwrap_or_default().as_bytes()).max(1)
    }

    /// Matches records again, under a model that is new to them and to all up to `until`.
    pub(crate) fn match_again(&mut self, records: Range<u64>, until: u64, threads: NonZeroUsize) {
        let some = RecordNumber(records.start)..RecordNumber(records.end);
        let changes = self
            .engine
            .match_again(&mut self.store, some, RecordNumber(until), threads);
        self.take(changes);
        self.spoken_of.extend(records.clone());
        self.judged_again.extend(records);
    }

    /// Takes in a steward's decision; it outranks scores and sources.
    pub(crate) fn decide(&mut self, decision: StewardDecision) {
        let verdict = match decision.verdict {
            StewardVerdict::Match => Verdict::Match,
            StewardVerdict::NoMatch => Verdict::NoMatch,
            StewardVerdict::Withdrawn => Verdict::Withdrawn,
        };
        let changes = self.engine.decide(
            &mut self.store,
            &decision.a,
            &decision.b,
            verdict,
            decision.version,
        );
        self.take(changes);
        for key in [&decision.a, &decision.b] {
            self.spoken_of.extend(self.store.find(key).map(|number| number.0));
        }
        self.decisions.push(decision);
    }

    /// Tells identity how new a record's last word is, which a repetition of the same did not. A deletion is weighed
    /// against it, and whatever is said next must reach identity again.
    fn renew(&mut self, key: &SourceRecordKey) -> Result<()> {
        let Some(number) = self.store.find(key) else {
            return Ok(());
        };
        let last = self.last_words.get(number.0)?.copied();
        let Some(state) = self.records.get_mut(number.0)? else {
            return Ok(());
        };
        if let Some(last) = last {
            state.layers.renew(last.version);
            self.last_words.delete(number.0);
        }
        state.standard_hash = None;
        let said = resolve(&self.engine, state);
        let version = state.layers.version().unwrap_or_default();
        let changes = self.engine.upsert(&mut self.store, key, said.person, version);
        self.take(changes);
        Ok(())
    }

    fn take(&mut self, changes: Changes) {
        for moved in changes.reassigned {
            let entry = self
                .moved
                .entry(moved.record.0)
                .or_insert((moved.old, moved.new, moved.evidence));
            entry.1 = moved.new;
            entry.2 = moved.evidence;
        }
        for event in &changes.events {
            self.metrics
                .decisions
                .get_or_create(&Metrics::label("decision", event.kind.name()))
                .inc();
        }
        self.events.extend(changes.events);
        for review in changes.reviews {
            self.reviews.insert((review.a.0, review.b.0), review);
        }
    }

    /// Makes what identity decided in this epoch hold for members of persons and for rows. Returns the records that went to
    /// another person, for their facts to go along.
    pub(crate) fn settle(
        &mut self,
        at: Timestamp,
        rows: &mut Rows,
        dirty: &mut Dirty,
    ) -> Result<Vec<(u64, PersonId)>> {
        let mut reassigned = Vec::new();
        for (number, (old, new, evidence)) in std::mem::take(&mut self.moved) {
            if let Some(old) = old.filter(|old| *old != new) {
                self.leave(old, number)?;
                reassigned.push((number, new));
            }
            self.join(new, number)?;
            self.tell_place(number, new, &evidence, at, rows, dirty)?;
        }
        for number in std::mem::take(&mut self.judged_again) {
            let evidence = self.engine.evidence(&mut self.store, RecordNumber(number));
            if let Some((evidence, person)) = evidence.zip(self.person_of(number)) {
                self.tell_place(number, person, &evidence, at, rows, dirty)?;
                // The row of a deleted record has to say so again.
                self.deleted.push(number);
            }
        }
        for number in std::mem::take(&mut self.deleted) {
            let active = self
                .store
                .record(RecordNumber(number))
                .is_some_and(|entry| entry.is_active());
            if let Some(membership) = self.store.membership(RecordNumber(number)) {
                let place = identity_rows::crosswalk_place(membership.key_hash, bucket(membership.key_hash));
                rows.edit(place, dirty, |row| identity_rows::set_active(row, active))?;
            }
        }
        self.tell_events(at, rows, dirty)?;
        self.tell_reviews(at, rows, dirty)?;
        self.tell_decisions(at, rows, dirty)?;
        for number in std::mem::take(&mut self.spoken_of) {
            if let Some(person) = self.person_of(number) {
                self.touch(person);
            }
        }
        Ok(reassigned)
    }

    /// Writes a record's row in the crosswalk: its person, and what holds it there.
    fn tell_place(
        &mut self,
        number: u64,
        person: PersonId,
        evidence: &Evidence,
        at: Timestamp,
        rows: &mut Rows,
        dirty: &mut Dirty,
    ) -> Result<()> {
        let Some(state) = self.records.get(number)? else {
            return Ok(());
        };
        let other = match evidence.other {
            Some(other) => self.store.record(other).map(|entry| entry.key.clone()),
            None => None,
        };
        let model = &self.engine.scorer().model().version;
        let row = identity_rows::crosswalk(&state.key, person, evidence, other.as_ref(), model, at);
        let hash = state.key.hash128();
        rows.put(
            identity_rows::crosswalk_place(hash, bucket(hash)),
            vec![row],
            dirty,
        )
    }

    fn tell_events(&mut self, at: Timestamp, rows: &mut Rows, dirty: &mut Dirty) -> Result<()> {
        for event in std::mem::take(&mut self.events) {
            let sequence = self.store.next_sequence();
            let key = self.store.record(event.record).map(|entry| entry.key.clone());
            let other = event
                .evidence
                .other
                .and_then(|other| self.store.record(other))
                .map(|entry| entry.key.clone());
            let model = &self.engine.scorer().model().version;
            let (place, row) =
                identity_rows::event(&event, sequence, key.as_ref(), other.as_ref(), model, at);
            rows.put(place, vec![row], dirty)?;
        }
        Ok(())
    }

    fn tell_reviews(&mut self, at: Timestamp, rows: &mut Rows, dirty: &mut Dirty) -> Result<()> {
        for (_, review) in std::mem::take(&mut self.reviews) {
            let (Some(a), Some(b)) = (self.store.record(review.a), self.store.record(review.b)) else {
                continue;
            };
            let persons = [self.person_of(review.a.0), self.person_of(review.b.0)];
            let explanation = self.engine.scorer().explain_records(a.spoken(), b.spoken());
            let (place, mut row) =
                identity_rows::review(&review, [&a.key, &b.key], persons, &explanation, at);
            if let Some(known) = rows.first(place)? {
                identity_rows::keep_decision(&mut row, known);
            }
            rows.put(place, vec![row], dirty)?;
            self.metrics
                .decisions
                .get_or_create(&Metrics::label("decision", "review"))
                .inc();
        }
        Ok(())
    }

    /// Keeps who decided what and why: beside the pair, and in the history of its persons.
    fn tell_decisions(&mut self, at: Timestamp, rows: &mut Rows, dirty: &mut Dirty) -> Result<()> {
        for decision in std::mem::take(&mut self.decisions) {
            let keys = [&decision.a, &decision.b];
            let numbers = keys.map(|key| self.store.find(key));
            let persons = numbers.map(|number| number.and_then(|n| self.person_of(n.0)));
            let [person_a, person_b] = persons;
            let place = identity_rows::review_place(keys);
            if rows.first(place)?.is_none() {
                let [a, b] = numbers.map(|number| number.and_then(|n| self.store.record(n)));
                if let (Some([number_a, number_b]), Some(a), Some(b)) = (all(numbers), a, b) {
                    let explanation = self.engine.scorer().explain_records(a.spoken(), b.spoken());
                    let review = Review {
                        a: number_a,
                        b: number_b,
                        weight: explanation.weight,
                        status: ReviewStatus::Closed,
                    };
                    let (place, row) = identity_rows::review(&review, keys, persons, &explanation, at);
                    rows.put(place, vec![row], dirty)?;
                }
            }
            rows.edit(place, dirty, |row| {
                identity_rows::set_decision(row, &decision, [person_a, person_b]);
            })?;
            let sequence = self.store.next_sequence();
            if let Some(person) = person_a.or(person_b) {
                let model = &self.engine.scorer().model().version;
                let (place, row) =
                    identity_rows::decision_event(&decision, person, person_b, sequence, model, at);
                rows.put(place, vec![row], dirty)?;
            }
            self.metrics
                .decisions
                .get_or_create(&Metrics::label("decision", "steward"))
                .inc();
        }
        Ok(())
    }

    fn leave(&mut self, person: PersonId, record: u64) -> Result<()> {
        if let Some(entry) = self.persons.get_mut(person.0)? {
            let was_empty = entry.members.is_empty();
            entry.remove(record);
            if entry.members.is_empty() && !was_empty {
                self.person_count = self.person_count.saturating_sub(1);
            }
        }
        self.touch(person);
        Ok(())
    }

    fn join(&mut self, person: PersonId, record: u64) -> Result<()> {
        let entry = self.persons.get_or_insert_with(person.0, PersonEntry::default)?;
        if entry.members.is_empty() {
            self.person_count += 1;
        }
        entry.insert(record);
        self.touch(person);
        Ok(())
    }

    /// The person a record belongs to.
    pub(crate) fn person_of(&mut self, record: u64) -> Option<PersonId> {
        self.store
            .membership(RecordNumber(record))
            .map(|m: Membership| m.person)
    }

    /// Says that a person's rows have to be made again.
    pub(crate) fn touch(&mut self, person: PersonId) {
        self.touched.insert(person);
    }

    /// True where rows of persons have to be made again.
    pub(crate) fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Takes persons whose rows have to be made again, at most `max`.
    pub(crate) fn take_touched(&mut self, max: usize) -> Vec<PersonId> {
        self.touched.take(max)
    }

    /// Ends an epoch: notes what it came to, and lists what there is to be written into its batch.
    ///
    /// # Errors
    /// What failed since the last time.
    pub(crate) fn flushes(&mut self, meta: &mut Meta) -> Result<Vec<Flush<'_>>> {
        meta.next_record = self.store.next_record();
        meta.identity_sequence = self.store.sequence();
        meta.persons = self.person_count;
        let Self {
            store,
            records,
            last_words,
            persons,
            touched,
            ..
        } = self;
        records.expect_below(meta.next_record);
        let mut flushes: Vec<Flush<'_>> = vec![Box::new(|batch| records.flush(batch))];
        flushes.extend(store.flushes()?);
        flushes.extend([
            Box::new(|batch: &mut StateBatch| persons.flush(batch)) as Flush<'_>,
            Box::new(|batch| last_words.flush(batch)),
            Box::new(|batch| {
                touched.flush(batch);
                Ok(())
            }),
        ]);
        Ok(flushes)
    }
}

/// What a message says of persons, and who says it.
fn prepared_of(message: &DecodedMessage) -> impl Iterator<Item = (&str, &PreparedPerson)> {
    let records = match &message.reading {
        Reading::Read(decoded) => decoded.records.as_slice(),
        Reading::Unreadable(_) => &[],
    };
    let said = records.iter().zip(&message.said);
    said.filter_map(|(record, said)| {
        let prepared = said.as_ref()?.prepared.as_ref()?;
        Some((record.key.source.as_str(), &prepared.person))
    })
}

/// The same, in the same order, to be changed.
fn prepared_in(message: &mut DecodedMessage) -> impl Iterator<Item = &mut Prepared> {
    let records = match &message.reading {
        Reading::Read(decoded) => decoded.records.as_slice(),
        Reading::Unreadable(_) => &[],
    };
    let said = records.iter().zip(&mut message.said);
    said.filter_map(|(_, said)| said.as_mut()?.prepared.as_mut())
}

fn all<T: Copy>(pair: [Option<T>; 2]) -> Option<[T; 2]> {
    let [a, b] = pair;
    Some([a?, b?])
}

/// What all statements in force say together, ready for identity.
fn resolve(engine: &IdentityEngine, record: &RecordState) -> Prepared {
    let person = standardize(&record.layers.resolve().unwrap_or_default());
    Prepared::new(engine.prepare(&record.key.source, person))
}
