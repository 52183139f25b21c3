//! How well identities stand, measured without labels.

table! {
    "identity_metrics", "One row per measurement: persons, how sure the links are, what is left in doubt.",
    None;
    RUN_AT run_at: Time, "When it was measured, UTC", key;
    EPOCH epoch: Int, "The epoch it was measured at";
    MODEL_VERSION model_version: Text, "Version of the match model in force";
    RECORDS records: Int, "Source records";
    PERSONS persons: Int, "Persons";
    CONSOLIDATION_RATE consolidation_rate: Float, "1 - persons / records, 0 to 1";
    AUTO_LINK_PCT auto_link_pct: Float, "Share of the records that are in a person with others, percent";
    ESTIMATED_PRECISION estimated_precision: Float, "Expected share of linked pairs that are one person, by the model, 0 to 1";
    ESTIMATED_RECALL estimated_recall: Float, "Expected share of the pairs of one person that are linked, among pairs that reach review, 0 to 1";
    REVIEW_OPEN review_open: Int, "Doubtful pairs that wait for a steward";
    REVIEW_AGE_P95_H review_age_p95_h: Float, "Age that 95 percent of the waiting pairs are below, hours";
    MERGES merges: Int, "Merges of persons since this process started";
    SPLITS splits: Int, "Splits of persons since this process started";
    LARGEST_CLUSTER largest_cluster: Int, "Records of the largest person";
    PERSONS_OF_1 persons_of_1: Int, "Persons of one record";
    PERSONS_OF_2 persons_of_2: Int, "Persons of two records";
    PERSONS_OF_3_TO_5 persons_of_3_to_5: Int, "Persons of three to five records";
    PERSONS_OF_6_TO_10 persons_of_6_to_10: Int, "Persons of six to ten records";
    PERSONS_OVER_10 persons_over_10: Int, "Persons of more than ten records";
    OVERSIZE_BLOCKS oversize_blocks: Int, "Blocks of candidates left out because too many records share their value";
    SHARED_CONTACTS shared_contacts: Int, "Phone numbers and e-mail addresses of more than five of the records looked at";
}
