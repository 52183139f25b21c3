//! Facts in state: each message's word on a fact is laid over what is known, whatever the order of arrival (INV-6).
//!
//! A fact gets a rising number where it is filed, so that what is new in a partition since it was last published is its
//! end, read in one sequential scan, and state grows at its end too.

use crate::current::{Dirty, FactKey, PARTITION_UNKNOWN};
use crate::spaces;
use panorama_api::{ConnectorError, Result, StateBatch, StateRead};
use panorama_model::{
    Fact, FactSchema, FactTable, Layer, Layers, Overlay, PersonId, RecordKind, Row, SourceRecordKey, Text,
    Timestamp, Value, Version,
};
use panorama_runtime::TypedSpace;
use panorama_unify::{Evidence, EvidenceKind};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Where in the log a message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Partition of the source's topic.
    pub partition: u32,
    /// Offset.
    pub offset: u64,
}

/// A fact as state keeps it: all that its table's row needs, so that a partition is written in one sequential scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FactState {
    /// The source's id of it.
    pub id: Text,
    /// What made its owner the owner: a named record before a stand-in, then the newest statement.
    pub owner: (bool, Version),
    /// The record it hangs on.
    pub record: u64,
    /// The record's key.
    pub key: SourceRecordKey,
    /// The person behind the record; `None` for providers.
    pub person: Option<PersonId>,
    /// The newest statement's version.
    pub version: Version,
    /// The newest statement's place in the log.
    pub position: Position,
    /// Said to be undone.
    pub deleted: bool,
    /// When this row last changed here.
    pub updated_at: Timestamp,
    /// The statements in force.
    pub layers: Layers<Row>,
}

impl FactState {
    /// A fact told of for the first time.
    fn first(fact: Fact, owner: Owner<'_>, position: Position, now: Timestamp) -> Self {
        let mut layers = Layers::default();
        layers.add(Layer {
            version: fact.version,
            complete: fact.complete,
            content: fact.row,
        });
        Self {
            id: fact.id,
            owner: (!is_stand_in(owner.key), fact.version),
            record: owner.record,
            key: owner.key.clone(),
            person: owner.person,
            version: fact.version,
            position,
            deleted: fact.deleted,
            updated_at: now,
            layers,
        }
    }

    /// Lays one more statement over it; false where that told nothing new.
    fn lay_over(&mut self, fact: Fact, owner: Owner<'_>, position: Position, now: Timestamp) -> bool {
        let newer = fact.version > self.version;
        let claim = (!is_stand_in(owner.key), fact.version);
        let layer = Layer {
            version: fact.version,
            complete: fact.complete,
            content: fact.row,
        };
        if !self.layers.add(layer) && !newer && claim <= self.owner {
            return false;
        }
        self.updated_at = now;
        if newer {
            self.version = fact.version;
            self.position = position;
            self.deleted = fact.deleted;
        }
        if claim > self.owner {
            self.owner = claim;
            self.record = owner.record;
            self.key = owner.key.clone();
            self.person = owner.person;
        }
        true
    }
}

/// What the record of a fact is.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub record: u64,
    pub key: &'a SourceRecordKey,
    pub person: Option<PersonId>,
}

/// Whether a statement told anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    New,
    Copy,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct EvidenceEntry {
    table: u8,
    partition: i32,
    at: Option<Timestamp>,
    end_at: Option<Timestamp>,
    kind: Option<EvidenceKind>,
    id: Text,
}

/// The facts of all persons.
pub(crate) struct Facts {
    state: Arc<dyn StateRead>,
    places: TypedSpace<(u8, u128), FactPlace>,
    facts: TypedSpace<FactKey, FactState>,
    evidence: TypedSpace<(u64, u64), EvidenceEntry>,
    next_number: u64,
}

/// Where a fact is filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FactPlace {
    partition: i32,
    number: u64,
}

