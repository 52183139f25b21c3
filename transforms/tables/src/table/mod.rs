//! Every table, each in its own file; a new one is a file and a line.

use crate::definition::{Definition, Partition, PartitionKind, TableColumn};
use panorama_model::{ColumnType, FactSchema, FactTable};
use std::sync::LazyLock;

/// Buckets of the tables that are partitioned by hash. Fewer make a replaced bucket, the unit of a current table's commit,
/// larger; more make small tables many tiny files. Part of the tables' layout: it never changes under a table.
pub const BUCKETS: u32 = 64;

/// Declares one table: a column constant each (for [`panorama_model::Row`]) and `definition()`.
macro_rules! table {
    (
        $table:literal, $table_doc:literal, $partition:expr;
        $($col:ident $name:ident: $ty:ident, $doc:literal $(, $flag:ident)?;)*
    ) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Place { $($col),* }
        $(
            #[doc = $doc]
            pub const $col: panorama_model::Column = panorama_model::Column {
                index: Place::$col as u8,
                name: stringify!($name),
                ty: panorama_model::ColumnType::$ty,
                doc: $doc,
                identifying: $crate::table::flag!(identifying $($flag)?),
            };
        )*

        /// The table.
        pub fn definition() -> $crate::Definition {
            $crate::Definition {
                name: $table,
                comment: $table_doc,
                columns: vec![$($crate::TableColumn {
                    nullable: !$crate::table::flag!(key $($flag)?),
                    ..$crate::TableColumn::from(&$col)
                }),*],
                partition: $partition,
            }
        }
    };
}
macro_rules! flag {
    (identifying identifying) => {
        true
    };
    (key key) => {
        true
    };
    ($($other:ident)*) => {
        false
    };
}
pub(crate) use flag;

macro_rules! tables {
    ($($module:ident)*) => {
        $(pub mod $module;)*
        const OWN: &[fn() -> Definition] = &[$($module::definition),*];
    };
}

tables! {
    raw_messages
    quarantine
    message_issues
    patient_360
    patient_identity
    identity_events
    match_review
    journey
    engagement_daily
    campaigns
    campaign_performance
    attribution
    segment_membership
    next_best_action
    data_quality
    identity_metrics
    pipeline_epochs
}

static ALL: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let own = OWN.iter().map(|definition| definition());
    let facts = FactTable::ALL.iter().map(|table| fact_definition(table.schema()));
    facts.chain(own).collect()
});

/// Every table: first the fact tables in the order of [`FactTable::ALL`], then the others.
pub fn all() -> &'static [Definition] {
    &ALL
}

/// The table of this name.
pub fn find(name: &str) -> Option<&'static Definition> {
    all().iter().find(|definition| definition.name == name)
}

/// The table of a kind of fact.
pub fn fact(table: FactTable) -> Option<&'static Definition> {
    find(table.schema().name)
}

/// The partition of a table by hash bucket of `of`.
pub(crate) const fn buckets(comment: &'static str) -> Option<Partition> {
    Some(Partition {
        column: "bucket",
        comment,
        kind: PartitionKind::Buckets(BUCKETS),
    })
}

const EVENT_MONTH: Partition = Partition {
    column: "event_month",
    comment: "First day of the UTC month the row is filed under; null where its date is unknown",
    kind: PartitionKind::Month,
};

const fn common(name: &'static str, ty: ColumnType, comment: &'static str, identifying: bool) -> TableColumn {
    TableColumn {
        name,
        ty,
        comment,
        identifying,
        nullable: true,
    }
}

/// What every fact table has behind its own columns; [`crate::FactRow`] fills them in this order.
const COMMON: &[TableColumn] = &[
    common(
        "source",
        ColumnType::Text,
        "Configured id of the source that said it",
        false,
    ),
    common(
        "source_record_id",
        ColumnType::Text,
        "The source's own id of the record it hangs on (MRN, Patient.id, contact key)",
        true,
    ),
    common(
        "assigning_authority",
        ColumnType::Text,
        "Authority that issued source_record_id (HL7 CX.4)",
        false,
    ),
    common(
        "record_kind",
        ColumnType::Text,
        "Kind of the source record: patient, contact, caller, subscriber, visitor, provider",
        false,
    ),
    common(
        "message_topic",
        ColumnType::Text,
        "Topic of the newest contributing message",
        false,
    ),
    common(
        "message_partition",
        ColumnType::Int,
        "Partition of that message in its topic",
        false,
    ),
    common(
        "message_offset",
        ColumnType::Int,
        "Offset of that message in its partition",
        false,
    ),
    common(
        "source_updated_at",
        ColumnType::Time,
        "When the source said so, UTC",
        false,
    ),
    common(
        "is_deleted",
        ColumnType::Bool,
        "Undone by its source: cancelled or entered in error",
        false,
    ),
    common(
        "updated_at",
        ColumnType::Time,
        "When the pipeline last changed the row, UTC",
        false,
    ),
];

fn fact_definition(schema: &'static FactSchema) -> Definition {
    // An NPI is public; every other id may be an account or order number, which identifies its person.
    let public_id = schema.id_column == "npi";
    let id = TableColumn {
        name: schema.id_column,
        ty: ColumnType::Text,
        comment: if public_id {
            "National Provider Identifier"
        } else {
            "Id of the row within its source: the same thing told again has the same id"
        },
        identifying: !public_id,
        nullable: false,
    };
    let person = common(
        "person_id",
        ColumnType::Text,
        "The person it belongs to; follows merges and unmerges",
        false,
    );
    let own = schema.columns.iter().map(TableColumn::from);
    let columns = [id, person].into_iter().chain(own).chain(COMMON.iter().copied());
    Definition {
        name: schema.name,
        comment: schema.doc,
        columns: columns.collect(),
        partition: schema.date.map(|_| EVENT_MONTH),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
