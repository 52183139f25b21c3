//! Each promise of the table contract, once.

use super::*;
use crate::{ExportFormat, Settings, describe, export, history, list, optimize, vacuum};
use panorama_api::{ErrorClass, TableSink};

fn log_text(root: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(root.join("people/_delta_log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    text
}

/// Nor do the footers of the Parquet files hold bounds of what identifies.
fn check_footers(directory: &Path) {
    use parquet::file::reader::FileReader;
    for entry in std::fs::read_dir(directory).unwrap() {
        let file = std::fs::File::open(entry.unwrap().path()).unwrap();
        let reader = parquet::file::serialized_reader::SerializedFileReader::new(file).unwrap();
        for group in reader.metadata().row_groups() {
            for chunk in group.columns() {
                let identifies = chunk.column_path().string() == "family_name";
                assert_eq!(chunk.statistics().is_none(), identifies, "{chunk:?}");
                assert_eq!(chunk.column_index_offset(), None, "bounds of pages");
                assert_eq!(chunk.bloom_filter_offset(), None, "hashes of values");
            }
        }
    }
}

#[tokio::test]
async fn an_epoch_is_committed_once_and_rows_come_back() {
    let root = Scratch::new();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    assert_eq!(table.epoch("app").await.unwrap(), None);
    let first = table
        .commit("app", 5, AT, append(1, &[1, 2, 3, 4]))
        .await
        .unwrap();
    assert_eq!(
        (first.already, first.rows, first.files_added, first.version),
        (false, 4, 1, 1)
    );
    for epoch in [5, 4] {
        let again = table
            .commit("app", epoch, AT, append(1, &[1, 2, 3, 4]))
            .await
            .unwrap();
        assert!(again.already && again.rows == 0);
    }
    // Another application has epochs of its own; a table opened anew knows both.
    table.commit("other", 1, AT, append(2, &[9])).await.unwrap();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    assert_eq!(table.epoch("app").await.unwrap(), Some(5));
    assert_eq!(table.epoch("other").await.unwrap(), Some(1));
    assert!(table.commit("app", 5, AT, append(1, &[1])).await.unwrap().already);
    assert_eq!(ids(root.path()).await, [1, 2, 3, 4, 9]);
    let status = table.status().await.unwrap();
    assert_eq!(
        (status.files, status.rows, status.version, status.committed_at),
        (2, 5, 2, Some(AT))
    );
}

#[tokio::test]
async fn replace_takes_the_place_of_a_partition_and_none_empties_it() {
    let root = Scratch::new();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    let writes = vec![
        write(PartitionMode::Append, Some(1), &[1]),
        write(PartitionMode::Append, Some(2), &[2]),
        write(PartitionMode::Append, None, &[3]),
    ];
    table.commit("app", 1, AT, writes).await.unwrap();
    table.commit("app", 2, AT, append(1, &[11])).await.unwrap();
    let writes = vec![
        write(PartitionMode::Replace, Some(1), &[21, 22]),
        write(PartitionMode::Replace, Some(2), &[]),
    ];
    let done = table.commit("app", 3, AT, writes).await.unwrap();
    assert_eq!((done.files_removed, done.files_added), (3, 1));
    assert_eq!(ids(root.path()).await, [3, 21, 22]);
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    table
        .commit("app", 4, AT, vec![write(PartitionMode::Replace, None, &[4])])
        .await
        .unwrap();
    assert_eq!(ids(root.path()).await, [4, 21, 22]);
}

#[tokio::test]
async fn rows_of_another_partition_are_refused() {
    let root = Scratch::new();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    let mut wrong = write(PartitionMode::Append, Some(1), &[1]);
    wrong.partition = Some(2);
    let error = table.commit("app", 1, AT, vec![wrong]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    assert_eq!(ids(root.path()).await, Vec::<i64>::new());
}

#[tokio::test]
async fn comments_types_and_protocol_are_told_and_identifying_values_are_not() {
    let root = Scratch::new();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    table.commit("app", 1, AT, append(1, &[7, 8])).await.unwrap();
    let place = root.path().to_str().unwrap();
    let told = describe(place, "people", HashMap::new()).await.unwrap();
    assert_eq!(
        (told.protocol, told.comment.as_str(), told.rows),
        ((1, 2), "One row per test", 2)
    );
    let at = &told.columns[2];
    assert_eq!((at.ty.as_str(), at.comment.as_str()), ("timestamp", "When, UTC"));
    assert!(told.columns[1].identifying && told.columns[4].partition);
    let log = log_text(root.path());
    assert!(!log.contains("Zebrafish"), "{log}");
    // Statistics of what does not identify are there, in microseconds UTC.
    for expected in [r#"\"at\":\"2023-11-14T22:13:20.000008Z\""#, r#"\"numRecords\":2"#] {
        assert!(log.contains(expected), "{expected} is not in {log}");
    }
    check_footers(&root.path().join("people/bucket=1"));
    assert_eq!(list(place, HashMap::new()).await.unwrap(), ["people"]);
    let told = history(place, "people", HashMap::new(), 10).await.unwrap();
    assert_eq!(
        (told[0].version, told[0].epoch, told[0].operation.as_str()),
        (1, Some(1), "WRITE")
    );
    assert_eq!(told[1].operation, "CREATE TABLE");
}

#[tokio::test]
async fn a_table_grows_columns_and_refuses_other_types() {
    let root = Scratch::new();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    table.commit("app", 1, AT, append(1, &[1])).await.unwrap();
    let mut fields: Vec<_> = schema().fields().iter().cloned().collect();
    fields.insert(1, Arc::new(Field::new("extra", DataType::Utf8, true)));
    let grown: SchemaRef = Arc::new(Schema::new(fields));
    let mut wider = definition();
    wider.schema = Arc::clone(&grown);
    let mut table = tables(root.path()).open(wider.clone()).await.unwrap();
    let mut columns = batch(&[2], Some(1)).columns().to_vec();
    columns.insert(1, Arc::new(StringArray::from(vec!["new"])));
    let rows_of = RecordBatch::try_new(grown, columns).unwrap();
    let writes = vec![PartitionWrite {
        partition: Some(1),
        mode: PartitionMode::Append,
        batches: Box::new(std::iter::once(Ok(rows_of))),
    }];
    table.commit("app", 2, AT, writes).await.unwrap();
    assert_eq!(ids(root.path()).await, [1, 2]);
    let request = ReadRequest {
        columns: Some(vec!["extra".to_owned(), "bucket".to_owned()]),
        ..ReadRequest::default()
    };
    let batches = rows(root.path(), request).await;
    let nulls: usize = batches.iter().map(|batch| batch.column(0).null_count()).sum();
    assert_eq!(
        (
            nulls,
            batches
                .iter()
                .map(|batch| batch.column(1).null_count())
                .sum::<usize>()
        ),
        (1, 0)
    );
    let version = table.status().await.unwrap().version;
    let mut same = tables(root.path()).open(wider).await.unwrap();
    assert_eq!(
        same.status().await.unwrap().version,
        version,
        "nothing to change, nothing committed"
    );
    let mut other = definition();
    other.schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("bucket", DataType::Int32, true),
    ]));
    assert_eq!(
        tables(root.path()).open(other).await.err().unwrap().class(),
        ErrorClass::Fatal
    );
}

