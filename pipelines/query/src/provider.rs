//! A table of the caller's as the engine sees it: the columns a statement needs, batch by batch, nothing held.

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures_util::stream::{BoxStream, StreamExt};
use std::error::Error;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// The batches of one scan.
pub type BatchStream = BoxStream<'static, std::result::Result<RecordBatch, Box<dyn Error + Send + Sync>>>;

/// Opens a scan of the named columns, in their order; with a limit, more rows than that are not needed.
pub type Scan = dyn Fn(Vec<String>, Option<usize>) -> BatchStream + Send + Sync;

/// A table that statements may name.
#[derive(Clone)]
pub struct QueryTable {
    /// The name statements know it by.
    pub name: String,
    /// Its columns.
    pub schema: SchemaRef,
    /// How it is read.
    pub scan: Arc<Scan>,
}

impl Debug for QueryTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryTable")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for QueryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(places) => Arc::new(self.schema.project(places)?),
            None => Arc::clone(&self.schema),
        };
        let stream: Arc<dyn PartitionStream> = Arc::new(ScanStream {
            schema: Arc::clone(&schema),
            scan: Arc::clone(&self.scan),
            limit,
        });
        let plan = StreamingTableExec::try_new(schema, vec![stream], None, None, false, limit)?;
        Ok(Arc::new(plan))
    }
}

struct ScanStream {
    schema: SchemaRef,
    scan: Arc<Scan>,
    limit: Option<usize>,
}

impl Debug for ScanStream {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanStream")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl PartitionStream for ScanStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let names = names(&self.schema);
        let batches = (self.scan)(names, self.limit).map(|batch| batch.map_err(DataFusionError::External));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}