impl FactPlace {
    const fn key(self, table: FactTable) -> FactKey {
        (table as u8, (self.partition, self.number))
    }
}

impl Facts {
    /// The facts in `state`, which has given out numbers up to `next_number`.
    pub(crate) fn new(state: &Arc<dyn StateRead>, next_number: u64, entries_max: usize) -> Self {
        Self {
            next_number,
            state: Arc::clone(state),
            places: TypedSpace::new(spaces::FACT_PLACES, Arc::clone(state), entries_max),
            // A fact is mostly told once: what is kept here are the appointments and visits told of again soon.
            facts: TypedSpace::new(spaces::FACTS, Arc::clone(state), entries_max / 8),
            evidence: TypedSpace::new(spaces::EVIDENCE, Arc::clone(state), entries_max / 16),
        }
    }

    /// Lays one statement over what is known of a fact.
    pub(crate) fn tell(
        &mut self,
        fact: Fact,
        owner: Owner<'_>,
        position: Position,
        now: Timestamp,
        dirty: &mut Dirty,
    ) -> Result<Told> {
        let hash = fact.hash128(&owner.key.source);
        let table = fact.table;
        let Some(filed) = self.places.get((table as u8, hash))?.copied() else {
            self.tell_first(fact, owner, position, now, dirty, hash);
            return Ok(Told::New);
        };
        let place = filed.key(table);
        let Some(known) = self.facts.get_mut(place)? else {
            self.tell_first(fact, owner, position, now, dirty, hash);
            return Ok(Told::New);
        };
        let previous_record = known.record;
        if !known.lay_over(fact, owner, position, now) {
            return Ok(Told::Copy);
        }
        let partition = partition_of(table.schema(), &known.layers);
        let entry = evidence_entry(table, known, partition);
        let record = known.record;
        let moved_to = if partition == filed.partition {
            dirty.fact_changed(place);
            filed
        } else {
            let known = known.clone();
            self.facts.delete(place);
            dirty.fact_removed(place);
            self.file(table, partition, hash, known, dirty)
        };
        if (record, moved_to.number) != (previous_record, filed.number) {
            self.evidence.delete((previous_record, filed.number));
        }
        self.evidence.put((record, moved_to.number), entry);
        Ok(Told::New)
    }

    fn tell_first(
        &mut self,
        fact: Fact,
        owner: Owner<'_>,
        position: Position,
        now: Timestamp,
        dirty: &mut Dirty,
        hash: u128,
    ) {
        let table = fact.table;
        let known = FactState::first(fact, owner, position, now);
        let partition = partition_of(table.schema(), &known.layers);
        let entry = evidence_entry(table, &known, partition);
        let filed = self.file(table, partition, hash, known, dirty);
        self.evidence.put((owner.record, filed.number), entry);
    }

    /// Files a fact at the end of a partition.
    fn file(
        &mut self,
        table: FactTable,
        partition: i32,
        hash: u128,
        fact: FactState,
        dirty: &mut Dirty,
    ) -> FactPlace {
        let number = self.next_number;
        self.next_number += 1;
        let filed = FactPlace { partition, number };
        self.places.put((table as u8, hash), filed);
        self.facts.put(filed.key(table), fact);
        dirty.fact_appended(filed.key(table));
        filed
    }

    /// Gives the facts of a record to another person. Called before the epoch's own facts are told.
    pub(crate) fn reassign(
        &mut self,
        record: u64,
        person: PersonId,
        now: Timestamp,
        dirty: &mut Dirty,
    ) -> Result<()> {
        let mut places = Vec::new();
        scan_evidence(&*self.state, record, |number, entry| {
            places.push((entry.table, (entry.partition, number)))
        })?;
        for place in places {
            if let Some(fact) = self
                .facts
                .get_mut(place)?
                .filter(|fact| fact.person != Some(person))
            {
                fact.person = Some(person);
                fact.updated_at = now;
                dirty.fact_changed(place);
            }
        }
        Ok(())
    }

