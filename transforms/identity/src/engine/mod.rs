//! The incremental engine: one record in, what changed out. State lives in the caller's [`IdentityStore`].

mod again;
mod ahead;
mod changes;
mod component;
mod endpoints;
mod pairs;
mod session;

pub use ahead::Ahead;
pub use changes::{
    Changes, Counters, Evidence, IdentityChange, IdentityChangeKind, MatchMethod, Reassignment, Review,
    ReviewStatus,
};

use crate::blocking::{AnchorKeys, BlockKeys, Indexed};
use crate::decision::{PairStatements, Statement, StatementKind, Verdict};
use crate::known_scores::KnownScores;
use crate::outline::Outline;
use crate::score::Scorer;
use crate::store::{IdentityStore, RecordEntry, RecordNumber};
use panorama_model::{IdentityEvent, IdentityEventKind, RecordKind, SourceRecordKey, Version};
use panorama_standardize::StandardPerson;
use session::Session;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

/// A person ready to be put into the engine: all that can be computed without state, in parallel. It lies where the record
/// will that it becomes, so that nothing of it is moved on the one thread that takes it in.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedPerson {
    /// The record, but for its key and version.
    entry: Arc<RecordEntry>,
}

impl PreparedPerson {
    /// What the record says.
    pub fn person(&self) -> &StandardPerson {
        &self.entry.person
    }

    /// The record it becomes.
    fn entry(&self) -> &RecordEntry {
        &self.entry
    }

    /// The record it is.
    fn of(
        mut self,
        key: &SourceRecordKey,
        version: Version,
        deleted_at: Option<Version>,
    ) -> Arc<RecordEntry> {
        let entry = Arc::make_mut(&mut self.entry);
        entry.key.clone_from(key);
        (entry.version, entry.deleted_at) = (Some(version), deleted_at);
        self.entry
    }
}

/// Keeps which records are one person, record by record.
///
/// The partition depends on the records, statements and the model alone: not on the order of calls (INV-6). Only which
/// record founds a person's id does ([`panorama_model::PersonId::of_founder`] of the one seen first).
///
/// What an engine and its clones remember saves time alone, and only over stores that hand out the same `Arc` of a record.
#[derive(Clone, Debug)]
pub struct IdentityEngine {
    scorer: Arc<Scorer>,
    known: Arc<KnownScores>,
}

impl IdentityEngine {
    /// An engine under a model.
    pub fn new(scorer: Arc<Scorer>) -> Self {
        Self {
            scorer,
            known: Arc::default(),
        }
    }

    /// The model made ready.
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// Computes all that needs no state, of what a record of this source says.
    pub fn prepare(&self, source: &str, person: StandardPerson) -> PreparedPerson {
        let Indexed {
            matched,
            blocks,
            anchors,
        } = self.scorer.indexed(source, &person);
        PreparedPerson {
            entry: Arc::new(RecordEntry {
                // Till it is known, any.
                key: SourceRecordKey::new(source, RecordKind::Patient, ""),
                person,
                matched,
                blocks,
                anchors,
                version: None,
                deleted_at: None,
            }),
        }
    }

    /// Takes in what a record says now. `version` is the newest statement in it.
    ///
    /// - Shape: saying the same again changes nothing; a record deleted after `version` stays deleted.
    pub fn upsert<S: IdentityStore>(
        &self,
        store: &mut S,
        key: &SourceRecordKey,
        prepared: PreparedPerson,
        version: Version,
    ) -> Changes {
        self.upsert_seen(store, key, prepared, version, &Ahead::default())
    }

    /// As [`IdentityEngine::upsert`], with what [`IdentityEngine::look_ahead`] said last of this same `prepared`.
    pub fn upsert_seen<S: IdentityStore>(
        &self,
        store: &mut S,
        key: &SourceRecordKey,
        prepared: PreparedPerson,
        version: Version,
        ahead: &Ahead,
    ) -> Changes {
        let number = store.number_of(key);
        let old = store.record(number);
        let deleted_at = old.as_ref().and_then(|old| old.deleted_at);
        let new = prepared.of(key, version, deleted_at);
        let mut session = Session::new(self, store);
        session.ahead = Some(ahead);
        session.replace(number, old, new);
        session.finish()
    }

    /// Matches records again as they stand, under a model that is new to them, each pair and each component once: all records
    /// from the first on, some at a time. Once every record was, the persons are those that the model would have made of them
    /// from the beginning; before, those that reach records still to come may be as they were.
    ///
    /// - Shape: those before `records` were matched again already, those from its end up to `until` will be; scores are
    ///   computed by so many threads, the outcome is that of one.
    pub fn match_again<S: IdentityStore>(
        &self,
        store: &mut S,
        records: Range<RecordNumber>,
        until: RecordNumber,
        workers: NonZeroUsize,
    ) -> Changes {
        let mut session = Session::new(self, store);
        session.workers = workers;
        session.later_from = (records.end < until).then_some(records.end);
        session.replace_anew(records);
        session.finish()
    }

