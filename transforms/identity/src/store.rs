//! What the engine keeps, and the trait through which it keeps it.

use crate::blocking::{AnchorKeys, BlockKey, BlockKeys};
use crate::decision::PairStatements;
use crate::explain::Spoken;
use crate::newcomers::Newcomers;
use crate::outline::Outline;
use crate::score::MatchWeight;
use panorama_model::{PersonId, SourceRecordKey, Version};
use panorama_standardize::StandardPerson;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

/// A short local name of a source record, given at first sight of its key and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordNumber(pub u64);

/// What one source record says, and where it is indexed. Written when the record changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordEntry {
    /// The record's key.
    pub key: SourceRecordKey,
    /// What it says.
    pub person: StandardPerson,
    /// What the model sees of it, where its declarations take something away or rename it.
    pub matched: Option<Box<StandardPerson>>,
    /// The blocks it lies in; empty for contact points and while deleted.
    pub blocks: BlockKeys,
    /// The contact points and identifiers by which contact-point records find it, or it finds full ones.
    pub anchors: AnchorKeys,
    /// The version of what it says; `None` for a record only spoken of in identity events so far.
    pub version: Option<Version>,
    /// The newest deletion, if any. The record is gone while this is newer than `version`.
    pub deleted_at: Option<Version>,
}

impl RecordEntry {
    /// What the model sees of what the record says: all that counts in matching.
    pub fn matched(&self) -> &StandardPerson {
        self.matched.as_deref().unwrap_or(&self.person)
    }

    /// What it says, and who says it.
    pub fn spoken(&self) -> Spoken<'_> {
        Spoken {
            source: &self.key.source,
            person: &self.person,
        }
    }

    /// Where an anchor of it lists it: contact points and full records lie on two sides of the same one.
    pub(crate) fn side_of(&self, anchor: BlockKey) -> BlockKey {
        if self.matched().is_contact_point() {
            anchor.contact_side()
        } else {
            anchor
        }
    }

    /// True where the record takes part: it was seen, and not deleted since.
    pub fn is_active(&self) -> bool {
        self.version
            .is_some_and(|said| self.deleted_at.is_none_or(|deleted| said > deleted))
    }
}

/// Where one record belongs. Small, because it is written whenever a cluster changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// [`SourceRecordKey::hash128`] of the record: founder of a person id, and the order that breaks ties.
    pub key_hash: u128,
    /// The order in which records were first seen with content; the smallest of a cluster founds its person id.
    pub first_seen: u64,
    /// The person the record belongs to; its own until it is linked.
    pub person: PersonId,
    /// True where the record only attaches to a person (a contact point).
    pub attached: bool,
}

/// A scored pair, seen from one of its records. Kept where the weight reaches the review threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The other record.
    pub other: RecordNumber,
    /// The pair's match weight.
    pub weight: MatchWeight,
}

/// What several threads may read of a store at once. What cannot be read is left out, and reported as the store reports it.
pub trait IdentityView: Sync {
    /// As [`IdentityStore::outline`].
    fn outline(&self, record: RecordNumber) -> Option<&Outline>;

    /// As [`IdentityStore::record`].
    fn record(&self, record: RecordNumber) -> Option<Arc<RecordEntry>>;

    /// Appends the records of a block, in any order; none where there are more than `max`. Returns how many there are, or some
    /// number above `max`.
    fn block_members(&self, block: BlockKey, max: usize, members: &mut Vec<RecordNumber>) -> usize;

    /// As [`IdentityStore::expect_blocks`].
    fn touch_blocks(&self, blocks: &[BlockKey]);

    /// As [`IdentityStore::expect_outlines`].
    fn touch_outlines(&self, records: &[RecordNumber]);
}

/// State of the engine by typed keys.
///
/// Plain methods without errors: a store over a database loads into a write-back cache, remembers the first failure and
/// reports it when the batch is committed; until then it may answer with nothing. All writes of one engine operation
/// belong in one atomic commit (INV-4).
pub trait IdentityStore {
    /// The record's number, if its key was seen before.
    fn find(&mut self, key: &SourceRecordKey) -> Option<RecordNumber>;

    /// The record's number, given now if the key is new. Numbers never come back.
    fn number_of(&mut self, key: &SourceRecordKey) -> RecordNumber;

    /// The next of a rising sequence.
    fn next_sequence(&mut self) -> u64;

    /// What the record says.
    fn record(&mut self, record: RecordNumber) -> Option<Arc<RecordEntry>>;

    /// The outline of what the model sees of the record, where the store keeps outlines at hand: it saves fetching most
    /// candidates.
    fn outline(&mut self, _record: RecordNumber) -> Option<&Outline> {
        None
    }

    /// The store as it is, for several threads to read. It is made ready on so many at most.
    fn begin_view(&mut self, workers: NonZeroUsize) -> &dyn IdentityView;

    /// Nobody reads through the last view any more. A store may keep at hand what was read.
    fn end_view(&mut self) {}

    /// Says again what was read of a record through the last view. A store may keep it at hand.
    fn offer_record(&mut self, _record: RecordNumber, _entry: Arc<RecordEntry>) {}

    /// True where [`IdentityStore::put_record`] was not called for the record since the last view was begun.
    fn is_as_viewed(&self, record: RecordNumber) -> bool;

    /// Keeps what the record says, with the outline of what the model sees of it.
    fn put_record(&mut self, record: RecordNumber, entry: Arc<RecordEntry>, outline: Outline);

    /// Where the record belongs.
    fn membership(&mut self, record: RecordNumber) -> Option<Membership>;

    /// Keeps where the record belongs.
    fn put_membership(&mut self, record: RecordNumber, membership: Membership);

    /// Says which blocks come next. A store may fetch them together, and need not.
    fn expect_blocks(&mut self, _blocks: &[BlockKey]) {}

    /// Says of which records outlines are asked next, as [`IdentityStore::expect_blocks`].
    fn expect_outlines(&mut self, _records: &[RecordNumber]) {}

    /// Says which records come next, as [`IdentityStore::expect_blocks`].
    fn expect_records(&mut self, _records: &[RecordNumber]) {}

    /// Says of which records all that is kept comes next, one after another, on so many threads at most.
    fn expect_range(&mut self, _records: Range<RecordNumber>, _workers: NonZeroUsize) {}

    /// How many records lie in a block.
    fn block_len(&mut self, block: BlockKey) -> usize;

    /// Appends the records of a block to `members`, in any order, at most `max` of them.
    fn block_members(&mut self, block: BlockKey, max: usize, members: &mut Vec<RecordNumber>);

    /// Puts a record into a block; returns the new size. Putting it twice is harmless.
    fn block_insert(&mut self, block: BlockKey, record: RecordNumber) -> usize;

    /// Takes a record out of a block; returns the new size.
    fn block_remove(&mut self, block: BlockKey, record: RecordNumber) -> usize;

    /// Appends the record's edges to `edges`, ascending by the other record.
    fn edges(&mut self, record: RecordNumber, edges: &mut Vec<Edge>);

    /// Keeps the record's edges, ascending by the other record.
    fn put_edges(&mut self, record: RecordNumber, edges: &[Edge]);

    /// Those who joined blocks since the last view, where the store takes them in later.
    fn newcomers(&mut self) -> Option<&mut Newcomers> {
        None
    }

    /// What was said of this record and others.
    fn statements(&mut self, record: RecordNumber) -> Vec<PairStatements>;

    /// Keeps what was said of this record and others.
    fn put_statements(&mut self, record: RecordNumber, statements: Vec<PairStatements>);
}
