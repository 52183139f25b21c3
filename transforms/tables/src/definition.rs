//! What a table is.

use panorama_model::{Column, ColumnType, Timestamp};

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// snake_case name.
    pub name: &'static str,
    /// Type.
    pub ty: ColumnType,
    /// What it means, its unit, its code system.
    pub comment: &'static str,
    /// Holds data that identifies a person: no statistics are written for it (INV-8).
    pub identifying: bool,
    /// May be null. Only keys are not.
    pub nullable: bool,
}

impl From<&Column> for TableColumn {
    fn from(column: &Column) -> Self {
        Self {
            name: column.name,
            ty: column.ty,
            comment: column.doc,
            identifying: column.identifying,
            nullable: true,
        }
    }
}

/// How the partition column is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionKind {
    /// First day of the month of an instant, UTC; null where it is unknown.
    Month,
    /// Day of an instant, UTC.
    Day,
    /// Hash bucket, 0 up to this count.
    Buckets(u32),
}

/// The column a table is partitioned by. It stands last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Name of the partition column.
    pub column: &'static str,
    /// What it holds, in words.
    pub comment: &'static str,
    /// How it is made.
    pub kind: PartitionKind,
}

impl Partition {
    /// The partition of a row that happened at `at`; `None` is the null partition.
    ///
    /// - Units: days since 1970-01-01.
    pub fn of_time(&self, at: Option<Timestamp>) -> Option<i32> {
        let day = at?.date().0;
        match self.kind {
            PartitionKind::Month => Some(first_of_month(day)),
            PartitionKind::Day => Some(day),
            PartitionKind::Buckets(_) => None,
        }
    }

    /// The bucket of a key's hash; `None` where the table has no buckets.
    pub fn of_hash(&self, hash: u128) -> Option<i32> {
        match self.kind {
            PartitionKind::Buckets(count) if count > 0 => {
                i32::try_from((hash >> 64) % u128::from(count)).ok()
            }
            _ => None,
        }
    }
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name, also its directory.
    pub name: &'static str,
    /// What one row is.
    pub comment: &'static str,
    /// Its columns without the partition column.
    pub columns: Vec<TableColumn>,
    /// What it is partitioned by, if anything.
    pub partition: Option<Partition>,
}

impl Definition {
    /// The place of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// First day of the month of a day, both in days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// - Spec: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`. One row of a fact table needs
///   this once, so it is arithmetic and not a calendar library.
fn first_of_month(day: i32) -> i32 {
    let days = i64::from(day) + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5;
    day.saturating_sub(i32::try_from(day_of_month).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_model::Date;

    #[test]
    fn months_are_those_of_the_calendar() {
        for day in (-800_000..800_000).step_by(7) {
            assert_eq!(first_of_month(day), Date(day).first_of_month().0, "{day}");
        }
    }

    #[test]
    fn buckets_cover_their_range() {
        let partition = Partition {
            column: "bucket",
            comment: "",
            kind: PartitionKind::Buckets(64),
        };
        assert_eq!(partition.of_hash(u128::MAX), Some(63));
        assert_eq!(partition.of_hash(65 << 64), Some(1));
        assert_eq!(partition.of_time(Some(Timestamp(0))), None);
    }
}
