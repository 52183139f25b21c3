//! What the checks found, run by run.

table! {
    "data_quality", "One row per run, table, column and check.",
    None;
    RUN_AT run_at: Time, "When the check ran, UTC", key;
    SOURCE source: Text, "The source, where the check is about one";
    TABLE table_name: Text, "The table";
    COLUMN column_name: Text, "The column, where the check is about one";
    CHECK check_name: Text, "The check";
    SEVERITY severity: Int, "1, worst, to 5";
    ROWS_CHECKED rows_checked: Int, "Rows checked";
    ROWS_FAILED rows_failed: Int, "Rows that failed";
    FAIL_PERCENT fail_percent: Float, "Share that failed, percent";
}