    /// The number the next fact gets.
    pub(crate) const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Moves the changes into the epoch's batch.
    pub(crate) fn flush(&mut self, batch: &mut StateBatch) -> Result<()> {
        self.places.flush(batch)?;
        self.facts.flush(batch)?;
        self.evidence.flush(batch)
    }
}

/// True for a record that only stands in until the fact's real record is told: a contact event knows the call, the
/// contact record that follows knows the caller.
fn is_stand_in(key: &SourceRecordKey) -> bool {
    key.kind == RecordKind::Caller && key.id.starts_with("contact:")
}

/// The evidence of a record, from committed state.
pub(crate) fn evidence_of(state: &dyn StateRead, record: u64) -> Result<Vec<Evidence>> {
    let mut all = Vec::new();
    scan_evidence(state, record, |number, entry| {
        if let (Some(kind), Some(table)) = (entry.kind, FactTable::from_number(entry.table)) {
            // Evidence is a set: what carries no id is told apart by its number, or the results of one panel were one.
            let id = if entry.id.is_empty() {
                smol_str::format_smolstr!("{number:016x}")
            } else {
                entry.id
            };
            all.push(Evidence {
                at: entry.at,
                end_at: entry.end_at,
                table,
                kind,
                id,
            });
        }
    })?;
    Ok(all)
}

fn scan_evidence(state: &dyn StateRead, record: u64, mut take: impl FnMut(u64, EvidenceEntry)) -> Result<()> {
    let mut read = Ok(());
    state.scan_prefix(spaces::EVIDENCE, &record.to_be_bytes(), &mut |key, value| {
        let number = key
            .get(8..)
            .and_then(|b| b.try_into().ok())
            .map(u64::from_be_bytes);
        match (number, postcard::from_bytes(value)) {
            (Some(number), Ok(entry)) => take(number, entry),
            _ => {
                // Left out, it would be a count that is quietly too low.
                read = Err(ConnectorError::fatal("read", "evidence", "an entry is damaged"));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    read
}

/// The evidence of a fact. Only what journeys may cite carries its id: observations are many and are only counted.
fn evidence_entry(table: FactTable, fact: &FactState, partition: i32) -> EvidenceEntry {
    let resolved;
    let row = match fact.layers.layers() {
        [only] => &only.content,
        _ => {
            resolved = fact.layers.resolve().unwrap_or_default();
            &resolved
        }
    };
    let id = if table == FactTable::Observations {
        Text::default()
    } else {
        fact.id.clone()
    };
    let found = Evidence::of(table, &id, row, fact.deleted);
    EvidenceEntry {
        table: table as u8,
        partition,
        at: found.as_ref().and_then(|e| e.at),
        end_at: found.as_ref().and_then(|e| e.end_at),
        kind: found.map(|e| e.kind),
        id,
    }
}

/// The month a fact is filed under, as days since 1970 of its first day.
fn partition_of(schema: &FactSchema, layers: &Layers<Row>) -> i32 {
    let Some(column) = schema.date else {
        return PARTITION_UNKNOWN;
    };
    for layer in layers.layers() {
        match layer.content.get(column) {
            Some(Value::Null) => return PARTITION_UNKNOWN,
            Some(value) => {
                return value
                    .as_time()
                    .map_or(PARTITION_UNKNOWN, |at| at.date().first_of_month().0);
            }
            None => {}
        }
    }
    PARTITION_UNKNOWN
}

/// The row of a fact, all its statements resolved; what was said to be none is left out.
pub(crate) fn resolved_row(layers: Layers<Row>) -> Row {
    let mut layers = layers.into_layers().into_iter();
    let Some(newest) = layers.next() else {
        return Row::new();
    };
    let mut row = newest.content;
    for layer in layers {
        row.fill_from(&layer.content);
    }
    row.without_nulls()
}