#[tokio::test]
async fn upkeep_compacts_checkpoints_and_deletes_and_keeps_every_row() {
    let root = Scratch::new();
    let settings = Settings {
        checkpoint_commits: 10,
        bucket_retention_s: -10,
        ..Settings::default()
    };
    let mut table = tables(root.path())
        .with_settings(settings)
        .open(definition())
        .await
        .unwrap();
    for epoch in 0..40 {
        table
            .commit("app", epoch, AT, append(1, &[i64::try_from(epoch).unwrap()]))
            .await
            .unwrap();
        table.maintain(AT).await.unwrap();
    }
    let expected: Vec<i64> = (0..40).collect();
    assert_eq!(ids(root.path()).await, expected);
    let status = table.status().await.unwrap();
    assert!(status.files < 8 && status.rows == 40, "{status:?}");
    let log: Vec<String> = std::fs::read_dir(root.path().join("people/_delta_log"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        log.iter().any(|name| name.ends_with("checkpoint.parquet")),
        "{log:?}"
    );
    let on_disk = || {
        std::fs::read_dir(root.path().join("people/bucket=1"))
            .unwrap()
            .count() as u64
    };
    table.maintain(Timestamp(i64::MAX)).await.unwrap();
    assert_eq!(on_disk(), status.files, "removed files are deleted");
    // Opened from the checkpoint it is the same table; by hand it becomes one file.
    let mut table = tables(root.path())
        .with_settings(settings)
        .open(definition())
        .await
        .unwrap();
    assert_eq!(table.epoch("app").await.unwrap(), Some(39));
    let place = root.path().to_str().unwrap();
    optimize(place, "people", HashMap::new(), AT).await.unwrap();
    vacuum(place, "people", HashMap::new(), AT).await.unwrap();
    assert_eq!(describe(place, "people", HashMap::new()).await.unwrap().files, 1);
    // The committer that was open meanwhile goes on.
    table.commit("app", 40, AT, append(1, &[40])).await.unwrap();
    assert_eq!(ids(root.path()).await.len(), 41);
}

#[tokio::test]
async fn all_partitions_are_compacted_by_one_commit() {
    let root = Scratch::new();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    for epoch in 0..6 {
        let id = i64::try_from(epoch).unwrap();
        let write = |bucket: i32, id| write(PartitionMode::Append, Some(bucket), &[id]);
        let writes = vec![write(1, id), write(2, 10 + id), write(3, 20 + id)];
        table.commit("app", epoch, AT, writes).await.unwrap();
    }
    let version = table.status().await.unwrap().version;
    let place = root.path().to_str().unwrap();
    let done = optimize(place, "people", HashMap::new(), AT).await.unwrap();
    assert_eq!((done.files_compacted, done.version), (18, version + 1));
    assert_eq!(describe(place, "people", HashMap::new()).await.unwrap().files, 3);
    let expected: Vec<i64> = (0..6).chain(10..16).chain(20..26).collect();
    assert_eq!(ids(root.path()).await, expected);
}

#[tokio::test]
async fn one_person_a_limit_and_exports() {
    let root = Scratch::new();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    let writes = vec![
        write(PartitionMode::Append, Some(1), &[1, 2, 3]),
        write(PartitionMode::Append, Some(2), &[4, 5]),
    ];
    table.commit("app", 1, AT, writes).await.unwrap();
    let person = ReadRequest {
        columns: Some(vec!["id".to_owned()]),
        person_id: Some("p4".to_owned()),
        limit: None,
    };
    let found: usize = rows(root.path(), person)
        .await
        .iter()
        .map(RecordBatch::num_rows)
        .sum();
    assert_eq!(found, 1);
    let limited = ReadRequest {
        limit: Some(4),
        ..ReadRequest::default()
    };
    let found: usize = rows(root.path(), limited)
        .await
        .iter()
        .map(RecordBatch::num_rows)
        .sum();
    assert_eq!(found, 4);
    let place = root.path().to_str().unwrap();
    let cells = |batch: &RecordBatch, row| vec![batch.num_rows().to_string(), format!("row, {row}")];
    let object = |_: &RecordBatch, row: usize| serde_json::Map::from_iter([("row".to_owned(), row.into())]);
    let columns = "id,family_name,at,person_id,bucket";
    for (format, begin) in [
        (ExportFormat::Csv(cells), format!("{columns}\n3,\"row, 0\"\n")),
        (
            ExportFormat::Ndjson(object),
            "{\"row\":0}\n{\"row\":1}\n".to_owned(),
        ),
        (ExportFormat::Parquet, "PAR1".to_owned()),
    ] {
        let file = root.path().join("people.export");
        let written = export(place, "people", HashMap::new(), format, &file).await;
        assert_eq!(written.unwrap(), 5, "{format:?}");
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.starts_with(begin.as_bytes()), "{format:?}");
    }
    let missing = describe(place, "nobody", HashMap::new()).await.err().unwrap();
    assert_eq!(missing.class(), ErrorClass::Fatal);
    assert!(!root.path().join("nobody").exists());
}

