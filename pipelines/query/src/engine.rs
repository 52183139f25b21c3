//! One statement over tables, its rows batch by batch.

use crate::provider::{BatchStream, QueryTable};
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures_util::stream::StreamExt;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

/// Memory that sorts, joins and groups of one statement take before they spill to disk (INV-9).
const MEMORY_BYTES_MAX: usize = 1 << 30;

/// Why a statement has no answer.
#[derive(Debug)]
pub struct QueryError(DataFusionError);

impl Display for QueryError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strip_backtrace())
    }
}

impl std::error::Error for QueryError {}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        Self(error)
    }
}

/// Answers one SQL statement over `tables`.
///
/// - Shape: the answer's columns, and its rows as a stream of batches.
/// - Spec: DataFusion's SQL; only queries, nothing that changes a table.
///
/// # Errors
/// [`QueryError`] where the statement cannot be read, names what is not there, or would change something.
pub async fn query(tables: Vec<QueryTable>, sql: &str) -> Result<(SchemaRef, BatchStream), QueryError> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(MEMORY_BYTES_MAX)))
        .build_arc()?;
    let config = SessionConfig::new().with_information_schema(true);
    let context = SessionContext::new_with_config_rt(config, runtime);
    for table in tables {
        context.register_table(table.name.clone(), Arc::new(table))?;
    }
    let only_queries = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    let frame = context.sql_with_options(sql, only_queries).await?;
    let schema = Arc::clone(frame.schema().inner());
    let rows = frame.execute_stream().await?;
    Ok((schema, rows.map(|batch| batch.map_err(Into::into)).boxed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::record_batch::RecordBatch;

    /// The answer's rows as text, cells separated by commas.
    fn check(sql: &str, expected: Result<&[&str], &str>) {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let sexes: ArrayRef = Arc::new(StringArray::from(vec!["F", "M", "F"]));
        let batch = RecordBatch::try_from_iter([("id", ids), ("sex", sexes)]).unwrap();
        let schema = batch.schema();
        let scan = move |names: Vec<String>, _limit| {
            let places: Vec<usize> = names
                .iter()
                .map(|n| batch.schema().index_of(n).unwrap())
                .collect();
            let part: RecordBatch = batch.project(&places).unwrap();
            futures_util::stream::iter([Ok(part)]).boxed()
        };
        let table = QueryTable {
            name: "people".to_owned(),
            schema,
            scan: Arc::new(scan),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(async {
            let (_, mut rows) = query(vec![table], sql).await.map_err(|e| e.to_string())?;
            let mut lines = Vec::new();
            while let Some(batch) = rows.next().await {
                let batch = batch.map_err(|e| e.to_string())?;
                for row in 0..batch.num_rows() {
                    let cells: Vec<String> = batch.columns().iter().map(|c| cell(c, row)).collect();
                    lines.push(cells.join(","));
                }
            }
            Ok::<_, String>(lines)
        });
        match expected {
            Ok(lines) => assert_eq!(answer.unwrap(), lines, "{sql}"),
            Err(part) => {
                let error = answer.unwrap_err();
                assert!(error.contains(part), "{sql}: {error}");
            }
        }
    }

    fn cell(column: &ArrayRef, row: usize) -> String {
        let any = column.as_any();
        if let Some(numbers) = any.downcast_ref::<Int64Array>() {
            return numbers.value(row).to_string();
        }
        any.downcast_ref::<StringArray>().unwrap().value(row).to_owned()
    }

    #[test]
    fn statements_are_answered_and_nothing_is_changed() {
        check("select count(*) from people", Ok(&["3"]));
        check(
            "select sex, count(*) from people group by sex order by sex",
            Ok(&["F,2", "M,1"]),
        );
        check("select id from people where sex = 'M'", Ok(&["2"]));
        check(
            "select a.id from people a join people b on a.sex = b.sex and a.id < b.id",
            Ok(&["1"]),
        );
        check("select nothing from people", Err("nothing"));
        check("select * from nobody", Err("nobody"));
        check("drop table people", Err("not supported"));
        check("create table t as select * from people", Err("not supported"));
    }
}
