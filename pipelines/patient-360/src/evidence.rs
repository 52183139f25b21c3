//! Evidence in state: the little of each fact that counts and journeys need, by record.
//!
//! It is written as a log, what an epoch's messages say of one record packed together: adding to it costs no read, and the
//! last word on a fact holds.

use crate::facts::FactState;
use crate::spaces;
use panorama_api::{ConnectorError, Result, StateBatch, StateRead};
use panorama_model::{FactTable, Text, Timestamp};
use panorama_unify::{Evidence, EvidenceKind};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// What one fact is evidence of, and where it is filed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EvidenceEntry {
    pub table: u8,
    pub partition: i32,
    at: Option<Timestamp>,
    end_at: Option<Timestamp>,
    kind: Option<EvidenceKind>,
    id: Text,
}

/// The word on one fact, by its number; `None` withdraws what was said of it.
type Word = (u64, Option<EvidenceEntry>);

/// What this epoch's messages say.
#[derive(Default)]
pub(crate) struct EvidenceLog {
    said: Vec<(u64, Word)>,
    /// What those of the last epoch said, in the order of records: it may not be in committed state yet.
    before: Vec<(u64, Word)>,
}

impl EvidenceLog {
    /// Sets what a fact is evidence of.
    pub(crate) fn say(&mut self, record: u64, number: u64, entry: EvidenceEntry) {
        self.said.push((record, (number, Some(entry))));
    }

    /// A fact is no longer one of the record's.
    pub(crate) fn withdraw(&mut self, record: u64, number: u64) {
        self.said.push((record, (number, None)));
    }

    /// Moves what was said into the batch of `epoch`.
    pub(crate) fn flush(&mut self, epoch: u64, batch: &mut StateBatch) -> Result<()> {
        // Stable: of several words on one fact the last stays the last.
        self.said.sort_by_key(|(record, (number, _))| (*record, *number));
        for words in self.said.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((record, _)) = words.first() else {
                continue;
            };
            let words: Vec<&Word> = words.iter().map(|(_, word)| word).collect();
            let key = |out: &mut Vec<u8>| {
                out.extend_from_slice(&record.to_be_bytes());
                out.extend_from_slice(&epoch.to_be_bytes());
            };
            let value = |out: &mut Vec<u8>| {
                *out = postcard::to_extend(&words, std::mem::take(out))?;
                Ok(true)
            };
            batch
                .write(spaces::EVIDENCE, key, value)
                .map_err(|e: postcard::Error| ConnectorError::fatal("encode", "evidence", e))?;
        }
        self.before = std::mem::take(&mut self.said);
        Ok(())
    }

    /// What holds of the facts of a record as of the last epoch's end, by their numbers.
    pub(crate) fn entries(&self, state: &dyn StateRead, record: u64) -> Result<Vec<(u64, EvidenceEntry)>> {
        let mut words = committed_words(state, record)?;
        let from = self.before.partition_point(|(of, _)| *of < record);
        let before = self.before.iter().skip(from).take_while(|(of, _)| *of == record);
        words.extend(before.map(|(_, word)| word.clone()));
        Ok(in_force(words))
    }
}

/// The evidence of a record, from committed state.
pub(crate) fn evidence_of(state: &dyn StateRead, record: u64) -> Result<Vec<Evidence>> {
    let evidence = |(number, entry): (u64, EvidenceEntry)| {
        let (kind, table) = (entry.kind?, FactTable::from_number(entry.table)?);
        // Evidence is a set: what carries no id is told apart by its number, or the results of one panel were one.
        let id = if entry.id.is_empty() {
            smol_str::format_smolstr!("{number:016x}")
        } else {
            entry.id
        };
        Some(Evidence {
            at: entry.at,
            end_at: entry.end_at,
            table,
            kind,
            id,
        })
    };
    Ok(in_force(committed_words(state, record)?)
        .into_iter()
        .filter_map(evidence)
        .collect())
}

/// Whether anything was said of any fact, in committed state.
pub(crate) fn any_evidence(state: &dyn StateRead) -> Result<bool> {
    let mut any = false;
    state.scan(spaces::EVIDENCE, &[], None, &mut |_, _| {
        any = true;
        ControlFlow::Break(())
    })?;
    Ok(any)
}

/// All that was said of the facts of a record, in committed state, oldest first.
fn committed_words(state: &dyn StateRead, record: u64) -> Result<Vec<Word>> {
    let mut words: Vec<Word> = Vec::new();
    let mut read = Ok(());
    state.scan_prefix(spaces::EVIDENCE, &record.to_be_bytes(), &mut |_, value| {
        match postcard::from_bytes::<Vec<Word>>(value) {
            Ok(mut later) => words.append(&mut later),
            Err(_) => {
                // Left out, it would be a count that is quietly too low.
                read = Err(ConnectorError::fatal("read", "evidence", "an entry is damaged"));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    read.map(|()| words)
}

/// The last word on each fact, unless it was withdrawn.
fn in_force(mut words: Vec<Word>) -> Vec<(u64, EvidenceEntry)> {
    // Stable, so of the words on one fact the last is the newest.
    words.sort_by_key(|(number, _)| *number);
    words.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            std::mem::swap(later, kept);
        }
        same
    });
    let said = |(number, entry): Word| Some((number, entry?));
    words.into_iter().filter_map(said).collect()
}

/// The evidence of a fact. Only what journeys may cite carries its id: observations are many and are only counted.
pub(crate) fn evidence_entry(table: FactTable, fact: &FactState, partition: i32) -> EvidenceEntry {
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
