//! What the checks found, run by run.

table! {
    "data_quality", "One row per run, source, table, column and check.",
    None;
    RUN_AT run_at: Time, "When the check ran, UTC", key;
    SOURCE_SYSTEM source_system: Text, "The source, where the check is about one";
    TABLE table: Text, "The table";
    COLUMN column: Text, "The column, where the check is about one";
    CHECK check: Text, "The check: not_null, dob_range, shared_contact, cluster_too_big";
    SEVERITY severity: Int, "1, worst, to 5";
    ROWS_CHECKED rows_checked: Int, "Rows checked";
    ROWS_FAILED rows_failed: Int, "Rows that failed";
    FAIL_PCT fail_pct: Float, "Share that failed, percent";
    SAMPLE_KEYS sample_keys: List, "Up to ten rows that failed: source_record_id, person_id for cluster_too_big; none for shared_contact", identifying;
}
