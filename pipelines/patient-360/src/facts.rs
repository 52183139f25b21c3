//! Facts in state: each message's word on a fact is laid over what is known, whatever the order of arrival (INV-6).

use crate::current::{Dirty, PARTITION_UNKNOWN};
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
    places: TypedSpace<(u8, u128), i32>,
    facts: TypedSpace<(u8, (i32, u128)), FactState>,
    evidence: TypedSpace<(u64, u128), EvidenceEntry>,
}

impl Facts {
    pub(crate) fn new(state: &Arc<dyn StateRead>, entries_max: usize) -> Self {
        Self {
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
        let table = fact.table as u8;
        let Some(partition) = self.places.get((table, hash))?.copied() else {
            self.tell_first(fact, owner, position, now, dirty, hash);
            return Ok(Told::New);
        };
        let place = (table, (partition, hash));
        let Some(known) = self.facts.get_mut(place)? else {
            self.tell_first(fact, owner, position, now, dirty, hash);
            return Ok(Told::New);
        };
        let newer = fact.version > known.version;
        let layer = Layer {
            version: fact.version,
            complete: fact.complete,
            content: fact.row,
        };
        let outranks = (!is_stand_in(owner.key), fact.version) > known.owner;
        if !known.layers.add(layer) && !newer && !outranks {
            return Ok(Told::Copy);
        }
        known.updated_at = now;
        let previous_record = known.record;
        if newer {
            known.version = fact.version;
            known.position = position;
            known.deleted = fact.deleted;
        }
        let claim = (!is_stand_in(owner.key), fact.version);
        if claim > known.owner {
            known.owner = claim;
            known.record = owner.record;
            known.key = owner.key.clone();
            known.person = owner.person;
        }
        let moved_to = partition_of(fact.table.schema(), &known.layers);
        let entry = evidence_entry(fact.table, known, moved_to);
        let record = known.record;
        if moved_to == partition {
            dirty.changed(place);
        } else {
            let known = known.clone();
            let new_place = (table, (moved_to, hash));
            self.facts.delete(place);
            dirty.removed(place);
            self.facts.put(new_place, known);
            dirty.appended(new_place);
            self.places.put((table, hash), moved_to);
        }
        if record != previous_record {
            self.evidence.delete((previous_record, hash));
        }
        self.evidence.put((record, hash), entry);
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
        let mut layers = Layers::default();
        layers.add(Layer {
            version: fact.version,
            complete: fact.complete,
            content: fact.row,
        });
        let known = FactState {
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
        };
        let partition = partition_of(fact.table.schema(), &known.layers);
        let place = (fact.table as u8, (partition, hash));
        self.places.put((fact.table as u8, hash), partition);
        self.evidence.put(
            (owner.record, hash),
            evidence_entry(fact.table, &known, partition),
        );
        self.facts.put(place, known);
        dirty.appended(place);
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
        scan_evidence(&*self.state, record, |hash, entry| {
            places.push((entry.table, (entry.partition, hash)))
        })?;
        for place in places {
            if let Some(fact) = self
                .facts
                .get_mut(place)?
                .filter(|fact| fact.person != Some(person))
            {
                fact.person = Some(person);
                fact.updated_at = now;
                dirty.changed(place);
            }
        }
        Ok(())
    }

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
    scan_evidence(state, record, |hash, entry| {
        if let (Some(kind), Some(table)) = (entry.kind, FactTable::from_number(entry.table)) {
            // Evidence is a set: what carries no id is told apart by its hash, or the results of one panel were one.
            let id = if entry.id.is_empty() {
                smol_str::format_smolstr!("{:016x}", (hash >> 64) as u64)
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

fn scan_evidence(
    state: &dyn StateRead,
    record: u64,
    mut take: impl FnMut(u128, EvidenceEntry),
) -> Result<()> {
    let mut read = Ok(());
    state.scan_prefix(spaces::EVIDENCE, &record.to_be_bytes(), &mut |key, value| {
        let hash = key
            .get(8..)
            .and_then(|b| b.try_into().ok())
            .map(u128::from_be_bytes);
        match (hash, postcard::from_bytes(value)) {
            (Some(hash), Ok(entry)) => take(hash, entry),
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
pub(crate) fn resolved_row(layers: &Layers<Row>) -> Row {
    let mut layers = layers.layers().iter();
    let Some(newest) = layers.next() else {
        return Row::new();
    };
    let mut row = newest.content.clone();
    for layer in layers {
        row.fill_from(&layer.content);
    }
    row.without_nulls()
}
