//! Commits measured: `cargo bench -p panorama-delta --bench commit [-- DIRECTORY]`. Prints rows/s and milliseconds.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs
)]

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use panorama_api::{PartitionMode, PartitionWrite, TableDefinition, TableSink};
use panorama_delta::DeltaTables;
use panorama_model::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

const AT: Timestamp = Timestamp(1_790_000_000_000_000);

fn schema() -> SchemaRef {
    let mut fields: Vec<Field> = (0..7)
        .map(|n| Field::new(format!("text_{n}"), DataType::Utf8, true))
        .collect();
    fields.extend((0..3).map(|n| Field::new(format!("int_{n}"), DataType::Int64, true)));
    fields.push(Field::new("float", DataType::Float64, true));
    fields.push(Field::new("bucket", DataType::Int32, true));
    Arc::new(Schema::new(fields))
}

fn batch(rows: usize, bucket: i32, seed: usize) -> RecordBatch {
    let number = |n: usize, column: usize| (n + seed).wrapping_mul(2_654_435_761 + column) % 1_000_003;
    let mut columns: Vec<ArrayRef> = (0..7)
        .map(|column| {
            let texts = (0..rows).map(|n| format!("value-{}", number(n, column) % (10 << (2 * column))));
            Arc::new(texts.map(Some).collect::<StringArray>()) as ArrayRef
        })
        .collect();
    for column in 7..10 {
        columns.push(Arc::new(
            (0..rows)
                .map(|n| Some(number(n, column) as i64))
                .collect::<Int64Array>(),
        ));
    }
    columns.push(Arc::new(
        (0..rows)
            .map(|n| Some(number(n, 10) as f64))
            .collect::<Float64Array>(),
    ));
    columns.push(Arc::new(Int32Array::from(vec![bucket; rows])));
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn write(mode: PartitionMode, bucket: i32, batches: Vec<RecordBatch>) -> PartitionWrite {
    PartitionWrite {
        partition: Some(bucket),
        mode,
        batches: Box::new(batches.into_iter().map(Ok)),
    }
}

fn definition(name: &str) -> TableDefinition {
    TableDefinition {
        name: name.to_owned(),
        comment: "bench".to_owned(),
        schema: schema(),
        partition_column: Some("bucket".to_owned()),
    }
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

async fn measure(root: &std::path::Path) {
    let tables = DeltaTables::new(root.to_str().unwrap(), HashMap::new()).unwrap();
    let mut table = tables.open(definition("large")).await.unwrap();
    let per_bucket = |bucket: i32| vec![batch(8_000, bucket, bucket as usize), batch(7_625, bucket, 1)];
    let writes: Vec<_> = (0..64)
        .map(|bucket| write(PartitionMode::Append, bucket, per_bucket(bucket)))
        .collect();
    let started = Instant::now();
    let done = table.commit("bench", 1, AT, writes).await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "append: {} rows x 12 columns, {} files, {} MB: {seconds:.2} s, {:.0} rows/s",
        done.rows,
        done.files_added,
        done.bytes >> 20,
        done.rows as f64 / seconds
    );
    let mut times = Vec::new();
    for epoch in 2..12 {
        let bucket = |n: i32| (epoch as i32 * 4 + n) % 64;
        let writes = (0..4)
            .map(|n| write(PartitionMode::Replace, bucket(n), per_bucket(bucket(n))))
            .collect();
        let started = Instant::now();
        table.commit("bench", epoch, AT, writes).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "replace 4 of 64 buckets: p50 {:.1} ms, max {:.1} ms",
        percentile(&times, 0.5),
        percentile(&times, 1.0)
    );

    let mut table = tables.open(definition("small")).await.unwrap();
    let (mut commits, mut upkeep) = (Vec::new(), Vec::new());
    for epoch in 0..500 {
        let rows = vec![write(
            PartitionMode::Append,
            (epoch % 4) as i32,
            vec![batch(100, (epoch % 4) as i32, 3)],
        )];
        let started = Instant::now();
        table.commit("bench", epoch, AT, rows).await.unwrap();
        commits.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        table.maintain(AT).await.unwrap();
        upkeep.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let (first, last) = (commits[..100].to_vec(), commits[400..].to_vec());
    for (name, mut times) in [
        ("commits, all", commits),
        ("commits 0-99", first),
        ("commits 400-499", last),
        ("maintain", upkeep),
    ] {
        let total: f64 = times.iter().sum();
        times.sort_by(f64::total_cmp);
        println!(
            "500 appends of 100 rows, {name}: p50 {:.1} ms, p99 {:.1} ms, total {total:.0} ms",
            percentile(&times, 0.5),
            percentile(&times, 0.99)
        );
    }
    println!("{:?}", table.status().await.unwrap());
}

fn main() {
    let given = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let root = given.map_or_else(
        || std::env::temp_dir().join(format!("panorama-bench-{}", std::process::id())),
        Into::into,
    );
    std::fs::create_dir_all(&root).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(&root));
    println!("tables left in {}", root.display());
}
