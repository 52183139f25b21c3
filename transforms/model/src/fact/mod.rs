//! Facts: what happened to a person, one row of one table each.
//!
//! A table is one file here (its columns, their meaning) and one line in [`tables!`](self). Everything downstream - state,
//! Arrow schemas, `tables describe` - reads the schema; nothing else lists columns.

use crate::{Column, Row, Text, Version};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Declares one fact table: a constant per column and the `SCHEMA`.
macro_rules! fact_table {
    (
        $table:literal, id: $id:literal, doc: $table_doc:literal, date: $date:expr, end: $end:expr;
        $($col:ident $name:ident: $ty:ident, $doc:literal $(, $flag:ident)?;)*
    ) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Place { $($col),* }
        $(
            #[doc = $doc]
            pub const $col: $crate::Column = $crate::Column {
                index: Place::$col as u8,
                name: stringify!($name),
                ty: $crate::ColumnType::$ty,
                doc: $doc,
                identifying: $crate::fact::flag!($($flag)?),
            };
        )*
        /// The table.
        pub const SCHEMA: $crate::FactSchema = $crate::FactSchema {
            name: $table,
            id_column: $id,
            doc: $table_doc,
            date: $date,
            end: $end,
            columns: &[$($col),*],
        };
    };
}
macro_rules! flag {
    () => {
        false
    };
    (identifying) => {
        true
    };
}
pub(crate) use flag;

macro_rules! tables {
    ($($variant:ident $module:ident $number:literal,)*) => {
        $(pub mod $module;)*

        /// A fact table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum FactTable {
            $(
                #[doc = concat!("`", stringify!($module), "`")]
                $variant = $number,
            )*
        }

        impl FactTable {
            /// Every fact table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The table's columns and what they mean.
            pub const fn schema(self) -> &'static FactSchema {
                match self {
                    $(Self::$variant => &$module::SCHEMA,)*
                }
            }

            /// The table of this number (stored in state, so a number is never reused).
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

tables! {
    Encounters encounters 1,
    Conditions conditions 2,
    Observations observations 3,
    Medications medications 4,
    Procedures procedures 5,
    Allergies allergies 6,
    Immunizations immunizations 7,
    Coverage coverage 8,
    Documents documents 9,
    Appointments appointments 10,
    Interactions interactions 11,
    Referrals referrals 12,
    Consent consent 13,
    Providers providers 14,
}

/// One fact table: its name, its own columns, and where its times are.
#[derive(Debug)]
pub struct FactSchema {
    /// Table name.
    pub name: &'static str,
    /// Name of the id column.
    pub id_column: &'static str,
    /// What one row is.
    pub doc: &'static str,
    /// The column that says when it happened, and so where the row is filed.
    pub date: Option<Column>,
    /// The column that says when it ended.
    pub end: Option<Column>,
    /// The table's own columns, by index. Person, source and position columns are added to every table.
    pub columns: &'static [Column],
}

/// The id of a fact within its source and table.
pub type FactId = Text;

/// What one message says of one fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The table it is a row of.
    pub table: FactTable,
    /// The source's id of it: the same thing told again has the same id.
    pub id: FactId,
    /// When it was said. Usually the record's version.
    pub version: Version,
    /// The row says everything: what it does not speak of is none.
    pub complete: bool,
    /// Said to be undone (cancelled visit, entered in error): the row stays, marked `is_deleted`.
    pub deleted: bool,
    /// What was said.
    pub row: Row,
}

impl Fact {
    /// A fact that says nothing yet.
    pub fn new(table: FactTable, id: impl Into<FactId>, version: Version) -> Self {
        Self {
            table,
            id: id.into(),
            version,
            complete: false,
            deleted: false,
            row: Row::new(),
        }
    }

    /// 128 bits that stand for (source, table, id). A provider's NPI is the same in every source.
    pub fn hash128(&self, source: &str) -> u128 {
        let source = if self.table == FactTable::Providers {
            ""
        } else {
            source
        };
        let mut bytes = Vec::with_capacity(source.len() + self.id.len() + 3);
        bytes.extend_from_slice(source.as_bytes());
        bytes.extend_from_slice(&[0x1f, self.table as u8, 0x1f]);
        bytes.extend_from_slice(self.id.as_bytes());
        xxh3_128_with_seed(&bytes, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_where_their_index_says_and_fit_the_layer_mask() {
        for table in FactTable::ALL {
            let schema = table.schema();
            assert!(schema.columns.len() <= 60, "{}", schema.name);
            for (at, column) in schema.columns.iter().enumerate() {
                assert_eq!(at, usize::from(column.index), "{}.{}", schema.name, column.name);
                assert!(
                    column.doc.len() >= 8,
                    "{}.{} needs a comment",
                    schema.name,
                    column.name
                );
            }
            assert_eq!(FactTable::from_number(*table as u8), Some(*table));
        }
    }
}
