//! Facts in state: each message's word on a fact is laid over what is known, whatever the order of arrival (INV-6).
//!
//! A fact gets a rising number where it is filed, so that what is new in a partition since it was last published is its end.

use crate::current::{Dirty, FactKey, PARTITION_UNKNOWN, TableChanges};
use crate::evidence::{EvidenceLog, evidence_entry};
use crate::filing::FactFile;
use crate::{spaces, table_number};
use panorama_api::{Result, StateBatch, StateRead};
use panorama_model::{
    Fact, FactSchema, FactTable, Layer, Layers, Overlay, PersonId, RecordKind, Row, SourceRecordKey, Text,
    Timestamp, Value, Version,
};
use panorama_runtime::TypedSpace;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where in the log a message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Partition of the source's topic.
    pub partition: u32,
    /// Offset.
    pub offset: u64,
}

/// A fact as state keeps it: all that its table's row needs.
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
    pub(crate) fn first(fact: Fact, owner: Owner<'_>, position: Position, now: Timestamp) -> Self {
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

/// The facts of all persons.
pub(crate) struct Facts {
    state: Arc<dyn StateRead>,
    places: TypedSpace<(u8, u128), FactPlace>,
    file: FactFile,
    evidence: EvidenceLog,
    dirty: Dirty,
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
    ///
    /// # Errors
    /// Where the outbox cannot be read.
    pub(crate) fn new(state: &Arc<dyn StateRead>, next_number: u64, entries_max: usize) -> Result<Self> {
        let file = FactFile::new(state, next_number, entries_max / 8);
        Ok(Self {
            state: Arc::clone(state),
            places: TypedSpace::new(spaces::FACT_PLACES, Arc::clone(state), entries_max),
            dirty: Dirty::recover(&**state, file.next_number(), table_number::is_fact)?,
            file,
            evidence: EvidenceLog::default(),
        })
    }

    /// Lays one statement over what is known of a fact.
    pub(crate) fn tell(
        &mut self,
        fact: Fact,
        owner: Owner<'_>,
        position: Position,
        now: Timestamp,
    ) -> Result<Told> {
        let hash = fact.hash128(&owner.key.source);
        let table = fact.table;
        let Some(filed) = self.places.get((table as u8, hash))?.copied() else {
            self.tell_first(fact, owner, position, now, hash);
            return Ok(Told::New);
        };
        let Some(mut revised) = self.file.get(filed.number)? else {
            self.tell_first(fact, owner, position, now, hash);
            return Ok(Told::New);
        };
        let before = (revised.record, evidence_entry(table, &revised, filed.partition));
        if !revised.lay_over(fact, owner, position, now) {
            return Ok(Told::Copy);
        }
        let partition = partition_of(table.schema(), &revised.layers);
        let record = revised.record;
        let entry = evidence_entry(table, &revised, partition);
        let number = if partition == filed.partition {
            self.file.revise(filed.number, revised);
            self.dirty.fact_changed(filed.key(table));
            filed.number
        } else {
            self.file.remove(filed.number);
            self.dirty.fact_removed(filed.key(table));
            self.file(table, partition, hash, revised)
        };
        if (record, number) != (before.0, filed.number) {
            self.evidence.withdraw(before.0, filed.number);
            self.evidence.say(record, number, entry);
        } else if entry != before.1 {
            self.evidence.say(record, number, entry);
        }
        Ok(Told::New)
    }

    fn tell_first(&mut self, fact: Fact, owner: Owner<'_>, position: Position, now: Timestamp, hash: u128) {
        let table = fact.table;
        let known = FactState::first(fact, owner, position, now);
        let partition = partition_of(table.schema(), &known.layers);
        let entry = evidence_entry(table, &known, partition);
        let number = self.file(table, partition, hash, known);
        self.evidence.say(owner.record, number, entry);
    }

    /// Files a fact at the end of a partition; returns its number.
    fn file(&mut self, table: FactTable, partition: i32, hash: u128, fact: FactState) -> u64 {
        let number = self.file.file((table as u8, partition), fact);
        let filed = FactPlace { partition, number };
        self.places.put((table as u8, hash), filed);
        self.dirty.fact_appended(filed.key(table));
        number
    }

    /// Gives the facts of a record to another person. Called before the epoch's own facts are told.
    pub(crate) fn reassign(&mut self, record: u64, person: PersonId, now: Timestamp) -> Result<()> {
        for (number, entry) in self.evidence.entries(&*self.state, record)? {
            let known = self.file.get(number)?.filter(|fact| fact.person != Some(person));
            if let Some(mut fact) = known {
                fact.person = Some(person);
                fact.updated_at = now;
                self.file.revise(number, fact);
                self.dirty.fact_changed((entry.table, (entry.partition, number)));
            }
        }
        Ok(())
    }

    /// The number from which on facts of the next epoch are numbered.
    pub(crate) const fn next_number(&self) -> u64 {
        self.file.next_number()
    }

    /// True where tables do not hold all facts yet.
    pub(crate) fn has_unpublished(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Takes what the tables have to take over.
    pub(crate) fn take_unpublished(&mut self) -> TableChanges {
        self.dirty.take(self.file.next_number())
    }

    /// Moves the changes into the batch of `epoch`.
    pub(crate) fn flush(&mut self, epoch: u64, batch: &mut StateBatch) -> Result<()> {
        self.places.flush(batch)?;
        self.file.flush(batch)?;
        self.evidence.flush(epoch, batch)?;
        self.dirty.note(epoch, batch);
        Ok(())
    }
}

/// True for a record that only stands in until the fact's real record is told: a contact event knows the call, the
/// contact record that follows knows the caller.
fn is_stand_in(key: &SourceRecordKey) -> bool {
    key.kind == RecordKind::Caller && key.id.starts_with("contact:")
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
