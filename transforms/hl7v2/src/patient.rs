//! One patient of a message, while it is read: the record, and what its PID and MRG segments say of identity.

use panorama_model::{Fact, FactTable, HumanName, Overlay, SourceRecord, SourceRecordKey, Text, fact};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One patient of the message: its PID group.
pub(crate) struct Patient {
    pub(crate) record: SourceRecord,
    /// PID-18, names a visit where PV1 has no number.
    pub(crate) account: Option<Text>,
    /// PID-2, the other id that person-level merges speak of.
    pub(crate) external: Option<SourceRecordKey>,
    /// MRG segments.
    pub(crate) priors: Vec<Prior>,
    /// A PID segment was read for it.
    pub(crate) named: bool,
    /// Where each encounter's facts begin, and its id.
    pub(crate) encounters: SmallVec<[(usize, Text); 1]>,
    /// The facts' places by the hash of their ids, once they are too many to be compared.
    pub(crate) places: HashMap<u64, usize, BuildHasherDefault<HashOfHash>>,
    /// How many other things used a fact's id too, by its place; empty but in odd messages.
    pub(crate) repeats: HashMap<usize, usize, BuildHasherDefault<HashOfHash>>,
}

/// So many ids are compared one by one faster than one is hashed and looked up.
const COMPARED_MAX: usize = 16;

/// What one MRG segment says of the record before.
pub(crate) struct Prior {
    /// MRG-1: the records' keys.
    pub(crate) keys: SmallVec<[SourceRecordKey; 1]>,
    /// MRG-4.
    pub(crate) external: Option<SourceRecordKey>,
    /// MRG-5, the visit's number before.
    pub(crate) visit: Option<Text>,
    /// MRG-7.
    pub(crate) names: Vec<HumanName>,
}

/// What to do with a fact whose id the message used before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It is the same thing: the later word holds, field by field.
    Same,
    /// It is another thing: number it.
    Another,
}

/// The keys are hashes already.
#[derive(Default)]
pub(crate) struct HashOfHash(u64);

impl Hasher for HashOfHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Patient {
    /// A record that stands for itself: no PID group of the message.
    pub(crate) fn of_record(record: SourceRecord) -> Self {
        Self {
            places: HashMap::default(),
            repeats: HashMap::default(),
            record,
            account: None,
            external: None,
            priors: Vec::new(),
            named: true,
            encounters: SmallVec::new(),
        }
    }

    /// Adds a fact; returns its place.
    pub(crate) fn add(&mut self, mut fact: Fact, again: Again) -> usize {
        let Some(at) = self.find(fact.table, &fact.id) else {
            return self.push(fact);
        };
        if again == Again::Another {
            let repeats = self.repeats.entry(at).or_default();
            *repeats += 1;
            fact.id = Text::from(format!("{}#{}", fact.id, *repeats + 1));
            return self.add(fact, Again::Same);
        }
        if let Some(earlier) = self.record.facts.get_mut(at) {
            fact.row.fill_from(&earlier.row);
            *earlier = fact;
        }
        at
    }

    fn push(&mut self, fact: Fact) -> usize {
        let at = self.record.facts.len();
        if at >= COMPARED_MAX {
            if self.places.is_empty() {
                let facts = self.record.facts.iter().enumerate();
                self.places
                    .extend(facts.map(|(at, fact)| (id_hash(fact.table, &fact.id), at)));
            }
            self.places.insert(id_hash(fact.table, &fact.id), at);
        }
        self.record.facts.push(fact);
        at
    }

    /// The place of the fact of this id.
    fn find(&self, table: FactTable, id: &Text) -> Option<usize> {
        if self.places.is_empty() {
            let mut facts = self.record.facts.iter();
            facts.position(|fact| fact.table == table && fact.id == *id)
        } else {
            self.places.get(&id_hash(table, id)).copied()
        }
    }

    /// True where a fact of this id was added.
    pub(crate) fn knows(&self, table: FactTable, id: &Text) -> bool {
        self.find(table, id).is_some()
    }

    /// A fact belongs to the last encounter before it, and to the first where it stands before all.
    pub(crate) fn link_facts_to_encounters(&mut self) {
        let mut encounters = self.encounters.iter();
        let Some((_, mut current)) = encounters.next().cloned() else {
            return;
        };
        let mut next = encounters.next();
        for (at, fact) in self.record.facts.iter_mut().enumerate() {
            while let Some((_, id)) = next.filter(|(begins, _)| *begins <= at) {
                current = id.clone();
                next = encounters.next();
            }
            let column = match fact.table {
                FactTable::Conditions => fact::conditions::ENCOUNTER_ID,
                FactTable::Observations => fact::observations::ENCOUNTER_ID,
                FactTable::Medications => fact::medications::ENCOUNTER_ID,
                FactTable::Procedures => fact::procedures::ENCOUNTER_ID,
                FactTable::Immunizations => fact::immunizations::ENCOUNTER_ID,
                FactTable::Documents => fact::documents::ENCOUNTER_ID,
                _ => continue,
            };
            // The column is the first of each table, and cells stand in the order of columns.
            let first = fact.row.cells().next();
            if first.is_none_or(|(index, _)| index != column.index) {
                fact.row.set(column, &current);
            }
        }
    }
}

/// Tells the facts of one record apart.
fn id_hash(table: FactTable, id: &str) -> u64 {
    xxh3_64_with_seed(id.as_bytes(), table as u64)
}