    /// Takes in what a source says of the identity of its records. Self, circular, repeated and reversed merges are
    /// harmless; records not seen yet are remembered.
    pub fn apply_event<S: IdentityStore>(&self, store: &mut S, event: &IdentityEvent) -> Changes {
        if event.kind == IdentityEventKind::Delete {
            return self.delete(store, &event.subject, event.version);
        }
        let Some((kind, verdict)) = StatementKind::of_event(event.kind) else {
            return Changes::default();
        };
        let statement = Statement {
            version: event.version,
            kind,
            verdict,
        };
        self.state(store, &event.subject, &event.other, statement)
    }

    /// Takes in a steward's decision about two records; it outranks scores and sources until it is withdrawn.
    pub fn decide<S: IdentityStore>(
        &self,
        store: &mut S,
        a: &SourceRecordKey,
        b: &SourceRecordKey,
        verdict: Verdict,
        version: Version,
    ) -> Changes {
        let statement = Statement {
            version,
            kind: StatementKind::Steward,
            verdict,
        };
        self.state(store, a, b, statement)
    }

    /// Takes in all that was said of a pair, as another store keeps it.
    pub fn restate<S: IdentityStore>(
        &self,
        store: &mut S,
        a: &SourceRecordKey,
        b: &SourceRecordKey,
        said: &PairStatements,
    ) {
        for statement in [said.source, said.steward].into_iter().flatten() {
            self.state(store, a, b, statement);
        }
    }

    /// The strongest evidence that holds a record in its person.
    pub fn evidence<S: IdentityStore>(&self, store: &mut S, record: RecordNumber) -> Option<Evidence> {
        Session::new(self, store).evidence(record)
    }

    fn state<S: IdentityStore>(
        &self,
        store: &mut S,
        a: &SourceRecordKey,
        b: &SourceRecordKey,
        statement: Statement,
    ) -> Changes {
        if a == b {
            return Changes::default();
        }
        let (x, y) = (number_with_entry(store, a), number_with_entry(store, b));
        let before = in_force(store, x, y);
        let changed = add_statement(store, x, y, statement);
        add_statement(store, y, x, statement);
        if !changed {
            return Changes::default();
        }
        let mut session = Session::new(self, store);
        session.statement_changed(x, y, before);
        session.finish()
    }

    fn delete<S: IdentityStore>(&self, store: &mut S, key: &SourceRecordKey, version: Version) -> Changes {
        let number = number_with_entry(store, key);
        let Some(old) = store.record(number) else {
            return Changes::default();
        };
        if old.deleted_at.is_some_and(|at| at >= version) {
            return Changes::default();
        }
        let new = RecordEntry {
            deleted_at: Some(version),
            ..RecordEntry::clone(&old)
        };
        let mut session = Session::new(self, store);
        session.replace(number, Some(old), Arc::new(new));
        session.finish()
    }
}

/// What holds between two records by statement.
fn in_force<S: IdentityStore>(store: &mut S, a: RecordNumber, b: RecordNumber) -> Option<Statement> {
    let statements = store.statements(a);
    statements
        .iter()
        .find(|s| s.other == b)
        .and_then(PairStatements::in_force)
}

fn add_statement<S: IdentityStore>(
    store: &mut S,
    of: RecordNumber,
    other: RecordNumber,
    said: Statement,
) -> bool {
    let mut statements = store.statements(of);
    let changed = match statements.iter_mut().find(|s| s.other == other) {
        Some(pair) => pair.add(said),
        None => {
            let mut pair = PairStatements::new(other);
            pair.add(said);
            statements.push(pair);
            true
        }
    };
    if changed {
        store.put_statements(of, statements);
    }
    changed
}

/// The number of a record that may only have been spoken of so far.
fn number_with_entry<S: IdentityStore>(store: &mut S, key: &SourceRecordKey) -> RecordNumber {
    let number = store.number_of(key);
    if store.record(number).is_none() {
        let entry = RecordEntry {
            key: key.clone(),
            person: StandardPerson::default(),
            matched: None,
            blocks: BlockKeys::new(),
            anchors: AnchorKeys::new(),
            version: None,
            deleted_at: None,
        };
        store.put_membership(number, session::fresh_membership(&entry));
        store.put_record(number, Arc::new(entry), Outline::default());
    }
    number
}

#[cfg(test)]
mod tests;
