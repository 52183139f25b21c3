//! Rows in, batches out, and back to words.

use super::*;
use crate::{FactRow, Origin, fact, find, row_json, row_texts};
use panorama_model::{Date, FactTable, Text, Timestamp, fact::encounters};
use serde_json::json;

fn fact_row(row: &Row) -> FactRow<'_> {
    FactRow {
        id: "V1",
        person_id: Some("00000000-0000-8000-8000-000000000001"),
        row,
        origin: Origin {
            source: "adt",
            source_record_id: "M1",
            assigning_authority: "",
            record_kind: "patient",
            topic: "raw.adt",
            message_partition: 0,
            message_offset: 7,
        },
        source_updated_at: Timestamp(1_000_000),
        is_deleted: false,
        updated_at: Timestamp(2_000_000),
    }
}

#[test]
fn a_fact_fills_its_own_and_the_common_columns() {
    let definition = fact(FactTable::Encounters).unwrap();
    let mut batcher = RowBatcher::new(definition);
    let mut row = Row::new();
    row.set(encounters::CLASS, "EMER");
    row.set(encounters::START_AT, Timestamp(1_500_000));
    row.set(encounters::TOTAL_CHARGE, 12i64);
    let partition = definition.partition.unwrap().of_time(Some(Timestamp(1_500_000)));
    batcher.push_fact(&fact_row(&row), partition);
    batcher.push_fact(&fact_row(&Row::new()), None);
    assert!(batcher.bytes() > 60);
    let batch = batcher.finish().unwrap();
    assert_eq!(
        (batch.num_rows(), batcher.mismatches(), batcher.rows()),
        (2, 0, 0)
    );
    let told = row_json(&batch, 0);
    for (column, expected) in [
        ("encounter_id", json!("V1")),
        ("person_id", json!("00000000-0000-8000-8000-000000000001")),
        ("class", json!("EMER")),
        ("start_at", json!("1970-01-01T00:00:01.500000Z")),
        ("end_at", json!(null)),
        ("total_charge", json!(12.0)),
        ("source", json!("adt")),
        ("assigning_authority", json!(null)),
        ("message_offset", json!(7)),
        ("is_deleted", json!(false)),
        ("updated_at", json!("1970-01-01T00:00:02.000000Z")),
        ("event_month", json!("1970-01-01")),
    ] {
        assert_eq!(told[column], expected, "{column}");
    }
    assert_eq!(row_json(&batch, 1)["event_month"], json!(null));
}

#[test]
fn lists_maps_and_bytes_come_back() {
    let definition = find("patient_360").unwrap();
    let mut batcher = RowBatcher::new(definition);
    let mut row = Row::new();
    let phones = vec![Text::new("+13125550100"), Text::new("+13125550101")];
    row.set(crate::table::patient_360::PERSON_ID, "p1");
    row.set(crate::table::patient_360::PHONES, phones);
    row.set(
        crate::table::patient_360::FIELD_PROVENANCE,
        panorama_model::Value::Map(&[("sex".into(), "adt/patient".into())]),
    );
    row.set(crate::table::patient_360::BIRTH_DATE, Date(0));
    batcher.push_row(&row, Some(5));
    let batch = batcher.finish().unwrap();
    let told = row_json(&batch, 0);
    assert_eq!(told["phones"], json!(["+13125550100", "+13125550101"]));
    assert_eq!(told["field_provenance"], json!({"sex": "adt/patient"}));
    assert_eq!(told["birth_date"], json!("1970-01-01"));
    assert_eq!(told["bucket"], json!(5));
    assert_eq!(row_texts(&batch, 0).last().unwrap(), "5");
    assert_eq!(row_json(&batch, 9)["bucket"], json!(null));
}

#[test]
fn a_cell_of_another_type_is_null_and_counted() {
    let definition = find("pipeline_epochs").unwrap();
    let mut batcher = RowBatcher::new(definition);
    let cells = [
        Cell::Int(1),
        "encounters".into(),
        Cell::Int(3),
        "ten".into(),
        Cell::Null,
        "p".into(),
        "surplus".into(),
    ];
    batcher.push(cells, None);
    batcher.push([Cell::Int(2), "conditions".into()], None);
    assert_eq!(batcher.mismatches(), 2);
    let batch = batcher.finish().unwrap();
    assert_eq!(row_json(&batch, 0)["rows"], json!(null));
    assert_eq!(row_json(&batch, 1)["pipeline"], json!(null));
}

#[test]
fn a_key_without_a_value_is_an_error_not_a_panic() {
    let mut batcher = RowBatcher::new(find("pipeline_epochs").unwrap());
    batcher.push([Cell::Null], None);
    assert!(batcher.finish().is_err());
}

#[test]
fn every_table_takes_an_almost_empty_row() {
    for definition in crate::all() {
        let mut batcher = RowBatcher::new(definition);
        let keys = definition
            .columns
            .iter()
            .map(|column| match (column.nullable, column.ty) {
                (true, _) => Cell::Null,
                (_, panorama_model::ColumnType::Int) => Cell::Int(1),
                (_, panorama_model::ColumnType::Time) => Cell::Time(Timestamp(1)),
                (_, panorama_model::ColumnType::Date) => Cell::Date(Date(1)),
                _ => Cell::Text("k"),
            });
        batcher.push(keys, Some(0));
        let batch = batcher.finish().unwrap();
        assert_eq!(batch.schema(), definition.arrow_schema(), "{}", definition.name);
        assert_eq!(batcher.mismatches(), 0);
    }
}