#[tokio::test]
async fn runs_of_one_commit_each_have_checkpoints_too() {
    let root = Scratch::new();
    let settings = Settings {
        checkpoint_commits: 3,
        ..Settings::default()
    };
    let checkpoint = root.path().join("people/_delta_log/_last_checkpoint");
    for epoch in 1..=5 {
        let mut table = tables(root.path())
            .with_settings(settings)
            .open(definition())
            .await
            .unwrap();
        table
            .commit("app", epoch, AT, append(1, &[i64::try_from(epoch).unwrap()]))
            .await
            .unwrap();
        table.maintain(AT).await.unwrap();
        assert_eq!(checkpoint.exists(), epoch >= 3, "after epoch {epoch}");
    }
    assert_eq!(ids(root.path()).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_torn_checkpoint_is_dropped() {
    let root = Scratch::new();
    let settings = Settings {
        checkpoint_commits: 2,
        ..Settings::default()
    };
    let mut table = tables(root.path())
        .with_settings(settings)
        .open(definition())
        .await
        .unwrap();
    for epoch in 1..=2 {
        table.commit("app", epoch, AT, append(1, &[1])).await.unwrap();
        table.maintain(AT).await.unwrap();
    }
    let checkpoint = root
        .path()
        .join("people/_delta_log/00000000000000000002.checkpoint.parquet");
    let length = std::fs::metadata(&checkpoint).unwrap().len();
    std::fs::write(&checkpoint, vec![0u8; usize::try_from(length).unwrap()]).unwrap();
    let mut table = tables(root.path()).open(definition()).await.unwrap();
    assert_eq!(table.epoch("app").await.unwrap(), Some(2));
    assert_eq!(ids(root.path()).await, [1, 1]);
}
