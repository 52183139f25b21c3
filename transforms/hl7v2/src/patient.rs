//! One patient of a message, while it is read: the record, and what its PID and MRG segments say of identity.

use panorama_model::{FactTable, HumanName, SourceRecord, SourceRecordKey, Text, fact};
use smallvec::SmallVec;

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
    /// Hashes of the fact ids so far.
    pub(crate) seen: Vec<u64>,
}

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

impl Patient {
    /// A record that stands for itself: no PID group of the message.
    pub(crate) fn of_record(record: SourceRecord) -> Self {
        Self {
            record,
            account: None,
            external: None,
            priors: Vec::new(),
            named: true,
            encounters: SmallVec::new(),
            seen: Vec::new(),
        }
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
            fact.row.set(column, current.clone());
        }
    }
}
