//! Partition values: as the contract gives them, as the log says them, as directories are named.

use arrow::array::{Array, ArrayRef, Date32Array, Int32Array};
use arrow::datatypes::DataType;
use panorama_model::Date;
use std::sync::Arc;

/// The column a table is partitioned by.
#[derive(Clone, Debug)]
pub(crate) struct PartitionColumn {
    pub(crate) name: String,
    /// Its place in the schema.
    pub(crate) index: usize,
    /// A day; otherwise an integer bucket.
    pub(crate) is_date: bool,
}

impl PartitionColumn {
    /// The value as the log says it; `None` is null.
    pub(crate) fn text(&self, partition: Option<i32>) -> Option<String> {
        let value = partition?;
        Some(if self.is_date {
            Date(value).to_string()
        } else {
            value.to_string()
        })
    }

    /// The value the log says.
    pub(crate) fn value(&self, text: &str) -> Option<i32> {
        if !self.is_date {
            return text.parse().ok();
        }
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        Date::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).map(|date| date.0)
    }

    /// The directory of a partition's files, as Hive names it.
    pub(crate) fn directory(&self, partition: Option<i32>) -> String {
        let value = self.text(partition);
        format!(
            "{}={}",
            self.name,
            value.as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__")
        )
    }

    /// Whether each row of a batch's partition column is of this partition.
    pub(crate) fn holds(&self, column: &dyn Array, partition: Option<i32>) -> bool {
        let Some(value) = partition else {
            return column.null_count() == column.len();
        };
        if column.null_count() > 0 {
            return false;
        }
        let any = column.as_any();
        let values = any
            .downcast_ref::<Date32Array>()
            .map(|days| days.values())
            .or_else(|| any.downcast_ref::<Int32Array>().map(|buckets| buckets.values()));
        values.is_some_and(|values| values.iter().all(|found| *found == value))
    }

    /// The column of a batch of one partition.
    pub(crate) fn column(&self, partition: Option<i32>, rows: usize) -> ArrayRef {
        let values = std::iter::repeat_n(partition, rows);
        if self.is_date {
            Arc::new(values.collect::<Date32Array>())
        } else {
            Arc::new(values.collect::<Int32Array>())
        }
    }

    pub(crate) const fn supports(ty: &DataType) -> bool {
        matches!(ty, DataType::Date32 | DataType::Int32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let column = |is_date| PartitionColumn {
            name: "p".to_owned(),
            index: 0,
            is_date,
        };
        for (is_date, value, directory) in [
            (true, Some(20_758), "p=2026-11-01"),
            (true, Some(-1), "p=1969-12-31"),
            (false, Some(63), "p=63"),
            (false, None, "p=__HIVE_DEFAULT_PARTITION__"),
        ] {
            let column = column(is_date);
            assert_eq!(column.directory(value), directory);
            assert_eq!(column.text(value).and_then(|text| column.value(&text)), value);
            assert!(column.holds(column.column(value, 3).as_ref(), value));
            assert!(!column.holds(column.column(value, 3).as_ref(), Some(7)));
        }
        assert_eq!(column(true).value("2026-13-01"), None);
    }
}
