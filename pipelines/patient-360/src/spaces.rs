//! The spaces of state. All change together, in one batch per epoch (INV-4).

use panorama_api::Space;

/// Epoch number, next record number, the publication under way: small things, by name.
pub(crate) const META: Space = Space("meta");
/// (topic, partition) -> next offset to process.
pub(crate) const POSITIONS: Space = Space("positions");
/// Hash of a source record's key -> its number.
pub(crate) const RECORD_NUMBERS: Space = Space("record_numbers");
/// Number of a source record -> what it says and whose it is.
pub(crate) const RECORDS: Space = Space("records");
/// Number of a source record -> its last word, hashed, where that only repeated what the record says.
pub(crate) const LAST_WORDS: Space = Space("last_words");
/// Person -> numbers of its source records.
pub(crate) const PERSONS: Space = Space("persons");
/// (table, hash of a fact) -> the partition it is filed in, and its number.
pub(crate) const FACT_PLACES: Space = Space("fact_places");
/// Number of a chunk -> facts of one partition, filed in one epoch, with all their statements in force.
pub(crate) const FACT_CHUNKS: Space = Space("fact_chunks");
/// (table, partition, number of a chunk) -> nothing: the chunks of a partition.
pub(crate) const PARTITION_CHUNKS: Space = Space("partition_chunks");
/// Number of a fact -> what it is now, where that is not what its chunk says.
pub(crate) const FACT_REVISIONS: Space = Space("fact_revisions");
/// (record number, epoch) -> the little of the record's facts that counts and journeys need.
pub(crate) const EVIDENCE: Space = Space("evidence");
/// (table, partition, row) -> the row of a current table.
pub(crate) const ROWS: Space = Space("rows");
/// (table, partition) -> the last epoch that changed it and is not yet in the table.
pub(crate) const OUTBOX: Space = Space("outbox");
/// (table, partition, epoch, number of a chunk) -> rows by name, each with the hash of what other systems were told of it; a table
/// alone -> nothing, where all of it was told once.
pub(crate) const ANNOUNCED: Space = Space("announced");
/// A number -> persons whose rows have to be made again.
pub(crate) const TOUCHED_PERSONS: Space = Space("touched_persons");
/// Sender's id of a message -> the offset of the first one, where a format's copies are known by it.
pub(crate) const SEEN: Space = Space("seen");
/// What identity keeps of a record.
pub(crate) const IDENTITY_RECORDS: Space = Space("identity_records");
/// Blocking key -> record numbers: an inverted index in pages.
pub(crate) const IDENTITY_BLOCKS: Space = Space("identity_block_pages");
/// What is not in pages yet of it.
pub(crate) const IDENTITY_BLOCK_CHANGES: Space = Space("identity_block_changes");
/// Record number -> scored pairs.
pub(crate) const IDENTITY_EDGES: Space = Space("identity_edges");
/// Record number -> decisions of sources and stewards.
pub(crate) const IDENTITY_DECISIONS: Space = Space("identity_decisions");
/// Record number -> the person it belongs to.
pub(crate) const IDENTITY_MEMBERSHIPS: Space = Space("identity_memberships");

/// All of them, for opening the store.
pub const ALL: &[Space] = &[
    META,
    POSITIONS,
    RECORD_NUMBERS,
    RECORDS,
    LAST_WORDS,
    PERSONS,
    FACT_PLACES,
    FACT_CHUNKS,
    PARTITION_CHUNKS,
    FACT_REVISIONS,
    EVIDENCE,
    ROWS,
    OUTBOX,
    ANNOUNCED,
    TOUCHED_PERSONS,
    SEEN,
    IDENTITY_RECORDS,
    IDENTITY_BLOCKS,
    IDENTITY_BLOCK_CHANGES,
    IDENTITY_EDGES,
    IDENTITY_DECISIONS,
    IDENTITY_MEMBERSHIPS,
];
