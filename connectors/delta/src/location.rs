//! Where tables live: a local directory or the URL of an object store.

use deltalake::{DeltaTable, DeltaTableBuilder, ensure_table_uri};
use panorama_api::{ConnectorError, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The place all tables live under.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    root: String,
    local: Option<PathBuf>,
    options: HashMap<String, String>,
}

/// The place of one table.
#[derive(Clone, Debug)]
pub(crate) struct TableLocation {
    pub(crate) name: String,
    /// The directory, where the table is on a local file system.
    pub(crate) local: Option<PathBuf>,
    uri: String,
    options: HashMap<String, String>,
}

impl Location {
    pub(crate) fn new(location: &str, options: HashMap<String, String>) -> Result<Self> {
        crate::stores::check(location, &options)
            .map_err(|cause| ConnectorError::fatal("open", location, cause))?;
        let path = match location.split_once("://") {
            Some(("file", path)) => Some(path),
            Some(_) => None,
            None => Some(location),
        };
        let local = path
            .map(std::path::absolute)
            .transpose()
            .map_err(|cause| ConnectorError::fatal("open", location, cause))?;
        Ok(Self {
            root: location.trim_end_matches('/').to_owned(),
            local,
            options,
        })
    }

    pub(crate) fn local(&self) -> Option<&Path> {
        self.local.as_deref()
    }

    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    pub(crate) fn options(&self) -> &HashMap<String, String> {
        &self.options
    }

    pub(crate) fn table(&self, name: &str) -> TableLocation {
        let local = self.local.as_ref().map(|root| root.join(name));
        let uri = match &local {
            Some(path) => path.to_string_lossy().into_owned(),
            None => format!("{}/{name}", self.root),
        };
        TableLocation {
            name: name.to_owned(),
            local,
            uri,
            options: self.options.clone(),
        }
    }
}

impl TableLocation {
    /// A handle without any state. The directory of a local table must exist.
    pub(crate) fn handle(&self) -> Result<DeltaTable> {
        crate::stores::register();
        let url = ensure_table_uri(&self.uri).map_err(|cause| self.fatal("open", cause))?;
        DeltaTableBuilder::from_url(url)
            .map(|builder| builder.with_storage_options(self.options.clone()))
            .and_then(DeltaTableBuilder::build)
            .map_err(|cause| self.fatal("open", cause))
    }

    pub(crate) fn retry(
        &self,
        action: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ConnectorError {
        ConnectorError::retry(action, format!("table {}", self.name), cause)
    }

    pub(crate) fn fatal(
        &self,
        action: &'static str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ConnectorError {
        ConnectorError::fatal(action, format!("table {}", self.name), cause)
    }
}
