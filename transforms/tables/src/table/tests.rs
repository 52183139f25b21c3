//! What holds for every table.

use super::*;
use crate::arrow_schema::{COMMENT_KEY, IDENTIFYING_KEY};
use arrow::datatypes::DataType;
use std::collections::HashSet;

#[test]
fn names_are_unique_snake_case_and_commented() {
    let snake = |name: &str| {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let mut tables = HashSet::new();
    for definition in all() {
        assert!(
            tables.insert(definition.name) && snake(definition.name),
            "{}",
            definition.name
        );
        let schema = definition.arrow_schema();
        let mut columns = HashSet::new();
        for field in schema.fields() {
            let place = format!("{}.{}", definition.name, field.name());
            assert!(columns.insert(field.name().clone()), "{place} stands twice");
            assert!(snake(field.name()), "{place}");
            assert!(
                field
                    .metadata()
                    .get(COMMENT_KEY)
                    .is_some_and(|comment| comment.len() > 2),
                "{place}"
            );
        }
    }
    assert_eq!(tables.len(), FactTable::ALL.len() + OWN.len());
}

#[test]
fn timestamps_are_utc_and_partitions_stand_last() {
    for definition in all() {
        let schema = definition.arrow_schema();
        for field in schema.fields() {
            if let DataType::Timestamp(unit, zone) = field.data_type() {
                assert_eq!(
                    (*unit, zone.as_deref()),
                    (arrow::datatypes::TimeUnit::Microsecond, Some("UTC"))
                );
            }
        }
        if let Some(partition) = definition.partition {
            assert_eq!(schema.fields().last().unwrap().name(), partition.column);
        }
    }
}

#[test]
fn identifying_columns_are_marked() {
    for (table, column, expected) in [
        ("patient_360", "family_name", true),
        ("patient_360", "person_id", false),
        ("patient_360", "primary_mrn", true),
        ("patient_360", "birth_date", true),
        ("raw_messages", "payload", true),
        ("encounters", "source_record_id", true),
        ("encounters", "encounter_id", true),
        ("encounters", "class", false),
        ("provider_360", "npi", false),
        ("patient_identity", "source_record_id", true),
    ] {
        let schema = find(table).unwrap().arrow_schema();
        let field = schema.field_with_name(column).unwrap();
        let marked = field.metadata().contains_key(IDENTIFYING_KEY);
        assert_eq!(marked, expected, "{table}.{column}");
    }
}

#[test]
fn fact_tables_are_those_of_the_model() {
    for table in FactTable::ALL {
        let definition = fact(*table).unwrap();
        assert_eq!(
            definition.columns.len(),
            table.schema().columns.len() + 2 + COMMON.len()
        );
        assert_eq!(definition.partition.is_some(), table.schema().date.is_some());
        assert!(!definition.columns[0].nullable);
    }
}
