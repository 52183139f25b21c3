//! Fact rows to Arrow: rows per second. `cargo bench -p panorama-tables --bench rows`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

use panorama_model::{FactTable, Row, Timestamp, fact::encounters as e};
use panorama_tables::{FactRow, Origin, RowBatcher, fact};
use std::time::Instant;

fn main() {
    let definition = fact(FactTable::Encounters).unwrap();
    let mut row = Row::new();
    for column in [
        e::VISIT_NUMBER,
        e::CLASS,
        e::TYPE_CODE,
        e::STATUS,
        e::FACILITY,
        e::LOCATION,
        e::ATTENDING_NPI,
        e::ATTENDING_NAME,
        e::PRIMARY_DX_CODE,
        e::LAST_EVENT,
    ] {
        row.set(column, "some value of it");
    }
    row.set(e::START_AT, Timestamp(1_700_000_000_000_000));
    row.set(e::END_AT, Timestamp(1_700_000_100_000_000));
    let partition = definition.partition.unwrap();
    let rows = 1_000_000;
    let started = Instant::now();
    let mut batcher = RowBatcher::new(definition);
    let mut total = 0;
    for n in 0..rows {
        let at = Timestamp(1_700_000_000_000_000 + n);
        batcher.push_fact(
            &FactRow {
                id: "VISIT-0001234",
                person_id: Some("00000000-0000-8000-8000-000000000001"),
                row: &row,
                origin: Origin {
                    source: "hospital-adt",
                    source_record_id: "MRN0001234",
                    assigning_authority: "HOSP",
                    record_kind: "patient",
                    topic: "raw.hospital-adt",
                    message_partition: 0,
                    message_offset: n,
                },
                source_updated_at: at,
                is_deleted: false,
                updated_at: at,
            },
            partition.of_time(Some(at)),
        );
        if batcher.rows() == 8_192 {
            total += batcher.finish().unwrap().num_rows();
        }
    }
    total += batcher.finish().unwrap().num_rows();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{total} rows of {} columns in {seconds:.2} s: {:.0} rows/s",
        definition.columns.len() + 1,
        total as f64 / seconds
    );
}
