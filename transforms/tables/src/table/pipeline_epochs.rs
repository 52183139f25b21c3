//! Consistent read points: which table versions belong together.

table! {
    "pipeline_epochs", "One row per epoch and table: the table version that holds it.",
    None;
    EPOCH epoch: Int, "The epoch", key;
    TABLE table: Text, "The table", key;
    VERSION version: Int, "The table's version that holds the epoch";
    ROWS rows: Int, "Rows written by that commit";
    COMMITTED_AT committed_at: Time, "When it was committed, UTC";
    PIPELINE pipeline: Text, "Name of the pipeline";
}
