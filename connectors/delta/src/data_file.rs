//! Data files: how they are named, how they are encoded.

use crate::settings::Settings;
use crate::statistics;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::Arc;

/// The name of a data file: who wrote it for what, and a number no two attempts share, so that an attempt whose commit may
/// have landed is never written over.
pub(crate) fn name(application: &str, epoch: u64, number: usize) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let application: String = application.chars().map(safe).take(60).collect();
    let attempt = RandomState::new().hash_one((epoch, number));
    format!("part-{application}-{epoch:010}-{number:03}-{attempt:016x}.parquet")
}

/// The schema of the files of a table: without the partition column, without metadata.
pub(crate) fn schema(table: &Schema, partition: Option<usize>) -> SchemaRef {
    let kept = without(table, partition);
    let plain = |field: &Arc<Field>| Field::new(field.name(), field.data_type().clone(), field.is_nullable());
    Arc::new(Schema::new(kept.fields().iter().map(plain).collect::<Vec<_>>()))
}

/// A schema without one of its columns, marks and comments kept.
pub(crate) fn without(table: &Schema, column: Option<usize>) -> Schema {
    let kept = table
        .fields()
        .iter()
        .enumerate()
        .filter(|(place, _)| Some(*place) != column);
    Schema::new(kept.map(|(_, field)| Arc::clone(field)).collect::<Vec<_>>())
}

/// How the files of a table are encoded; `table` says which columns identify.
pub(crate) fn properties(table: &Schema, partition: Option<usize>, settings: &Settings) -> WriterProperties {
    let with_statistics = |builder: WriterPropertiesBuilder, field: &Field| {
        let column = ColumnPath::new(vec![field.name().clone()]);
        builder.set_column_statistics_enabled(column, EnabledStatistics::Chunk)
    };
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_bytes(Some(settings.row_group_bytes_max))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_statistics_truncate_length(Some(statistics::TEXT_BYTES_MAX))
        .set_created_by(concat!("panorama-delta ", env!("CARGO_PKG_VERSION")).to_owned());
    // Messages as received are seldom the same twice: a dictionary of them would be given up after it was made.
    let bytes = |field: &&Arc<Field>| field.data_type() == &DataType::Binary;
    let builder = table
        .fields()
        .iter()
        .filter(bytes)
        .fold(builder, |builder, field| {
            builder.set_column_dictionary_enabled(ColumnPath::new(vec![field.name().clone()]), false)
        });
    statistics::columns(&without(table, partition))
        .fold(builder, with_statistics)
        .build()
}

/// A writer of one data file.
pub(crate) fn writer<W: Write + Send>(
    output: W,
    file: &SchemaRef,
    properties: &WriterProperties,
) -> Result<ArrowWriter<W>, ParquetError> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties.clone())
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(output, Arc::clone(file), options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_never_the_same() {
        let made = name("unify/encounters?x=1", 7, 1);
        assert!(
            made.starts_with("part-unify-encounters-x-1-0000000007-001-"),
            "{made}"
        );
        assert_ne!(made, name("unify/encounters?x=1", 7, 1));
    }
}
